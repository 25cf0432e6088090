"""Runs in, a ``Page`` out: two passes over every file, memory bounded by rows of numbers."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np

from stressbench import __version__, store
from stressbench.compare.comparable import RolePair
from stressbench.compare.comparison import Options, compare_files, compare_roles
from stressbench.compare.degradation import degradation
from stressbench.compare.pair import Pairing, Side, case_means, pair
from stressbench.errors import CompareError, ResultsError, SuiteError
from stressbench.metrics import base as columns
from stressbench.metrics.base import Floats
from stressbench.report.html import figures, story
from stressbench.report.html.sample import Pass
from stressbench.report.html.timeline import Fold, fold
from stressbench.report.html.view import (
    Fact,
    Flip,
    Model,
    Page,
    Run,
    SampledCase,
    Section,
    Timeline,
    Versus,
)
from stressbench.schema.record import ModelRun
from stressbench.stats.clusters import effective_size
from stressbench.stats.exact import wilson

CASES: Final = 320
"""Cases in the browser, of all runs together."""
_HALF: Final = 0.5

Progress = Callable[[int], None]


def page(paths: Sequence[Path], progress: Progress | None = None) -> Page:
    """Read the runs and reduce them to what the page shows.

    The first run is what the others are compared with; one run with several roles is
    compared within. Raises ``ResultsError`` where a file cannot be read.
    """
    read = [_Read(path, progress) for path in paths]
    names = _names([each.run for each in read])
    runs: list[Run] = []
    cases: list[SampledCase] = []
    for index, each in enumerate(read):
        gathered = Pass(index, CASES // len(read))
        gathered.read(each.run.records())
        runs.append(_run(each, names[index], gathered))
        cases += gathered.sample.chosen()
    title = " and ".join(dict.fromkeys(run.suite for run in runs))
    return Page(
        title=title,
        version=__version__,
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        runs=runs,
        versus=list(_versus(read, names)),
        cases=cases,
        cases_of=sum(run.records for run in runs),
        latency_shares=list(figures.SHARES),
    )


class _Read:
    """A run and its columns."""

    def __init__(self, path: Path, progress: Progress | None) -> None:
        self.run = store.read_run(path)
        self.columns = columns.read(self.run.path, figures.metrics(), progress)
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


def _run(read: _Read, name: str, gathered: Pass) -> Run:
    header, table = read.run.header, read.table
    rows = list(figures.rows(table))
    classes = degradation(read.columns)
    return Run(
        name=name,
        suite=header.suite,
        simulated=header.simulated,
        records=gathered.count,
        ending=story.ending(read.run),
        complete=read.run.end is not None and read.run.end.status == "complete",
        device=_device(read.run),
        facts=list(_facts(read.run)),
        models=[_model(role, model) for role, model in header.models.items()],
        reproduce=_reproduce(read.run),
        headlines=story.headlines(read.run, rows, classes),
        rows=rows,
        cells=list(figures.cells(table)),
        costs=list(figures.costs(table)),
        degradation=classes,
        latency=list(figures.latency(table)),
        timelines=list(_timelines(read, gathered)),
        attention=_section(read, gathered, "attention"),
        routing=_section(read, gathered, "routing"),
        kv_null=dict(gathered.null["kv"]),
    )


def _section(read: _Read, gathered: Pass, family: str) -> Section:
    return Section(
        numbers=list(figures.telemetry(read.table, family)),
        grids=gathered.grids(family),
        null=dict(gathered.null[family].most_common()),
    )


def _timelines(read: _Read, gathered: Pass) -> Iterator[Timeline]:
    folds = fold(store.readings(read.run.directory))
    for role in read.table.roles:
        steps, requests = folds.get(role, Fold()), gathered.requests[role]
        yield Timeline(
            role=role,
            width_s=steps.width_ns / 1e9,
            readings=steps.readings,
            moments=steps.moments(),
            requests=requests.chosen(),
            requests_of=requests.total,
            start_s=(steps.start_ns or 0) / 1e9,
        )


def _device(run: store.Run) -> str:
    machine = run.header.machine
    memory = machine.memory_bytes / 2**30
    return f"{machine.device_name}, {machine.cores} cores, {memory:.0f} GiB ({machine.device})"


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
        "machine": _device(run),
        "driver": machine.driver or "none",
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
        "KV cache": f"{model.kv_blocks:,} blocks of {model.block_size} tokens"
        if model.kv_blocks
        else "not known",
    }
    return Model(
        role=role,
        model=model.model,
        tokenizer=model.tokenizer,
        facts=[Fact(name=name, value=value) for name, value in facts.items()],
    )


def _reproduce(run: store.Run) -> list[str]:
    """Commands that run the same again; the suite itself stands in the file's first line."""
    header = run.header
    command = ["stressbench", "run", header.suite, "--seed", str(header.seed)]
    if header.limit is not None:
        command += ["--limit", str(header.limit)]
    if header.engine != "vllm":
        command += ["--engine", header.engine]
    revision = (header.git_revision or "").partition("+")[0]
    lines = [shlex.join(["git", "checkout", revision])] if revision else []
    return [*lines, shlex.join(command)]


