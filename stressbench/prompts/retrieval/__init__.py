"""Prompt classes about finding a fact in a long context."""
