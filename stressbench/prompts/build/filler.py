"""Filler: text that is tokenized once and then cut to any exact number of tokens.

A source gives its text as chunks of phrases (sentences, log lines, table rows). ``Filler``
holds their token ids and encodes a chunk when it is first needed. Filler of ``n`` tokens
consists of whole chunks in random order, the first phrases of one more chunk, and some
*padding*: short phrases whose lengths add up to exactly the tokens that are missing. Which
numbers of tokens the padding can reach is the coin problem (which amounts can be paid with
coins of given values), solved once for each source.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from math import gcd
from typing import Final, Protocol, runtime_checkable

from stressbench.prompts.build.encoded import Encoded, PieceEncoder


class FillerSource(Protocol):
    """Filler text as phrases that can be put in any order.

    A phrase begins with a space and a letter (prose) or ends with a line break (records),
    so that most tokenizers do not merge tokens across its edges.
    """

    @property
    def name(self) -> str:
        """Identifies the text: sources of the same name give the same phrases."""
        ...

    @property
    def padding(self) -> Sequence[str]:
        """Phrases of many lengths, from very short ones on."""
        ...

    def chunks(self, tokens: int) -> int:
        """Return how many different chunks to draw from for filler of ``tokens`` tokens."""
        ...

    def chunk(self, index: int) -> Sequence[str]:
        """Return the phrases of one chunk: the same phrases for the same index."""
        ...


@runtime_checkable
class ForcedSource(FillerSource, Protocol):
    """A source that chooses its token ids itself, different from the tokenizer's."""

    def encode(self, encoder: PieceEncoder, phrases: Sequence[str]) -> list[Encoded]:
        """Return the phrases with forced ids, which must decode to the phrases."""
        ...


class Unreachable(Exception):  # noqa: N818 - a fact about a length; callers make it a SuiteError
    """The filler cannot have this number of tokens.

    It can have ``smallest`` and every larger number; None: there is no such number.
    """

    def __init__(self, smallest: int | None) -> None:
        super().__init__(smallest)
        self.smallest = smallest


@dataclass(frozen=True, slots=True)
class FillPlan:
    """Which phrases fill a prompt: ``(chunk, phrases taken)``, and indices of padding phrases."""

    picks: tuple[tuple[int, int], ...]
    padding: tuple[int, ...]
    tokens: int


@dataclass(frozen=True, slots=True)
class _EncodedChunk:
    whole: Encoded
    chars: tuple[int, ...]
    tokens: tuple[int, ...]
    """Running totals over the phrases, beginning with 0."""


_LONGEST_PADDING: Final = 512
"""Longer padding phrases are not used: the limit keeps the table of reachable lengths small."""


