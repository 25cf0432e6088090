"""The attention probe. What runs inside vLLM's worker process is in ``worker``."""
