"""One comparison under way: sides set side by side once, questions asked of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from stressbench.compare import comparable, sides
from stressbench.compare.comparable import Difference, RolePair
from stressbench.compare.evaluate import Question, evaluate
from stressbench.compare.judge import Asked, finding, judge
from stressbench.compare.levels import unfinished
from stressbench.compare.match import matches, model_pairs
from stressbench.compare.pair import Pairing, pair
from stressbench.compare.sides import Contrast, Side
from stressbench.errors import CompareError, SuiteError, UsageError
from stressbench.metrics.base import Columns
from stressbench.schema.analysis.comparison import Finding, GateFinding
from stressbench.schema.axes import AXES
from stressbench.schema.metric import known
from stressbench.schema.results.run import RunHeader
from stressbench.schema.suite.gate import Gate
from stressbench.seeds import derive_seed
from stressbench.stats.multiple import benjamini_hochberg, holm

_OPEN = ("role", "variant", "lever")
"""Axes on which each value is judged by itself."""
_MAY_DIFFER = {
    "role": frozenset({"model", "tokenizer", "engine.args"}),
    "variant": frozenset({"engine.args"}),
}
"""What sides that differ in an axis are meant to differ in."""


@dataclass(frozen=True, slots=True)
class Paired:
    """The pairings of two sides, one for each value of what the sides leave open."""

    contrast: Contrast
    pairings: list[Pairing]
    found: list[Difference]
    treat: frozenset[str]

    @property
    def latency(self) -> bool:
        """Whether latency is compared: not across unlike devices, unless that was meant."""
        return not self.unlike_devices or "device" in self.treat

    @property
    def unlike_devices(self) -> list[str]:
        """The differences of the devices."""
        return [str(each) for each in self.found if each.factor == "device"]


def check_headers(
    base: RunHeader, cand: RunHeader, contrast: Contrast, treat: frozenset[str]
) -> tuple[list[RolePair], list[Difference]]:
    """The models that two sides set side by side, and what differs that may.

    Raises ``CompareError`` for a difference that nobody declared, ``UsageError`` for a role
    or variant that a run does not have.
    """
    models = model_pairs(base, cand, contrast, treat)
    meant = [_MAY_DIFFER.get(axis, frozenset()) for axis in contrast.differing]
    found = comparable.differences(base, cand, models)
    return models, comparable.refuse_unlike(found, treat.union(*meant))


def of_gate(gate: Gate) -> Contrast:
    """The sides that a gate names. Raises ``UsageError``."""
    return sides.contrast(gate.by, where=f"gate {gate.text!r}")


def set_side_by_side(
    base: Columns, cand: Columns, contrast: Contrast, treat: frozenset[str], *, allow_partial: bool
) -> Paired:
    """Pair whatever two sides hold.

    Raises ``CompareError`` where they are not comparable, ``UsageError`` for a value that
    a run does not have.
    """
    models, found = check_headers(base.header, cand.header, contrast, treat)
    if allow_partial:
        models = _begun(base, cand, models)
    whole = matches(base, cand, models, contrast)
    pairings = [pair(base, cand, each, allow_partial=allow_partial) for each in whole]
    return Paired(contrast, pairings, found, treat)


def _begun(base: Columns, cand: Columns, models: list[RolePair]) -> list[RolePair]:
    """The models that both runs have got to; all of them where that is none."""
    begun = [
        each
        for each in models
        if each.base in base.labels["role"].names and each.cand in cand.labels["role"].names
    ]
    return begun or models


class Session:
    """Two sides of a comparison, and those that gates name for themselves.

    ``main`` is None where one run is given and only gates say what to set side by side.
    A gate that names its sides looks for both within the candidate.
    """

    def __init__(
        self,
        base: Columns,
        cand: Columns,
        contrast: Contrast | None,
        treat: frozenset[str],
        *,
        allow_partial: bool,
    ) -> None:
        self.base, self.cand, self.treat, self.allow_partial = base, cand, treat, allow_partial
        runs = {id(run): run for run in (base, cand)}.values()
        self.partial = [text for run in runs if (text := unfinished(run))]
        if self.partial and not allow_partial:
            raise CompareError(
                self.partial[0],
                hint="finish it with --resume, or compare what is there with --allow-partial",
            )
        self.main = None if contrast is None else self._paired(base, contrast)
        self._of_gates: dict[Contrast, Paired] = {}

    def _paired(self, base: Columns, contrast: Contrast) -> Paired:
        return set_side_by_side(
            base, self.cand, contrast, self.treat, allow_partial=self.allow_partial
        )

    @property
    def paired(self) -> list[Paired]:
        """Everything that was set side by side."""
        return [*([self.main] if self.main else []), *self._of_gates.values()]

    def of(self, gate: Gate) -> Paired:
        """What a gate judges."""
        if gate.by:
            contrast = of_gate(gate)
            if contrast not in self._of_gates:
                self._of_gates[contrast] = self._paired(self.cand, contrast)
            return self._of_gates[contrast]
        if self.main is None:
            raise UsageError(
                f"{gate.text!r} judges a run against another one",
                hint="name the other run, or the sides: by lever=none,clean",
            )
        return self.main

    def judge(self, gates: Sequence[Gate]) -> list[GateFinding]:
        """The verdict of each gate in each of its scopes."""
        asked = [(gate, each) for gate in gates for each in self.ask(gate)]
        adjusted = holm([1.0 if each.p is None else each.p for _, each in asked])
        dropped = any(each.dropped for paired in self.paired for each in paired.pairings)
        partial = bool(self.partial) or dropped
        return [
            judge(each, gate, None if each.p is None else p, partial=partial)
            for (gate, each), p in zip(asked, adjusted, strict=True)
        ]

    def ask(self, gate: Gate) -> Iterator[Asked]:
        """The gate's question in each of its scopes; one without cases where none match."""
        metric, paired = known()[gate.metric], self.of(gate)
        if metric.device_bound and not paired.latency:
            raise CompareError(
                f"{gate.text!r} compares latency across unlike devices: "
                + "; ".join(paired.unlike_devices),
                hint="run both on the same device, or measure the device with --treat device",
            )
        question = Question(metric, gate.statistic, gate.relative, gate.confidence)
        where = {key: value for key, value in gate.where.items() if key not in _OPEN}
        contrast = paired.contrast
        if not {"arm"} & {*where, *gate.per, *contrast.axes}:
            where["arm"] = "stress"
        keys = [key for key in gate.per if key not in {*_OPEN, *contrast.differing}]
        for pairing in _chosen(gate, paired):
            for scope in pairing.where(where).scopes(keys):
                yield answer(pairing.where(where | scope), question, where | scope)

    def explore(self, headlines: Callable[[], Iterator[Question]]) -> list[Finding]:
        """Every headline metric that has a value, overall and per prompt class."""
        if self.main is None:
            return []
        questions = [
            question
            for question in headlines()
            if self.main.latency or not question.metric.device_bound
        ]
        asked = [each for pairing in self.main.pairings for each in _explored(pairing, questions)]
        adjusted = benjamini_hochberg([1.0 if each.p is None else each.p for each in asked])
        return [
            finding(each, None if each.p is None else p)
            for each, p in zip(asked, adjusted, strict=True)
        ]

    def differences(self) -> list[str]:
        """What the sides differ in, each once."""
        return list(dict.fromkeys(str(each) for paired in self.paired for each in paired.found))

    def notes(self) -> list[str]:
        """What a reader must know of what was compared."""
        notes = list(self.partial)
        for paired in self.paired:
            for each in paired.pairings:
                notes += each.notes
                if each.dropped:
                    notes.append(
                        f"{each.dropped} cases of {each.sides.words['role']} stand on one side only"
                        " and were left out; a partial comparison never passes"
                    )
        differing = {each.factor for paired in self.paired for each in paired.found}
        notes += [
            f"{factor} was declared the treatment but does not differ"
            for factor in sorted(self.treat)
            if factor not in differing
        ]
        if any(not paired.latency for paired in self.paired):
            notes.append("the devices differ: quality is compared, latency is not")
        return list(dict.fromkeys(notes))


