"""How far the two sides of a pairing may have drifted apart although nothing changed."""

from __future__ import annotations

from stressbench.compare.analysis.spread import Spreads
from stressbench.compare.evaluate import Question
from stressbench.compare.pair import Pairing
from stressbench.compare.sides import model_word
from stressbench.stats.drift import Drift, assumed

_ENGINE_AXES = frozenset({"role", "variant"})
"""Axes whose values are served by different engines, one after the other."""


def between_sides(
    pairing: Pairing, question: Question, spreads: Spreads, *, whole: bool
) -> Drift | None:
    """The drift between the sides: what earlier runs show, else what is assumed.

    None if one engine served both sides at one time. ``whole`` is true if the question is about
    all stressed cases of a model, as the levels of earlier runs are.
    """
    files = {side.columns.path for side in (pairing.base, pairing.cand)}
    if len(files) == 1 and not pairing.sides.differing & _ENGINE_AXES:
        return None
    models = (model_word(pairing.sides.base), model_word(pairing.sides.cand))
    return spreads.drift(models, question, whole=whole) or assumed()
