"""Runs in, a ``Page`` out: two passes over every file, memory bounded by rows of numbers."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from stressbench import __version__, store
from stressbench.compare.analysis.degradation import degradation
from stressbench.errors import ResultsError
from stressbench.metrics import base as columns
from stressbench.metrics.families import by_section
from stressbench.report.model import figures, story
from stressbench.report.model.kv_onset import describe_kv
from stressbench.report.model.load import Loads, load_table
from stressbench.report.model.machine_line import describe_machine
from stressbench.report.model.sample import Pass
from stressbench.report.model.section_view import Section
from stressbench.report.model.sections import ALWAYS, title
from stressbench.report.model.timeline import Fold, fold
from stressbench.report.model.versus import versus
from stressbench.report.model.view import Fact, Model, Page, Run, Timeline
from stressbench.schema.analysis.degradation import ClassDegradation
from stressbench.schema.results.run import ModelRun
from stressbench.store.arrays import ArrayReader

CASES: Final = 320
"""Cases in the browser, of all runs together."""

Progress = Callable[[int], None]


def page(
    paths: Sequence[Path], progress: Progress | None = None, *, treat: Sequence[str] = ()
) -> Page:
    """Read the runs and reduce them to what the page shows.

    The first run is what the others are compared with; one run with several roles is
    compared within. ``treat`` names the factors in which runs differ on purpose.
    Raises ``ResultsError`` where a file cannot be read.
    """
    read = [_Read(path, index, CASES // len(paths), progress) for index, path in enumerate(paths)]
    names = _names([each.run for each in read])
    runs = list(map(_run, read, names))
    title = " and ".join(dict.fromkeys(run.suite for run in runs))
    return Page(
        title=title,
        version=__version__,
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        runs=runs,
        versus=list(versus([each.columns for each in read], names, tuple(treat))),
        cases=[case for each in read for case in each.gathered.sample.chosen()],
        cases_of=sum(run.records for run in runs),
        latency_shares=list(figures.SHARES),
    )


class _Read:
    """A run: what one pass over its records gathers, then the columns of what those have."""

    def __init__(self, path: Path, index: int, cases: int, progress: Progress | None) -> None:
        self.run = store.read_run(path)
        self.gathered = Pass(index, cases, ArrayReader(self.run.directory))
        loads = Loads()
        self.gathered.read(loads.watch(self.run.records()))
        self.load = load_table(loads, self.run.header)
        self.shown = self.gathered.seen.shown()
        wanted = figures.metrics(metric for some in self.shown.values() for metric in some)
        self.columns = columns.read(self.run.path, wanted, progress)
        if not len(self.columns):
            raise ResultsError(
                "the run holds no record yet",
                where=str(self.run.path),
                hint="go on with it: stressbench run --resume RUN_DIR",
            )
        self.table = figures.Table(self.columns)


def _names(runs: Sequence[store.Run]) -> list[str]:
    """A short name for each run: its directory, numbered where two share one."""
    names = [run.path.resolve().parent.name or run.header.run_id for run in runs]
    return [
        name if names.count(name) == 1 else f"{name} ({index + 1})"
        for index, name in enumerate(names)
    ]


def _run(read: _Read, name: str) -> Run:
    header, table, gathered = read.run.header, read.table, read.gathered
    rows = list(figures.rows(table))
    classes = [_bounded(each) for each in degradation(read.columns)]
    return Run(
        name=name,
        suite=header.suite,
        simulated=header.simulated,
        records=gathered.count,
        ending=story.ending(read.run),
        complete=read.run.end is not None and read.run.end.status == "complete",
        device=describe_machine(read.run.header.machine),
        facts=list(_facts(read.run)),
        models=[_model(role, model) for role, model in header.models.items()],
        reproduce=_reproduce(read.run),
        headlines=story.headlines(read.run, rows, classes),
        rows=rows,
        cells=list(figures.cells(table)),
        costs=list(figures.costs(table, classes)),
        degradation=classes,
        latency=list(figures.latency(table)),
        load=read.load,
        timelines=list(_timelines(read)),
        sections=list(_sections(read)),
        kv_null=gathered.seen.reasons("kv"),
    )


def _bounded(each: ClassDegradation) -> ClassDegradation:
    """Intervals of losses cut to what a difference of two scores can be."""
    losses = [
        msgspec.structs.replace(loss, ci=loss.ci and (max(-1.0, loss.ci[0]), min(1.0, loss.ci[1])))
        for loss in each.losses
    ]
    return msgspec.structs.replace(each, losses=losses)


def _sections(read: _Read) -> Iterator[Section]:
    """What probes found, by section; one that no probe was asked for is left out."""
    seen = read.gathered.seen
    for name in dict.fromkeys((*ALWAYS, *by_section(), *seen.names())):
        section = Section(
            name=name,
            title=title(name),
            filled=seen.filled[name],
            numbers=list(figures.telemetry(read.table, read.shown.get(name, ()))),
            grids=read.gathered.grids(name),
            null=seen.reasons(name),
        )
        if name in ALWAYS or section.numbers or seen.asked(name):
            yield section


def _timelines(read: _Read) -> Iterator[Timeline]:
    folds = fold(store.readings(read.run.directory))
    for role in read.table.roles:
        steps, requests = folds.get(role, Fold()), read.gathered.requests[role]
        yield Timeline(
            role=role,
            width_s=steps.width_ns / 1e9,
            readings=steps.readings,
            moments=steps.moments(),
            requests=requests.chosen(),
            requests_of=requests.total,
            start_s=(steps.start_ns or 0) / 1e9,
        )


def _facts(run: store.Run) -> Iterator[Fact]:
    header, machine = run.header, run.header.machine
    pairs = {
        "run id": header.run_id,
        "file": str(run.path),
        "started": header.started_at,
        "ended": story.ending(run),
        "suite": f"{header.suite} (sha256 {header.suite_sha256[:16]})",
        "seed": str(header.seed),
        "limit": "none" if header.limit is None else str(header.limit),
        "engine": header.engine + (" (simulated)" if header.simulated else ""),
        "stressbench": f"{header.stressbench}, git {header.git_revision or 'unknown'}",
        "machine": describe_machine(machine),
        "driver": machine.driver or "none",
        "instructions": ", ".join(machine.isa) or "not known",
        "system": f"{machine.os}, Python {machine.python}",
        "packages": ", ".join(f"{name} {v}" for name, v in machine.packages.items()),
    }
    return (Fact(name=name, value=value) for name, value in pairs.items())


def _model(role: str, model: ModelRun) -> Model:
    why = model.why_null
    facts = {
        "model": model.model,
        "revision": model.revision or f"null: {why.get('revision', 'no reason was recorded')}",
        "weights sha256": model.sha256 or f"null: {why.get('sha256', 'no reason was recorded')}",
        "architecture": model.architecture or "not known",
        "dtype": model.dtype or "not known",
        "tokenizer": f"{model.tokenizer} (sha256 {model.tokenizer_sha256[:16]})",
        "window": f"{model.max_model_len:,} tokens" if model.max_model_len else "not known",
        "KV cache": _cache(model),
    }
    return Model(
        role=role,
        model=model.model,
        tokenizer=model.tokenizer,
        facts=[Fact(name=name, value=value) for name, value in facts.items()],
    )


def _cache(model: ModelRun) -> str:
    if model.kv is not None:
        return describe_kv(model.kv)
    blocks = model.kv_blocks
    return f"{blocks:,} blocks of {model.block_size} tokens" if blocks else "not known"


def _reproduce(run: store.Run) -> list[str]:
    """Commands that make the run again: its file holds the whole suite, overrides included."""
    header = run.header
    revision = (header.git_revision or "").partition("+")[0]
    lines = [shlex.join(["git", "checkout", revision])] if revision else []
    return [*lines, shlex.join(["stressbench", "run", "--from", str(run.directory)])]
