"""Parameters of a prompt class: how one is declared, checked, swept and read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import msgspec

from stressbench import catalog
from stressbench.errors import SuiteError
from stressbench.schema.suite.suite import PromptSpec, Scalar

PlainValue: TypeAlias = bool | int | float | str


class Param(msgspec.Struct, frozen=True, kw_only=True):
    """One parameter of a class. It has the type of its default; a list in a suite is a sweep."""

    name: str
    default: PlainValue
    doc: str
    choices: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None
    mapping: bool = False
    """A suite gives a mapping, whose value is kept as JSON text; it cannot be swept."""

    def read(self, given: object, spec: PromptSpec) -> list[PlainValue]:
        """Return the values to sweep over: those given, or the default. Raises ``SuiteError``."""
        if given is None:
            return [self.default]
        values = given if isinstance(given, list) else [given]
        if not values:
            raise self._error(spec, "the list is empty")
        if len(set(map(str, values))) != len(values):
            raise self._error(spec, "a value is listed twice")
        return [self._one(value, spec) for value in values]

    def _one(self, value: object, spec: PromptSpec) -> PlainValue:
        if self.mapping:
            return self._plain(value, spec)
        kind = type(self.default)
        if kind is float and type(value) is int:
            value = float(value)
        if not isinstance(value, bool | int | float | str) or type(value) is not kind:
            raise self._error(spec, f"{value!r} is not {_TYPE_NAMES[kind]}")
        if self.choices and value not in self.choices:
            near = catalog.nearest(str(value), self.choices)
            raise self._error(spec, f"{value!r} is not one of {', '.join(self.choices)}{near}")
        if isinstance(value, int | float) and (
            (self.least is not None and value < self.least)
            or (self.most is not None and value > self.most)
        ):
            raise self._error(spec, f"{value!r} is out of range ({self.least} to {self.most})")
        return value

    def _plain(self, value: object, spec: PromptSpec) -> str:
        try:
            read = msgspec.convert(value, dict[str, Scalar | list[str]])
        except msgspec.ValidationError:
            raise self._error(
                spec, f"{value!r} is not a mapping of numbers, texts and lists of texts"
            ) from None
        return msgspec.json.encode(read).decode()

    def _error(self, spec: PromptSpec, message: str) -> SuiteError:
        return SuiteError(message, where=f"prompts.{spec.name}.params.{self.name}")


_TYPE_NAMES = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


@dataclass(frozen=True, slots=True)
class ParamValues:
    """The values of a class's parameters at one point of the sweep, read by type."""

    values: Mapping[str, PlainValue]

    def text(self, name: str) -> str:
        """Read a text."""
        value = self.values[name]
        assert isinstance(value, str)
        return value

    def count(self, name: str) -> int:
        """Read a whole number."""
        value = self.values[name]
        assert isinstance(value, int)
        return value

    def number(self, name: str) -> float:
        """Read a number."""
        value = self.values[name]
        assert isinstance(value, int | float)
        return float(value)

    def mapping(self, name: str) -> dict[str, Scalar | list[str]]:
        """Read a mapping."""
        text = self.text(name)
        return msgspec.json.decode(text, type=dict[str, Scalar | list[str]]) if text else {}

    def flag(self, name: str) -> bool:
        """Read true or false."""
        return self.values[name] is True
