"""The tokenizer seam: text to token ids and back, with a hash that names the vocabulary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Tokenizer(Protocol):
    """Encodes plain text: text that spells a special token is not turned into one.

    ``name`` is what a person calls it; ``sha256`` identifies vocabulary, merges and
    normalisation, and stands in every record.
    """

    name: str
    sha256: str

    def encode(self, text: str) -> list[int]:
        """Token ids of ``text``, no special tokens added."""
        ...

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """``[encode(text) for text in texts]``, on all cores where the library can."""
        ...

    def decode(self, ids: Sequence[int]) -> str:
        """Text of ``ids``; undecodable bytes become U+FFFD, special tokens are kept."""
        ...
