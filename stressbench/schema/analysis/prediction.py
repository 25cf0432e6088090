"""How well telemetry predicts failure: what ``predict --format json`` prints."""

from __future__ import annotations

import msgspec

from stressbench.schema.base import Open


class Predictor(Open, frozen=True, kw_only=True):
    """One set of features, and how well it separates failed answers from good ones."""

    features: str
    """Name of the set."""
    columns: int
    """Number of features."""
    auroc: float
    """Out-of-fold area under the ROC curve: 0.5 is chance, 1 is perfect. Only answers of the same
    fold are compared."""
    ci: tuple[float, float] | None
    """95 % interval of ``auroc``, by bootstrap over clusters."""
    gain: float | None
    """AUROC minus that of class, arm and length; null for those baselines themselves."""
    gain_ci: tuple[float, float] | None
    """95 % interval of ``gain``, by bootstrap over clusters."""


class Prediction(Open, frozen=True, kw_only=True):
    """How well the failures of one role can be predicted."""

    role: str
    n: int
    """Number of answers that the models were fitted to."""
    failures: int
    """Wrong answers among them."""
    left_out: dict[str, int] = {}
    """Number of requests left out of every fit, by reason; failed requests are among them."""
    clusters: int
    """Number of independent items."""
    failing_clusters: int
    """Items with at least one wrong answer; they limit how precise the result can be."""
    predictors: list[Predictor]
    why_null: str | None
    """Why there are no predictors; else null."""


def to_json(predictions: list[Prediction]) -> bytes:
    """Indented JSON."""
    return msgspec.json.format(msgspec.json.encode(predictions), indent=2) + b"\n"
