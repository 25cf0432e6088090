"""The gate language: which metric must not get worse, by how much, and where.

::

    METRIC[.STATISTIC] drop|rise|change < MARGIN
        [per KEY[,KEY]] [where KEY=VALUE[,...]] [by AXIS=A,B] [at 99%]

    quality.score drop < 5pt per prompt_class
    ttft.p95 rise < 10% where role=sparse
    tokens.output change < 20% at 90%
    quality.score drop < 2pt by lever=none,clean where arm=isocontent

A margin is absolute (``5pt`` of a fraction, ``30ms``, ``4tokens``, or a bare number in
the metric's unit) or relative to the base (``10%``). A gate judges the stressed arm unless it
names an ``arm``. It judges each role, variant and lever separately unless it names one. With
``by`` a gate names its two sides, both within the candidate.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, Literal, NoReturn, TypeAlias

import msgspec
from msgspec import to_builtins

from stressbench.catalog import nearest
from stressbench.errors import SuiteError, UsageError
from stressbench.schema.axes import AXES
from stressbench.schema.metric import Metric
from stressbench.schema.suite.gate_needs import needs_setting, served_together
from stressbench.schema.suite.parse import Suite

Known: TypeAlias = Mapping[str, Metric]
"""The metrics that a gate may name, by name."""
Direction: TypeAlias = Literal["drop", "rise", "change"]
DIRECTIONS: Final[tuple[Direction, ...]] = ("drop", "rise", "change")
KEYS: Final = (
    "prompt_class",
    "role",
    "variant",
    "lever",
    "arm",
    "label",
    "budget",
    "depth",
    "load_level",
)
"""Keys that ``per`` may split a gate by and ``where`` may restrict it to."""

SYNTAX: Final = (
    "METRIC[.STATISTIC] drop|rise|change < MARGIN"
    " [per KEY] [where KEY=VALUE] [by AXIS=A,B] [at 99%]"
)

_ALONE: Final = {"throughput.output": "speed.output"}
"""Figures of single requests that people may mean instead of those of a whole load."""
_CLAUSES: Final = ("per", "where", "by", "at")
_UNITS: Final[dict[str, dict[str, float]]] = {
    "fraction": {"pt": 0.01},
    "ms": {"ms": 1.0, "s": 1000.0},
}
_MARGIN: Final = re.compile(r"(\d+(?:\.\d*)?|\.\d+)([A-Za-z%/]*)")
_PERCENTILE: Final = re.compile(r"p(\d{1,2}(?:\.\d+)?)")


class Gate(msgspec.Struct, frozen=True, kw_only=True):
    """One parsed gate; ``text`` is the gate as written."""

    text: str
    metric: str
    statistic: str
    direction: Direction
    margin: float
    """Above 0, in the metric's unit, or as a share of the base if ``relative`` is true."""
    relative: bool
    per: tuple[str, ...] = ()
    where: dict[str, str] = {}
    by: dict[str, tuple[str, str]] = {}
    """The two values on each axis on which the sides differ; empty if the gate compares two
    runs."""
    confidence: float = 0.95


def share(statistic: str) -> float | None:
    """The share, 0 to 1, of the percentile that a statistic names; None for the mean."""
    return None if statistic == "mean" else float(statistic[1:]) / 100


def target(name: str, known: Known) -> tuple[Metric, str]:
    """The metric and statistic named by ``quality.score`` or ``ttft.p95``.

    Raises ``UsageError`` with the nearest of the ``known`` names.
    """
    if name in known:
        return known[name], known[name].statistic
    stem = max((each for each in known if name.startswith(f"{each}.")), key=len, default=None)
    if stem is None:
        raise UsageError(
            f"there is no metric named {name!r}{nearest(name, known)}",
            hint="stressbench list metrics",
        )
    metric, statistic = known[stem], name[len(stem) + 1 :]
    statistic = "p50" if statistic == "median" else statistic
    if statistic != "mean" and not _PERCENTILE.fullmatch(statistic):
        near = nearest(name, known)
        raise UsageError(f"{stem} has no statistic {statistic!r}: mean, median, p95, ...{near}")
    if statistic != "mean" and metric.statistics == "mean":
        alone = f"; {_ALONE[stem]} is a figure of single requests" if stem in _ALONE else ""
        raise UsageError(f"{stem} has no percentiles: {metric.summary}{alone}")
    return metric, statistic


def parse(text: str, known: Known, *, where: str | None = None) -> Gate:
    """Parse one gate on one of the ``known`` metrics.

    ``where`` says where the gate was written, for messages. Raises ``SuiteError`` with the
    column of the wrong word and the nearest valid word.
    """
    return _Words(text, known, where).gate()


def check(suite: Suite, known: Known) -> None:
    """Parse the gates of a suite. Raises ``SuiteError`` with the line of a wrong one."""
    for index, text in enumerate(suite.spec.gates):
        where = suite.where("gates", index)
        gate = parse(text, known, where=where)
        needs_setting(known[gate.metric], to_builtins(suite.spec), where=f"{where}: gate {text!r}")


