"""The result of a comparison: what ``compare --format json`` prints."""

from __future__ import annotations

from typing import Literal, TypeAlias

from stressbench.schema.analysis.degradation import ClassDegradation
from stressbench.schema.analysis.steadiness import Unsteady
from stressbench.schema.base import Open

Verdict: TypeAlias = Literal["pass", "regression", "inconclusive", "unopened"]
"""``unopened``: a scope that was not judged alone, because all scopes together show no loss."""
Overall: TypeAlias = Literal["pass", "regression", "inconclusive", "ungated"]


class Missing(Open, frozen=True, kw_only=True):
    """Paired cases left out because one side has no value for the metric (null or failed)."""

    base: int
    """Cases without a value in the base only."""
    cand: int
    """Cases without a value in the candidate only."""


class Finding(Open, frozen=True, kw_only=True):
    """One metric compared in one scope.

    ``delta``, ``ci``, ``mde`` and ``noise`` are in the metric's unit, or a share of the base if
    ``relative`` is true. ``why`` has the reason of a null.
    """

    metric: str
    statistic: str
    """``mean`` or a percentile (``p95``)."""
    unit: str
    relative: bool
    """True if differences are shares of the base."""
    scope: dict[str, str]
    """What was compared: a value for each axis or key, ``a->b`` on the axis that differs."""
    n: int
    """Number of paired cases."""
    clusters: int
    """Number of independent base items among them."""
    missing: Missing
    base: float | None
    """The statistic of the base, in the metric's unit."""
    cand: float | None
    """The statistic of the candidate, in the metric's unit."""
    delta: float | None
    """cand - base, or cand / base - 1 if ``relative`` is true."""
    ci: tuple[float, float] | None
    """Confidence interval of ``delta``."""
    p: float | None
    """Two-sided p-value of no difference, not adjusted."""
    p_adjusted: float | None
    """Adjusted p-value. Of a gate: one-sided, for the family of all gates and scopes. Of an
    exploratory finding: by Benjamini and Hochberg."""
    mde: float | None
    """Smallest true difference that is found with 80 % power. Of a gate: the smallest harm that is
    called a regression with 80 % power; null if none could be, and for a limit."""
    noise: float | None
    """A/A noise floor: the 95 % bound of the difference between unchanged repeats; null with
    fewer than five repeats."""
    drift: str | None = None
    """How far unchanged runs may drift apart, and how that is known; null if nothing can drift.
    It is part of ``ci`` and ``p``."""
    of_run: bool = False
    """True for a figure of a whole load, such as throughput: ``n`` then counts its requests on one
    side, and ``clusters`` the blocks of time that its interval rests on."""
    flips: float | None
    """Share of binary cases whose score changed in either direction. Equal means can hide them."""
    method: str
    """How the interval and the p-value were computed."""
    why: str
    """Why a verdict or a null is what it is; may be empty."""


class GateFinding(Finding, frozen=True, kw_only=True):
    """A declared gate judged in one scope."""

    gate: str
    """The gate as it was written."""
    direction: str
    """``drop``, ``rise`` or ``change``."""
    margin: float
    """Tolerated difference, in the metric's unit or as a share of the base; 0 for a ``limit``."""
    limit: float | None = None
    """The level that the candidate alone must keep, in the metric's unit; null if the gate compares
    two sides. ``base`` is then null, and ``delta`` is cand - limit."""
    confidence: float
    """Confidence level, 0 to 1."""
    level: float
    """One-sided level at which this question was asked, after its share of the family."""
    part: bool = False
    """True for one scope of a ``per`` gate. It can make the gate red; only the whole makes it
    green."""
    verdict: Verdict
    settles_at: int | None
    """Number of independent items with which this gate would reach a verdict if the difference
    stayed as it is; null if it has a verdict, or if the number cannot be computed."""


class Knee(Open, frozen=True, kw_only=True):
    """The load level at which one side of a sweep saturates."""

    level: str | None
    """The first saturated level (``concurrency-16``); null if none is saturated."""
    load: float | None
    """Concurrency of that level in requests, or its rate in requests per second."""
    throughput: float | None
    """Requests answered per second at that level, or at the last level if none is saturated."""
    levels: list[str]
    """All levels of the side, rising."""


