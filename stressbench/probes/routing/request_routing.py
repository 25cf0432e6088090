"""The experts that one request's tokens were routed to, as the worker returns them.

Both sides import this module: the probe in the main process, the capture in the worker.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, cast

import numpy as np
from numpy.typing import NDArray

from stressbench.probes.exchange import Arrays
from stressbench.telemetry.routing import Floats, Ids, Mask, valid_rows

SCORES: Final = ("confidence", "margin", "entropy_norm")
"""The figures kept of the router's softmax (or normalised sigmoid), in this order."""


@dataclass(frozen=True, slots=True)
class RequestRouting:
    """Routing of one request, one row per token: T tokens, L layers, k experts, S steps.

    ``ids`` (T, L, k); ``positions`` (T,) in the request; ``step`` (T,) the engine step that ran
    the token; ``distinct`` (S, L) how many experts the whole batch of a step used, other
    requests included, with S = 0 if that is not known (``of_engine``); ``scores`` (T, L, 3) the
    figures named by ``SCORES``. Confidence is the total probability of the chosen experts.
    Margin is the smallest probability of a chosen expert minus the greatest of one that was not
    chosen; it is negative if a bias or groups overrule the scores. Entropy is that of the
    probabilities over ln E. All are NaN if the router's scoring is not understood.
    """

    experts: int
    ids: Ids
    positions: NDArray[np.int64]
    step: NDArray[np.int64]
    distinct: NDArray[np.int64]
    scores: NDArray[np.float16]

    @property
    def valid(self) -> Mask:
        """Which rows can come from a router, (T, L)."""
        return valid_rows(self.ids, self.experts)

    def score(self, name: str) -> Floats:
        """One of ``SCORES``, (T, L), NaN in rows that are not valid."""
        values = self.scores[:, :, SCORES.index(name)].astype(np.float64)
        return np.where(self.valid, values, np.nan)

    def in_order(self) -> RequestRouting:
        """Rows by position; of a token that ran twice (after a preemption), the last run."""
        _, last = np.unique(self.positions[::-1], return_index=True)
        rows = len(self.positions) - 1 - last
        return self.rows(rows)

    def rows(self, rows: NDArray[np.int64] | Mask) -> RequestRouting:
        """Only these rows."""
        return replace(
            self,
            ids=self.ids[rows],
            positions=self.positions[rows],
            step=self.step[rows],
            scores=self.scores[rows],
        )

    def arrays(self) -> Arrays:
        """Arrays to send from the worker; ``of_arrays`` reads them."""
        return {
            "experts": np.array(self.experts),
            "ids": self.ids,
            "positions": self.positions,
            "step": self.step,
            "distinct": self.distinct,
            "scores": self.scores,
        }


def of_engine(ids: Ids, experts: int) -> RequestRouting:
    """From what vLLM itself returns for one request: (tokens, all hidden layers, k), integers.

    Its rows begin with the first token of the prompt, tokens from the prefix cache included.
    The buffer has zeros for layers that do not route, so layers without a possible row are
    left out. It contains neither logits nor which requests shared a step.
    """
    choices = ids.astype(np.int16)
    routing = valid_rows(choices, experts).any(axis=0)
    tokens, layers = len(choices), int(routing.sum())
    return RequestRouting(
        experts=experts,
        ids=choices[:, routing],
        positions=np.arange(tokens),
        step=np.zeros(tokens, np.int64),
        distinct=np.zeros((0, layers), np.int64),
        scores=np.full((tokens, layers, len(SCORES)), np.nan, np.float16),
    )


def of_arrays(arrays: Arrays) -> RequestRouting:
    """From what ``RequestRouting.arrays`` returned."""
    return RequestRouting(
        experts=int(cast("np.int64", arrays["experts"][()])),
        ids=arrays["ids"].astype(np.int16, copy=False),
        positions=arrays["positions"].astype(np.int64, copy=False),
        step=arrays["step"].astype(np.int64, copy=False),
        distinct=arrays["distinct"].astype(np.int64, copy=False),
        scores=arrays["scores"].astype(np.float16, copy=False),
    )
