"""A small spec for every prompt class, with the parameters that it needs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from stressbench import catalog
from stressbench.errors import SuiteError
from stressbench.prompts import base
from stressbench.prompts.build.prompt_format import PromptFormat
from stressbench.schema.case import Case
from stressbench.schema.suite.suite import PromptSpec

CLASSES = catalog.names("prompts")
SIZED = [name for name in CLASSES if base.load(name).traits.sized]
DATA = Path(__file__).parent / "data"


def tiny(name: str, *, items: int = 2, budgets: Sequence[int] = ()) -> PromptSpec:
    traits = base.load(name).traits
    params = dict(traits.tiny)
    if traits.needs:
        params[traits.needs] = str(DATA / "traffic.jsonl")
    if name == "glitch_token":
        params["ids"] = "65,66"
    return PromptSpec(use=name, items=items, budgets=list(budgets), params=params)


def smallest(spec: PromptSpec, prompt_format: PromptFormat, *, seed: int) -> int:
    """The smallest possible budget, as the error message of ``check`` names it."""
    probe = PromptSpec(use=spec.use, items=spec.items, budgets=[1], params=spec.params)
    with pytest.raises(SuiteError, match="smallest possible is") as refused:
        base.check(probe, prompt_format=prompt_format, max_model_len=None, seed=seed)
    return int(str(refused.value).split()[-1])


def cases(spec: PromptSpec, prompt_format: PromptFormat, *, seed: int = 3) -> list[Case]:
    base.check(spec, prompt_format=prompt_format, max_model_len=None, seed=seed)
    return [
        case for arms in base.expand(spec, seed=seed, prompt_format=prompt_format) for case in arms
    ]
