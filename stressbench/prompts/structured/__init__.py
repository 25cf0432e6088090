"""Prompt classes that strain reading JSON, tables and code."""
