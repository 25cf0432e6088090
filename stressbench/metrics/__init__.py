"""Figures derived from records on reading."""
