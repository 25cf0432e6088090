"""How answers are read: one module for each rule, used by every scorer.

The rules are in ``docs/scorers.md``.
"""
