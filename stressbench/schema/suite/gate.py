"""The gate language: which metric must not get worse, by how much, and where.

::

    METRIC[.STATISTIC] drop|rise|change < MARGIN    or    METRIC[.STATISTIC] >=|<= LIMIT
        [per KEY[,KEY]] [where KEY=VALUE[,...]] [by AXIS=A,B] [at 99%]

    quality.score drop < 5pt per prompt_class
    ttft.p95 rise < 10% where role=sparse
    tokens.output change < 20% at 90%
    quality.score drop < 2pt by lever=none,clean where arm=isocontent
    quality.score >= 90pt per label

The first form compares two sides. Its margin is absolute (``5pt`` of a fraction, ``30ms``,
``4tokens``) or relative to the base (``10%``). With ``by`` a gate names its two sides, both
within the candidate. The second form needs no base: it asks for a level of the candidate alone.
A gate judges the stressed arm unless it names an ``arm``. It judges each role, variant and lever
separately unless it names one. A key is one of ``KEYS`` or a parameter of a prompt class.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Final, Literal, NoReturn, TypeAlias, TypeVar

import msgspec

from stressbench.catalog import nearest
from stressbench.errors import SuiteError, UsageError
from stressbench.schema.axes import AXES
from stressbench.schema.metric import Metric, nearest_metric
from stressbench.schema.suite import margin as amounts
from stressbench.schema.suite.gate_needs import no_percentiles, served_together

Known: TypeAlias = Mapping[str, Metric]
"""The metrics that a gate may name, by name."""
Direction: TypeAlias = Literal["drop", "rise", "change"]
DIRECTIONS: Final[tuple[Direction, ...]] = ("drop", "rise", "change")
LIMITS: Final[Mapping[str, Direction]] = {">=": "drop", "<=": "rise"}
"""The signs of a gate without a base, and the bad direction of each."""
KEYS: Final = (
    *("prompt_class", "label", "arm", "budget", "depth", "load_level"),
    *("role", "variant", "lever"),
)
"""Keys of every case that ``per`` may split a gate by and ``where`` may restrict it to. Every
parameter of a prompt class is one too."""

SYNTAX: Final = (
    "METRIC[.STATISTIC] drop|rise|change < MARGIN, or METRIC[.STATISTIC] >=|<= LIMIT;"
    " then [per KEY] [where KEY=VALUE] [by AXIS=A,B] [at 99%]"
)

_CLAUSES: Final = ("per", "where", "by", "at")
_PERCENTILE: Final = re.compile(r"p([0-9]{1,2}(?:\.[0-9]+)?)")
_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_Read = TypeVar("_Read")


class Gate(msgspec.Struct, frozen=True, kw_only=True):
    """One parsed gate; ``text`` is the gate as written."""

    text: str
    metric: str
    statistic: str
    direction: Direction
    """The bad direction."""
    margin: float
    """Above 0, in the metric's unit, or as a share of the base if ``relative`` is true; 0 if
    there is a ``limit``."""
    relative: bool
    limit: float | None = None
    """The level that the candidate must keep, in the metric's unit; None for two sides."""
    per: tuple[str, ...] = ()
    where: dict[str, str] = {}
    by: dict[str, tuple[str, str]] = {}
    """The two values on each axis on which the sides differ; empty without ``by``."""
    confidence: float = 0.95


def target(name: str, known: Known) -> tuple[Metric, str]:
    """The metric and statistic named by ``quality.score`` or ``ttft.p95``.

    Raises ``UsageError`` with the nearest of the ``known`` names.
    """
    if name in known:
        return known[name], known[name].statistic
    stem = max((each for each in known if name.startswith(f"{each}.")), key=len, default=None)
    if stem is None:
        raise UsageError(
            f"there is no metric named {name!r}{nearest_metric(name, known)}",
            hint="stressbench list metrics",
        )
    metric, statistic = known[stem], name[len(stem) + 1 :]
    statistic = "p50" if statistic == "median" else statistic
    if statistic != "mean" and not _PERCENTILE.fullmatch(statistic):
        near = nearest(name, known)
        raise UsageError(f"{stem} has no statistic {statistic!r}: mean, median, p95, ...{near}")
    if statistic != "mean" and metric.statistics == "mean":
        raise UsageError(no_percentiles(metric))
    return metric, statistic


