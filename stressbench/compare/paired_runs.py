"""Two runs whose sides are paired once, and the gates and questions asked of the pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from stressbench.compare import sides
from stressbench.compare.analysis.spread import Spreads
from stressbench.compare.answer import answer, of_question
from stressbench.compare.differences import RolePair, RunDifference, differences, refuse_undeclared
from stressbench.compare.evaluate import Question
from stressbench.compare.family import Asked, GateQuestion, adjusted
from stressbench.compare.gates.cases import OPEN, gate_cases, measured
from stressbench.compare.judge import finding, judged
from stressbench.compare.model_pairs import matches, model_pairs
from stressbench.compare.pair import Pairing, pair
from stressbench.compare.sides import Contrast, Side
from stressbench.compare.sweep_levels import unfinished
from stressbench.errors import CompareError, SuiteError, UsageError
from stressbench.metrics.base import Columns
from stressbench.metrics.families import known
from stressbench.schema.analysis.comparison import Finding, GateFinding
from stressbench.schema.results.run import RunHeader
from stressbench.schema.suite.gate import Gate
from stressbench.stats.multiple import benjamini_hochberg

_MAY_DIFFER = {
    "role": frozenset({"model", "tokenizer", "engine.args"}),
    "variant": frozenset({"engine.args"}),
}
"""Factors in which sides may differ if they differ on an axis."""


@dataclass(frozen=True, slots=True)
class SidePairings:
    """The pairings of two sides: one for each model and lever that the sides do not name."""

    contrast: Contrast
    pairings: list[Pairing]
    found: list[RunDifference]
    treat: frozenset[str]

    @property
    def latency(self) -> bool:
        """Whether latency is compared: across different devices only if ``treat`` says so."""
        return not self.unlike_devices or "device" in self.treat

    @property
    def unlike_devices(self) -> list[str]:
        """The differences between the devices."""
        return [str(each) for each in self.found if each.factor == "device"]


def check_headers(
    base: RunHeader, cand: RunHeader, contrast: Contrast, treat: frozenset[str]
) -> tuple[list[RolePair], list[RunDifference]]:
    """The pairs of models of two sides, and the allowed differences between the runs.

    Raises ``CompareError`` for an undeclared difference, ``UsageError`` for a role or variant
    that a run does not have.
    """
    models = model_pairs(base, cand, contrast, treat)
    meant = [_MAY_DIFFER.get(axis, frozenset()) for axis in contrast.differing]
    found = differences(base, cand, models)
    return models, refuse_undeclared(found, treat.union(*meant))


def of_gate(gate: Gate) -> Contrast:
    """The sides that a gate names. Raises ``UsageError``."""
    return sides.contrast(gate.by, where=f"gate {gate.text!r}")


def pair_sides(
    base: Columns, cand: Columns, contrast: Contrast, treat: frozenset[str], *, allow_partial: bool
) -> SidePairings:
    """Pair the cases of two sides.

    Raises ``CompareError`` if they are not comparable, ``UsageError`` for a value that a run
    does not have.
    """
    models, found = check_headers(base.header, cand.header, contrast, treat)
    if allow_partial:
        models = _begun(base, cand, models)
    whole = matches(base, cand, models, contrast)
    pairings = [pair(base, cand, each, allow_partial=allow_partial) for each in whole]
    return SidePairings(contrast, pairings, found, treat)


def _begun(base: Columns, cand: Columns, models: list[RolePair]) -> list[RolePair]:
    """The models that both runs have records of; all models if there are none."""
    begun = [
        each
        for each in models
        if each.base in base.labels["role"].names and each.cand in cand.labels["role"].names
    ]
    return begun or models


class PairedRuns:
    """The paired sides of two runs, and the paired sides that gates name.

    ``main`` is None if there is one run and only gates name sides. A gate's sides are both
    within the candidate.
    """

    def __init__(
        self,
        base: Columns,
        cand: Columns,
        contrast: Contrast | None,
        treat: frozenset[str],
        *,
        allow_partial: bool,
        spreads: Spreads = Spreads(),  # noqa: B008  it is frozen
    ) -> None:
        self.base, self.cand, self.treat, self.allow_partial = base, cand, treat, allow_partial
        self.spreads = spreads
        runs = {id(run): run for run in (base, cand)}.values()
        self.partial = [text for run in runs if (text := unfinished(run))]
        if self.partial and not allow_partial:
            raise CompareError(
                self.partial[0],
                hint="finish it with --resume, or compare the recorded part with --allow-partial",
            )
        self.main = None if contrast is None else self._paired(base, contrast)
        self._of_gates: dict[Contrast, SidePairings] = {}
        self._unmeasured: list[str] = []

    def _paired(self, base: Columns, contrast: Contrast) -> SidePairings:
        return pair_sides(base, self.cand, contrast, self.treat, allow_partial=self.allow_partial)

    @property
    def paired(self) -> list[SidePairings]:
        """All paired sides."""
        return [*([self.main] if self.main else []), *self._of_gates.values()]

    def of(self, gate: Gate) -> SidePairings:
        """The paired sides that a gate judges."""
        if gate.by or gate.limit is not None:
            contrast = of_gate(gate) if gate.by else self._itself()
            if contrast not in self._of_gates:
                self._of_gates[contrast] = self._paired(self.cand, contrast)
            return self._of_gates[contrast]
        if self.main is None:
            raise UsageError(
                f"{gate.text!r} compares two runs, but there is only one",
                hint="name a second run, two sides in the gate (by lever=none,clean), or a limit"
                " (>= 90pt)",
            )
        return self.main

    def _itself(self) -> Contrast:
        """The candidate's side, twice: a limit asks about one side."""
        side = self.main.contrast.cand if self.main else Side()
        return Contrast(side, side)

    def judge(self, gates: Sequence[Gate]) -> list[GateFinding]:
        """The verdict of each gate and of its scopes."""
        tested = adjusted([each for gate in gates for each in self.ask(gate)])
        dropped = any(each.dropped for paired in self.paired for each in paired.pairings)
        return [*judged(tested, partial=bool(self.partial) or dropped)]

    def ask(self, gate: Gate) -> Iterator[GateQuestion]:
        """The gate's question to each pair of sides: pooled, and in each of its scopes."""
        metric, paired = known()[gate.metric], self.of(gate)
        if metric.device_bound and not paired.latency:
            raise CompareError(
                f"{gate.text!r} compares latency across different devices: "
                + "; ".join(paired.unlike_devices),
                hint="run both on the same device, or compare the devices with --treat device",
            )
        question = of_question(gate)
        asked = gate_cases(gate, _chosen(gate, paired), whole_load=metric.of_run is not None)
        held = measured(gate, metric, asked)
        self._unmeasured += [
            f"{metric.name} is not judged for {each.pairing.sides.words['role']}, which has none"
            for each in asked
            if each not in held
        ]
        for each in held:
            yield GateQuestion(
                gate,
                answer(each.pairing, question, each.where, self.spreads),
                tuple(
                    answer(each.pairing.where(scope), question, each.where | scope, self.spreads)
                    for scope in each.scopes
                ),
            )

    def explore(self, headlines: Callable[[], Iterator[Question]]) -> list[Finding]:
        """Every headline metric with a value, overall and per entry of the suite."""
        if self.main is None:
            return []
        questions = [
            question
            for question in headlines()
            if self.main.latency or not question.metric.device_bound
        ]
        asked = [
            each
            for pairing in self.main.pairings
            for each in _explored(pairing, questions, self.spreads)
        ]
        found = benjamini_hochberg([1.0 if each.p is None else each.p for each in asked])
        return [
            finding(each, None if each.p is None else p)
            for each, p in zip(asked, found, strict=True)
        ]

    def differences(self) -> list[str]:
        """The differences between the sides, each once."""
        return list(dict.fromkeys(str(each) for paired in self.paired for each in paired.found))

    def notes(self) -> list[str]:
        """Notes that a reader needs in order to read the numbers."""
        notes = [*self.partial, *self._unmeasured, *self.spreads.notes]
        for paired in self.paired:
            for each in paired.pairings:
                notes += each.notes
                if each.dropped:
                    notes.append(
                        f"{each.dropped} cases of {each.sides.words['role']} are on one side only"
                        " and were left out; a partial comparison never passes"
                    )
        differing = {each.factor for paired in self.paired for each in paired.found}
        notes += [
            f"--treat {factor} was given, but {factor} does not differ"
            for factor in sorted(self.treat)
            if factor not in differing
        ]
        if any(not paired.latency for paired in self.paired):
            notes.append("the devices differ: quality is compared, latency is not")
        return list(dict.fromkeys(notes))


