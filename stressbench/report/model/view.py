"""What the page shows, as types: made here, drawn by ``assets/*.js``, nothing computed there.

Every number comes with what it rests on (``n`` rows, ``clusters`` independent items, a
95 % interval where one can be had); a null comes with its reason.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from stressbench.report.model.load import LoadTable
from stressbench.report.model.section_view import Estimate, Range, Section, View
from stressbench.schema.analysis.comparison import Comparison
from stressbench.schema.analysis.degradation import ClassDegradation

Tone: TypeAlias = Literal["good", "bad", "unclear", "plain"]


class Row(View, frozen=True, kw_only=True):
    """One prompt class under one arm and role."""

    prompt_class: str
    arm: str
    role: str
    n: int
    clusters: int
    score: float | None
    """Mean over the judged requests; null, as its interval, where none was judged."""
    ci: Range | None
    outcomes: dict[str, int]
    failed: int
    prompt_tokens: float | None
    inflation: float | None
    ttft_ms_p50: float | None
    ttft_ms_p95: float | None
    tpot_ms_p50: float | None
    usage_peak: float | None
    preemptions: int | None


class Cell(View, frozen=True, kw_only=True):
    """Quality at one place of length (tokens) and depth; a place is a value, or a bin of many.

    ``depth`` is null where the class has none.
    """

    role: str
    prompt_class: str
    length: Range
    depth: Range | None
    n: int
    clusters: int
    score: float
    ci: Range


class Cost(View, frozen=True, kw_only=True):
    """What a class's content costs in tokens, and what the same stress does to quality.

    ``spread`` is the 5 % to 95 % range over rows. ``delta`` is quality less that of the
    benign twin, null (with no ``n``) where the class has no twins.
    """

    role: str
    tokenizer: str
    prompt_class: str
    inflation: float
    spread: Range
    n: int
    delta: Estimate
    bytes_per_token: float | None


class Curve(View, frozen=True, kw_only=True):
    """A latency's distribution: ``values[i]`` is its ``shares[i]`` quantile, milliseconds.

    ``p50`` and ``p95`` have distribution-free intervals; ``missing`` counts requests
    without a value (failed, or one output token).
    """

    metric: str
    summary: str
    role: str
    prompt_class: str | None
    n: int
    clusters: int
    missing: int
    values: list[float]
    p50: Range
    p95: Range


class Moment(View, frozen=True, kw_only=True):
    """Some scheduler steps: worst usage and queue, sum of preemptions, from ``t_s`` on."""

    t_s: float
    steps: int
    usage: float | None
    waiting: float | None
    running: float | None
    preemptions: float
    slots: float | None = None
    """Tokens stored, where the engine tells."""


class Sent(View, frozen=True, kw_only=True):
    """One request on the timeline of its role."""

    case_id: str
    prompt_class: str
    t_s: float
    e2el_ms: float
    preemptions: int | None


class Timeline(View, frozen=True, kw_only=True):
    """One role's engine over time, ``width_s`` seconds a moment; a sample of its requests."""

    role: str
    width_s: float
    start_s: float
    """When the first reading was taken, on the run's clock."""
    readings: int
    moments: list[Moment]
    requests: list[Sent]
    requests_of: int


class Flip(View, frozen=True, kw_only=True):
    """Two sides on identical cases of a class: who answers better, case by case."""

    prompt_class: str
    n: int
    clusters: int
    first: float
    first_ci: Range
    second: float
    second_ci: Range
    both: int
    """Equal scores of at least one half."""
    neither: int
    """Equal scores below it."""
    only_first: int
    only_second: int


class Versus(View, frozen=True, kw_only=True):
    """Two roles of one run, or one role of two runs; the comparison, or why there is none."""

    first: str
    second: str
    base: str
    cand: str
    """What the comparison compares: two roles, or two whole runs."""
    comparison: Comparison | None
    refused: str | None
    flips: list[Flip]


class Fact(View, frozen=True, kw_only=True):
    """A name and a text."""

    name: str
    value: str


class Model(View, frozen=True, kw_only=True):
    """A role and the facts of its model."""

    role: str
    model: str
    tokenizer: str
    facts: list[Fact]


class Headline(View, frozen=True, kw_only=True):
    """One sentence of the summary: what broke and where."""

    tone: Tone
    where: str
    text: str
    role: str | None = None
    prompt_class: str | None = None
    """Where the cases behind it are found."""


class Run(View, frozen=True, kw_only=True):
    """One run, aggregated."""

    name: str
    """Short and unique among the runs of the page."""
    suite: str
    simulated: bool
    records: int
    ending: str
    complete: bool
    device: str
    facts: list[Fact]
    models: list[Model]
    reproduce: list[str]
    headlines: list[Headline]
    rows: list[Row]
    cells: list[Cell]
    costs: list[Cost]
    degradation: list[ClassDegradation]
    latency: list[Curve]
    load: LoadTable | None
    timelines: list[Timeline]
    sections: list[Section]
    """What probes found, in the order of reading."""
    kv_null: dict[str, int]


class Piece(View, frozen=True, kw_only=True):
    """A stretch of an excerpt: text as it is, marked, or left out (``cut`` characters)."""

    text: str = ""
    mark: Literal["", "needle", "answer"] = ""
    cut: int = 0


class Part(View, frozen=True, kw_only=True):
    """Where a part of the prompt lies, as shares of its tokens."""

    role: str
    start: float
    end: float


class SampledCase(View, frozen=True, kw_only=True):
    """One case of the browser."""

    run: int
    case_id: str
    prompt_class: str
    arm: str
    role: str
    outcome: str
    status: str
    score: float | None
    scorer: str
    prompt: list[Piece]
    parts: list[Part]
    output: list[Piece]
    expected: list[str]
    error: str | None
    facts: list[Fact]


class Page(View, frozen=True, kw_only=True):
    """Everything that the page shows."""

    title: str
    version: str
    made_at: str
    runs: list[Run]
    versus: list[Versus]
    cases: list[SampledCase]
    cases_of: int
    latency_shares: list[float]