def read(file: Path, known: Known) -> list[str]:
    """The gates of a file: one per line; ``#`` starts a comment.

    Parses each gate. Raises ``SuiteError`` with the line of a wrong one.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SuiteError(f"cannot read the gates: {error}", where=str(file)) from error
    gates = []
    for number, line in enumerate(lines, 1):
        text = line.partition("#")[0].strip()
        if text:
            gates.append(parse(text, known, where=f"{file}:{number}").text)
    return gates


class _Words:
    """The words of a gate, taken one by one."""

    def __init__(self, text: str, metrics: Known, where: str | None) -> None:
        self.text = text
        self.metrics = metrics
        self.where = where
        self.words = [(m.group(), m.start() + 1) for m in re.finditer(r"[<>]=?|[^\s<>]+", text)]
        self.next = 0

    def gate(self) -> Gate:
        metric, statistic = self.target()
        direction = self.direction(metric)
        self.literal("<")
        margin, relative = self.margin(metric)
        per: tuple[str, ...] = ()
        chosen: dict[str, str] = {}
        by: dict[str, tuple[str, str]] = {}
        confidence = 0.95
        while self.next < len(self.words):
            word = self.take("per, where, by or at")
            if word == "per":
                per = tuple(self.key(key) for key in self.items())
            elif word == "where":
                chosen = dict(self.condition(item) for item in self.items())
            elif word == "by":
                by |= self.sides(self.items(), by)
            elif word == "at":
                confidence = self.confidence()
            else:
                self.fail(f"unknown word {word!r}{nearest(word, _CLAUSES)}")
            self.contradictions(by, (*per, *chosen))
            if why := served_together(metric, (*per, *chosen, *by)):
                self.fail(why)
        return Gate(
            text=" ".join(word for word, _ in self.words),
            metric=metric.name,
            statistic=statistic,
            direction=direction,
            margin=margin,
            relative=relative,
            per=per,
            where=chosen,
            by=by,
            confidence=confidence,
        )

    def take(self, wanted: str) -> str:
        if self.next == len(self.words):
            self.next += 1
            self.fail(f"the gate ends, but {wanted} must follow")
        self.next += 1
        return self.words[self.next - 1][0]

    def fail(self, message: str) -> NoReturn:
        column = (
            self.words[self.next - 1][1] if self.next <= len(self.words) else len(self.text) + 1
        )
        place = f"{self.where}: gate {self.text!r}" if self.where else f"gate {self.text!r}"
        raise SuiteError(
            message,
            where=f"{place}, column {column}",
            hint=SYNTAX,
        )

    def literal(self, word: str) -> None:
        found = self.take(repr(word))
        if found != word:
            self.fail(f"expected {word!r}, found {found!r}")

    def target(self) -> tuple[Metric, str]:
        name = self.take("a metric")
        try:
            return target(name, self.metrics)
        except UsageError as error:
            self.fail(error.message)

    def direction(self, metric: Metric) -> Direction:
        word = self.take("drop, rise or change")
        direction = next((known for known in DIRECTIONS if known == word), None)
        if direction is None:
            self.fail(f"{word!r} is not a direction{nearest(word, DIRECTIONS)}")
        good = {"higher": "rise", "lower": "drop"}.get(metric.better)
        if word == good:
            other = "drop" if good == "rise" else "rise"
            self.fail(f"a {good} of {metric.name} is an improvement: gate its {other}")
        return direction

    def margin(self, metric: Metric) -> tuple[float, bool]:
        word = self.take("a margin")
        match = _MARGIN.fullmatch(word)
        if match is None:
            self.fail(f"{word!r} is not a margin, such as 5pt, 10%, 30ms or 0.5")
        number, unit = float(match[1]), match[2]
        if number == 0:
            self.fail("no gate can pass with a margin of 0: name the smallest loss that matters")
        if unit == "%":
            return number / 100, True
        scales = _UNITS.get(metric.unit, {metric.unit: 1.0}) | {"": 1.0}
        if unit not in scales:
            known = ", ".join(filter(None, scales))
            self.fail(f"{metric.name} is measured in {known}, not {unit}; % is of the base")
        return number * scales[unit], False

    def items(self) -> list[str]:
        """Comma-separated items, with or without spaces after the commas."""
        items = self.take("a name")
        while items.endswith(",") or (
            self.next < len(self.words) and self.words[self.next][0].startswith(",")
        ):
            items += self.take("a name")
        return [item for item in items.split(",") if item]

    def key(self, key: str) -> str:
        if key not in KEYS:
            self.fail(f"no case has a key {key!r}{nearest(key, KEYS)}; known: {', '.join(KEYS)}")
        return key

    def condition(self, item: str) -> tuple[str, str]:
        key, equals, value = item.partition("=")
        if not equals or not value:
            self.fail(f"{item!r} is not a condition: write KEY=VALUE")
        return self.key(key), value

    def sides(self, items: list[str], by: Mapping[str, object]) -> dict[str, tuple[str, str]]:
        axis, equals, first = items[0].partition("=")
        if not equals or not first or len(items) != 2 or "=" in items[1]:  # noqa: PLR2004  a pair
            self.fail(f"{','.join(items)!r} does not name two sides: write AXIS=A,B")
        if axis not in AXES:
            self.fail(
                f"{axis!r} is not an axis on which sides can differ{nearest(axis, AXES)};"
                f" known: {', '.join(AXES)}"
            )
        if axis in by:
            self.fail(f"{axis} is named twice")
        if first == items[1]:
            self.fail(f"both sides are {first!r}: nothing can differ")
        return {axis: (first, items[1])}

    def contradictions(self, by: Mapping[str, object], keys: Iterable[str]) -> None:
        for key in keys:
            if key in by:
                self.fail(f"{key} cannot also be in per or where: the sides differ in it")

    def confidence(self) -> float:
        word = self.take("a confidence")
        match = re.fullmatch(r"(\d{2}(?:\.\d+)?)%", word)
        if match is None or not 50 <= float(match[1]) < 100:  # noqa: PLR2004  percent
            self.fail(f"{word!r} is not a confidence between 50% and 99.99%")
        return float(match[1]) / 100
