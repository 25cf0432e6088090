"""Tokenizers of every kind, counting with them, and chat templates as token ids.

``open.open_tokenizer`` opens any of them by name; there is one file for each kind.
"""
