"""What a prompt class declares and returns."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal, Protocol, TypeAlias

import msgspec

from stressbench import catalog
from stressbench.errors import SuiteError
from stressbench.prompts.build.filler import Encoded, Source
from stressbench.prompts.build.prompt_format import PromptFormat
from stressbench.schema.suite.suite import Arm, PromptSpec, Scalar
from stressbench.seeds import derive_rng

Plain: TypeAlias = bool | int | float | str


class Param(msgspec.Struct, frozen=True, kw_only=True):
    """One parameter of a class; its type is its default's. A list in a suite is a sweep."""

    name: str
    default: Plain
    doc: str
    choices: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None

    def read(self, given: object, spec: PromptSpec) -> list[Plain]:
        """The values to sweep over; the default where none is given."""
        if given is None:
            return [self.default]
        values = given if isinstance(given, list) else [given]
        if not values or len(set(map(str, values))) != len(values):
            raise self._error(spec, "an empty list, or a value listed twice")
        return [self._one(value, spec) for value in values]

    def _one(self, value: object, spec: PromptSpec) -> Plain:
        kind = type(self.default)
        if kind is float and type(value) is int:
            value = float(value)
        if not isinstance(value, bool | int | float | str) or type(value) is not kind:
            raise self._error(spec, f"{value!r} is not {_KINDS[kind]}")
        if self.choices and value not in self.choices:
            near = catalog.nearest(str(value), self.choices)
            raise self._error(spec, f"{value!r} is none of {', '.join(self.choices)}{near}")
        if isinstance(value, int | float) and (
            (self.least is not None and value < self.least)
            or (self.most is not None and value > self.most)
        ):
            raise self._error(spec, f"{value!r} is out of range ({self.least} to {self.most})")
        return value

    def _error(self, spec: PromptSpec, message: str) -> SuiteError:
        return SuiteError(message, where=f"prompts.{spec.name}.params.{self.name}")


_KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


@dataclass(frozen=True, slots=True)
class Params:
    """Values of a class's parameters at one point of the sweep, read by type."""

    values: Mapping[str, Plain]

    def text(self, name: str) -> str:
        """A text parameter."""
        value = self.values[name]
        assert isinstance(value, str)
        return value

    def count(self, name: str) -> int:
        """A whole number."""
        value = self.values[name]
        assert isinstance(value, int)
        return value

    def number(self, name: str) -> float:
        """A number."""
        value = self.values[name]
        assert isinstance(value, int | float)
        return float(value)

    def flag(self, name: str) -> bool:
        """True or false."""
        return self.values[name] is True


class Traits(msgspec.Struct, frozen=True, kw_only=True):
    """What is the same for every prompt of a class."""

    scorer: str
    arms: tuple[Arm, ...] = ("stress",)
    params: tuple[Param, ...] = ()
    sized: bool = False
    """Takes ``budgets``: filler is added to the exact length."""
    needs_budget: bool = False
    """Cannot do without a budget."""
    deep: bool = False
    """Takes ``depths``: where in the context the fact stands."""
    max_tokens: int = 32
    needs: str = ""
    """A parameter without a usable default: the class has no example of its own."""
    tiny: dict[str, Plain] = {}
    """Parameters of the example in the documentation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A fixed stretch of context: begins with a space and a letter, or ends with a line break."""

    part: str
    text: str
    depth: float = 0.0
    """Share of the filler that stands before it; pieces of one depth keep their order."""


Encoder: TypeAlias = Callable[[PromptFormat, str], Encoded]


@dataclass(frozen=True, slots=True)
class Shuffle:
    """A new order for the finished context: of its ``unit``s, within windows of so many."""

    unit: Literal["words", "sentences", "ids"]
    window: int
    """0: over the whole context."""
    mark: str
    """The word that keeps the needle's role."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptOutline:
    """One prompt in outline: head, context (filler with pieces set into it), close, question.

    With ``filler`` the context is stretched to the length asked for.
    """

    head: str = ""
    pieces: tuple[Piece, ...] = ()
    filler: Source | None = None
    close: str = ""
    """Ends the context; stands before the question."""
    question: str
    expected: tuple[str, ...]
    values: tuple[str, ...] = ()
    shuffle: Shuffle | None = None
    encode: Encoder | None = None
    """Chooses the token ids of the pieces; filler brings its own (``tape.Spelled``)."""
    context_tokens: int | None = None
    """Exact length of head, filler and pieces together, instead of the prompt's."""
    haystack: str | None = None
    """Items of one name have the same haystack, instead of each its own."""
    max_tokens: int | None = None
    params: dict[str, Plain] = field(default_factory=dict)
    """Facts about this prompt to record beside the parameters."""
    scorer: str | None = None
    scorer_params: dict[str, Scalar | list[str]] = field(default_factory=dict)
    origin: str = ""
    """Where the references were read, for messages: ``row 3 of 'traffic.jsonl'``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What one prompt's answer is held against, and by which scorer."""

    scorer: str
    expected: tuple[str, ...]
    params: Mapping[str, Scalar | list[str]]
    origin: str
    """Where it was read, for messages; empty for a truth that a class made up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One item at one point of the experiment."""

    spec: PromptSpec
    item: int
    seed: int
    swept: tuple[str, ...]
    params: Params
    budget: int | None
    depth: float | None
    arms: Sequence[Arm]
    first: bool
    """The item's first cell at this point of the sweep."""
    suite_seed: int
    prompt_format: PromptFormat

    def pick(self, name: str, count: int) -> int:
        """Which of ``count`` things is this item's: each once in a seeded order, then again."""
        block, place = divmod(self.item, count)
        return random_order(self.suite_seed, self.spec.name, name, block, count)[place]

    def rng(self, *path: str | int) -> random.Random:
        """A generator of the item's own, the same at every budget, depth and parameter."""
        return derive_rng(self.seed, *path)

    def shared_rng(self, *path: str | int) -> random.Random:
        """A generator that all items of the entry share."""
        return derive_rng(self.suite_seed, self.spec.name, *path)


@lru_cache(maxsize=256)
def random_order(seed: int, entry: str, name: str, block: int, count: int) -> Sequence[int]:
    """The numbers below ``count`` in the order that belongs to this block of items."""
    order = list(range(count))
    derive_rng(seed, entry, name, block).shuffle(order)
    return tuple(order)


class PromptClass(Protocol):
    """A prompt class: ``traits`` and one draft an arm.

    ``outlines`` returns a draft for every arm of ``traits.arms``; all of them ask for the
    same fact of the same item, drawn from ``condition.rng``.
    """

    traits: Traits

    def outlines(self, condition: Condition) -> Mapping[Arm, PromptOutline]:
        """The arms of one cell."""
        ...
