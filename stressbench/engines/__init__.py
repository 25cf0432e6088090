"""Engines, one folder each: one request in, one completion out."""
