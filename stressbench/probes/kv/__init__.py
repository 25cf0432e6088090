"""The KV-cache probe: what the scheduler reported while a request was in flight."""
