"""Compare two runs, or two models of one run: read, pair, evaluate, judge."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stressbench import store
from stressbench.compare import comparable, degradation
from stressbench.compare.comparable import Difference, RolePair
from stressbench.compare.evaluate import Question, evaluate
from stressbench.compare.judge import Asked, finding, judge, overall
from stressbench.compare.pair import Pairing, pair
from stressbench.errors import CompareError, SuiteError
from stressbench.metrics import base as columns
from stressbench.metrics.base import Columns
from stressbench.schema.base import COMPARISON_VERSION
from stressbench.schema.comparison import Comparison, Finding, GateFinding
from stressbench.schema.degradation import ClassDegradation
from stressbench.schema.gate import Gate, parse
from stressbench.schema.metric import Metric, known
from stressbench.seeds import derive_seed
from stressbench.stats.multiple import benjamini_hochberg, holm

DEFAULT_GATES: Final = ("quality.score drop < 5pt", "failures.rate rise < 5pt")
"""What two files are held to when neither flags nor suite declare a gate."""

_ABSOLUTE_UNITS: Final = frozenset({"fraction", "ratio", "count", "nats", "s"})
"""A headline of another unit is compared as a share of the base."""
_ROLE_FACTORS: Final = frozenset({"model", "tokenizer", "engine.args"})

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Options:
    """How to compare; ``gates`` are texts, ``gates_from`` says where they were written."""

    gates: tuple[str, ...] = ()
    gates_from: str = ""
    treat: tuple[str, ...] = ()
    allow_partial: bool = False
    degradation: bool = False
    gates_only: bool = False
    """Leave the exploratory findings out: faster, and all that a job needs."""
    confidence: float = 0.95


def compare_files(
    base: Path, cand: Path, options: Options, progress: Progress | None = None
) -> Comparison:
    """Compare two runs of the same suite, role by role.

    Gates: those of ``options``, else the candidate's suite's, else ``DEFAULT_GATES``.
    Raises ``CompareError`` where the runs are not comparable, ``ResultsError`` where a
    file cannot be read, ``SuiteError`` for a bad gate.
    """
    treat = comparable.check_treatments(options.treat)
    gates, source = _gates(options, cand)
    # The headers say whether it is worth reading on.
    first, second = (store.read_run(path).header for path in (base, cand))
    roles = comparable.role_pairs(first, second, treat)
    found = comparable.differences(first, second, roles)
    comparable.refuse_unlike(found, treat)
    left, right = columns.read_both(base, cand, _metrics(gates, options), progress)
    return _Session(left, right, roles, options, found).compare(gates, source)


def compare_roles(
    run: Path, roles: RolePair, options: Options, progress: Progress | None = None
) -> Comparison:
    """Compare two models of one run on identical content; the model is the treatment.

    Without gates of ``options`` nothing is judged: a suite's gates guard one model
    against its own past.
    """
    comparable.check_treatments(options.treat)
    gates = [parse(text, where=options.gates_from) for text in options.gates]
    both = columns.read(run, _metrics(gates, options), progress)
    for role in roles:
        if role not in both.header.models:
            raise CompareError(
                f"the run has no role {role!r}; it has: {', '.join(both.header.models)}",
                where=str(both.path),
            )
    found = comparable.differences(both.header, both.header, [roles])
    comparable.refuse_unlike(found, _ROLE_FACTORS)
    return _Session(both, both, [roles], options, found).compare(gates, options.gates_from)


def _gates(options: Options, cand: Path) -> tuple[list[Gate], str]:
    texts, source = options.gates, options.gates_from
    if not texts:
        spec = store.read_run(cand).header.suite_spec.get("gates")
        texts = tuple(map(str, spec)) if isinstance(spec, list) else ()
        source = "the candidate's suite"
    if not texts:
        texts, source = DEFAULT_GATES, "the defaults: no gate was declared"
    return [parse(text, where=source) for text in texts], source


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


class _Session:
    """One comparison under way: pairings made once, questions asked of them."""

    def __init__(
        self,
        base: Columns,
        cand: Columns,
        roles: Sequence[RolePair],
        options: Options,
        found: Sequence[Difference],
    ) -> None:
        self.base, self.cand, self.options, self.found = base, cand, options, found
        runs = {id(run): run for run in (base, cand)}.values()
        self.partial = [text for run in runs if (text := _unfinished(run))]
        if self.partial and not options.allow_partial:
            raise CompareError(
                self.partial[0],
                hint="finish it with --resume, or compare what is there with --allow-partial",
            )
        self.pairings = [
            pair(base, cand, each, allow_partial=options.allow_partial) for each in roles
        ]
        self.unlike_devices = any(each.factor == "device" for each in found)
        self.latency = not self.unlike_devices or "device" in options.treat

    def compare(self, gates: Sequence[Gate], source: str) -> Comparison:
        judged = self.judge(gates)
        headers = (self.base.header, self.cand.header)
        return Comparison(
            schema_version=COMPARISON_VERSION,
            verdict=overall(judged),
            base=str(self.base.path),
            cand=str(self.cand.path),
            gates=judged,
            gates_from=source if gates else "no gate was declared",
            findings=[] if self.options.gates_only else self.explore(),
            differences=[str(each) for each in self.found],
            notes=self.notes(),
            simulated=any(header.simulated for header in headers),
            confidence=self.options.confidence,
            degradation=self.degradation(),
        )

    def degradation(self) -> dict[str, list[ClassDegradation]]:
        """How quality falls within each run, where that was asked for."""
        if not self.options.degradation:
            return {}
        runs = {"base": self.base} | ({} if self.cand is self.base else {"cand": self.cand})
        return {name: degradation.degradation(run) for name, run in runs.items()}

    def judge(self, gates: Sequence[Gate]) -> list[GateFinding]:
        asked = [(gate, each) for gate in gates for each in self.ask(gate)]
        adjusted = holm([1.0 if each.p is None else each.p for _, each in asked])
        partial = bool(self.partial) or any(pairing.dropped for pairing in self.pairings)
        return [
            judge(each, gate, None if each.p is None else p, partial=partial)
            for (gate, each), p in zip(asked, adjusted, strict=True)
        ]

    def ask(self, gate: Gate) -> Iterator[Asked]:
        """The gate's question in each of its scopes; one without cases where none match."""
        metric = known()[gate.metric]
        if metric.device_bound and not self.latency:
            raise CompareError(
                f"{gate.text!r} compares latency across unlike devices: "
                + "; ".join(str(each) for each in self.found if each.factor == "device"),
                hint="run both on the same device, or measure the device with --treat device",
            )
        question = Question(metric, gate.statistic, gate.relative, gate.confidence)
        where = dict(gate.where)
        role = where.pop("role", None)
        if "arm" not in {*where, *gate.per}:
            where["arm"] = "stress"
        pairings = [each for each in self.pairings if role in {None, each.role}]
        if not pairings:
            known_roles = ", ".join(each.role for each in self.pairings)
            raise SuiteError(
                f"no role {role!r} is compared here, only: {known_roles}",
                where=f"gate {gate.text!r}",
            )
        for pairing in pairings:
            keys = [key for key in gate.per if key != "role"]
            for scope in pairing.where(where).scopes(keys):
                yield _answer(pairing.where(where | scope), question, where | scope)

    def explore(self) -> list[Finding]:
        """Every headline metric that has a value, overall and per prompt class."""
        asked = [each for pairing in self.pairings for each in self._explore(pairing)]
        adjusted = benjamini_hochberg([1.0 if each.p is None else each.p for each in asked])
        return [
            finding(each, None if each.p is None else p)
            for each, p in zip(asked, adjusted, strict=True)
        ]

    def _explore(self, pairing: Pairing) -> Iterator[Asked]:
        questions = [
            question
            for question in _headlines(self.options.confidence)
            if self.latency or not question.metric.device_bound
        ]
        stressed = {"arm": "stress"}
        whole = pairing.where(stressed)
        classes = whole.scopes(["prompt_class"])
        for scope in [{}, *(classes if len(classes) > 1 else [])]:
            part = whole.where(scope)
            answers = [_answer(part, question, stressed | scope) for question in questions]
            questions = [each.question for each in answers if each.answer.effect or scope]
            yield from (each for each in answers if each.answer.effect or scope)

    def notes(self) -> list[str]:
        notes = list(self.partial)
        notes += [
            f"{pairing.dropped} cases of {pairing.role} stand on one side only "
            "and were left out; a partial comparison never passes"
            for pairing in self.pairings
            if pairing.dropped
        ]
        differing = {each.factor for each in self.found}
        notes += [
            f"{factor} was declared the treatment but does not differ"
            for factor in self.options.treat
            if factor not in differing
        ]
        if self.unlike_devices and not self.latency:
            notes.append("the devices differ: quality is compared, latency is not")
        return notes


def _answer(pairing: Pairing, question: Question, scope: dict[str, str]) -> Asked:
    """Ask one question of a pairing that ``scope`` names; the seed is named by both."""
    names = [f"{key}={value}" for key, value in sorted(scope.items())]
    metric = question.metric.name
    seed = derive_seed(0, "compare", metric, question.statistic, pairing.role, *names)
    return Asked(question, {"role": pairing.role, **scope}, evaluate(pairing, question, seed))


def _unfinished(run: Columns) -> str | None:
    """A sentence saying how a run was cut short, or None for a complete one."""
    if run.end is None:
        return f"{run.path} has no end line: the run was killed or is still going on"
    recorded = sum(run.end.counts.values())
    if run.end.status != "complete" or recorded < run.end.planned:
        return f"{run.path} is {run.end.status}: {recorded} of {run.end.planned} requests"
    return None
