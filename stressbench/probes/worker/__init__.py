"""What runs inside vLLM's worker process: the extension, and the protocol of captures."""
