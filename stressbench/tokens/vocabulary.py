"""What measuring needs beyond encoding: where tokens begin, and where text may be cut."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from stressbench.tokens.tokenizer import Tokenizer

Ids: TypeAlias = npt.NDArray[np.uint32]
Offsets: TypeAlias = npt.NDArray[np.int64]
Cut: TypeAlias = Literal["anywhere", "letter", "word", "space", "nowhere"]
"""Where ``encode(a + b) == encode(a) + encode(b)`` is proven.

``letter``: between an ASCII letter and a white space or digit, and after a single line
feed before an ASCII letter. True of every pre-tokenizer in the GPT-2 line (GPT-2,
cl100k, o200k, Llama 3, Qwen 2, DeepSeek, tekken): none of their alternatives matches a
letter followed by white space or a digit, none matches a line feed followed by a letter,
and their only look-ahead sees the end of a run of white space, which neither cut touches.
``word``: the same without the digit, for vocabularies with added tokens like ``<image2>``.

``space``: before a space that follows something else, where no piece of the vocabulary
holds a word mark behind another character (SentencePiece with ``split_by_whitespace``).
The second part is then encoded without that space, which the tokenizer's own dummy
prefix puts back.

``anywhere``: bytes. ``nowhere``: not proven; the whole text is encoded at once.
"""

CUT_PATTERNS: Final[dict[Cut, re.Pattern[str]]] = {
    "letter": re.compile(r"[A-Za-z](?=[ \t\r\n0-9])|\S\n(?=[A-Za-z])"),
    "word": re.compile(r"[A-Za-z](?=[ \t\r\n])|\S\n(?=[A-Za-z])"),
    "space": re.compile(r"[^ ](?= [^ ])"),
}


class Vocabulary(Tokenizer, Protocol):
    """A tokenizer whose tokens can be laid over the text they came from."""

    window_tokens: int | None
    """Longest prompt of the model that owns the vocabulary; None where it has no one model."""

    @property
    def cut(self) -> Cut:
        """Where text may be cut."""
        ...

    def encode_arrays(self, texts: Sequence[str]) -> list[Ids]:
        """``encode`` of each text as an array, on all cores where the library can."""
        ...

    def starts(self, text: str, ids: Ids) -> Offsets:
        """UTF-8 byte offset in ``text`` at which each token of ``ids = encode(text)`` begins."""
        ...

    def table(self) -> TokenTable:
        """Bytes of every token."""
        ...


@dataclass(frozen=True)
class TokenTable:
    """The bytes of every id of a vocabulary; ids without text of their own hold ``b""``."""

    token_bytes: Sequence[bytes]
    byte_ids: frozenset[int] = frozenset()
    """Ids that stand for one raw byte by definition (SentencePiece's ``<0x0A>``)."""
    unk_id: int | None = None

    @cached_property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Bytes of each token."""
        return np.fromiter(map(len, self.token_bytes), np.int64, len(self.token_bytes))

    @cached_property
    def fragments(self) -> npt.NDArray[np.bool_]:
        """True where a token is raw bytes: it cannot be read as whole characters."""
        flags = np.zeros(len(self.token_bytes), np.bool_)
        flags[[i for i, token in enumerate(self.token_bytes) if _is_fragment(token)]] = True
        if self.byte_ids:
            flags[list(self.byte_ids)] = True
        return flags

    def starts(self, ids: Ids, text_bytes: int) -> Offsets | None:
        """Running byte offsets of ``ids``, or None where they do not add up to the text."""
        lengths = self.lengths[ids]
        if int(lengths.sum()) != text_bytes:
            return None
        starts: Offsets = np.cumsum(lengths) - lengths
        return starts


def _is_fragment(token: bytes) -> bool:
    if token.isascii():
        return False
    try:
        token.decode()
    except UnicodeDecodeError:
        return True
    return False


def byte_level_alphabet() -> dict[str, int]:
    """GPT-2's printable stand-ins for the 256 byte values (Radford et al. 2019, encoder.py)."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [value for value in range(256) if value not in set(printable)]
    return {chr(value): value for value in printable} | {
        chr(256 + index): value for index, value in enumerate(hidden)
    }


def byte_level_bytes(token: str, alphabet: dict[str, int]) -> bytes:
    """Bytes of a token spelled in ``alphabet``; a token spelled otherwise is its own UTF-8."""
    try:
        return bytes([alphabet[char] for char in token])
    except KeyError:
        return token.encode("utf-8", "surrogatepass")


def utf8_char_index(text: str) -> Offsets | None:
    """Index of the character that each UTF-8 byte of ``text`` belongs to; None for ASCII."""
    if text.isascii():
        return None
    data = np.frombuffer(text.encode(), np.uint8)
    continues = (data & 0xC0) == 0x80  # noqa: PLR2004 - UTF-8: 10xxxxxx continues a character
    index: Offsets = np.cumsum(~continues, dtype=np.int64) - 1
    return index
