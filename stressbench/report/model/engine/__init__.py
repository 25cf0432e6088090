"""The engine during a run: load levels, KV pressure, latency, its state over time."""
