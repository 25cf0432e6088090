"""What a load asked for and what came of it, level by level, and where it saturates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

import msgspec

from stressbench.schema.results.record import CaseRecord
from stressbench.schema.results.run import RunHeader
from stressbench.schema.suite.load import LoadSpec
from stressbench.stats.saturation import SHARE, knee
from stressbench.telemetry.load_levels import CLIENT_SHARE, LevelTally, share_of

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
    f"saturated: less than {SHARE:.0%} of the load added since the level before became throughput,"
    f" more than {SHARE:.0%} became TTFT p95 (since that level or the first), in logarithms;"
    " two such levels end a sweep"
)


@dataclass(slots=True)
class Loads:
    """The tallies of a run by role and level, as its records go by."""

    _tallies: dict[tuple[str, int | None], LevelTally] = field(default_factory=dict)
    _values: dict[int | None, float] = field(default_factory=dict)
    """Rate or concurrency of each level."""

    def watch(self, records: Iterable[CaseRecord]) -> Iterator[CaseRecord]:
        """Pass records on, counting in those that were part of a load."""
        for record in records:
            load = record.load
            if load is not None and record.pass_ == "quality":
                self._tallies.setdefault((record.role_name, load.level), LevelTally()).add(record)
                self._values[load.level] = (load.rate or load.concurrency or 0) * 1.0
            yield record

    def tallies(self, role: str) -> dict[float, LevelTally]:
        """A role's levels by rate or concurrency, rising."""
        mine = [(level, each) for (name, level), each in self._tallies.items() if name == role]
        return {self._values[level]: each for level, each in sorted(mine, key=lambda m: m[0] or 0)}

    @property
    def roles(self) -> list[str]:
        """The roles that a load was put on, in the order of the file."""
        return list(dict.fromkeys(role for role, _ in self._tallies))


class LoadTable(msgspec.Struct, frozen=True, kw_only=True):
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


def load_table(loads: Loads, header: RunHeader) -> LoadTable | None:
    """The table and its verdicts; None for a plain closed loop."""
    if not loads.roles:
        return None
    load = _spec(header)
    sweep = load.arrival == "sweep"
    asked = load.arrival in {"constant", "poisson", "gamma", "sweep"}
    by = "concurrency" if load.concurrency_levels else "asked\nreq/s"
    rows, verdicts, warnings = [], [], []
    for role in loads.roles:
        levels = loads.tallies(role)
        for value, tally in levels.items():
            rows.append([role, *([f"{value:g}"] if asked else []), *_cells(tally)])
            warnings += [f"{role}: {text}" for text in _client(tally)]
        if sweep:
            verdicts.append(f"{role} {_verdict(levels, closed=bool(load.concurrency_levels))}")
    return LoadTable(
        load=describe(load),
        head=["role", *([by] if asked else []), *_HEADINGS],
        rows=rows,
        verdicts=verdicts,
        warnings=warnings,
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


def _spec(header: RunHeader) -> LoadSpec:
    try:
        return msgspec.convert(header.suite_spec.get("load", {}), LoadSpec)
    except msgspec.ValidationError:  # of another version
        return LoadSpec()


def _cells(tally: LevelTally) -> Iterator[str]:
    yield f"{tally.n:,}"
    yield str(tally.n - tally.ok)
    for rate in (tally.requested_rate, tally.achieved_rate, tally.request_throughput):
        yield _number(rate, "{:,.2f}")
    yield _number(tally.output_throughput, "{:,.1f}")
    yield _number(tally.in_flight, "{:,.1f}")
    yield _number(share_of(tally.ttft_ms, 0.5), "{:,.0f}")
    yield _number(share_of(tally.ttft_ms, 0.95), "{:,.0f}")
    yield _number(share_of(tally.e2el_ms, 0.95), "{:,.0f}")
    yield _number(share_of(tally.delay_ms, 0.5), "{:,.1f}")
    yield _number(share_of(tally.delay_ms, 0.99), "{:,.1f}")
    yield _number(share_of(tally.held_ms, 0.99), "{:,.1f}")


def _verdict(levels: dict[float, LevelTally], *, closed: bool) -> str:
    """Where the sweep of one role saturates, against its first level."""
    unit = "" if closed else " requests/s"
    points = [tally.point(value) for value, tally in levels.items()]
    at = knee(points)
    if at is None:
        top = f"{points[-1].load:g}{unit}" if points else "no level"
        return f"is not saturated at {top}: a higher level would tell"
    first, found = points[0], points[at]
    what = "concurrency " if closed else ""
    parts = []
    if first.ttft_p95 and found.ttft_p95:
        parts.append(f"TTFT p95 {found.ttft_p95 / first.ttft_p95:.1f} times that at {first.load:g}")
    if first.throughput > 0:
        parts.append(f"throughput {found.throughput / first.throughput - 1:+.0%}")
    return f"saturates at {what}{found.load:g}{unit} ({', '.join(parts)})"


def _client(tally: LevelTally) -> Iterator[str]:
    """A warning where the client was the bottleneck, and how that was judged."""
    late, ttft = share_of(tally.late_ms, 0.99), share_of(tally.ttft_ms, 0.5)
    if tally.client_bound and late is not None and ttft is not None:
        yield (
            f"the client was the bottleneck: it sent {late:,.1f} ms late (p99), more than"
            f" {CLIENT_SHARE:.0%} of a median TTFT of {ttft:,.1f} ms"
        )


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)
