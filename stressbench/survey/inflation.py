"""What content costs with a tokenizer: counts, rates, and the ratio to its benign version.

Definitions
    fertility           tokens / words; words are separated by white space
    bytes_per_token     UTF-8 bytes / tokens; comparable across scripts
    byte_fallback_rate  tokens that are raw bytes and not whole characters / tokens
    inflation           tokens / tokens of the benign version of the same content
                        (Petrov et al. 2023, "premium"); with the ``bytes`` tokenizer this
                        is the ratio of UTF-8 bytes
    window_share        tokens / longest prompt of the model
"""

from __future__ import annotations

import msgspec

from stressbench.survey.kinds import ContentKind


class TextCounts(msgspec.Struct, frozen=True, kw_only=True):
    """What was counted in one text with one tokenizer."""

    bytes: int
    """Bytes of the file."""
    characters: int
    words: int
    lines: int
    """Line feeds, plus one if the last line does not end with one."""
    invalid_sequences: int
    """Malformed UTF-8 sequences; each was counted as one U+FFFD."""
    text_bytes: int
    """UTF-8 bytes of the encoded text; differs from ``bytes`` if sequences were malformed."""
    tokens: int
    byte_tokens: int
    """Tokens that are raw bytes, not whole characters."""
    unk_tokens: int
    roundtrip_ok: bool
    """Whether decoding the tokens gives the text."""
    encode_s: float
    """Seconds in the tokenizer; meanwhile the batch before is analysed on another core."""

    @property
    def bytes_per_token(self) -> float | None:
        """UTF-8 bytes per token; None for no tokens."""
        return ratio(self.text_bytes, self.tokens)

    @property
    def characters_per_token(self) -> float | None:
        """Characters per token; None for no tokens."""
        return ratio(self.characters, self.tokens)

    @property
    def fertility(self) -> float | None:
        """Tokens per word; None for no words."""
        return ratio(self.tokens, self.words)

    @property
    def byte_fallback_rate(self) -> float | None:
        """Share of tokens that are raw bytes; None for no tokens."""
        return ratio(self.byte_tokens, self.tokens)


class KindCost(msgspec.Struct, frozen=True):
    """What one kind of content takes; the kinds of a document add up to the whole document."""

    kind: ContentKind
    characters: int
    bytes: int
    tokens: int


class HotSpot(msgspec.Struct, frozen=True, kw_only=True):
    """A line, or a window of a long line, that has more tokens than its length explains.

    ``excess_tokens`` = tokens - characters x (tokens of the document / its characters). Over a
    whole document the excesses add up to zero, so a uniform document has no hot spots.
    """

    line: int
    column: int
    """Both count from 1."""
    kind: ContentKind
    """The kind of content of most of its tokens."""
    characters: int
    tokens: int
    excess_tokens: float
    text: str
    token_starts: list[int]
    """For each token, the index in ``text`` of its first character."""


class Measurement(msgspec.Struct, frozen=True, kw_only=True):
    """One text measured with one tokenizer."""

    tokenizer: str
    tokenizer_sha256: str
    window_tokens: int | None
    counts: TextCounts
    kinds: list[KindCost]
    hot_spots: list[HotSpot]


def ratio(numerator: float, denominator: float) -> float | None:
    """Return the quotient, or None if the denominator is 0."""
    return numerator / denominator if denominator else None
