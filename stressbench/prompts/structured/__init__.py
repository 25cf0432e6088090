"""Prompt classes about reading JSON, tables and code."""
