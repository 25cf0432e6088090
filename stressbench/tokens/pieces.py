"""A byte stream as pieces of text that may be encoded one by one, in flat memory."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from stressbench.errors import StressbenchError
from stressbench.tokens.vocabulary import CUT_PATTERNS, Cut

PIECE_CHARS: Final = 1 << 18
LONGEST_CHARS: Final = 1 << 25
"""The longest stretch without a safe cut that is still encoded, as one piece: 32 Mi characters."""
_READ_BYTES: Final = 1 << 18
_LOOK_BACK_CHARS: Final = 1 << 12
_REPLACEMENT: Final = "\ufffd"


class UncutError(StressbenchError):
    """A text holds no place where it can be cut without changing the count."""


@dataclass(frozen=True, slots=True)
class Piece:
    """``text`` is encoded as it stands; ``separator`` stood before it and belongs to no piece."""

    text: str
    separator: str = ""


class TextStream:
    """UTF-8 decoded block by block; what is not UTF-8 becomes U+FFFD and is counted.

    The blocks' size never shows: joined, they are ``data.decode("utf-8", "replace")``.
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
        """Malformed byte sequences so far, each of them one U+FFFD in the text."""
        return self._replacements - self._genuine

    def read(self) -> str | None:
        """The next block, or None at the end."""
        if self._stream.closed:
            return None
        data = self._stream.read(_READ_BYTES)
        text = self._decoder.decode(data, final=not data)
        self.bytes_read += len(data)
        if not data:
            self._stream.close()
        # U+FFFD that the file itself spells is three bytes, which a block's end may part.
        spelled = self._carry + data
        self._genuine += spelled.count(_REPLACEMENT.encode())
        self._carry = spelled[-2:] if not spelled.endswith(_REPLACEMENT.encode()) else b""
        self._replacements += text.count(_REPLACEMENT)
        return text if data or text else None


def pieces(source: TextStream, cut: Cut, piece_chars: int = PIECE_CHARS) -> Iterator[Piece]:
    """Cut the text of ``source`` where ``cut`` allows, each piece ``piece_chars`` or a little more.

    Raises ``UncutError`` where no cut comes within ``LONGEST_CHARS``.
    """
    buffer, separator, searched = "", "", 0
    while (block := source.read()) is not None:
        buffer += block
        while len(buffer) >= piece_chars:
            at = _last_cut(buffer, cut, searched)
            if at is None:
                searched = len(buffer)
                break
            yield Piece(buffer[:at], separator)
            separator = " " if cut == "space" else ""
            buffer, searched = buffer[at + len(separator) :], 0
        if len(buffer) > LONGEST_CHARS:
            raise UncutError(
                f"{len(buffer):,} characters hold no place where this tokenizer's input "
                f"can be cut without changing the count",
                hint="count a part of the file, or another tokenizer",
            )
    if buffer or separator:
        yield Piece(buffer, separator)


def _last_cut(text: str, cut: Cut, searched: int) -> int | None:
    """The last safe cut of ``text``, one beside a line break if there is one near the end."""
    if cut == "nowhere":
        return None
    if cut == "anywhere":
        return len(text)
    pattern = CUT_PATTERNS[cut]
    floor = max(searched - 2, 0)  # a match may begin two characters before what is new
    end = len(text)
    while end > floor:
        start = max(floor, end - _LOOK_BACK_CHARS)
        # A cut right at the end is not trusted: the character that decides is not read yet.
        found = [m.end() for m in pattern.finditer(text, start, min(end + 2, len(text)))]
        if found:
            lines = [at for at in found if "\n" in text[at - 1 : at + 1]]
            return (lines or found)[-1]
        end = start
    return None
