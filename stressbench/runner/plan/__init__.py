"""What a run will send, worked out before any engine starts."""
