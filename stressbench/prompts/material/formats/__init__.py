"""The formats of a user's own data, one module each; ``material/rows.py`` chooses among them."""
