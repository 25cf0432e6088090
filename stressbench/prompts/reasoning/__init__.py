"""Prompt classes that strain combining several facts of one context."""
