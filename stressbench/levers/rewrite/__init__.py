"""Levers that rewrite a text before it is sent."""
