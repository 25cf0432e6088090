"""Cuts a byte stream into pieces of text that can be encoded one by one, in constant memory."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from stressbench.errors import StressbenchError
from stressbench.tokens.vocabulary import CUT_PATTERNS, Cut

PIECE_CHARS: Final = 1 << 18
LONGEST_CHARS: Final = 1 << 25
"""The longest text without a safe cut that is still encoded, as one piece: 32 Mi characters."""
_READ_BYTES: Final = 1 << 18
_LOOK_BACK_CHARS: Final = 1 << 12
_BEFORE_CUT: Final = 2
"""Characters before a cut that decide whether it is safe."""
_REPLACEMENT: Final = "\ufffd"


class UncutError(StressbenchError):
    """A text has no place where it can be cut without changing the token count."""


@dataclass(frozen=True, slots=True)
class TextPiece:
    """A text to encode; ``separator`` is the space before it, which no piece includes."""

    text: str
    separator: str = ""


class TextStream:
    """Decodes UTF-8 block by block; malformed UTF-8 becomes U+FFFD and is counted.

    The size of the blocks has no effect: joined, they are ``data.decode("utf-8", "replace")``.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._carry = b""
        self._replacements = 0
        self._genuine = 0
        self.bytes_read = 0

    @property
    def invalid_sequences(self) -> int:
        """Number of malformed byte sequences so far; each is one U+FFFD in the text."""
        return self._replacements - self._genuine

    def read(self) -> str | None:
        """Return the next block, or None at the end."""
        if self._stream.closed:
            return None
        data = self._stream.read(_READ_BYTES)
        text = self._decoder.decode(data, final=not data)
        self.bytes_read += len(data)
        if not data:
            self._stream.close()
        # A U+FFFD in the file itself has three bytes, which may be in two blocks.
        spelled = self._carry + data
        self._genuine += spelled.count(_REPLACEMENT.encode())
        self._carry = spelled[-2:] if not spelled.endswith(_REPLACEMENT.encode()) else b""
        self._replacements += text.count(_REPLACEMENT)
        return text if data or text else None


def pieces(source: TextStream, cut: Cut, piece_chars: int = PIECE_CHARS) -> Iterator[TextPiece]:
    """Cut the text of ``source`` where ``cut`` allows, into pieces of at most ``piece_chars``.

    A piece is longer only if it has no earlier cut. Raises ``UncutError`` if there is no cut
    within ``LONGEST_CHARS``.
    """
    buffer, separator, searched = "", "", 0
    while (block := source.read()) is not None:
        buffer += block
        while len(buffer) >= piece_chars:
            at = _place_to_cut(buffer, cut, piece_chars, searched)
            if at is None:
                searched = len(buffer)
                break
            yield TextPiece(buffer[:at], separator)
            separator = " " if cut == "space" else ""
            buffer, searched = buffer[at + len(separator) :], 0
        if len(buffer) > LONGEST_CHARS:
            raise UncutError(
                f"{len(buffer):,} characters have no place where this tokenizer's input "
                f"can be cut without changing the count",
                hint="count a part of the file, or use another tokenizer",
            )
    if buffer or separator:
        yield TextPiece(buffer, separator)


def _place_to_cut(text: str, cut: Cut, size: int, searched: int) -> int | None:
    """Find the last safe cut within ``size`` characters, or else the first one after them.

    The first ``searched`` characters are known to have none.
    """
    if cut == "nowhere":
        return None
    if cut == "anywhere":
        return size
    pattern = CUT_PATTERNS[cut]
    end = 0 if searched else size
    while end > 0:
        start = max(0, end - _LOOK_BACK_CHARS)
        # The pattern looks at most one character beyond its match and two before.
        found = [m.end() for m in pattern.finditer(text, max(start - _BEFORE_CUT, 0), end + 1)]
        if found:
            beside_lines = [at for at in found if "\n" in text[at - 1 : at + 1]]
            return (beside_lines or found)[-1]
        end = start
    beyond = pattern.search(text, max(searched, size, _BEFORE_CUT) - _BEFORE_CUT)
    return beyond.end() if beyond else None
