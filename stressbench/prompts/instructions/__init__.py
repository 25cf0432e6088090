"""Prompt classes that strain following instructions, and short questions without context."""
