"""Reductions of telemetry that the runner and the analysis commands both need; numpy only."""
