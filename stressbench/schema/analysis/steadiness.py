"""A run, or one side of a comparison, whose latency was not steady."""

from __future__ import annotations

from stressbench.schema.base import Open


class Unsteady(Open, frozen=True, kw_only=True):
    """Latency of one role that changed during the run for no reason in its requests."""

    side: str = ""
    """``base`` or ``cand`` in a comparison; empty in a report of one run."""
    role: str
    """Role and variant."""
    n: int
    """Requests that were judged: each has at least three others like it."""
    batches: int
    """Groups of consecutive requests, as many as were in flight at once."""
    first_batch: float | None
    """Latency of the first batch over that of the others, each relative to requests like it;
    null if the first batch does not stand out."""
    drift: float | None
    """Relative change of latency from the second batch to the last; null if it does not drift."""
    drift_p: float | None
    """Two-sided p of the drift (Mann-Kendall test over batches)."""
    text: str
    """The finding and what to do about it, in words."""
