"""The highest value since any step, for many requests at once."""

from __future__ import annotations

from bisect import bisect_left


class PeakSince:
    """One value per step; ``since(step)`` is the highest value from that step on.

    A value only matters until one at least as high follows it, so the others are dropped. At most
    as many are kept as there are different values; a step costs O(1) on average, a query
    O(log n).
    """

    def __init__(self) -> None:
        self._steps: list[int] = []
        self._values: list[float] = []

    def add(self, step: int, value: float) -> None:
        """Add the value of a step; steps ascend."""
        while self._values and self._values[-1] <= value:
            self._values.pop()
            self._steps.pop()
        self._steps.append(step)
        self._values.append(value)

    def since(self, step: int) -> float | None:
        """The highest value from ``step`` on; None if there is no step after it."""
        place = bisect_left(self._steps, step)
        return self._values[place] if place < len(self._values) else None
