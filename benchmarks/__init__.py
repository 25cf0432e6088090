"""The harness' own speed and cost. ``make bench`` runs every module here that has a ``main``."""
