"""The settings of the attention probe: read from a suite, and sent into the worker.

Both sides import this module.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import msgspec

from stressbench.catalog import nearest
from stressbench.errors import SuiteError

DEFAULT_QUERIES: Final = "last:64"
SINK_TOKENS: Final = 4
RECENT_TOKENS: Final = 32
_PARAMS: Final = ("queries", "layers", "dtype", "sink_tokens", "recent_tokens")
_QUERIES: Final = re.compile(r"(last|stride):([0-9]{1,9})", re.ASCII)


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to capture of one request. Sent to the worker as plain data."""

    prompt_ids: tuple[int, ...]
    last: int | None = None
    """Only the last N rows of the prompt; None for no such limit."""
    stride: int = 1
    """Only every K-th row of the prompt, counted back from the last."""
    layers: tuple[int, ...] | None = None
    """Layers, counted from 0; None for all."""
    float64: bool = False
    sink_tokens: int = SINK_TOKENS
    recent_tokens: int = RECENT_TOKENS
    spans: dict[str, tuple[tuple[int, int], ...]] = {}
    """Token spans of the prompt by part, such as ``needle``."""

    @property
    def queries(self) -> str:
        """``all``, ``last:N`` or ``stride:K``."""
        if self.last is not None:
            return f"last:{self.last}"
        return "all" if self.stride == 1 else f"stride:{self.stride}"

    def wants(self, position: int) -> bool:
        """Whether the prompt's row at this position is captured."""
        back = len(self.prompt_ids) - 1 - position
        if self.last is not None:
            return 0 <= back < self.last
        return back >= 0 and back % self.stride == 0

    @property
    def needle(self) -> tuple[int, ...]:
        """Positions of the tokens that an answer may copy."""
        spans = self.spans.get("needle", ())
        return tuple(position for span in spans for position in range(*span))


def parse(params: Mapping[str, object]) -> Settings:
    """The settings in a suite's parameters. Raises ``SuiteError`` that names a wrong one."""
    for name in params:
        if name not in _PARAMS:
            raise SuiteError(
                f"unknown parameter {name!r}{nearest(name, _PARAMS)}",
                where="params",
                hint=f"its parameters are: {', '.join(_PARAMS)}",
            )
    last, stride = _rows(params.get("queries", DEFAULT_QUERIES))
    dtype = params.get("dtype", "float32")
    if dtype not in {"float32", "float64"}:
        raise _wrong("dtype", dtype, "float32 or float64")
    return Settings(
        prompt_ids=(),
        last=last,
        stride=stride,
        layers=_layers(params.get("layers", "all")),
        float64=dtype == "float64",
        sink_tokens=_count("sink_tokens", params.get("sink_tokens", SINK_TOKENS)),
        recent_tokens=_count("recent_tokens", params.get("recent_tokens", RECENT_TOKENS)),
    )


def _rows(value: object) -> tuple[int | None, int]:
    """``last`` and ``stride`` from the parameter ``queries``."""
    if value == "all":
        return None, 1
    match = _QUERIES.fullmatch(value) if isinstance(value, str) else None
    count = int(match[2]) if match else 0
    if match is None or count == 0:
        raise _wrong("queries", value, "all, last:N or stride:K, with N and K from 1")
    return (count, 1) if match[1] == "last" else (None, count)


def _layers(value: object) -> tuple[int, ...] | None:
    if value == "all":
        return None
    given = value if isinstance(value, list) else []
    numbers = [each for each in given if type(each) is int and each >= 0]
    if not numbers or len(numbers) != len(given) or len(set(numbers)) != len(numbers):
        raise _wrong("layers", value, "all, or a list of different layers counted from 0")
    return tuple(sorted(numbers))


def _count(name: str, value: object) -> int:
    if type(value) is not int or value < 1:
        raise _wrong(name, value, "a whole number from 1")
    return value


def _wrong(name: str, value: object, wanted: str) -> SuiteError:
    return SuiteError(f"{value!r} is not {wanted}", where=f"params.{name}")
