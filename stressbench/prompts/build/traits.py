"""What all prompts of a class have in common."""

from __future__ import annotations

import msgspec

from stressbench.prompts.build.params import Param, PlainValue
from stressbench.schema.suite.suite import Arm


class Traits(msgspec.Struct, frozen=True, kw_only=True):
    """What all prompts of a class have in common."""

    scorer: str
    arms: tuple[Arm, ...] = ("stress",)
    params: tuple[Param, ...] = ()
    sized: bool = False
    """Whether it accepts ``budgets``: filler brings each prompt to the exact length."""
    needs_budget: bool = False
    """Whether a suite must give budgets."""
    deep: bool = False
    """Whether it accepts ``depths``: where in the context the fact is placed."""
    max_tokens: int = 32
    """Output limit unless a suite or a prompt sets another one."""
    needs: str = ""
    """A parameter without a usable default; such a class has no example in the documentation."""
    tiny: dict[str, PlainValue] = {}
    """Parameters of the example in the documentation."""
