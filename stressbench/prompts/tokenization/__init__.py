"""Prompt classes that strain the tokenizer: the same words in unusual tokens."""
