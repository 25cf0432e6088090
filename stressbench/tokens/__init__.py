"""Tokenizers, exact budgets, inflation, normalisers."""
