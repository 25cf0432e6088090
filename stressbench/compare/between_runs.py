"""How far the two sides of a pairing may have drifted apart although nothing changed."""

from __future__ import annotations

from stressbench.compare.evaluate import Question
from stressbench.compare.interleaved import drift, took_turns
from stressbench.compare.pair import Pairing
from stressbench.stats.drift import Drift, assumed

_ENGINE_AXES = frozenset({"role", "variant"})
"""Axes whose values are served by different engines."""


def between_sides(pairing: Pairing, question: Question, seed: int) -> Drift | None:
    """The drift between the sides; None if they were served by one engine at one time."""
    files = {side.columns.path for side in (pairing.base, pairing.cand)}
    if len(files) == 1 and not pairing.sides.differing & _ENGINE_AXES:
        return None
    base, cand = pairing.base.columns.header, pairing.cand.columns.header
    measured = drift(pairing, question, seed) if took_turns(base, cand) else None
    return measured or assumed()
