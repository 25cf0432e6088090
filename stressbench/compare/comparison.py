"""Compare two sides, of two runs or of one: read, pair, evaluate, judge."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stressbench import store
from stressbench.compare import comparable
from stressbench.compare.evaluate import Question
from stressbench.compare.identity import needs_ids
from stressbench.compare.judge import overall
from stressbench.compare.knees import knees
from stressbench.compare.session import Session, check_headers, of_gate
from stressbench.compare.sides import Contrast
from stressbench.compare.studies import degradation
from stressbench.errors import UsageError
from stressbench.metrics import base as columns
from stressbench.metrics.base import Columns
from stressbench.schema.analysis.comparison import Comparison
from stressbench.schema.analysis.degradation import ClassDegradation
from stressbench.schema.base import COMPARISON_VERSION
from stressbench.schema.metric import Metric, known
from stressbench.schema.suite.gate import Gate, parse

DEFAULT_GATES: Final = ("quality.score drop < 5pt", "failures.rate rise < 5pt")
"""What two files are held to when neither flags nor suite declare a gate."""

_ABSOLUTE_UNITS: Final = frozenset({"fraction", "ratio", "count", "nats", "s"})
"""A headline of another unit is compared as a share of the base."""

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Options:
    """How to compare; ``gates`` are texts, ``gates_from`` says where they were written."""

    gates: tuple[str, ...] = ()
    gates_from: str = ""
    by: Contrast | None = None
    """The two sides; None where each file is one."""
    treat: tuple[str, ...] = ()
    allow_partial: bool = False
    degradation: bool = False
    gates_only: bool = False
    """Leave the exploratory findings out: faster, and all that a job needs."""
    confidence: float = 0.95


def compare(
    base: Path, cand: Path | None, options: Options, progress: Progress | None = None
) -> Comparison:
    """Compare two sides: of two runs of a suite, or of one (``cand`` None).

    What ``options.by`` does not name must be the same on both sides. Gates: those of
    ``options``; else the candidate's suite's, of which those that name no sides count only
    where one run is set against another of the same models; else ``DEFAULT_GATES`` there.
    Raises ``CompareError`` where the sides are not comparable, ``ResultsError`` where a
    file cannot be read, ``SuiteError`` for a bad gate, ``UsageError`` for a side that a
    run does not have.
    """
    treat = comparable.check_treatments(options.treat)
    gates, source = _gates(options, cand, base)
    contrast = _contrast(options.by, cand, gates)
    texts = bool(contrast and needs_ids(contrast)) or any(_asks_for_ids(gate) for gate in gates)
    _check_headers(base, cand or base, contrast, gates, treat)
    wanted = _metrics(gates, options)
    if cand is None:
        left = right = columns.read(base, wanted, progress, ids=texts)
    else:
        left, right = columns.read_both(base, cand, wanted, progress, ids=texts)
    session = Session(left, right, contrast, treat, allow_partial=options.allow_partial)
    return _compared(session, gates, source, options)


def _contrast(by: Contrast | None, cand: Path | None, gates: Iterable[Gate]) -> Contrast | None:
    """The sides; None where one run was named, and only gates say what to set side by side."""
    if by is not None or cand is not None:
        return by or Contrast()
    if any(gate.by for gate in gates):
        return None
    raise UsageError(
        "compare needs two runs, or one run and two sides of it",
        hint="stressbench compare BASE CAND, or stressbench compare RUN --roles a,b",
    )


def _asks_for_ids(gate: Gate) -> bool:
    return bool(gate.by and needs_ids(of_gate(gate))) or "label" in {*gate.per, *gate.where}


def _check_headers(
    base: Path,
    cand: Path,
    contrast: Contrast | None,
    gates: Iterable[Gate],
    treat: frozenset[str],
) -> None:
    """Refuse by the headers alone, which takes no time, what is not comparable."""
    first, second = (store.read_run(path).header for path in (base, cand))
    if contrast is not None:
        check_headers(first, second, contrast, treat)
    for gate in gates:
        if gate.by:
            check_headers(second, second, of_gate(gate), treat)


def _gates(options: Options, cand: Path | None, base: Path) -> tuple[list[Gate], str]:
    texts, source = options.gates, options.gates_from
    if texts:
        return [parse(text, where=source) for text in texts], source
    source = "the candidate's suite" if cand else "the run's suite"
    spec = store.read_run(cand or base).header.suite_spec.get("gates")
    gates = [parse(str(text), where=source) for text in spec] if isinstance(spec, list) else []
    if cand is None or options.by is not None:
        return [gate for gate in gates if gate.by], source
    if not gates:
        source = "the defaults: no gate was declared"
        gates = [parse(text, where=source) for text in DEFAULT_GATES]
    return gates, source


def _metrics(gates: Iterable[Gate], options: Options) -> list[Metric]:
    names = [gate.metric for gate in gates]
    if not options.gates_only:
        names += [question.metric.name for question in _headlines(options.confidence)]
    if options.degradation:
        names += [metric.name for metric in degradation.metrics()]
    return [known()[name] for name in dict.fromkeys(names)]


def _headlines(confidence: float) -> Iterator[Question]:
    """What every comparison holds side by side; what has no value is left out."""
    for metric in known().values():
        for statistic in metric.headlines:
            yield Question(metric, statistic, metric.unit not in _ABSOLUTE_UNITS, confidence)


def _compared(session: Session, gates: Sequence[Gate], source: str, options: Options) -> Comparison:
    judged = session.judge(gates)
    base, cand = session.base, session.cand
    by = options.by or Contrast()
    return Comparison(
        schema_version=COMPARISON_VERSION,
        verdict=overall(judged),
        base=str(base.path),
        cand=str(cand.path),
        base_side=str(by.base),
        cand_side=str(by.cand),
        gates=judged,
        gates_from=source if gates else "no gate was declared",
        findings=[]
        if options.gates_only
        else session.explore(lambda: _headlines(options.confidence)),
        knees=[]
        if session.main is None or not session.main.latency
        else knees(base, cand, session.main.pairings),
        differences=session.differences(),
        notes=session.notes(),
        simulated=base.header.simulated or cand.header.simulated,
        confidence=options.confidence,
        degradation=_degradation(base, cand) if options.degradation else {},
    )


def _degradation(base: Columns, cand: Columns) -> dict[str, list[ClassDegradation]]:
    """How quality falls within each run."""
    runs = {"base": base} | ({} if cand is base else {"cand": cand})
    return {name: degradation.degradation(run) for name, run in runs.items()}
