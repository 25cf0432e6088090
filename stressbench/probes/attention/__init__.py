"""The attention probe. ``worker`` runs inside vLLM's worker process, all else outside."""
