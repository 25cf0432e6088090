"""Answers that decline, in many languages, and answers that only sound like it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stressbench.scorers.text.declining import abstains

LINES = Path(__file__).with_name("declining.txt").read_text(encoding="utf-8").splitlines()
ANSWERS = [(line[2:], line[0] == "+") for line in LINES if line[0] in "+-"]


@pytest.mark.parametrize(("answer", "declines"), ANSWERS)
def test_an_answer_declines(answer: str, declines: bool) -> None:  # noqa: FBT001 - a table's column
    assert abstains(answer) is declines


@given(
    answer=st.sampled_from(ANSWERS),
    before=st.sampled_from(["", " ", "\n"]),
    after=st.sampled_from(["", " ", "\n\n", "."]),
)
def test_blanks_and_a_full_stop_change_nothing(
    answer: tuple[str, bool], before: str, after: str
) -> None:
    assert abstains(before + answer[0] + after) is answer[1]


@given(answer=st.sampled_from([text for text, declines in ANSWERS if declines]))
def test_typographic_apostrophes_change_nothing(answer: str) -> None:
    assert abstains(answer.replace("'", "\u2019"))
