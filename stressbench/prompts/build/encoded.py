"""Encoded pieces of a prompt, and what encodes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Encoded:
    """A piece of text with the token ids that it has *after other text*.

    ``safe`` is false if the ids depend on the text around the piece. ``forced`` ids differ
    from the tokenizer's own on purpose; they are kept whatever text they are joined to.
    """

    text: str
    ids: Sequence[int]
    safe: bool = True
    forced: bool = False


class PieceEncoder(Protocol):
    """Encodes pieces of text as they are encoded after other text."""

    def pieces(self, texts: Sequence[str]) -> list[Encoded]:
        """Encode each text."""
        ...

    def memoized(self, texts: Sequence[str]) -> list[Encoded]:
        """Encode each text, and remember it: for texts that occur again and again."""
        ...

    def concatenate(self, parts: Sequence[Encoded]) -> Encoded:
        """Join pieces into a longer piece."""
        ...
