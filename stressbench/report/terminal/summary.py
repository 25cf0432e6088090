"""The summary of a run, for a terminal: what each class did to each model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from stressbench.report.model.kv_onset import KvPressure
from stressbench.report.model.load import Loads, load_table
from stressbench.report.model.machine_line import describe_machine
from stressbench.report.model.sections import Seen
from stressbench.report.terminal.load_table import render as render_load
from stressbench.report.terminal.plots import plots
from stressbench.report.terminal.section_table import render as render_sections
from stressbench.schema.results.record import CaseRecord
from stressbench.schema.results.run import ModelRun, RunEnd, RunHeader
from stressbench.schema.suite.roles import of_known_roles
from stressbench.stats.clusters import effective_size
from stressbench.stats.exact import wilson
from stressbench.stats.quantiles import percentile
from stressbench.store import Run

_NO_VALUE = "-"
_WEAK = 0.5
"""A mean score below this is shown as a warning: more wrong than right."""


@dataclass(slots=True)
class Row:
    """One prompt class under one arm and role, as it accumulates."""

    prompt_class: str
    arm: str
    role: str
    n: int = 0
    scores: list[float] = field(default_factory=list)
    clusters: dict[str, int] = field(default_factory=dict)
    """Code of each independent item."""
    codes: list[int] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    prompt_tokens: list[float] = field(default_factory=list)
    inflation: list[float] = field(default_factory=list)
    ttft_ms: list[float] = field(default_factory=list)
    tpot_ms: list[float] = field(default_factory=list)
    kv_peak: float | None = None
    preemptions: int | None = None

    def add(self, record: CaseRecord) -> None:
        """Count one record in; a failed one stays in n and scores 0, an unjudged one has none."""
        self.n += 1
        if record.quality.score is not None:
            self.scores.append(record.quality.score)
            self.codes.append(self.clusters.setdefault(record.cluster_id, len(self.clusters)))
        self.statuses[record.status] += 1
        self.outcomes[record.quality.outcome] += 1
        _append(self.prompt_tokens, record.tokens.prompt)
        _append(self.inflation, record.tokens.inflation)
        _append(self.ttft_ms, record.timing.ttft_ms)
        _append(self.tpot_ms, record.timing.tpot_ms)
        if record.kv is None:
            return
        if record.kv.usage_peak is not None:
            self.kv_peak = max(self.kv_peak or 0.0, record.kv.usage_peak)
        if record.kv.preemptions is not None:
            self.preemptions = (self.preemptions or 0) + record.kv.preemptions

    @property
    def mean_score(self) -> float | None:
        """Quality over all judged requests; a failed one counts 0. None where none was judged."""
        return _average(self.scores)

    @property
    def errors(self) -> int:
        """Requests that failed, timed out or were rejected."""
        return self.n - self.statuses["ok"]


def _average(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _append(values: list[float], value: float | None) -> None:
    if value is not None:
        values.append(value)


def summarise(records: Iterable[CaseRecord]) -> list[Row]:
    """Rows by class, arm and role, in the order of first appearance of class and arm."""
    rows: dict[tuple[str, str, str], Row] = {}
    for record in records:
        key: tuple[str, str, str] = (record.prompt_class, record.arm, record.role_name)
        row = rows.get(key)
        if row is None:
            row = rows[key] = Row(*key)
        row.add(record)
    ranks: list[dict[str, int]] = [{}, {}, {}]
    for key in rows:
        for rank, part in zip(ranks, key, strict=True):
            rank.setdefault(part, len(rank))
    return [
        rows[key]
        for key in sorted(rows, key=lambda key: [r[p] for r, p in zip(ranks, key, strict=True)])
    ]


def summary(run: Run) -> RenderableType:
    """The whole summary: what ran, on what, and the table."""
    loads = Loads()
    pressure = KvPressure()
    passes: Counter[str] = Counter()
    seen = Seen()
    watched = seen.watch(pressure.watch(loads.watch(_records(run))))
    rows = summarise(_quality_pass(watched, passes))
    parts: list[RenderableType] = [_title(run.header), *_models(run.header), _table(rows)]
    parts += [*plots(run, rows), *pressure.render(run.header)]
    load = load_table(loads, run.header)
    parts += [*(render_load(load) if load else ()), *render_sections(run, seen)]
    parts += _notes(run, passes, rows)
    return Group(*parts)


def print_summary(console: Console, run: Run) -> None:
    """Print the summary of a run on ``console``."""
    console.print(summary(run))


def _title(header: RunHeader) -> Text:
    text = Text(header.suite, style="bold")
    text.append(f"  seed {header.seed}, {header.engine}", style="default not bold")
    if header.simulated:
        text.append("  SIMULATED: no number here was measured", style="yellow")
    text.append(f"\n{describe_machine(header.machine)}", style="dim not bold")
    return text


def _models(header: RunHeader) -> Iterator[Text]:
    for role, model in header.models.items():
        yield Text(f"{role}: {model.model}, {_set_up(model)}", style="dim")


def _set_up(model: ModelRun) -> str:
    facts = [
        model.architecture,
        model.dtype,
        f"window {model.max_model_len}" if model.max_model_len else None,
        f"KV {model.kv_blocks} blocks of {model.block_size}" if model.kv_blocks else None,
    ]
    return ", ".join(fact for fact in facts if fact) or "not started"


def _table(rows: list[Row]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1), header_style="bold")
    for heading in ("class", "arm", "role"):
        table.add_column(heading, no_wrap=True)
    for heading in ("n", "quality", "[95 %]"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("most frequent failure", no_wrap=True)
    for heading in (
        "tokens",
        "inflation",
        "TTFT ms\np50",
        "TTFT ms\np95",
        "TPOT ms\np50",
        "KV\npeak",
        "pre-\nempt.",
        "errors",
    ):
        table.add_column(heading, justify="right", no_wrap=True)
    for _, group in groupby(rows, key=lambda row: row.prompt_class):
        shown: tuple[str, str] = ("", "")
        for row in group:
            first = row.prompt_class if row.prompt_class != shown[0] else ""
            second = row.arm if first or row.arm != shown[1] else ""
            shown = (row.prompt_class, row.arm)
            table.add_row(first, second, *_cells(row))
        table.add_section()
    return table


def _cells(row: Row) -> Iterator[str | Text]:
    yield row.role
    yield str(row.n)
    yield from _quality(row)
    yield _failure(row)
    yield _number(_average(row.prompt_tokens), "{:,.0f}")
    yield _number(_average(row.inflation), "{:.2f}x")
    yield _number(_percentile(row.ttft_ms, 0.5), "{:,.0f}")
    yield _number(_percentile(row.ttft_ms, 0.95), "{:,.0f}")
    yield _number(_percentile(row.tpot_ms, 0.5), "{:,.1f}")
    yield _number(row.kv_peak, "{:.0%}")
    yield _number(row.preemptions, "{}")
    yield Text(str(row.errors), style="red" if row.errors else "")


def _quality(row: Row) -> Iterator[str | Text]:
    """Mean score and its interval, over as many answers as the items are worth."""
    mean = row.mean_score
    if mean is None:
        yield from (_NO_VALUE, _NO_VALUE)
        return
    scores, codes = np.asarray(row.scores), np.asarray(row.codes)
    interval = wilson(mean, effective_size(scores, codes, len(row.clusters)))
    yield Text(f"{mean:.2f}", style="red" if mean < _WEAK else "")
    yield Text(f"{interval.low:.2f}-{interval.high:.2f}", style="dim")


def _percentile(values: list[float], share: float) -> float | None:
    return percentile(np.asarray(values), share) if values else None


def _failure(row: Row) -> str:
    failures = [(kind, n) for kind, n in row.outcomes.most_common() if kind != "correct"]
    return f"{failures[0][0]} {failures[0][1]}/{row.n}" if failures else ""


def _number(value: float | None, form: str) -> str:
    return _NO_VALUE if value is None else form.format(value)


def _records(run: Run) -> Iterator[CaseRecord]:
    return of_known_roles(run.records(), run.header.models, run.path)


def _quality_pass(records: Iterable[CaseRecord], passes: Counter[str]) -> Iterator[CaseRecord]:
    """The records that count, all of them counted by pass: probes may slow the other pass."""
    for record in records:
        passes[record.pass_] += 1
        if record.pass_ == "quality":
            yield record


def _notes(run: Run, passes: Counter[str], rows: Sequence[Row]) -> Iterator[Text]:
    total = passes["quality"]
    again = f", {passes['telemetry']} of them sent again for telemetry" * bool(passes["telemetry"])
    yield Text(
        "quality: mean score, failed requests count 0; interval: Wilson, n = effective sample"
        " size; inflation: tokens against the isocontent twin; KV peak: share of blocks in use"
        f" while a request was in flight; {_NO_VALUE} means not known, its reason is in the record",
        style="dim",
    )
    unjudged = sum(row.outcomes["unjudged"] for row in rows)
    if unjudged:
        text = f"{unjudged} answers could not be judged and are in no mean: show tells why"
        yield Text(text, style="yellow")
    yield Text.assemble((f"{total} requests", "bold"), again, _ending(run.end))


def _ending(end: RunEnd | None) -> str:
    if end is None:
        return "; the run has not ended, or was killed"
    text = f" in {end.elapsed_s:,.0f} s"
    if end.status != "complete":
        text += f"; {end.status}, {end.planned} were planned"
    return text + (f": {end.error}" if end.error else "")
