"""The routing probe. ``worker`` runs inside vLLM's worker process, all else outside."""
