"""Runs in vLLM's worker process: which experts each token was routed to."""
