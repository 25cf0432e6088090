"""A load in words: what it was, its table, and where it saturates."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stressbench.report.model.engine.view import LevelReport, LoadKnee, LoadReport
from stressbench.report.model.page.view import LoadTable
from stressbench.schema.suite.load import LoadSpec
from stressbench.stats.series.saturation import SHARE
from stressbench.telemetry.load_levels import CLIENT_SHARE

_HEADINGS: Final = (
    "n",
    "failed",
    "due\nreq/s",
    "sent\nreq/s",
    "answered\nreq/s",
    "output\ntokens/s",
    "in\nflight",
    "TTFT ms\np50",
    "TTFT ms\np95",
    "E2EL ms\np95",
    "sched. delay\nms p50",
    "sched. delay\nms p99",
    "held ms\np99",
)
_RULE: Final = (
    f"A level is saturated if less than {SHARE:.0%} of the load added since the previous level"
    f" became throughput and more than {SHARE:.0%} became TTFT p95 (against the previous or the"
    " first level), both in logarithms. A sweep ends after two such levels."
)


def load_table(found: LoadReport) -> LoadTable:
    """The load's figures as a table, its verdicts and its warnings."""
    load = found.spec
    sweep = load.arrival == "sweep"
    asked = load.arrival in {"constant", "poisson", "gamma", "sweep"}
    by = "concurrency" if load.concurrency_levels else "asked\nreq/s"
    return LoadTable(
        load=describe(load),
        head=["role", *([by] if asked else []), *_HEADINGS],
        rows=[
            [each.role, *([f"{each.value:g}"] if asked else []), *_cells(each)]
            for each in found.levels
        ],
        verdicts=[
            f"{each.role} {_verdict(each, closed=bool(load.concurrency_levels))}"
            for each in found.knees
        ],
        warnings=[text for each in found.levels for text in _client(each)],
        note=_RULE if sweep else "",
    )


def describe(load: LoadSpec) -> str:
    """The load in a few words: ``poisson, 4 requests/s; warm-up of 8 requests``."""
    parts = [f"{load.arrival}, {_shape(load)}"]
    if load.arrival != "closed" and load.concurrency:
        parts[0] += f", at most {load.concurrency} in flight"
    for name, phase in (("warm-up", load.warmup), ("cool-down", load.cooldown)):
        if phase is not None:
            lasts = f"{phase.requests} requests" if phase.requests else f"{phase.seconds:g} s"
            parts.append(f"{name} of {lasts}")
    if load.cache != "cold":
        parts.append(f"{load.cache} cache")
    return "; ".join(parts)


def _shape(load: LoadSpec) -> str:
    bursts = f", burstiness {load.burstiness:g}" if load.burstiness is not None else ""
    match load.arrival:
        case "closed":
            return f"{load.seats} in flight"
        case "ramp":
            return f"{load.rate:g} to {load.ramp_to:g} requests/s in {load.ramp_s:g} s{bursts}"
        case "step":
            steps = (f"{step.rate:g} requests/s for {step.seconds:g} s" for step in load.steps)
            return ", ".join(steps) + bursts
        case "trace":
            return f"{load.speed or 1:g} times as fast as recorded"
        case "sweep":
            what = "concurrency" if load.concurrency_levels else "requests/s"
            levels = load.concurrency_levels or load.rate_levels
            return f"{what} {', '.join(f'{level:g}' for level in levels)}{bursts}"
        case _:
            return f"{load.rate:g} requests/s{bursts}"


def _cells(level: LevelReport) -> Iterator[str]:
    yield f"{level.n:,}"
    yield str(level.failed)
    for rate in (level.requested_rate, level.achieved_rate, level.request_throughput):
        yield _number(rate, "{:,.2f}")
    yield _number(level.output_throughput, "{:,.1f}")
    yield _number(level.in_flight, "{:,.1f}")
    for latency_ms in (level.ttft_ms_p50, level.ttft_ms_p95, level.e2el_ms_p95):
        yield _number(latency_ms, "{:,.0f}")
    for delay_ms in (level.delay_ms_p50, level.delay_ms_p99, level.held_ms_p99):
        yield _number(delay_ms, "{:,.1f}")


def _verdict(knee: LoadKnee, *, closed: bool) -> str:
    unit = "" if closed else " requests/s"
    if knee.at is None:
        top = "no level" if knee.top is None else f"{knee.top:g}{unit}"
        return f"is not saturated at {top}: add a higher level to find where it saturates"
    parts = []
    if knee.ttft_growth is not None and knee.first is not None:
        parts.append(f"TTFT p95 {knee.ttft_growth:.1f} times that at {knee.first:g}")
    if knee.gain is not None:
        parts.append(f"throughput {knee.gain:+.0%}")
    what = "concurrency " if closed else ""
    return f"saturates at {what}{knee.at:g}{unit} ({', '.join(parts)})"


def _client(level: LevelReport) -> Iterator[str]:
    """A warning where the client was the bottleneck, and how that was judged."""
    if level.client_bound and level.late_ms_p99 is not None and level.ttft_ms_p50 is not None:
        yield (
            f"{level.role}: the client was the bottleneck: it sent {level.late_ms_p99:,.1f} ms"
            f" late (p99), more than {CLIENT_SHARE:.0%} of a median TTFT of"
            f" {level.ttft_ms_p50:,.1f} ms"
        )


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)
