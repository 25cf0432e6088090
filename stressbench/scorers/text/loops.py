"""Whether an answer goes round in a loop."""

from __future__ import annotations

from typing import Final

_REPEATS: Final = 4
_LONGEST_CYCLE: Final = 24


def repeats(answer: str) -> bool:
    """Whether the answer ends with the same words at least four times in a row."""
    said = answer.split()
    for cycle in range(1, min(_LONGEST_CYCLE, len(said) // _REPEATS) + 1):
        tail = said[-cycle * _REPEATS :]
        if all(tail[index] == tail[index % cycle] for index in range(len(tail))):
            return True
    return False
