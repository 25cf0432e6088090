"""What every tokenizer can do, and the repair of text that no tokenizer can encode."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Tokenizer(Protocol):
    """Encodes plain text; a special token spelled out in the text is encoded as plain text too.

    ``name`` is the name that users see. ``sha256`` identifies the vocabulary, the merges and
    the normalisation, and is written to every record.
    """

    name: str
    sha256: str

    def encode(self, text: str) -> list[int]:
        """Return the token ids of ``text`` without adding special tokens."""
        ...

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Return ``[encode(text) for text in texts]``, on all cores if the library can."""
        ...

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of ``ids``; undecodable bytes become U+FFFD, special tokens stay."""
        ...


def replace_surrogates(text: str) -> str:
    """Replace lone surrogates, which UTF-8 and most tokenizers cannot encode, by U+FFFD."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
