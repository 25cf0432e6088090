"""A suite: its types, how YAML becomes one, and its gates."""
