"""Reductions of telemetry that both the runner and the analysis commands need; numpy only."""
