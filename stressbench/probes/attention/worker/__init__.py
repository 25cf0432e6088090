"""Runs in vLLM's worker process: attention weights, recomputed from queries and cached keys."""
