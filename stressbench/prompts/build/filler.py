"""Filler on a tape: text that is tokenized once, then cut to any exact length.

A source speaks in chunks of phrases (sentences, log lines, table rows). A tape holds
their token ids, chunk by chunk, as they are first needed. A filling of ``n`` tokens is
whole chunks in random order, the first phrases of one more, and a few *closers*, short
phrases whose lengths add up to exactly what is left: which remainders can be paid with
the closers' lengths is a coin problem, solved once per tape.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from math import gcd
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

if TYPE_CHECKING:
    from stressbench.prompts.build.prompt_format import PromptFormat


@dataclass(frozen=True, slots=True)
class Encoded:
    """A stretch of text with its token ids as they stand *after other text*.

    ``safe`` is false where the ids depend on what stands around the stretch. ``forced``
    ids are deliberately not the tokenizer's own: they are kept whatever stands beside them.
    """

    text: str
    ids: Sequence[int]
    safe: bool = True
    forced: bool = False


class Source(Protocol):
    """Filler text in phrases that can stand in any order.

    A phrase begins with a space and a letter (prose) or ends with a line break
    (records), so that most tokenizers do not merge over its edges.
    """

    @property
    def name(self) -> str:
        """Identifies the text: equal names mean equal phrases."""
        ...

    @property
    def closers(self) -> Sequence[str]:
        """Phrases of many lengths, from very short ones on."""
        ...

    def chunks(self, tokens: int) -> int:
        """How many different chunks to draw from for a filling of ``tokens``."""
        ...

    def chunk(self, index: int) -> Sequence[str]:
        """The phrases of one chunk, always the same for the same index."""
        ...


@runtime_checkable
class Spelled(Source, Protocol):
    """A source that chooses its own token ids, other than the tokenizer would."""

    def encode(self, prompt_format: PromptFormat, phrases: Sequence[str]) -> list[Encoded]:
        """The phrases with forced ids; decoding them must give the phrases back."""
        ...


class Unreachable(Exception):  # noqa: N818 - a fact about a length, turned into SuiteError above
    """No filler of this source has this many tokens; ``smallest`` and all above can be had."""

    def __init__(self, smallest: int | None) -> None:
        super().__init__(smallest)
        self.smallest = smallest


@dataclass(frozen=True, slots=True)
class FillPlan:
    """Which phrases fill a prompt: ``(chunk, phrases taken)`` and indices of closers."""

    picks: tuple[tuple[int, int], ...]
    closers: tuple[int, ...]
    tokens: int


@dataclass(frozen=True, slots=True)
class _Chunk:
    whole: Encoded
    chars: tuple[int, ...]
    tokens: tuple[int, ...]
    """Running totals over the phrases, beginning with 0."""


_LONGEST_COIN: Final = 512
"""Longer closers are not used to pay a remainder; it keeps the coin table small."""


class Tape:
    """The tokenized form of one source under one tokenizer."""

    def __init__(self, prompt_format: PromptFormat, source: Source) -> None:
        self._format = prompt_format
        self.source = source
        self._spelled = source if isinstance(source, Spelled) else None
        self._chunks: dict[int, _Chunk] = {}

    def plan(self, tokens: int, rng: random.Random) -> FillPlan:
        """Choose phrases of ``tokens`` tokens altogether.

        Raises ``Unreachable`` where there are none.
        """
        if not self._payable(tokens):
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
        return FillPlan(tuple(picks), tuple(self._pay(left, rng)), tokens)

    def cuts(self, filling: FillPlan, depths: Sequence[float]) -> list[int]:
        """The phrase boundary nearest to each depth (0 to 1, by tokens) of a filling."""
        ends = [0]
        for index, taken in filling.picks:
            tokens = self._chunk(index).tokens
            base = ends[-1]
            ends.extend([base + end for end in tokens[1 : taken + 1]])
        ends.extend(
            list(
                accumulate(
                    (len(self._closers[index].ids) for index in filling.closers), initial=ends[-1]
                )
            )[1:]
        )
        return [_nearest(ends, depth * ends[-1]) for depth in depths]

    def render(self, filling: FillPlan, cuts: Sequence[int]) -> list[list[Encoded]]:
        """The filling as encoded stretches, cut into ``len(cuts) + 1`` groups.

        ``cuts`` are phrase counts in ascending order, as ``cuts`` gives them.
        """
        groups: list[list[Encoded]] = [[]]
        done = 0
        bounds = iter([*cuts, -1])
        bound = next(bounds)
        for index, taken in filling.picks:
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
        for index in filling.closers:
            while bound == done:
                groups.append([])
                bound = next(bounds)
            groups[-1].append(self._closers[index])
            done += 1
        groups.extend([[] for _ in range(len(cuts) + 1 - len(groups))])
        return groups

    @cached_property
    def smallest(self) -> int:
        """The least length from which on every length can be had."""
        reach = self._reach
        smallest = len(reach)
        while smallest > 1 and reach[smallest - 1]:
            smallest -= 1
        return smallest

    @cached_property
    def _closers(self) -> list[Encoded]:
        return self._encode(self.source.closers)

    @cached_property
    def _coins(self) -> dict[int, list[int]]:
        coins: dict[int, list[int]] = {}
        for index, closer in enumerate(self._closers):
            if 0 < len(closer.ids) <= _LONGEST_COIN:
                coins.setdefault(len(closer.ids), []).append(index)
        return dict(sorted(coins.items()))

    @cached_property
    def _reach(self) -> list[bool]:
        coins = list(self._coins)
        # Once as many lengths in a row as the smallest coin can be paid, all can.
        reach, row = [True], 0
        while row < coins[0] or len(reach) <= coins[-1]:
            amount = len(reach)
            payable = any(coin <= amount and reach[amount - coin] for coin in coins)
            reach.append(payable)
            row = row + 1 if payable else 0
            if amount > coins[0] * coins[-1] + coins[-1]:
                raise Unreachable(None)
        return reach

    def _payable(self, tokens: int) -> bool:
        return tokens >= len(self._reach) or (tokens >= 0 and self._reach[tokens])

    def _pay(self, tokens: int, rng: random.Random) -> list[int]:
        paid: list[int] = []
        while tokens:
            fitting = [
                coin for coin in self._coins if coin <= tokens and self._payable(tokens - coin)
            ]
            # The longer half, so that a remainder is a few sentences and not many scraps.
            coin = rng.choice(fitting[len(fitting) // 2 :])
            fresh = [index for index in self._coins[coin] if index not in paid]
            paid.append(rng.choice(fresh or self._coins[coin]))
            tokens -= coin
        return paid

    def _encode(self, phrases: Sequence[str]) -> list[Encoded]:
        if self._spelled is not None:
            return self._spelled.encode(self._format, phrases)
        return self._format.pieces(phrases)

    def _chunk(self, index: int) -> _Chunk:
        chunk = self._chunks.get(index)
        if chunk is None:
            phrases = self._encode(self.source.chunk(index))
            chunk = self._chunks[index] = _Chunk(
                self._format.stretch(phrases),
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
    """Every index once in a scattered order, then again: an affine walk, no list needed."""
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
