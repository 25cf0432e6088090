"""The ``slo:`` of a suite: the latencies that a good request keeps to."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final, TypeAlias

from stressbench.schema.base import Strict

Duration: TypeAlias = str | int | float | None
"""``2000ms`` or ``2s``; a number is reported as a mistake, because it has no unit."""

EXAMPLE: Final = "slo: {ttft: 2s, tpot: 200ms, e2el: 10s}"
_WRITTEN: Final = re.compile(r"(\d+(?:\.\d+)?|\.\d+)\s*(ms|s)")
_MS: Final = {"ms": 1.0, "s": 1000.0}


class Objectives(Strict, frozen=True, kw_only=True):
    """The largest latency of each kind that a good request may have; null for no limit."""

    ttft: Duration = None
    """Time to first token, such as ``2s``."""
    tpot: Duration = None
    """Time per output token, such as ``200ms``."""
    e2el: Duration = None
    """End-to-end latency, such as ``10s``."""


def limits_ms(slo: Mapping[str, object]) -> dict[str, float]:
    """The limits in milliseconds by latency. Raises ``ValueError`` for one that is wrong."""
    return {name: _milliseconds(value) for name, value in slo.items() if value is not None}


def mistakes(slo: Objectives) -> Iterator[tuple[str, str]]:
    """The field of each wrong limit, and what is wrong with it."""
    for name in slo.__struct_fields__:
        try:
            limits_ms({name: getattr(slo, name)})
        except ValueError as error:
            yield name, str(error)


def _milliseconds(value: object) -> float:
    match = _WRITTEN.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{value!r} is not a time with its unit, such as 200ms or 2s")
    found = float(match[1]) * _MS[match[2]]
    if found <= 0:
        raise ValueError(f"no request can take at most {value}")
    return found
