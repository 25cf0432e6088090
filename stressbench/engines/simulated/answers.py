"""What the simulated engine answers."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

from stressbench.engines.simulated.args import SimulatedArgs
from stressbench.schema.case import Case

_REFUSAL: Final = "I cannot find that in the text."
_CONSTANT: Final = "42"


def answer(case: Case, rng: random.Random, args: SimulatedArgs) -> str:
    """The answer to ``case``, made up in the way that ``args.answers`` names."""
    return _ANSWERS[args.answers](case, rng, args)


def _mixed(case: Case, rng: random.Random, args: SimulatedArgs) -> str:
    accuracy = args.stress_accuracy if case.arm == "stress" else args.accuracy
    if rng.random() < accuracy:
        return _oracle(case, rng, args)
    if case.values and rng.random() < 0.5:  # noqa: PLR2004 - a fair coin
        return rng.choice(case.values)
    return str(rng.randrange(10**6))


def _oracle(case: Case, _rng: random.Random, _args: SimulatedArgs) -> str:
    return ", ".join(case.expected) if case.expected else _REFUSAL


_ANSWERS: Final[dict[str, Callable[[Case, random.Random, SimulatedArgs], str]]] = {
    "mixed": _mixed,
    "oracle": _oracle,
    "echo": lambda case, _rng, _args: case.text,
    "constant": lambda _case, _rng, _args: _CONSTANT,
    "empty": lambda _case, _rng, _args: "",
    "refuse": lambda _case, _rng, _args: _REFUSAL,
}