def parse(text: str, known: Known, *, where: str | None = None) -> Gate:
    """Parse one gate on one of the ``known`` metrics.

    ``where`` says where the gate was written, for messages. Raises ``SuiteError`` with the
    column of the wrong word and the nearest valid word.
    """
    return _Words(text, known, where).gate()


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
        direction, margin, relative, limit = self.amount(metric)
        if limit is not None and metric.of_run == "knee":
            self.fail(f"a limit is for one run, and {metric.name} is compared: write drop < 20%")
        per: tuple[str, ...] = ()
        chosen: dict[str, str] = {}
        by: dict[str, tuple[str, str]] = {}
        confidence = 0.95
        while self.next < len(self.words):
            word = self.take("per, where, by or at")
            if (word, True) in {("per", bool(per)), ("where", bool(chosen))}:
                self.fail(f"{word} is written twice: write {word} A,B")
            if word == "per":
                per = tuple(self.key(key) for key in self.items())
            elif word == "where":
                chosen = self.conditions(self.items())
            elif word == "by":
                by |= self.sides(self.items(), by)
            elif word == "at":
                confidence = self.confidence()
            else:
                self.fail(f"unknown word {word!r}{nearest(word, _CLAUSES)}")
            twice = next((key for key in (*per, *chosen) if key in by), None)
            if twice:
                self.fail(f"{twice} cannot also be in per or where: the sides differ in it")
            if by and limit is not None:
                self.fail("by names two sides, but a limit is for one: restrict it with where")
            self.whole(metric, (*per, *chosen, *by))
        return Gate(
            text=" ".join(word for word, _ in self.words),
            metric=metric.name,
            statistic=statistic,
            direction=direction,
            margin=margin,
            relative=relative,
            limit=limit,
            per=per,
            where=chosen,
            by=by,
            confidence=confidence,
        )

    def whole(self, metric: Metric, keys: Collection[str]) -> None:
        why = served_together(metric, keys)
        if why:
            self.fail(why)

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
        raise SuiteError(message, where=f"{place}, column {column}", hint=SYNTAX)

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

    def amount(self, metric: Metric) -> tuple[Direction, float, bool, float | None]:
        """Bad direction, margin, whether it is relative, and limit."""
        word = self.take("drop, rise, change, >= or <=")
        if word in LIMITS:
            self.bad(LIMITS[word], word, metric)
            limit = self.checked(amounts.limit, self.take("a limit"), metric)
            return LIMITS[word], 0.0, False, limit
        direction = self.direction(word, metric)
        self.literal("<")
        margin, relative = self.checked(amounts.margin, self.take("a margin"), metric)
        if relative and direction == "drop" and margin >= 1:
            self.fail("nothing can drop by more than all of it, so no run could fail this gate")
        return direction, margin, relative, None

    def checked(self, read: Callable[[str, Metric], _Read], word: str, metric: Metric) -> _Read:
        try:
            return read(word, metric)
        except ValueError as error:
            self.fail(str(error))

    def direction(self, word: str, metric: Metric) -> Direction:
        if word in {"<", ">", "=", "==", "≤", "≥"}:
            self.fail(f"{word!r} begins no limit: write >= LIMIT or <= LIMIT")
        direction = next((known for known in DIRECTIONS if known == word), None)
        if direction is None:
            self.fail(f"{word!r} is not a direction{nearest(word, DIRECTIONS)}")
        self.bad(direction, f"a {direction}", metric)
        return direction

    def bad(self, direction: Direction, written: str, metric: Metric) -> None:
        """Refuse a gate that forbids an improvement."""
        if direction != {"higher": "rise", "lower": "drop"}.get(metric.better):
            return
        if written in LIMITS:
            other = "<=" if written == ">=" else ">="
            self.fail(f"{metric.better} is better for {metric.name}: write {other} LIMIT")
        other = "rise" if direction == "drop" else "drop"
        self.fail(f"{written} of {metric.name} is an improvement: gate its {other}")

    def items(self) -> list[str]:
        """Comma-separated items, with or without spaces after the commas."""
        items = self.take("a name")
        while items.endswith(",") or (
            self.next < len(self.words) and self.words[self.next][0].startswith(",")
        ):
            items += self.take("a name")
        return [item for item in items.split(",") if item]

    def key(self, key: str) -> str:
        if not _KEY.fullmatch(key):
            self.fail(f"{key!r} is not a key: {', '.join(KEYS)}, or a parameter of a prompt class")
        return key

    def conditions(self, items: list[str]) -> dict[str, str]:
        chosen: dict[str, str] = {}
        for item in items:
            key, equals, value = item.partition("=")
            if not equals or not value:
                self.fail(f"{item!r} is not a condition: write KEY=VALUE")
            if self.key(key) in chosen:
                self.fail(f"{key} is named twice, and no case has two values of it")
            chosen[key] = value
        return chosen

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

    def confidence(self) -> float:
        word = self.take("a confidence")
        match = re.fullmatch(r"([0-9]{2}(?:\.[0-9]+)?)%", word)
        if match is None or not 50 <= float(match[1]) < 100:  # noqa: PLR2004  percent
            self.fail(f"{word!r} is not a confidence between 50% and 99.99%")
        return float(match[1]) / 100