class Filler:
    """The phrases of one source, encoded by one tokenizer."""

    def __init__(self, encoder: PieceEncoder, source: FillerSource) -> None:
        self._encoder = encoder
        self.source = source
        self._forced = source if isinstance(source, ForcedSource) else None
        self._chunks: dict[int, _EncodedChunk] = {}

    def plan(self, tokens: int, rng: random.Random) -> FillPlan:
        """Choose phrases of ``tokens`` tokens in total. Raises ``Unreachable``."""
        if not self._can_pad(tokens):
            raise Unreachable(self.smallest)
        picks: list[tuple[int, int]] = []
        left = tokens
        for index in _draw(self.source.chunks(tokens), rng):
            chunk = self._chunk(index)
            spare = left - self.smallest
            if chunk.tokens[-1] > spare:
                taken = bisect_right(chunk.tokens, spare) - 1 if spare > 0 else 0
                if taken:
                    picks.append((index, taken))
                    left -= chunk.tokens[taken]
                break
            picks.append((index, len(chunk.tokens) - 1))
            left -= chunk.tokens[-1]
        return FillPlan(tuple(picks), tuple(self._pad(left, rng)), tokens)

    def cuts(self, plan: FillPlan, depths: Sequence[float]) -> list[int]:
        """Find the phrase boundary nearest to each depth: a number of phrases.

        A depth is the share of the plan's tokens before it, 0 to 1.
        """
        ends = [0]
        for index, taken in plan.picks:
            tokens = self._chunk(index).tokens
            base = ends[-1]
            ends.extend([base + end for end in tokens[1 : taken + 1]])
        ends.extend(
            list(
                accumulate(
                    (len(self._padding[index].ids) for index in plan.padding), initial=ends[-1]
                )
            )[1:]
        )
        return [_nearest(ends, depth * ends[-1]) for depth in depths]

    def render(self, plan: FillPlan, cuts: Sequence[int]) -> list[list[Encoded]]:
        """Return the planned phrases as encoded pieces, cut into ``len(cuts) + 1`` groups.

        ``cuts`` are numbers of phrases in ascending order, as the method ``cuts`` returns them.
        """
        groups: list[list[Encoded]] = [[]]
        done = 0
        bounds = iter([*cuts, -1])
        bound = next(bounds)
        for index, taken in plan.picks:
            start = 0
            while done + start <= bound < done + taken:
                if bound > done + start:
                    groups[-1].append(self._slice(index, start, bound - done))
                    start = bound - done
                groups.append([])
                bound = next(bounds)
            if start < taken:
                groups[-1].append(self._slice(index, start, taken))
            done += taken
        for index in plan.padding:
            while bound == done:
                groups.append([])
                bound = next(bounds)
            groups[-1].append(self._padding[index])
            done += 1
        groups.extend([[] for _ in range(len(cuts) + 1 - len(groups))])
        return groups

    @cached_property
    def smallest(self) -> int:
        """The smallest number of tokens from which on every number is possible."""
        reachable = self._reachable
        smallest = len(reachable)
        while smallest > 1 and reachable[smallest - 1]:
            smallest -= 1
        return smallest

    @cached_property
    def _padding(self) -> list[Encoded]:
        return self._encode(self.source.padding)

    @cached_property
    def _padding_by_length(self) -> dict[int, list[int]]:
        lengths: dict[int, list[int]] = {}
        for index, phrase in enumerate(self._padding):
            if 0 < len(phrase.ids) <= _LONGEST_PADDING:
                lengths.setdefault(len(phrase.ids), []).append(index)
        return dict(sorted(lengths.items()))

    @cached_property
    def _reachable(self) -> list[bool]:
        """Whether padding can have 0, 1, 2... tokens; every longer padding is possible."""
        lengths = list(self._padding_by_length)
        # Once as many totals in a row are reachable as the shortest phrase has tokens, all are.
        reachable, row = [True], 0
        while row < lengths[0] or len(reachable) <= lengths[-1]:
            total = len(reachable)
            possible = any(length <= total and reachable[total - length] for length in lengths)
            reachable.append(possible)
            row = row + 1 if possible else 0
            if total > lengths[0] * lengths[-1] + lengths[-1]:
                raise Unreachable(None)
        return reachable

    def _can_pad(self, tokens: int) -> bool:
        return tokens >= len(self._reachable) or (tokens >= 0 and self._reachable[tokens])

    def _pad(self, tokens: int, rng: random.Random) -> list[int]:
        chosen: list[int] = []
        while tokens:
            fitting = [
                length
                for length in self._padding_by_length
                if length <= tokens and self._can_pad(tokens - length)
            ]
            # From the longer half, so that padding is a few sentences and not many scraps.
            length = rng.choice(fitting[len(fitting) // 2 :])
            phrases = self._padding_by_length[length]
            fresh = [index for index in phrases if index not in chosen]
            chosen.append(rng.choice(fresh or phrases))
            tokens -= length
        return chosen

    def _encode(self, phrases: Sequence[str]) -> list[Encoded]:
        if self._forced is not None:
            return self._forced.encode(self._encoder, phrases)
        return self._encoder.pieces(phrases)

    def _chunk(self, index: int) -> _EncodedChunk:
        chunk = self._chunks.get(index)
        if chunk is None:
            phrases = self._encode(self.source.chunk(index))
            chunk = self._chunks[index] = _EncodedChunk(
                self._encoder.concatenate(phrases),
                tuple(accumulate((len(phrase.text) for phrase in phrases), initial=0)),
                tuple(accumulate((len(phrase.ids) for phrase in phrases), initial=0)),
            )
        return chunk

    def _slice(self, index: int, start: int, end: int) -> Encoded:
        chunk = self._chunk(index)
        whole = chunk.whole
        if start == 0 and end == len(chunk.tokens) - 1:
            return whole
        return Encoded(
            whole.text[chunk.chars[start] : chunk.chars[end]],
            whole.ids[chunk.tokens[start] : chunk.tokens[end]],
            whole.safe,
            whole.forced,
        )


def _draw(chunks: int, rng: random.Random) -> Iterator[int]:
    """Yield every index once in a scattered order, then again: an affine walk needs no list."""
    start, step = rng.randrange(chunks), rng.randrange(chunks)
    while gcd(step, chunks) != 1:
        step += 1
    while True:
        yield start
        start = (start + step) % chunks


def _nearest(ends: Sequence[int], target: float) -> int:
    right = bisect_right(ends, target)
    if right == len(ends):
        return right - 1
    return right if ends[right] - target < target - ends[right - 1] else right - 1
