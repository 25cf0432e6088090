"""How far the two sides of a pairing may have drifted apart although nothing changed."""

from __future__ import annotations

from stressbench.compare import interleaved
from stressbench.compare.analysis.spread import Spreads
from stressbench.compare.evaluate import Question
from stressbench.compare.pair import Pairing
from stressbench.compare.sides import model_word
from stressbench.stats.drift import Drift, assumed

_ENGINE_AXES = frozenset({"role", "variant"})
"""Axes whose values are served by different engines."""


def between_sides(
    pairing: Pairing, question: Question, spreads: Spreads, *, seed: int, whole: bool
) -> Drift | None:
    """The drift between the sides: over the blocks of interleaved runs, else of earlier runs.

    Where neither shows it, it is assumed. None if one engine served both sides at one time.
    ``whole`` is true if the question is about all stressed cases of a model, as the levels of
    earlier runs are.
    """
    files = {side.columns.path for side in (pairing.base, pairing.cand)}
    if len(files) == 1 and not pairing.sides.differing & _ENGINE_AXES:
        return None
    base, cand = pairing.base.columns.header, pairing.cand.columns.header
    if interleaved.took_turns(base, cand) and not question.metric.of_run:
        measured = interleaved.drift(pairing, question, seed)
        if measured is not None:
            return measured
    models = (model_word(pairing.sides.base), model_word(pairing.sides.cand))
    return spreads.drift(models, question, whole=whole) or assumed()
