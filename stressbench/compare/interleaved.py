"""The drift between two sides whose engines took turns, measured over their blocks.

Block k of one side was measured next to block k of the other. If the machine drifts, the ratio
of the two sides changes from block to block by more than the choice of requests explains. With
blocks in place of items as the unit of independence, the standard error covers both.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

import numpy as np

from stressbench.compare.evaluate import Question, evaluate
from stressbench.compare.pair import Pairing
from stressbench.schema.results.run import RunHeader
from stressbench.stats.drift import Drift

FEWEST_BLOCKS: Final = 6
"""With fewer, the spread between blocks is hardly known."""


def took_turns(base: RunHeader, cand: RunHeader) -> bool:
    """Whether the engines of two runs, or of one run, took turns."""
    if base.interleaved is None or cand.interleaved is None:
        return False
    if base.run_id == cand.run_id:
        return base.interleaved.with_ is None
    return (base.interleaved.with_, cand.interleaved.with_) == (cand.run_id, base.run_id)


def drift(pairing: Pairing, question: Question, seed: int) -> Drift | None:
    """The standard error, over blocks, of the log ratio of the two sides.

    A bootstrap of K blocks gives a variance of (K - 1) / K of the true one, which is corrected
    here. None with fewer than ``FEWEST_BLOCKS`` blocks that have values on both sides.
    """
    rows, columns = pairing.base.rows, pairing.base.columns
    if not len(columns.blocks) or np.isnan(columns.blocks[rows]).any():
        return None
    blocks = np.empty(len(pairing), np.int64)
    blocks[pairing.base.cases] = columns.blocks[rows]  # all rows of a case are in one block
    present, codes = np.unique(blocks, return_inverse=True)
    of_blocks = replace(pairing, clusters=codes, n_clusters=len(present))
    effect = evaluate(of_blocks, replace(question, relative=True), seed).effect
    if effect is None or effect.se is None or effect.clusters < FEWEST_BLOCKS:
        return None
    number = effect.clusters
    # Sides that agree everywhere did not drift; ``se`` then speaks of unseen items, not blocks.
    spread = effect.se if effect.varied else 0.0
    return Drift(
        se=math.sqrt(number / (number - 1)) * spread,
        df=number - 1,
        source=f"measured over {number} blocks in which the two sides took turns",
        covers_sampling=True,
    )
