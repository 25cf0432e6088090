"""The result of a comparison: what ``compare --format json`` prints."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from stressbench.schema.analysis.degradation import ClassDegradation
from stressbench.schema.base import Open

Verdict: TypeAlias = Literal["pass", "regression", "inconclusive"]
Overall: TypeAlias = Literal["pass", "regression", "inconclusive", "ungated"]


class Missing(Open, frozen=True, kw_only=True):
    """Paired cases left out because a side has no value for the metric (null or failed)."""

    base: int
    cand: int


class Finding(Open, frozen=True, kw_only=True):
    """One metric compared in one scope.

    ``delta``, ``ci``, ``mde`` and ``noise`` are in the metric's unit, or shares of the
    base where ``relative``. A null has its reason in ``why``.
    """

    metric: str
    statistic: str
    unit: str
    relative: bool
    scope: dict[str, str]
    n: int
    """Cases paired."""
    clusters: int
    """Independent base items among them."""
    missing: Missing
    base: float | None
    cand: float | None
    delta: float | None
    ci: tuple[float, float] | None
    p: float | None
    """Two-sided, of no difference; not adjusted."""
    p_adjusted: float | None
    """Holm over the declared gates, Benjamini-Hochberg over the exploratory findings."""
    mde: float | None
    """Smallest true difference that this many clusters would find with 80 % power."""
    noise: float | None
    """Largest difference that unchanged repeats show (95 %); null without five repeats."""
    flips: float | None
    """Share of binary cases whose answer changed either way; equal means can hide them."""
    method: str
    why: str


class GateFinding(Finding, frozen=True, kw_only=True):
    """A declared gate judged in one scope."""

    gate: str
    direction: str
    margin: float
    confidence: float
    verdict: Verdict
    settles_at: int | None
    """Independent items that would show an unchanged candidate to pass, 80 % of the time."""


class Knee(Open, frozen=True, kw_only=True):
    """Where one side of a sweep saturates."""

    level: str | None
    """The first saturated level: ``concurrency-16``; null where none is."""
    load: float | None
    """Its concurrency or rate."""
    throughput: float | None
    """Requests answered a second there; where none is saturated, at the last level."""
    levels: list[str]
    """All levels that the side went through, rising."""


class Knees(Open, frozen=True, kw_only=True):
    """The knees of two sides of a sweep, each over all of its own levels."""

    scope: dict[str, str]
    base: Knee
    cand: Knee


class Comparison(Open, frozen=True, kw_only=True):
    """Two sets of results side by side."""

    schema_version: int
    verdict: Overall
    base: str
    cand: str
    base_side: str = ""
    """Which requests of ``base``: ``dense@fp8``, ``lever=none``; empty for all, role by role."""
    cand_side: str = ""
    gates: list[GateFinding]
    gates_from: str
    """Where the gates were declared: flags, a file, the suite, or the defaults."""
    findings: list[Finding]
    """Exploratory: every headline metric, overall and per prompt class."""
    knees: list[Knees] = []
    """Where each side of a sweep saturates."""
    differences: list[str]
    notes: list[str]
    simulated: bool
    confidence: float
    degradation: dict[str, list[ClassDegradation]] = {}
    """Per run (``base``, ``cand``; one entry ``base`` for two roles), where it was asked for."""


def to_json(comparison: Comparison) -> bytes:
    """Indented JSON; null where there is no number, never NaN."""
    return msgspec.json.format(msgspec.json.encode(comparison), indent=2) + b"\n"
