"""Engines, one file each: one request in, one completion out."""
