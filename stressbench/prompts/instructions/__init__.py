"""Prompt classes about following instructions, and short questions without context."""
