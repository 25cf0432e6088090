from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from stressbench.report.printable import printable


def test_plain_text_is_left_alone() -> None:
    assert printable("Paris, 42 %\n\tnaïve 東京") == "Paris, 42 %\n\tnaïve 東京"


def test_hidden_characters_are_spelled_out() -> None:
    assert printable("a\u200bb") == "a<U+200B>b"
    assert printable("\x1b[31mred") == "<U+001B>[31mred"
    assert printable("\u202eevil") == "<U+202E>evil"
    assert printable("\U000e0041") == "<U+E0041>"


@given(st.text())
def test_nothing_that_a_terminal_obeys_is_left(text: str) -> None:
    kinds = {unicodedata.category(char) for char in printable(text) if char not in "\n\t"}
    assert not kinds & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
