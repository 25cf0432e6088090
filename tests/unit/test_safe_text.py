from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from stressbench.safe_text import safe_text


def test_plain_text_is_left_alone() -> None:
    assert safe_text("Paris, 42 %\n\tnaïve 東京") == "Paris, 42 %\n\tnaïve 東京"


def test_hidden_characters_are_spelled_out() -> None:
    assert safe_text("a\u200bb") == "a<U+200B>b"
    assert safe_text("\x1b[31mred") == "<U+001B>[31mred"
    assert safe_text("\u202eevil") == "<U+202E>evil"
    assert safe_text("\U000e0041") == "<U+E0041>"


@given(st.text())
def test_nothing_that_a_terminal_obeys_is_left(text: str) -> None:
    kinds = {unicodedata.category(char) for char in safe_text(text) if char not in "\n\t"}
    assert not kinds & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
