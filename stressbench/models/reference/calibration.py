"""The text that the sparse reference's routers are fitted to, in kinds that they must separate.

There are five kinds, with equally many tokens: prose, JSON, base64, source code and mixed
scripts. All text is generated from a seed with ``random.Random``: nothing is downloaded, and the
same seed gives the same text on every machine.
"""

from __future__ import annotations

import base64
import json
import random
import textwrap
from collections.abc import Callable
from typing import Final, Literal, TypeAlias, get_args

from stressbench.models.reference import phrases
from stressbench.seeds import derive_rng

Kind: TypeAlias = Literal["prose", "json", "base64", "code", "scripts"]
Encode: TypeAlias = Callable[[str], list[int]]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

_OFTEN: Final = 3


def text(kind: Kind, seed: int, characters: int) -> str:
    """At least ``characters`` characters of ``kind``; the same arguments give the same text."""
    rng = derive_rng(seed, "calibration", kind)
    parts: list[str] = []
    length = 0
    while length < characters:
        parts.append(_PART[kind](rng))
        length += len(parts[-1])
    return "".join(parts)


def sequences(kind: Kind, encode: Encode, seed: int, size: tuple[int, int]) -> list[list[int]]:
    """Token ids of ``kind``, cut into ``size`` = (sequences, tokens in each)."""
    count, tokens = size
    ids: list[int] = []
    characters = count * tokens
    while len(ids) < count * tokens:
        characters *= 2
        ids = encode(text(kind, seed, characters))
    return [ids[start : start + tokens] for start in range(0, count * tokens, tokens)]


def _prose(rng: random.Random) -> str:
    sentences = []
    for _ in range(rng.randint(3, 6)):
        clauses = [
            f"{rng.choice(phrases.PEOPLE)} {rng.choice(phrases.DEEDS)} {rng.choice(phrases.THINGS)}"
            for _ in range(rng.randint(1, 2))
        ]
        sentence = rng.choice(phrases.JOINS).join(clauses)
        if rng.randrange(5) < _OFTEN:
            sentence += f" {rng.choice(phrases.SETTINGS)}"
        sentences.append(f"{sentence[0].upper()}{sentence[1:]}.")
        if _coin(rng):
            sentences.append(rng.choice(phrases.REMARKS))
    return " ".join(sentences) + "\n\n"


def _coin(rng: random.Random) -> bool:
    return rng.randrange(2) == 0


def _value(rng: random.Random, depth: int) -> object:
    if depth and rng.randrange(9) < _OFTEN:
        if _coin(rng):
            return [_value(rng, depth - 1) for _ in range(rng.randint(1, 3))]
        return {key: _value(rng, depth - 1) for key in _some(rng, phrases.FIELDS, (2, 4))}
    return rng.choice(
        (
            rng.choice(phrases.VALUES),
            rng.randint(0, 99_999),
            rng.randint(0, 9_999) / 100,
            _coin(rng),
            None,
            f"{rng.choice(phrases.VALUES)}-{rng.randint(1, 999)}",
        )
    )


def _some(rng: random.Random, pool: tuple[str, ...], span: tuple[int, int]) -> list[str]:
    return rng.sample(pool, rng.randint(*span))


def _json(rng: random.Random) -> str:
    records = [
        {key: _value(rng, 2) for key in _some(rng, phrases.FIELDS, (4, 8))} for _ in range(2)
    ]
    if _coin(rng):
        return json.dumps(records, indent=2) + "\n"
    return json.dumps(records, separators=(",", ":")) + "\n"


def _base64(rng: random.Random) -> str:
    raw = rng.randbytes(150) if rng.randrange(5) < _OFTEN else _prose(rng).encode()[:150]
    encoded = base64.b64encode(raw).decode()
    return "\n".join(textwrap.wrap(encoded, 76)) + "\n" if _coin(rng) else encoded + "\n"


def _code(rng: random.Random) -> str:
    a, b, c = rng.sample(phrases.IDENTIFIERS, 3)
    names = {"a": a, "b": b, "c": c, "A": a.title().replace("_", ""), "B": b.title()}
    snippet = textwrap.dedent(rng.choice(phrases.SNIPPETS)).lstrip("\n")
    return snippet.format(**names, n=rng.randint(10, 4096), m=rng.randint(2, 9)) + "\n"


def _scripts(rng: random.Random) -> str:
    return " ".join(rng.sample(phrases.SCRIPTS, 4)) + "\n"


_PART: Final[dict[Kind, Callable[[random.Random], str]]] = {
    "prose": _prose,
    "json": _json,
    "base64": _base64,
    "code": _code,
    "scripts": _scripts,
}
