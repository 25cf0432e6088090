"""The highest value since any step, for many requests at once."""

from __future__ import annotations

from bisect import bisect_left


class PeakSince:
    """Values, one a step; ``since(step)`` is the highest from there on.

    A value can only be an answer while none after it is as high, so the others are dropped: no
    more are kept than there are different values, a step costs O(1) on average and an answer
    O(log n).
    """

    def __init__(self) -> None:
        self._steps: list[int] = []
        self._values: list[float] = []

    def add(self, step: int, value: float) -> None:
        """Note the value of a step; steps rise."""
        while self._values and self._values[-1] <= value:
            self._values.pop()
            self._steps.pop()
        self._steps.append(step)
        self._values.append(value)

    def since(self, step: int) -> float | None:
        """The highest value from ``step`` on; None where there is none."""
        place = bisect_left(self._steps, step)
        return self._values[place] if place < len(self._values) else None
