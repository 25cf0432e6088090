"""Recognising a load that the engine cannot keep up with, so that it ends early."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import deque
from collections.abc import Iterator
from typing import Final

from stressbench.runner.send.arrivals import offsets_ns
from stressbench.schema.results.record import CaseRecord
from stressbench.schema.suite.load import LoadSpec

_LEAST_ENDED: Final = 20
"""The load is judged only after this many requests have ended."""
_NS_PER_S: Final = 1e9


class OverloadGuard:
    """Follows one load; ``reason`` says why it overloads the engine, once it does.

    An open loop is an overload if its backlog (requests due and not ended) has two properties.
    At the rate of successful answers in the second half of the time so far (since the first
    answer, if that is later), working it off would take longer than ``timeout_s``. And it is
    no smaller than it was at half time. Every request that becomes due from then on would time
    out. Any load is an overload if its last 20 requests all timed out, or its last 2 x
    concurrency requests, whichever is more.
    """

    def __init__(self, load: LoadSpec, *, seed: int, began_ns: int) -> None:
        self.reason: str | None = None
        self._timeout_s = load.timeout_s
        self._began_ns = began_ns
        timed = load.arrival not in {"closed", "trace"}
        self._coming: Iterator[int] | None = offsets_ns(load, seed=seed) if timed else None
        self._judged = load.arrival != "closed"
        self._expected = 0
        self._due = array("q")
        self._ended = 0
        # Times of an open load take 24 bytes per request; a closed load keeps none.
        self._over = array("q")
        self._answered = array("q")
        self._recent: deque[bool] = deque(maxlen=max(_LEAST_ENDED, 2 * load.seats))

    def expect(self, number: int) -> None:
        """Expect ``number`` more requests to become due."""
        self._expected += number

    def sent(self, due_ns: int) -> None:
        """Count a request that was due at ``due_ns`` and has been sent."""
        if self._coming is None:
            self._due.append(due_ns - self._began_ns)

    def all_sent(self) -> None:
        """Stop judging the backlog: the requests left end within their time-out anyway."""
        self._judged = False

    def ended(self, record: CaseRecord, now_ns: int) -> None:
        """Count a request that has ended, and judge the load."""
        now = now_ns - self._began_ns
        self._ended += 1
        if self._judged:
            self._over.append(now)
            if record.status == "ok":
                self._answered.append(now)
        self._recent.append(record.status == "timeout")
        if self._ended < _LEAST_ENDED or self.reason is not None:
            return
        if len(self._recent) == self._recent.maxlen and all(self._recent):
            self.reason = (
                f"overloaded: the last {len(self._recent)} requests all timed out "
                f"after load.timeout_s = {self._timeout_s:g} s"
            )
        elif self._judged:
            self.reason = self._outgrown(now)

    def _outgrown(self, now: int) -> str | None:
        """The reason, if the backlog is too large for the engine."""
        self._count_due(now)
        backlog = self._backlog(now)
        if not self._answered or backlog < self._backlog(now // 2):
            return None
        # Before the first answer there is no rate: the engine may be slow without being full.
        since = max(now // 2, self._answered[0])
        answered = len(self._answered) - bisect_right(self._answered, since)
        if not answered:
            return None
        per_s = answered / ((now - since) / _NS_PER_S)
        wait_s = backlog / per_s
        if wait_s <= self._timeout_s:
            return None
        return (
            f"overloaded: {backlog} requests are due or in flight and {per_s:.3g} per second are "
            f"answered, so one due now would wait {wait_s:,.0f} s, longer than "
            f"load.timeout_s = {self._timeout_s:g} s"
        )

    def _count_due(self, now: int) -> None:
        while (
            self._coming is not None
            and len(self._due) < self._expected
            and (not self._due or self._due[-1] <= now)
        ):
            self._due.append(next(self._coming))

    def _backlog(self, at: int) -> int:
        return bisect_right(self._due, at) - bisect_right(self._over, at)
