"""Structured filler: log lines, table rows, source code and JSON, one record on each line.

Every record ends with a line break and holds no six-digit number, so a code in a prompt
always belongs to a fact.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from stressbench.prompts.material.haystacks import lexicon
from stressbench.seeds import derive_rng

_PER_CHUNK: Final = 8
_CHUNKS: Final = 1024
_PADDING: Final = 160

_LEVELS: Final = ("INFO", "DEBUG", "WARN", "ERROR", "TRACE")
_UNITS: Final = ("auth", "billing", "cache", "gateway", "ingest", "mailer", "router", "search")
_EVENTS: Final = (
    "connection closed", "retry scheduled", "request finished", "cache miss", "token refreshed",
    "queue drained", "snapshot written", "timeout while waiting for lock", "handshake complete",
    "disk usage normal", "worker started", "payload rejected", "index rebuilt", "lease renewed",
)  # fmt: skip
_TYPES: Final = ("int", "str", "float", "bool", "bytes", "list[int]", "dict[str, int]")


@dataclass(frozen=True)
class Records:
    """Records of one kind; see ``RECORD_KINDS``."""

    kind: str
    seed: int = 0

    @property
    def name(self) -> str:
        """Identifies the text."""
        return f"records-{self.kind}-{self.seed}"

    def chunks(self, tokens: int) -> int:  # noqa: ARG002 - records hardly look repeated
        """Return the same number for every length."""
        return _CHUNKS

    def chunk(self, index: int) -> Sequence[str]:
        """Make eight records."""
        rng = derive_rng(self.seed, self.kind, index)
        return [_FORMS[self.kind](rng) for _ in range(_PER_CHUNK)]

    @cached_property
    def padding(self) -> Sequence[str]:
        """Short lines, and records of many lengths."""
        rng = derive_rng(self.seed, self.kind, "closers")
        short = [line + "\n" for line in _SHORT[self.kind]]
        return [*short, *(_FORMS[self.kind](rng) for _ in range(_PADDING))]


def _log(rng: random.Random) -> str:
    stamp = f"{rng.randrange(24):02}:{rng.randrange(60):02}:{rng.randrange(60):02}"
    extra = rng.choice(
        ("", f" after {rng.randrange(1, 5000)} ms", f" id={rng.randrange(9999):04x}")
    )
    level, unit, event = rng.choice(_LEVELS), rng.choice(_UNITS), rng.choice(_EVENTS)
    return f"{stamp} {level} {unit}-{rng.randrange(10)}: {event}{extra}\n"


def _table(rng: random.Random) -> str:
    setting = rng.choice(lexicon.SETTINGS)
    thing, adjective = rng.choice(setting.thing), rng.choice(lexicon.WORDS["adjective"])
    cells = (
        f"{adjective} {thing}",
        str(rng.randrange(1, 9999)),
        f"{rng.uniform(0.5, 900):.2f}",
    )
    return "| " + " | ".join(cells) + " |\n"


def _code(rng: random.Random) -> str:
    name, other = (rng.choice(rng.choice(lexicon.SETTINGS).thing).split()[-1] for _ in "ab")
    kind = rng.choice(_TYPES)
    return rng.choice(
        (
            f"def load_{name}({other}: {kind}) -> {rng.choice(_TYPES)}:\n",
            f"    {name}_count = len({other}) + {rng.randrange(100)}\n",
            f"    if {name} is None or {other}.size > {rng.randrange(1000)}:\n",
            f'    raise ValueError("bad {name}")\n',
            f"    for {name} in self.{other}_list:\n",
            f"    return {name}.get({other!r}, {rng.randrange(10)})\n",
            f"# keep the {name} until every {other} has been seen\n",
        )
    )


def _json(rng: random.Random) -> str:
    setting = rng.choice(lexicon.SETTINGS)
    record = {
        "item": rng.choice(setting.thing),
        "state": rng.choice(lexicon.WORDS["adjective"]),
        "count": rng.randrange(1, 999),
        "open": rng.random() < 0.5,  # noqa: PLR2004 - a coin
    }
    keys = rng.sample(list(record), rng.randrange(2, 5))
    return json.dumps({key: record[key] for key in keys}) + "\n"


_FORMS: Final[Mapping[str, Callable[[random.Random], str]]] = {
    "logs": _log,
    "table": _table,
    "code": _code,
    "json": _json,
}
RECORD_KINDS: Final = tuple(_FORMS)
_SHORT: Final = {
    "logs": ("ok", "done", "retry", "still waiting", "flush done", "no change since last check"),
    "table": ("| |", "| end |", "| none | 0 |", "| spare | 1 | 2 |", "| sum | - | - |"),
    "code": ("pass", "return", "x = 1", "# done", "total += 1", "import sys", "y = x + 2"),
    "json": ("{}", "[]", "null", "[1, 2]", '{"a": 1}', '{"ok": true}', "[0, 0, 0]"),
}
