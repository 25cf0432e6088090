"""Analyses without a gate: history, prediction, routing instability, degradation."""
