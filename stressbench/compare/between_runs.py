"""How far the two sides of a pairing may have drifted apart although nothing changed."""

from __future__ import annotations

from stressbench.compare.pair import Pairing
from stressbench.stats.drift import Drift, assumed

_ENGINE_AXES = frozenset({"role", "variant"})
"""Axes whose values are served by different engines, one after the other."""


def between_sides(pairing: Pairing) -> Drift | None:
    """The drift between the sides; None if they were served by one engine at one time."""
    files = {side.columns.path for side in (pairing.base, pairing.cand)}
    if len(files) == 1 and not pairing.sides.differing & _ENGINE_AXES:
        return None
    return assumed()
