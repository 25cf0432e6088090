"""Analyses that are no gate: history, prediction, routing instability, degradation."""