def _explored(pairing: Pairing, questions: Sequence[Question], spreads: Spreads) -> Iterator[Asked]:
    stressed = {} if "arm" in pairing.sides.axes else {"arm": "stress"}
    whole = pairing.where(stressed)
    entries = whole.entries()
    for scope in [{}, *(entries if len(entries) > 1 else [])]:
        part = whole.where(scope)
        answers = [answer(part, question, stressed | scope, spreads) for question in questions]
        questions = [each.question for each in answers if each.answer.effect or scope]
        questions = [each for each in questions if not each.metric.of_run]
        yield from (each for each in answers if each.answer.effect or scope)


def _chosen(gate: Gate, paired: SidePairings) -> list[Pairing]:
    """The pairings whose model, variant and lever match a gate's ``where``."""
    wanted: dict[str, str] = {}
    for axis in OPEN:
        if axis in gate.where:
            value = gate.where[axis]
            wanted |= dict(Side.parse(value)) if axis == "role" else {axis: value}
    chosen = [each for each in paired.pairings if wanted.items() <= each.sides.scope.items()]
    if chosen:
        return chosen
    there = list(dict.fromkeys(_spelled(each.sides, wanted) for each in paired.pairings))
    named = ", ".join(f"{axis} {value!r}" for axis, value in wanted.items())
    raise SuiteError(
        f"{named} is not among the compared: {', '.join(there)}", where=f"gate {gate.text!r}"
    )


def _spelled(each: Contrast, wanted: dict[str, str]) -> str:
    """A value that ``where`` could name instead."""
    if set(wanted) == {"lever"}:
        return each.scope["lever"]
    return each.scope["variant"] if set(wanted) == {"variant"} else each.words["role"]
