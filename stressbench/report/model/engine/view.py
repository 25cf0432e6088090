"""What a report shows of the engine during a run, as types."""

from __future__ import annotations

from stressbench.report.model.section_view import Range, View
from stressbench.schema.results.kv import KvLevel
from stressbench.schema.suite.entry import Entry
from stressbench.schema.suite.load import LoadSpec


class LatencyCurve(View, frozen=True, kw_only=True):
    """A latency's distribution: ``values[i]`` is its ``shares[i]`` quantile, milliseconds.

    ``p50`` and ``p95`` have distribution-free intervals; ``missing`` counts requests
    without a value (failed, or one output token).
    """

    metric: str
    summary: str
    role: str
    entry: Entry | None
    n: int
    clusters: int
    missing: int
    values: list[float]
    p50: Range
    p95: Range
    counts: list[int]
    """Requests in intervals of equal width in logarithms, from the least value to the greatest;
    of a whole role only, empty where all values are equal or one is 0."""


class Moment(View, frozen=True, kw_only=True):
    """Scheduler steps from ``t_s`` on: worst usage and queue, sum of preemptions."""

    t_s: float
    steps: int
    usage: float | None
    waiting: float | None
    running: float | None
    preemptions: float
    slots: float | None = None
    """KV slots in use (tokens); null if the engine does not report them."""


class Sent(View, frozen=True, kw_only=True):
    """One request on the timeline of its role."""

    case_id: str
    entry: Entry
    t_s: float
    e2el_ms: float
    preemptions: int | None


class Timeline(View, frozen=True, kw_only=True):
    """One role's engine over time, ``width_s`` seconds a moment, and a sample of its requests."""

    role: str
    width_s: float
    start_s: float
    """When the first reading was taken, on the run's clock."""
    readings: int
    moments: list[Moment]
    requests: list[Sent]
    requests_of: int


class LevelReport(View, frozen=True, kw_only=True):
    """One role at one level of a load."""

    role: str
    value: float
    """Requests a second that were asked for, or requests in flight."""
    n: int
    failed: int
    requested_rate: float | None
    achieved_rate: float | None
    request_throughput: float
    output_throughput: float
    in_flight: float | None
    ttft_ms_p50: float | None
    ttft_ms_p95: float | None
    e2el_ms_p95: float | None
    delay_ms_p50: float | None
    """From due to sent, whatever the cause."""
    delay_ms_p99: float | None
    held_ms_p99: float | None
    """From due to sent, because the limit of requests in flight was reached."""
    late_ms_p99: float | None
    """From when a request could be sent to when it was: the client's own delay."""
    client_bound: bool


class LoadKnee(View, frozen=True, kw_only=True):
    """Where the sweep of one role saturates; ``at`` is null where no level does."""

    role: str
    at: float | None
    first: float | None
    top: float | None
    ttft_growth: float | None
    """TTFT p95 at the knee over that at the first level."""
    gain: float | None
    """Throughput at the knee over that at the first level, less 1."""


class LoadReport(View, frozen=True, kw_only=True):
    """A load: what was asked for, what came of each level, where each role saturates."""

    spec: LoadSpec
    levels: list[LevelReport]
    knees: list[LoadKnee]
    """For a sweep, one for each role."""


class KvMeasured(View, frozen=True, kw_only=True):
    """What the requests of one role and concurrency met; null where no record says."""

    requests: int
    preemptions: int | None
    recomputed_tokens: int | None
    usage_peak: float | None
    waiting_peak: int | None


class KvPressureLevel(View, frozen=True, kw_only=True):
    """One concurrency: predicted and measured."""

    predicted: KvLevel
    predicted_usage: float | None
    measured: KvMeasured


class KvPressure(View, frozen=True, kw_only=True):
    """Where preemption was predicted to begin for one role, and where it did."""

    role: str
    levels: list[KvPressureLevel]
    onset_concurrency: int | None
    tried_concurrency: int
    exact: bool
