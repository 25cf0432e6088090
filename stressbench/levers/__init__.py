"""Levers: what can be done to a prompt or around a model against degradation."""
