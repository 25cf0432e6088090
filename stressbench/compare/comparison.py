"""Compares two sides of one run or of two: read, pair, evaluate, judge."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from stressbench import store
from stressbench.compare.analysis import causes, degradation
from stressbench.compare.analysis.changes import changes
from stressbench.compare.analysis.spread import between_runs
from stressbench.compare.answer import of_question
from stressbench.compare.case_keys import needs_ids
from stressbench.compare.differences import check_treatments
from stressbench.compare.evaluate import Question
from stressbench.compare.gates.cases import parameters
from stressbench.compare.judge import overall
from stressbench.compare.load.knees import knees
from stressbench.compare.paired_runs import PairedRuns, SidePairings, check_headers, of_gate
from stressbench.compare.sides import Contrast
from stressbench.errors import UsageError
from stressbench.metrics import base as columns
from stressbench.metrics.base import Columns
from stressbench.metrics.families import known
from stressbench.metrics.steadiness import unsteady
from stressbench.schema.analysis.comparison import CaseChanges, CauseChange, Comparison, GateFinding
from stressbench.schema.analysis.degradation import ClassDegradation
from stressbench.schema.base import COMPARISON_VERSION
from stressbench.schema.metric import Metric
from stressbench.schema.results.run import RunHeader
from stressbench.schema.suite.gate import Gate, parse
from stressbench.schema.suite.gate_needs import needs_setting

DEFAULT_GATES: Final = ("quality.score drop < 5pt", "failures.rate rise < 5pt")
"""Gates for two files if neither the command line nor the suite declares one."""

_ABSOLUTE_UNITS: Final = frozenset({"fraction", "ratio", "count", "nats", "s"})
"""Headlines in other units are compared as a share of the base."""

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Options:
    """How to compare. ``gates_from`` says where the ``gates`` were written."""

    gates: tuple[str, ...] = ()
    gates_from: str = ""
    by: Contrast | None = None
    """The two sides; None if each file is one side."""
    treat: tuple[str, ...] = ()
    allow_partial: bool = False
    degradation: bool = False
    gates_only: bool = False
    """Skip the exploratory findings: faster, and enough for a CI job."""
    confidence: float = 0.95
    history: tuple[Path, ...] = ()
    """Directories of earlier runs, which measure the drift between runs."""
    changes: bool = True
    """Name the cases that changed most, for which the files are read once more, and what moved
    where answers were lost."""


def compare(
    base: Path, cand: Path | None, options: Options, progress: Progress | None = None
) -> Comparison:
    """Compare two sides: of two runs of a suite, or of one run (``cand`` is None).

    The sides must agree on every axis that ``options.by`` does not name. The gates are those of
    ``options``, else those of the candidate's suite. Gates of the suite that name no sides count
    only if two runs are compared without ``by``; if there are none then, ``DEFAULT_GATES`` count.
    Raises ``CompareError`` if the sides are not comparable, ``ResultsError`` if a file cannot be
    read, ``SuiteError`` for a wrong gate, ``UsageError`` for a side that a run does not have.
    """
    first = store.read_run(base).header
    second = None if cand is None else store.read_run(cand).header
    agenda = _agenda(first, second, options)
    _check_headers(first, second or first, agenda)  # takes no time, so do it before reading records
    wanted, ids, keys = needed(first, second, options)
    if cand is None:
        left, right = columns.read(base, wanted, progress, ids=ids, keys=keys), None
    else:
        settings = (second or first).suite_spec  # both sides are held to the same objectives
        left, right = columns.read_both(
            base, cand, wanted, progress, ids=ids, keys=keys, settings=settings
        )
    return compare_columns(left, right, options)


def compare_columns(base: Columns, cand: Columns | None, options: Options) -> Comparison:
    """``compare`` for columns in memory, read with what ``needed`` names."""
    agenda = _agenda(base.header, None if cand is None else cand.header, options)
    questions = [*map(of_question, agenda.gates), *_headlines(options.confidence)]
    headers = (base.header, base.header if cand is None else cand.header)
    runs = PairedRuns(
        base,
        base if cand is None else cand,
        agenda.contrast,
        agenda.treat,
        allow_partial=options.allow_partial,
        spreads=between_runs(options.history, headers, questions),
    )
    return _compared(runs, agenda, options)


class Needed(NamedTuple):
    """What ``compare_columns`` must find in its columns."""

    metrics: tuple[Metric, ...]
    ids: bool
    keys: tuple[str, ...]
    """Parameters of prompt classes that gates name."""


NOTHING: Final = Needed((), ids=False, keys=())


def needed(base: RunHeader, cand: RunHeader | None, options: Options) -> Needed:
    """What must be read to compare two runs.

    Raises as ``compare`` does for gates and sides.
    """
    agenda = _agenda(base, cand, options)
    names = [gate.metric for gate in agenda.gates]
    if not options.gates_only:
        names += [question.metric.name for question in _headlines(options.confidence)]
        names += [metric.name for metric in causes.metrics()] if options.changes else []
    if options.degradation:
        names += [metric.name for metric in degradation.metrics()]
    ids = agenda.contrast is not None and needs_ids(agenda.contrast)
    ids = ids or any(_asks_for_ids(gate) for gate in agenda.gates)
    metrics = tuple(known()[name] for name in dict.fromkeys(names))
    return Needed(metrics, ids, parameters(agenda.gates))


@dataclass(frozen=True, slots=True)
class _Agenda:
    """What a comparison has to judge; ``contrast`` is None if only gates name sides."""

    gates: list[Gate]
    gates_from: str
    contrast: Contrast | None
    treat: frozenset[str]


def _agenda(base: RunHeader, cand: RunHeader | None, options: Options) -> _Agenda:
    treat = check_treatments(options.treat)
    gates, source = _gates(options, base, cand)
    for gate in gates:
        place = f"{source}: gate {gate.text!r}"
        needs_setting(known()[gate.metric], (cand or base).suite_spec, where=place)
    return _Agenda(gates, source, _contrast(options.by, gates, two_runs=cand is not None), treat)


def _contrast(by: Contrast | None, gates: Iterable[Gate], *, two_runs: bool) -> Contrast | None:
    """The sides; None where one run was named, and only gates say which sides to compare."""
    if by is not None or two_runs:
        return by or Contrast()
    if any(gate.by or gate.limit is not None for gate in gates):
        return None
    raise UsageError(
        "compare needs two runs, or one run and two of its sides or a limit",
        hint="stressbench compare BASE CAND, stressbench compare RUN --roles a,b, or "
        "stressbench compare RUN --gate 'quality.score >= 90pt'",
    )


def _asks_for_ids(gate: Gate) -> bool:
    return bool(gate.by and needs_ids(of_gate(gate)))


def _check_headers(base: RunHeader, cand: RunHeader, agenda: _Agenda) -> None:
    """Raise ``CompareError`` if the headers show that the sides are not comparable."""
    if agenda.contrast is not None:
        check_headers(base, cand, agenda.contrast, agenda.treat)
    for gate in agenda.gates:
        if gate.by:
            check_headers(cand, cand, of_gate(gate), agenda.treat)


def _gates(options: Options, base: RunHeader, cand: RunHeader | None) -> tuple[list[Gate], str]:
    texts, source = options.gates, options.gates_from
    if texts:
        return _parsed(texts, source), source
    source = "the candidate's suite" if cand else "the run's suite"
    spec = (cand or base).suite_spec.get("gates")
    gates = _parsed(map(str, spec), source) if isinstance(spec, list) else []
    if options.by is not None:
        return [gate for gate in gates if gate.by], source
    if cand is None:
        return [gate for gate in gates if gate.by or gate.limit is not None], source
    if not gates:
        source = "the defaults: no gate was declared"
        gates = _parsed(DEFAULT_GATES, source)
    return gates, source


def _parsed(texts: Iterable[str], source: str) -> list[Gate]:
    return [parse(text, known(), where=source) for text in texts]


def _headlines(confidence: float) -> Iterator[Question]:
    """The headline questions of every comparison."""
    for metric in known().values():
        for statistic in metric.headlines:
            yield Question(metric, statistic, metric.unit not in _ABSOLUTE_UNITS, confidence)


def _compared(runs: PairedRuns, agenda: _Agenda, options: Options) -> Comparison:
    judged = runs.judge(agenda.gates)
    base, cand, main = runs.base, runs.cand, runs.main
    by = options.by or Contrast()
    shaky = [*unsteady(base, "base"), *(unsteady(cand, "cand") if cand is not base else ())]
    return Comparison(
        schema_version=COMPARISON_VERSION,
        verdict=overall(judged),
        base=str(base.path),
        cand=str(cand.path),
        base_side=str(by.base),
        cand_side=str(by.cand),
        gates=judged,
        gates_from=agenda.gates_from if agenda.gates else "no gate was declared",
        findings=[] if options.gates_only else runs.explore(lambda: _headlines(options.confidence)),
        changes=_changes(runs, judged, options),
        causes=_causes(main, options),
        knees=[] if main is None or not main.latency else knees(base, cand, main.pairings),
        differences=runs.differences(),
        notes=[*runs.notes(), *(f"{each.side}, {each.role}: {each.text}" for each in shaky)],
        unsteady=shaky,
        simulated=base.header.simulated or cand.header.simulated,
        confidence=options.confidence,
        degradation=_degradation(base, cand) if options.degradation else {},
    )


def _changes(runs: PairedRuns, gates: list[GateFinding], options: Options) -> list[CaseChanges]:
    if not options.changes:
        return []
    return changes(runs, gates, every_role=not options.gates_only)


def _causes(main: SidePairings | None, options: Options) -> list[CauseChange]:
    if main is None or options.gates_only or not options.changes:
        return []
    return causes.causes(main)


def _degradation(base: Columns, cand: Columns) -> dict[str, list[ClassDegradation]]:
    """Degradation within each run."""
    runs = {"base": base} | ({} if cand is base else {"cand": cand})
    return {name: degradation.degradation(run) for name, run in runs.items()}
