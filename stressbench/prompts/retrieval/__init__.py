"""Prompt classes that strain finding a fact in a long context."""
