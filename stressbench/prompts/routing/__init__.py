"""Prompt classes that strain the router of a mixture-of-experts model."""
