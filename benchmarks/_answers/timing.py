"""How long each scorer takes for a long answer."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from benchmarks._answers.corpus import Answer, judged

LENGTH: Final = 8000
_REPEATS: Final = 15
_WORDS: Final = (
    "harbour rope letter island morning copper window engine paper valley river station winter "
    "market garden bridge silver candle forest meadow signal ladder basket mirror thunder"
)


def prose(length: int) -> str:
    """Sentences of random words, the same in every run: no loop, and no value."""
    rng = random.Random(0)
    words = _WORDS.split()
    text = ""
    while len(text) < length:
        text += " ".join(rng.choice(words) for _ in range(rng.randint(6, 14))).capitalize() + ". "
    return text[:length]


def microseconds(row: Answer) -> list[float]:
    """CPU times of judging the answer after prose, 8,000 characters together."""
    long = replace(row, answer=prose(LENGTH - len(row.answer) - 1) + " " + row.answer)
    judged(long)  # compiles expressions and fills caches
    times = []
    for _ in range(_REPEATS):
        began = time.thread_time()
        judged(long)
        times.append(1e6 * (time.thread_time() - began))
    return times


def timed(rows: Sequence[Answer]) -> dict[str, list[float]]:
    """CPU times of every scorer, each with its first row that is labelled right."""
    first: dict[str, Answer] = {}
    for row in rows:
        if row.label == "right" and row.answer:
            first.setdefault(row.scorer, row)
    return {name: microseconds(first[name]) for name in sorted(first)}
