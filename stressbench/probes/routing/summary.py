"""From one request's routing to the fields of its record and their arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from stressbench.probes.base import Figure, ProbeFinding
from stressbench.probes.routing.request_routing import RequestRouting
from stressbench.telemetry import routing
from stressbench.telemetry.routing import Mask

if TYPE_CHECKING:
    from stressbench.probes.base import Array

RANKS: Final = (2, 4, 8)
"""Expert-parallel group sizes for which placement is simulated."""
_PAIR_CELLS: Final = 1 << 16
"""The largest co-activation array that is kept, in elements: 30 layers of 46 experts."""
_NO_TOKENS: Final = "no token of this phase was run"
_NOTHING_VALID: Final = "no row of this phase has k distinct experts"
_NO_NEIGHBOURS: Final = "no two neighbouring tokens were run"
_SCORING: Final = "the router's scoring function is not understood"
_RANKS: Final = "more ranks than experts"
_NO_LOGITS: Final = "the engine returned the chosen experts without their logits"
_NO_STEPS: Final = "the engine did not report which requests shared a step"

_REASONS: Final = {
    "churn_mean": _NO_NEIGHBOURS,
    "confidence_mean": _SCORING,
    "margin_mean": _SCORING,
    "router_entropy_norm_mean": _SCORING,
    "distinct_experts_mean": _NO_STEPS,
}


def finding(
    routed: RequestRouting, prompt: Sequence[int], *, keep_ids: bool = False
) -> ProbeFinding:
    """The record's ``routing`` section: means over layers, for the whole request and by phase.

    ``prompt`` are the prompt's token ids. Prefill is every token of the prompt, decode every
    generated token that was fed back. The arrays are the load by phase, layer and expert; the
    co-activation if it is small; and with ``keep_ids`` the prompt, and each token's experts
    and margins.
    """
    decoded = routed.positions >= len(prompt)
    phases = {"": np.ones_like(decoded), "prefill_": ~decoded, "decode_": decoded}
    fields: dict[str, Figure] = {}
    why: dict[str, str] = {}
    for prefix, rows in phases.items():
        part = routed.rows(rows)
        figures = _figures(part) if prefix else _figures(part) | _whole(part)
        fields |= {f"{prefix}{name}": value for name, value in figures.items()}
        empty = _NO_TOKENS if not rows.any() else None if part.valid.any() else _NOTHING_VALID
        why |= {
            f"{prefix}{name}": empty or _reason(name, routed)
            for name, value in figures.items()
            if value is None
        }
    _, layers, k = routed.ids.shape
    fields |= {
        "valid_frac": float(routed.valid.mean()),
        "experts": routed.experts,
        "top_k": k,
        "layers": layers,
        "entropy_norm_least": routing.least_entropy_norm(routed.experts, k),
        "ep_sim_placement": "simulated: contiguous blocks of experts on each rank",
    }
    arrays = _arrays(routed, decoded)
    if keep_ids:
        arrays |= _choices(routed, prompt)
    return ProbeFinding(fields=fields, why_null=why, arrays=arrays)


def _reason(name: str, routed: RequestRouting) -> str:
    reason = _REASONS.get(name, _RANKS)
    return _NO_LOGITS if reason == _SCORING and not len(routed.distinct) else reason


def _figures(part: RequestRouting) -> dict[str, Figure]:
    """Figures of some of a request's tokens; None if there is nothing to count."""
    valid, k = part.valid, part.ids.shape[2]
    counts = routing.load(part.ids, valid, part.experts)
    imbalance = routing.imbalance(counts)
    churn = routing.churn(part.ids, valid, part.positions)
    return {
        "tokens": len(part.positions),
        "imbalance_mean": routing.mean(imbalance),
        "imbalance_max": routing.greatest(imbalance),
        "entropy_norm_mean": routing.mean(routing.entropy_norm(counts)),
        "cv_excess_mean": routing.mean(routing.variation_excess(counts, k)),
        "churn_mean": routing.mean(churn),
        "confidence_mean": routing.mean(part.score("confidence")),
        "margin_mean": routing.mean(part.score("margin")),
        "router_entropy_norm_mean": routing.mean(part.score("entropy_norm")),
        "distinct_experts_mean": routing.mean(_distinct(part)),
    }


def _whole(routed: RequestRouting) -> dict[str, Figure]:
    """Figures that are only given for all tokens of a request together."""
    valid = routed.valid
    counts = routing.load(routed.ids, valid, routed.experts)
    used = np.where(valid.any(axis=0), (counts > 0).sum(axis=1), np.nan)
    figures: dict[str, Figure] = {
        "cv_mean": routing.mean(routing.variation(counts)),
        "gini_mean": routing.mean(routing.gini(counts)),
        "experts_used_mean": routing.mean(used),
    }
    for ranks in RANKS:
        placed = routing.placed_imbalance(counts, ranks)
        figures[f"ep_sim_{ranks}_mean"] = routing.mean(placed)
        figures[f"ep_sim_{ranks}_max"] = routing.greatest(placed)
    return figures


def _distinct(part: RequestRouting) -> NDArray[np.float64]:
    """Experts that the whole batch used in each step of these tokens, (steps, layers)."""
    if not len(part.distinct):
        return np.zeros(0)
    return part.distinct[np.unique(part.step)].astype(np.float64)


def _arrays(routed: RequestRouting, decoded: Mask) -> dict[str, Array]:
    valid = routed.valid
    loads = [
        routing.load(routed.ids[rows], valid[rows], routed.experts) for rows in (~decoded, decoded)
    ]
    arrays: dict[str, Array] = {
        "load_by_expert": (loads[0] + loads[1]).astype(np.int32),
        "load_by_expert_prefill": loads[0].astype(np.int32),
        "load_by_expert_decode": loads[1].astype(np.int32),
    }
    if routed.ids.shape[1] * routed.experts**2 <= _PAIR_CELLS:
        pairs = routing.coactivation(routed.ids, valid, routed.experts)
        arrays["coactivation"] = pairs.astype(np.float32)
    return arrays


def _choices(routed: RequestRouting, prompt: Sequence[int]) -> dict[str, Array]:
    """Every choice, (tokens, layers, k), to compare two runs of a request."""
    return {
        "prompt_ids": np.array(prompt, np.int32),
        "positions": routed.positions.astype(np.int32),
        "ids": routed.ids.astype(np.int32),
        "margins": routed.score("margin").astype(np.float32),
    }
