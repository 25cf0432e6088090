"""Attacks on a run's files: cut at any byte, killed at any moment, and gone on with."""
