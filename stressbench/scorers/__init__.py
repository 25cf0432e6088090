"""Scorers, one file each: from a model's answer and the truth to a quality."""
