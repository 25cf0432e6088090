"""What measuring a text needs beyond its token ids: token offsets and safe cuts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from stressbench.tokens.tokenizer import Tokenizer

TokenIds: TypeAlias = npt.NDArray[np.uint32]
Offsets: TypeAlias = npt.NDArray[np.int64]
Cut: TypeAlias = Literal["anywhere", "letter", "word", "space", "nowhere"]
"""Where a text can be cut so that provably ``encode(a + b) == encode(a) + encode(b)``.

``letter``: between an ASCII letter and white space or a digit, and after a single line feed
before an ASCII letter. This holds for every pre-tokenizer in the GPT-2 line (GPT-2, cl100k,
o200k, Llama 3, Qwen 2, DeepSeek, tekken): none of their alternatives matches a letter
followed by white space or a digit, none matches a line feed followed by a letter, and their
only look-ahead tests for the end of a run of white space, which neither cut touches.
``word``: the same without the digit, for vocabularies with added tokens like ``<image2>``.

``space``: before a space that follows another character, if no token of the vocabulary
holds a word mark after another character (SentencePiece with ``split_by_whitespace``). The
second part is then encoded without that space: the tokenizer's dummy prefix restores it.

``anywhere``: bytes. ``nowhere``: nothing is proven, so the whole text is encoded at once.
"""

CUT_PATTERNS: Final[dict[Cut, re.Pattern[str]]] = {
    "letter": re.compile(r"[A-Za-z](?=[ \t\r\n0-9])|\S\n(?=[A-Za-z])"),
    "word": re.compile(r"[A-Za-z](?=[ \t\r\n])|\S\n(?=[A-Za-z])"),
    "space": re.compile(r"[^ ](?= [^ ])"),
}


class Vocabulary(Tokenizer, Protocol):
    """A tokenizer that also says which bytes of the text each token covers."""

    window_tokens: int | None
    """Longest prompt of the vocabulary's model; None if it does not belong to one model."""

    @property
    def cut(self) -> Cut:
        """Where text may be cut."""
        ...

    def encode_arrays(self, texts: Sequence[str]) -> list[TokenIds]:
        """Encode each text to an array, on all cores if the library can."""
        ...

    def starts(self, text: str, ids: TokenIds) -> Offsets:
        """Return where each token of ``ids = encode(text)`` begins, in UTF-8 bytes of ``text``."""
        ...

    def table(self) -> TokenTable:
        """Return the bytes of every token."""
        ...


@dataclass(frozen=True)
class TokenTable:
    """The bytes of every token id of a vocabulary; ids that spell no text hold ``b""``."""

    token_bytes: Sequence[bytes]
    byte_ids: frozenset[int] = frozenset()
    """Ids defined as one raw byte (SentencePiece's ``<0x0A>``)."""
    unk_id: int | None = None

    @cached_property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Number of bytes of each token."""
        return np.fromiter(map(len, self.token_bytes), np.int64, len(self.token_bytes))

    @cached_property
    def fragments(self) -> npt.NDArray[np.bool_]:
        """True for tokens that are raw bytes rather than whole characters."""
        flags = np.zeros(len(self.token_bytes), np.bool_)
        flags[[i for i, token in enumerate(self.token_bytes) if _is_fragment(token)]] = True
        if self.byte_ids:
            flags[list(self.byte_ids)] = True
        return flags

    def starts(self, ids: TokenIds, text_bytes: int) -> Offsets | None:
        """Return the byte offset of each token; None if the tokens do not add up to the text."""
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
    """Return GPT-2's printable characters for the 256 bytes (Radford et al. 2019, encoder.py)."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [value for value in range(256) if value not in set(printable)]
    return {chr(value): value for value in printable} | {
        chr(256 + index): value for index, value in enumerate(hidden)
    }


def byte_level_bytes(token: str, alphabet: dict[str, int]) -> bytes:
    """Return the bytes of a token spelled in ``alphabet``, or the UTF-8 of any other token."""
    try:
        return bytes([alphabet[char] for char in token])
    except KeyError:
        return token.encode("utf-8", "surrogatepass")


def utf8_char_index(text: str) -> Offsets | None:
    """Map each UTF-8 byte of ``text`` to the index of its character; None for ASCII."""
    if text.isascii():
        return None
    data = np.frombuffer(text.encode(), np.uint8)
    continues = (data & 0xC0) == 0x80  # noqa: PLR2004 - UTF-8: 10xxxxxx continues a character
    index: Offsets = np.cumsum(~continues, dtype=np.int64) - 1
    return index
