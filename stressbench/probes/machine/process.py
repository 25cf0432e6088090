"""The engine's processes: memory, processor time, faults and context switches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Final

import msgspec
from msgspec import Meta, field

from stressbench.errors import SuiteError
from stressbench.probes.base import ProbeFinding, ProbeSetup, RunningEngine, StepProbe
from stressbench.probes.machine.proc import Proc, ProcessStat
from stressbench.probes.machine.sampling import SampleReduction, Sampling, Values
from stressbench.schema.base import Strict
from stressbench.schema.case import Request
from stressbench.schema.results.run import Reading

_REDUCTIONS: Final = (
    SampleReduction("rss_peak_bytes", "rss_bytes", "max"),
    SampleReduction("pss_peak_bytes", "pss_bytes", "max"),
    SampleReduction("cpu_cores_mean", "cpu_s", "rate"),
    SampleReduction("threads_peak", "threads", "max"),
    SampleReduction("minor_faults", "minor_faults", "growth"),
    SampleReduction("major_faults", "major_faults", "growth"),
    SampleReduction("voluntary_switches", "voluntary_switches", "growth"),
    SampleReduction("involuntary_switches", "involuntary_switches", "growth"),
)
_NO_PROCESS: Final = (
    "the engine has no known process on this machine; for a server on this machine,"
    " set the probe's parameter pids to its process id"
)
_NO_PSS: Final = "no permission to read smaps_rollup of the engine's processes"


class ProcessParams(Strict, frozen=True, kw_only=True):
    """What ``params`` may hold."""

    interval_s: Annotated[float, Meta(ge=0.05, le=60)] = 0.2
    thorough_every: Annotated[int, Meta(ge=1)] = 10
    """PSS and context switches, which cost more, are read at every N-th sample only."""
    pids: list[Annotated[int, Meta(ge=1)]] = field(default_factory=list)
    """Roots of the process tree, if the engine does not know them (a server)."""


class ProcessProbe(StepProbe):
    """RSS, PSS, processor time, threads, page faults and switches of the engine's process tree.

    Read from ``/proc`` at an interval and joined to the requests in flight: peaks, the mean
    number of busy cores, and the growth of counters. A figure is for all of the engine's
    processes together, so it includes the work for other requests in flight.
    """

    section: ClassVar[str] = "process"

    @staticmethod
    def check(params: Mapping[str, object]) -> None:
        _read(params)

    def __init__(self, setup: ProbeSetup, *, proc: Proc | None = None) -> None:
        self._setup = setup
        self._params = _read(setup.params)
        self._proc = proc or Proc()
        self._roots: tuple[int, ...] = ()
        self._tree: list[int] = []
        self._taken = 0
        self._reasons: dict[str, str] = {}
        self._sampling = Sampling(
            self._take,
            interval_s=self._params.interval_s,
            clock=setup.clock,
            seen=self._write,
        )

    async def start(self, served: RunningEngine) -> None:
        self._roots = tuple(self._params.pids) or served.info.processes
        if self._roots:
            await self._sampling.start()

    async def sent(self, key: str, request: Request) -> None:
        self._sampling.sent(key)

    async def finished(self, key: str, *, ok: bool) -> ProbeFinding:
        finding = self._sampling.finished(key, _REDUCTIONS, self._reasons)
        return finding if self._roots else ProbeFinding(fields=None, why_null={"": _NO_PROCESS})

    async def stop(self) -> None:
        await self._sampling.stop()

    def _take(self) -> Values | None:
        thorough = self._taken % self._params.thorough_every == 0
        self._taken += 1
        if thorough:
            self._tree = self._proc.tree(self._roots)
        stats = [stat for pid in self._tree if (stat := self._proc.stat(pid)) is not None]
        if not stats:
            return None
        values: Values = {
            "processes": len(stats),
            "rss_bytes": sum(stat.rss_bytes for stat in stats),
            "cpu_s": sum(stat.cpu_s for stat in stats),
            "threads": sum(stat.threads for stat in stats),
            "minor_faults": sum(stat.minor_faults for stat in stats),
            "major_faults": sum(stat.major_faults for stat in stats),
        }
        return values | self._costly(stats) if thorough else values

    def _costly(self, stats: list[ProcessStat]) -> Values:
        pss = [self._proc.pss_bytes(stat.pid) for stat in stats]
        known = [each for each in pss if each is not None]
        if len(known) < len(pss):
            self._reasons["pss_bytes"] = _NO_PSS
        switches = [self._proc.switches(stat.pid) for stat in stats]
        return {
            "pss_bytes": sum(known) if len(known) == len(pss) else None,
            "voluntary_switches": sum(voluntary for voluntary, _ in switches),
            "involuntary_switches": sum(involuntary for _, involuntary in switches),
        }

    def _write(self, t_ns: int, values: Values) -> None:
        self._setup.write(Reading(probe="process", role=self._setup.role, t_ns=t_ns, values=values))


def _read(params: Mapping[str, object]) -> ProcessParams:
    try:
        return msgspec.convert(params, ProcessParams)
    except msgspec.ValidationError as error:
        raise SuiteError(str(error), where="params") from error


PLUGIN = ProcessProbe
