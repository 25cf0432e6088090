"""What runs inside vLLM's worker process, and how a probe talks to it."""
