"""The case browser: a bounded sample of cases, with excerpts of their texts."""
