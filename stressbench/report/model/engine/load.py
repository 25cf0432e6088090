"""What a load asked for and what came of it, level by level, and where it saturates."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from stressbench.report.model.engine.view import LevelReport, LoadKnee, LoadReport
from stressbench.schema.results.record import CaseRecord
from stressbench.schema.results.run import RunHeader
from stressbench.schema.suite.load import LoadSpec
from stressbench.stats.series.saturation import knee
from stressbench.telemetry.load_levels import LevelTally, share_of


@dataclass(slots=True)
class LoadTallies:
    """The requests of a run's quality pass that were part of a load, by role and level."""

    _tallies: dict[tuple[str, int | None], LevelTally] = field(default_factory=dict)
    _values: dict[int | None, float] = field(default_factory=dict)
    """Rate or concurrency of each level."""

    def add(self, record: CaseRecord) -> None:
        """Count one record in."""
        load = record.load
        if load is not None:
            self._tallies.setdefault((record.role_name, load.level), LevelTally()).add(record)
            self._values[load.level] = (load.rate or load.concurrency or 0) * 1.0

    def report(self, header: RunHeader) -> LoadReport | None:
        """Every level's figures; None for a plain closed loop."""
        roles = list(dict.fromkeys(role for role, _ in self._tallies))
        if not roles:
            return None
        spec = _spec(header)
        return LoadReport(
            spec=spec,
            levels=[
                _level(role, value, tally)
                for role in roles
                for value, tally in self._of_role(role).items()
            ],
            knees=[_knee(role, self._of_role(role)) for role in roles]
            if spec.arrival == "sweep"
            else [],
        )

    def _of_role(self, role: str) -> dict[float, LevelTally]:
        """A role's levels by rate or concurrency, rising."""
        mine = [(level, each) for (name, level), each in self._tallies.items() if name == role]
        return {self._values[level]: each for level, each in sorted(mine, key=lambda m: m[0] or 0)}


def _spec(header: RunHeader) -> LoadSpec:
    try:
        return msgspec.convert(header.suite_spec.get("load", {}), LoadSpec)
    except msgspec.ValidationError:  # of another version
        return LoadSpec()


def _level(role: str, value: float, tally: LevelTally) -> LevelReport:
    return LevelReport(
        role=role,
        value=value,
        n=tally.n,
        failed=tally.n - tally.ok,
        requested_rate=tally.requested_rate,
        achieved_rate=tally.achieved_rate,
        request_throughput=tally.request_throughput,
        output_throughput=tally.output_throughput,
        in_flight=tally.in_flight,
        ttft_ms_p50=share_of(tally.ttft_ms, 0.5),
        ttft_ms_p95=share_of(tally.ttft_ms, 0.95),
        e2el_ms_p95=share_of(tally.e2el_ms, 0.95),
        delay_ms_p50=share_of(tally.delay_ms, 0.5),
        delay_ms_p99=share_of(tally.delay_ms, 0.99),
        held_ms_p99=share_of(tally.held_ms, 0.99),
        late_ms_p99=share_of(tally.late_ms, 0.99),
        client_bound=bool(tally.client_bound),
    )


def _knee(role: str, levels: dict[float, LevelTally]) -> LoadKnee:
    """Where the sweep of one role saturates, against its first level."""
    points = [tally.point(value) for value, tally in levels.items()]
    at = knee(points)
    top = points[-1].load if points else None
    if at is None:
        return LoadKnee(role=role, at=None, first=None, top=top, ttft_growth=None, gain=None)
    first, found = points[0], points[at]
    grown = found.ttft_p95 / first.ttft_p95 if first.ttft_p95 and found.ttft_p95 else None
    gain = found.throughput / first.throughput - 1 if first.throughput > 0 else None
    return LoadKnee(
        role=role, at=found.load, first=first.load, top=top, ttft_growth=grown, gain=gain
    )
