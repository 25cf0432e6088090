"""What a report shows of one run, as types: made in this package, drawn by the renderers.

Every number comes with what it rests on (``n`` rows, ``clusters`` independent items, a
95 % interval where one can be computed); a null comes with its reason.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from stressbench.report.model.engine.view import KvPressure, LatencyCurve, LoadReport, Timeline
from stressbench.report.model.section_view import Estimate, Range, Section, View
from stressbench.schema.analysis.degradation import ClassDegradation
from stressbench.schema.suite.entry import Entry

Tone: TypeAlias = Literal["good", "bad", "unclear", "plain"]


class Row(View, frozen=True, kw_only=True):
    """One entry of the suite under one arm and role."""

    entry: Entry
    arm: str
    role: str
    n: int
    clusters: int
    score: float | None
    """Mean over the judged requests; null, like its interval, where none was judged."""
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


class OverviewRow(View, frozen=True, kw_only=True):
    """One entry and dose on one model: its answers under stress and under each control."""

    entry: Entry
    dose: str
    """Empty where the entry has a single one."""
    role: str
    arms: dict[str, Row]
    """Always with ``stress``; a control that no dose changes is the same in each."""
    probed: dict[str, Estimate]
    """Attention and routing of the stressed requests that probes looked at, by metric."""


class Cell(View, frozen=True, kw_only=True):
    """Quality at one length (tokens) and depth; each is a single value, or a bin of several.

    ``depth`` is null where the entry has none.
    """

    role: str
    entry: Entry
    length: Range
    depth: Range | None
    n: int
    clusters: int
    score: float
    ci: Range


class Cost(View, frozen=True, kw_only=True):
    """What an entry's content costs in tokens, and what the same stress does to quality.

    ``spread`` is the 5 % to 95 % range over rows. ``delta`` is quality minus that of the
    plain twin, null (with ``n`` 0) where the entry has no twins.
    """

    role: str
    tokenizer: str
    entry: Entry
    inflation: float
    spread: Range
    n: int
    delta: Estimate
    bytes_per_token: float | None


class Fact(View, frozen=True, kw_only=True):
    """A name and a text."""

    name: str
    value: str


class Model(View, frozen=True, kw_only=True):
    """A role and the facts of its model."""

    role: str
    model: str
    tokenizer: str
    set_up: str
    """Architecture, data type, window and KV cache in a few words."""
    kv_capacity_tokens: int | None
    facts: list[Fact]


class Headline(View, frozen=True, kw_only=True):
    """One sentence of the summary: what broke and where."""

    tone: Tone
    where: str
    text: str
    role: str | None = None
    entry: Entry | None = None
    """Filters that show the cases behind it."""


class RunReport(View, frozen=True, kw_only=True):
    """One run, reduced: what the terminal, Markdown and the page show of it."""

    name: str
    """Short and unique among the runs of the report."""
    suite: str
    seed: int
    engine: str
    simulated: bool
    records: int
    resent: int
    """How many of ``records`` belong to the telemetry pass."""
    ending: str
    complete: bool
    device: str
    facts: list[Fact]
    models: list[Model]
    reproduce: list[str]
    headlines: list[Headline]
    overview: list[OverviewRow]
    rows: list[Row]
    cells: list[Cell]
    costs: list[Cost]
    degradation: list[ClassDegradation]
    latency: list[LatencyCurve]
    load: LoadReport | None
    kv_pressure: list[KvPressure]
    timelines: list[Timeline]
    sections: list[Section]
    """What probes found, in the order of reading."""
    kv_null: dict[str, int]
