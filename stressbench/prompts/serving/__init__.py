"""Prompt classes that strain the engine: KV memory, shared prefixes, replayed traffic."""