def _explored(pairing: Pairing, questions: Sequence[Question]) -> Iterator[Asked]:
    stressed = {} if "arm" in pairing.sides.axes else {"arm": "stress"}
    whole = pairing.where(stressed)
    classes = whole.scopes(["prompt_class"])
    for scope in [{}, *(classes if len(classes) > 1 else [])]:
        part = whole.where(scope)
        answers = [answer(part, question, stressed | scope) for question in questions]
        questions = [each.question for each in answers if each.answer.effect or scope]
        yield from (each for each in answers if each.answer.effect or scope)


def _chosen(gate: Gate, paired: Paired) -> list[Pairing]:
    """The pairings whose model, set-up and lever a gate's ``where`` names."""
    wanted: dict[str, str] = {}
    for axis in _OPEN:
        if axis in gate.where:
            value = gate.where[axis]
            wanted |= dict(Side.parse(value)) if axis == "role" else {axis: value}
    chosen = [each for each in paired.pairings if wanted.items() <= each.sides.scope.items()]
    if chosen:
        return chosen
    there = list(dict.fromkeys(_spelled(each.sides, wanted) for each in paired.pairings))
    named = ", ".join(f"{axis} {value!r}" for axis, value in wanted.items())
    raise SuiteError(
        f"no {named} is compared here, only: {', '.join(there)}", where=f"gate {gate.text!r}"
    )


def _spelled(each: Contrast, wanted: dict[str, str]) -> str:
    """What a ``where`` could name instead."""
    if set(wanted) == {"lever"}:
        return each.scope["lever"]
    return each.scope["variant"] if set(wanted) == {"variant"} else each.words["role"]


def answer(pairing: Pairing, question: Question, scope: dict[str, str]) -> Asked:
    """Ask one question of a pairing that ``scope`` names.

    The seed is named by the question and the cases, not by the sides: however these were
    written, the numbers are the same.
    """
    sided = {**pairing.sides.words, **scope}
    names = [f"{key}={value}" for key, value in sorted(scope.items()) if key not in AXES]
    seed = derive_seed(0, "compare", question.metric.name, question.statistic, *names)
    return Asked(question, sided, evaluate(pairing, question, seed))
