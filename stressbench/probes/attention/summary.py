"""From what the worker captured of one request to the fields of its record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from stressbench.probes.attention.settings import Settings
from stressbench.probes.base import ProbeFinding
from stressbench.telemetry.attention import ROW_FIGURES

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from stressbench.probes.base import Array, Figure

SINK_HEAD_MASS: Final = 0.3
"""A sink head gives the sink more than this share on average over its rows."""
RETRIEVAL_HEAD_SCORE: Final = 0.1
"""A retrieval head has a score above this (Wu et al. 2024, section 2)."""
COLLAPSED_ENTROPY: Final = 0.1
"""A collapsed head has a normalised entropy, sink left out, below this."""
_ANSWER_FIGURES: Final = ("entropy", "entropy_norm", "sink_mass", "recency_mass")
_NO_ROWS: Final = "no selected row of the prompt was computed, or all saw too few keys"
_NO_ANSWER: Final = "no row of the answer was computed"
_NO_NEEDLE: Final = "the prompt has no needle"
_NO_TOKEN: Final = "no generated token was fed back"
_TOO_FEW_KEYS: Final = "no selected row saw enough keys"


def findings(arrays: Mapping[str, Array], settings: Settings) -> ProbeFinding:
    """Fields of the section ``attention``, and the arrays stored with it.

    ``arrays`` are those of ``RequestAttention.arrays``. Means are over layers, heads and rows.
    """
    why: dict[str, str] = {}
    prompt, answer = _by_name(arrays["prompt_figures"]), _by_name(arrays["answer_figures"])
    layers, heads = arrays["retrieval"].shape
    rows = int(arrays["prompt_rows"])
    fields: dict[str, Figure] = {}
    for name, values in prompt.items():
        fields[f"{name}_mean"] = _mean(f"{name}_mean", values, _NO_ROWS, why)
    fields |= _needle(arrays, settings, why)
    for place, role in enumerate(settings.spans):
        name = f"{role}_mass_mean"
        fields[name] = _mean(name, arrays["role_mass"][place], _NO_ANSWER, why)
    for name in _ANSWER_FIGURES:
        field = f"answer_{name}_mean"
        fields[field] = _mean(field, answer[name], _NO_ANSWER, why)
    fields |= {
        "collapsed_heads": _count(
            "collapsed_heads", -prompt["entropy_norm_nosink"], -COLLAPSED_ENTROPY, why
        ),
        "sink_heads": _count("sink_heads", prompt["sink_mass"], SINK_HEAD_MASS, why),
        "heads": layers * heads,
        "queries": rows,
        "queries_mode": settings.queries,
        "exact": rows == len(settings.prompt_ids),
        "answer_queries": int(arrays["answer_rows"]),
        "cached_tokens": int(arrays["cached_tokens"]),
        "row_error": float(arrays["row_error"]),
        "output_error": float(arrays["output_error"]),
    }
    kept = dict(arrays)
    if "needle" in settings.spans:
        kept["needle_lift_by_head"] = arrays["role_lift"][list(settings.spans).index("needle")]
    return ProbeFinding(fields=fields, why_null=why, arrays=kept)


def _by_name(figures: Array) -> dict[str, NDArray[np.float64]]:
    import numpy as np

    return dict(zip(ROW_FIGURES, figures.astype(np.float64), strict=True))


def _needle(
    arrays: Mapping[str, Array], settings: Settings, why: dict[str, str]
) -> dict[str, Figure]:
    """What heads gave the needle while the answer was generated: the best head, and the mean."""
    names = ("needle_mass_max", "needle_lift_max", "needle_lift_mean", "retrieval_score_max")
    fields: dict[str, Figure] = dict.fromkeys((*names, "retrieval_heads"))
    if "needle" not in settings.spans:
        why.update(dict.fromkeys(fields, _NO_NEEDLE))
        return fields
    place = list(settings.spans).index("needle")
    mass, lifts = arrays["role_mass"][place], arrays["role_lift"][place]
    fields |= {
        "needle_mass_max": float(mass.max()),
        "needle_lift_max": float(lifts.max()),
        "needle_lift_mean": float(lifts.mean()),
    }
    if arrays["fed_back"]:
        score = arrays["retrieval"]
        fields["retrieval_score_max"] = float(score.max())
        fields["retrieval_heads"] = int((score > RETRIEVAL_HEAD_SCORE).sum())
    else:
        why.update(dict.fromkeys(("retrieval_score_max", "retrieval_heads"), _NO_TOKEN))
    return fields


def _mean(
    name: str, values: NDArray[np.float64] | Array, reason: str, why: dict[str, str]
) -> float | None:
    """The mean of the figures that exist; None, and why, if none does."""
    import numpy as np

    there = values[~np.isnan(values)]
    if not there.size:
        why[name] = reason
        return None
    return float(there.mean(dtype=np.float64))


def _count(name: str, values: NDArray[np.float64], above: float, why: dict[str, str]) -> int | None:
    """How many heads are above a limit; None, and why, if some head has no figure."""
    import numpy as np

    if np.isnan(values).any():
        why[name] = _TOO_FEW_KEYS
        return None
    return int((values > above).sum())
