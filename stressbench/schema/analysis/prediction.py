"""Whether telemetry predicts failure: one row a set of features, for each role of a run."""

from __future__ import annotations

import msgspec

from stressbench.schema.base import Open


class Predictor(Open, frozen=True, kw_only=True):
    """One set of features: how well it tells failed answers from good ones out of fold."""

    features: str
    """What it looks at, in words."""
    columns: int
    auroc: float
    """0.5 tells nothing, 1 everything; failed and good rows of one fold are compared."""
    ci: tuple[float, float] | None
    """95 %, clusters resampled."""
    gain: float | None
    """AUROC above that of class, arm and length; null for what these alone predict."""
    gain_ci: tuple[float, float] | None


class Prediction(Open, frozen=True, kw_only=True):
    """What can be said about the failures of one role."""

    role: str
    n: int
    failures: int
    left_out: dict[str, int] = {}
    """Requests that stand in no fit, by the reason; those that failed are among them."""
    clusters: int
    failing_clusters: int
    """Clusters with a failure in them: what the answer really rests on."""
    predictors: list[Predictor]
    why_null: str | None
    """Why there are no predictors."""


def to_json(predictions: list[Prediction]) -> bytes:
    """As one document, indented."""
    return msgspec.json.format(msgspec.json.encode(predictions), indent=2) + b"\n"
