"""A run's records in, a ``RunReport`` out: one pass, prompts and answers never built.

The only reduction of a run: the terminal, Markdown and the page render its result. Memory
grows by some numbers a record, and by nothing else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from stressbench import store
from stressbench.compare.analysis.degradation import degradation
from stressbench.compare.comparison import NOTHING, Needed
from stressbench.metrics import base as columns
from stressbench.metrics.base import Columns
from stressbench.metrics.families import by_section
from stressbench.metrics.steadiness import unsteady
from stressbench.report.model import by_class, header, story
from stressbench.report.model.doses import condition
from stressbench.report.model.engine.kv_pressure import KvTallies
from stressbench.report.model.engine.latency import latency
from stressbench.report.model.engine.load import LoadTallies
from stressbench.report.model.engine.timeline import timelines
from stressbench.report.model.overview import overview
from stressbench.report.model.section_view import Section
from stressbench.report.model.sections import ALWAYS, Seen, section_metrics, title
from stressbench.report.model.table import Table
from stressbench.report.model.view import RunReport
from stressbench.report.words.machine import describe_machine
from stressbench.schema.analysis.degradation import ClassDegradation
from stressbench.schema.results.record import CaseRecord
from stressbench.schema.results.run import RunHeader

Progress = Callable[[int], None]


class Reduced(NamedTuple):
    """A run's report, and the columns that it was made from."""

    run: store.Run
    report: RunReport
    columns: Columns


def reduce_run(
    path: Path,
    progress: Progress | None = None,
    *,
    more: Needed = NOTHING,
) -> Reduced:
    """Read a run once and reduce it.

    The columns also get what ``more`` names. Raises ``ResultsError`` where the file cannot be
    read.
    """
    run = store.read_run(path)
    watched = _Watched(run.header)
    metrics = [*by_class.metrics(section_metrics()), *more.metrics]
    wanted = {metric.name: metric for metric in metrics}
    read = columns.read(
        run.path, wanted.values(), progress, ids=more.ids, watch=watched, keys=more.keys
    )
    return Reduced(run, _report(run, read, watched), read)


class _Watched:
    """What is counted while the columns are read."""

    paths = (
        "why_null",
        *(f"load.{field}" for field in ("level", "rate", "concurrency", "began_ns", "held_ms")),
        *(f"timing.{field}" for field in ("scheduled_ns", "sent_ns", "finish_ns")),
        *(f"timing.{field}" for field in ("ttft_ms", "e2el_ms")),
        *(f"kv.{field}" for field in ("preemptions", "recomputed_tokens", "usage_peak")),
        "kv.waiting_peak",
        "tokens.output",
    )

    def __init__(self, run: RunHeader) -> None:
        load = run.suite_spec.get("load")
        self._levels = isinstance(load, dict) and load.get("arrival") == "sweep"
        self.passes: Counter[str] = Counter()
        self.seen = Seen()
        self.load = LoadTallies()
        self.kv = KvTallies()

    def condition(self, case_id: str) -> str:
        """The swept parameters."""
        return condition(case_id, levels=self._levels)

    def add(self, record: CaseRecord) -> None:
        """Count one record in."""
        self.passes[record.pass_] += 1
        self.seen.add(record)
        if record.pass_ == "quality":
            self.load.add(record)
            self.kv.add(record)


def _report(run: store.Run, read: Columns, watched: _Watched) -> RunReport:
    table = Table(read)
    rows = list(by_class.rows(table))
    classes = [_bounded(each) for each in degradation(read)]
    return RunReport(
        name=run.path.resolve().parent.name or run.header.run_id,
        suite=run.header.suite,
        seed=run.header.seed,
        engine=run.header.engine,
        simulated=run.header.simulated,
        records=watched.passes.total(),
        resent=watched.passes["telemetry"],
        ending=header.ending(run),
        complete=run.end is not None and run.end.status == "complete",
        device=describe_machine(run.header.machine),
        facts=list(header.facts(run)),
        models=[header.model_facts(role, model) for role, model in run.header.models.items()],
        reproduce=header.reproduce(run),
        headlines=story.headlines(run, rows, classes, unsteady(read)),
        overview=list(overview(table)),
        rows=rows,
        cells=list(by_class.cells(table)),
        costs=list(by_class.costs(table, classes)),
        degradation=classes,
        latency=list(latency(table)),
        load=watched.load.report(run.header),
        kv_pressure=list(watched.kv.pressure(run.header)),
        timelines=list(timelines(run.directory, table.roles)),
        sections=list(_sections(table, watched.seen)),
        kv_null=watched.seen.reasons("kv"),
    )


def _bounded(each: ClassDegradation) -> ClassDegradation:
    """Intervals of losses cut to what a difference of two scores can be."""
    losses = [
        msgspec.structs.replace(loss, ci=loss.ci and (max(-1.0, loss.ci[0]), min(1.0, loss.ci[1])))
        for loss in each.losses
    ]
    return msgspec.structs.replace(each, losses=losses)


def _sections(table: Table, seen: Seen) -> Iterator[Section]:
    """What probes found, by section; one that no probe was asked for is left out."""
    shown = seen.shown()
    for name in dict.fromkeys((*ALWAYS, *by_section(), *seen.names())):
        section = Section(
            name=name,
            title=title(name),
            filled=seen.filled[name],
            numbers=list(by_class.telemetry(table, shown.get(name, ()))),
            grids=[],
            null=seen.reasons(name),
        )
        if name in ALWAYS or section.numbers or seen.asked(name):
            yield section
