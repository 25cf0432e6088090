"""Prompt classes about combining several facts of one context."""