class Knees(Open, frozen=True, kw_only=True):
    """The knees of the two sides of a sweep, each over all levels of that side."""

    scope: dict[str, str]
    base: Knee
    cand: Knee


class SideAnswer(Open, frozen=True, kw_only=True):
    """What one side answered to a case; with repeats, all of them together."""

    value: float
    """The metric that the cases are ordered by, in its unit; the mean of the repeats."""
    score: float | None
    """Mean score, 0 to 1; null if no answer was judged."""
    outcomes: dict[str, int]
    """How many repeats had each outcome."""
    answer: str | None
    """The answer of the first repeat, as its scorer understood it; null if there is none, or if
    the suite has ``record_prompts: false``."""


class ChangedCase(Open, frozen=True, kw_only=True):
    """A case whose value changed."""

    case_id: str
    """The case in the base; ``stressbench show RUN CASE_ID`` shows it in full."""
    cand_case_id: str
    """The case in the candidate. It differs only between two arms, labels or loads."""
    base: SideAnswer
    cand: SideAnswer


class CaseChanges(Open, frozen=True, kw_only=True):
    """The cases of one scope that changed most: first those that got worse, the worst first."""

    gate: str | None
    """The gate that the scope belongs to; null if all gates pass or there is none."""
    metric: str
    """The metric that the cases are ordered by."""
    unit: str
    scope: dict[str, str]
    n: int
    """Paired cases with a value on both sides."""
    worse: int
    """Cases that got worse. A gate on any ``change`` counts every changed case."""
    better: int
    """Cases that got better."""
    cases: list[ChangedCase]


class CauseChange(Open, frozen=True, kw_only=True):
    """How many answers were lost where a possible cause moved, and where it did not.

    An answer is lost if its score fell. This is an association between cases of one class, not
    an experiment: what moved may itself follow from the loss, or both from something else.
    """

    scope: dict[str, str]
    cause: str
    """What happened: ``needle lift fell``, ``newly preempted``, ..."""
    metric: str
    """The metric that shows it."""
    n_moved: int
    """Cases in which it happened, in classes that also have others."""
    lost_moved: int
    """Lost answers among them."""
    n_others: int
    """Cases of the same classes in which it did not happen."""
    lost_others: int
    """Lost answers among them."""
    delta: float | None
    """Share of lost answers where it happened minus that of the others, compared within each
    class; positive if answers were lost where it happened."""
    ci: tuple[float, float] | None
    """95 % interval of ``delta``."""
    p: float | None
    """Two-sided p-value of no association."""
    p_adjusted: float | None
    """``p`` adjusted by Benjamini and Hochberg, over all causes and scopes."""
    why: str
    """Why ``delta`` is null; may be empty."""


class Comparison(Open, frozen=True, kw_only=True):
    """The comparison of two sides."""

    schema_version: int
    verdict: Overall
    base: str
    """Records file of the base."""
    cand: str
    """Records file of the candidate."""
    base_side: str = ""
    """The requests of ``base`` that were compared (``dense@fp8``, ``lever=none``); empty for all
    of them, role by role."""
    cand_side: str = ""
    """The requests of ``cand`` that were compared."""
    gates: list[GateFinding]
    gates_from: str
    """Source of the gates: flags, a file, the suite, or the defaults."""
    findings: list[Finding]
    """Exploratory findings: every headline metric, overall and per prompt class."""
    changes: list[CaseChanges] = []
    """The cases that changed most: in the scopes whose gates do not pass, else in each role."""
    causes: list[CauseChange] = []
    """What moved in the cases whose answers were lost, for each role that lost any."""
    knees: list[Knees] = []
    """Knees of the two sides, if the load was swept."""
    differences: list[str]
    """What differs between the runs: versions, arguments, weights, device."""
    notes: list[str]
    """What to know before reading the numbers."""
    unsteady: list[Unsteady] = []
    """Roles whose latency was unsteady in either run; empty if no latency was compared."""
    simulated: bool
    """True if a side was simulated, not measured."""
    confidence: float
    """Confidence level of the exploratory findings, 0 to 1."""
    degradation: dict[str, list[ClassDegradation]] = {}
    """Degradation within each run, by ``base`` and ``cand`` (``base`` alone for two sides of one
    run); empty unless requested."""