def _versus(read: Sequence[_Read], names: Sequence[str]) -> Iterator[Versus]:
    """The first run against each other one; a single run's first role against the others."""
    first = read[0]
    if len(read) > 1:
        for index in range(1, len(read)):
            yield from _runs(first, read[index], (names[0], names[index]))
        return
    roles = first.table.roles
    for role in roles[1:]:
        pairs = RolePair(roles[0], role)
        comparison, refused = None, None
        try:
            comparison = compare_roles(first.run.path, pairs, Options(allow_partial=True))
        except (CompareError, SuiteError) as error:
            refused = _refusal(error)
        yield Versus(
            kind="roles",
            first=roles[0],
            second=role,
            comparison=comparison,
            refused=refused,
            flips=_flips(first, first, pairs),
        )


def _runs(base: _Read, cand: _Read, names: tuple[str, str]) -> Iterator[Versus]:
    comparison, refused = None, None
    try:
        options = Options(allow_partial=True)
        comparison = compare_files(base.run.path, cand.run.path, options)
    except (CompareError, SuiteError) as error:
        refused = _refusal(error)
    shared = [role for role in base.table.roles if role in cand.table.roles]
    for index, role in enumerate(shared or [""]):
        yield Versus(
            kind="runs",
            first=f"{names[0]}: {role}" if role else names[0],
            second=f"{names[1]}: {role}" if role else names[1],
            comparison=comparison if index == 0 else None,
            refused=refused if index == 0 else None,
            flips=_flips(base, cand, RolePair(role, role)) if role else [],
        )


def _refusal(error: CompareError | SuiteError) -> str:
    return f"{error} ({error.hint})" if error.hint else str(error)


def _flips(base: _Read, cand: _Read, roles: RolePair) -> list[Flip]:
    try:
        paired = pair(base.columns, cand.columns, roles, allow_partial=True)
    except CompareError:
        return []
    paired = paired.where({"arm": "stress"})
    found = [
        _flip(scope["prompt_class"], paired.where(scope))
        for scope in paired.scopes(["prompt_class"])
    ]
    return [flip for flip in found if flip]


def _flip(prompt_class: str, paired: Pairing) -> Flip | None:
    """None where no case was scored in the quality pass on both sides."""
    sides = [_scores(side, len(paired)) for side in (paired.base, paired.cand)]
    there = ~np.isnan(sides[0]) & ~np.isnan(sides[1])
    if not there.any():
        return None
    first, second = (scores[there] for scores in sides)
    found, clusters = np.unique(paired.clusters[there], return_inverse=True)
    equal, right = first == second, first >= _HALF
    ranges = [
        wilson(float(scores.mean()), effective_size(scores, clusters, len(found)))
        for scores in (first, second)
    ]
    return Flip(
        prompt_class=prompt_class,
        n=len(first),
        clusters=len(found),
        first=float(first.mean()),
        first_ci=(ranges[0].low, ranges[0].high),
        second=float(second.mean()),
        second_ci=(ranges[1].low, ranges[1].high),
        both=int(np.sum(equal & right)),
        neither=int(np.sum(equal & ~right)),
        only_first=int(np.sum(first > second)),
        only_second=int(np.sum(second > first)),
    )


def _scores(side: Side, n: int) -> Floats:
    """Each case's mean score in the quality pass."""
    keep = side.quality_pass
    usable = Side(side.columns, side.rows[keep], side.cases[keep], keep[keep])
    return case_means(usable, side.columns.values["quality.score"], n)
