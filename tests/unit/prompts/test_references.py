"""Every prompt class asks for a value that its scorer tells from every other."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from stressbench.prompts import base
from stressbench.prompts.build.prompt_format import PromptFormat
from stressbench.scorers.base import load
from tests.unit.prompts.specs import CLASSES, cases, tiny

VALUES = {"exact_match", "decode_match", "numeric"}


def edited(value: str) -> list[str]:
    """Values one edit away: a character more, one less, another one."""
    other = "7" if value[0] != "7" else "3"
    return [
        f"{value}{other}",
        f"{other}{value}",
        value[:-1],
        value[1:],
        value[:-1] + ("5" if value[-1] != "5" else "6"),
    ]


@pytest.mark.parametrize("seed", [3, 11])
@pytest.mark.parametrize("name", CLASSES)
def test_only_the_reference_is_right(name: str, seed: int, bytes_format: PromptFormat) -> None:
    spec = tiny(name, budgets=[4000] if base.load(name).traits.sized else [])
    for case in cases(spec, bytes_format, seed=seed):
        if case.scorer not in VALUES:
            continue
        scorer = load(case.scorer)
        for reference in case.expected:
            assert scorer.score(reference, case, finish_reason="stop").score == 1.0
            alone = replace(case, expected=(reference,))
            for answer in edited(reference):
                assert not scorer.score(answer, alone, finish_reason="stop").score, (
                    reference,
                    answer,
                )
        for rival in case.values:
            assert scorer.score(rival, case, finish_reason="stop").score == 0.0
