"""What the page and the Markdown report show of several runs, as types."""

from __future__ import annotations

from typing import Literal

from stressbench.report.model.section_view import Range, View
from stressbench.report.model.view import Fact, RunReport
from stressbench.schema.analysis.comparison import Comparison
from stressbench.schema.suite.entry import Entry


class LoadTable(View, frozen=True, kw_only=True):
    """The figures of a load as they are shown: text, ready for any page."""

    load: str
    """The load in a few words."""
    head: list[str]
    rows: list[list[str]]
    """One a role and level."""
    verdicts: list[str]
    """Where each role saturates, for a sweep."""
    warnings: list[str]
    """Where the client was the bottleneck."""
    note: str
    """How it was judged."""


class Flip(View, frozen=True, kw_only=True):
    """Two sides on identical cases of an entry: which side answers better, case by case."""

    entry: Entry
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


class Piece(View, frozen=True, kw_only=True):
    """A piece of an excerpt: text as it is, marked text, or ``cut`` characters left out."""

    text: str = ""
    mark: Literal["", "needle", "answer"] = ""
    cut: int = 0


class Part(View, frozen=True, kw_only=True):
    """Where a part of the prompt starts and ends, as shares of its tokens."""

    role: str
    start: float
    end: float


class SampledCase(View, frozen=True, kw_only=True):
    """One case of the browser."""

    run: int
    case_id: str
    entry: Entry
    arm: str
    telemetry: bool
    """Whether it belongs to the telemetry pass."""
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
    runs: list[RunReport]
    loads: list[LoadTable | None]
    """Of each run, ready to be drawn."""
    versus: list[Versus]
    cases: list[SampledCase]
    cases_of: int
    latency_shares: list[float]
