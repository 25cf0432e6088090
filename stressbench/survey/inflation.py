"""What content costs under a tokenizer: counts, rates, and the ratio to a benign rendering.

Definitions
    fertility           tokens / words, words being separated by white space
    bytes_per_token     UTF-8 bytes / tokens; the comparator across scripts
    byte_fallback_rate  tokens that are raw bytes and not whole characters / tokens
    inflation           tokens / tokens of the same content in its benign rendering
                        (Petrov et al. 2023, "premium"); with the ``bytes`` tokenizer it
                        is the ratio of UTF-8 bytes
    window_share        tokens / longest prompt of the model
"""

from __future__ import annotations

import msgspec

from stressbench.survey.kinds import ContentKind


class TextCounts(msgspec.Struct, frozen=True, kw_only=True):
    """What was counted in one text under one tokenizer."""

    bytes: int
    """Of the file, as it was read."""
    characters: int
    words: int
    lines: int
    """Line feeds, plus one if the last line has none."""
    invalid_sequences: int
    """Malformed UTF-8 sequences; each was counted as one U+FFFD."""
    text_bytes: int
    """UTF-8 bytes of the text that was encoded; unlike ``bytes`` where sequences were malformed."""
    tokens: int
    byte_tokens: int
    """Tokens that hold raw bytes: no whole character."""
    unk_tokens: int
    roundtrip_ok: bool
    """Whether decoding gave the text back."""
    encode_s: float
    """Seconds inside the tokenizer, while the text before was attributed on another core."""

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
    """What one kind of content takes: the kinds of a document add up to all of it."""

    kind: ContentKind
    characters: int
    bytes: int
    tokens: int


class HotSpot(msgspec.Struct, frozen=True, kw_only=True):
    """A line, or a window of a long one, that costs more than its share by length.

    ``excess_tokens`` = tokens - characters x (tokens of the document / its characters):
    over a whole document the excesses add up to zero, so a document of one even kind
    has no hot spots.
    """

    line: int
    column: int
    """Both count from 1."""
    kind: ContentKind
    """The kind that most of its tokens went to."""
    characters: int
    tokens: int
    excess_tokens: float
    text: str
    token_starts: list[int]
    """Index in ``text`` of the character in which each token begins."""


class Measurement(msgspec.Struct, frozen=True, kw_only=True):
    """One text under one tokenizer."""

    tokenizer: str
    tokenizer_sha256: str
    window_tokens: int | None
    counts: TextCounts
    kinds: list[KindCost]
    hot_spots: list[HotSpot]


def ratio(numerator: float, denominator: float) -> float | None:
    """The quotient, or None where there is nothing to divide by."""
    return numerator / denominator if denominator else None
