"""Two spellings of one text are equal; two texts are not."""

# ruff: noqa: E501 - tables of texts

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stressbench.scorers.text.spelling import spelled

marks = st.sampled_from([*"*_`$<>&\\#[]{}()/-.,'\"~ \n1aZ", "**", "\\text{", "<b>", "</b>"])
marked = st.lists(marks, max_size=14).map("".join)


@settings(deadline=None, max_examples=400)
@given(text=st.text(max_size=40) | marked, case=st.booleans())
@example(text="_/ _", case=False)
def test_a_spelling_is_spelled_like_itself(text: str, *, case: bool) -> None:
    once = spelled(text, case=case)
    assert spelled(once, case=case) == once
    assert bool(once) or not text.strip() or not any(map(str.isalnum, text))


@settings(deadline=5000)
@given(text=st.lists(marks, min_size=40, max_size=400).map("".join))
@example(text="_a}\\_amp;}&\\_ `<&_<b>*\n1\n#- },-<{{ ](x){\n-</b>>\\text{<br>#_+\\)")
@example(text="<b>" * 5000 + "x" + "</b>" * 5000)
@example(text="(" * 20_000 + "**a**" * 2000)
def test_no_text_of_marks_takes_for_ever(text: str) -> None:
    assert len(spelled(text)) <= len(text)


@settings(deadline=None)
@given(text=st.text(max_size=40))
def test_composed_and_decomposed_letters_are_equal(text: str) -> None:
    forms = {spelled(unicodedata.normalize(form, text)) for form in ("NFC", "NFD")}
    assert len(forms) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("\uff30\uff41\uff52\uff49\uff53\uff11", "paris1"),
        ("\uff76\uff9e", "\u30ac"),
        ("O\u2019Brien", "o'brien"),
        ("\u00abyes\u00bb \u201eyes\u201c", '"yes" "yes"'),
        ("well\u2011known\u2014so", "well-known-so"),
        ("\u2212 5", "-5"),
        ("New\u00a0York\u202f \nCity", "new york city"),
        ("Pa\u00adr\u200bis\u202c", "paris"),
        ("\u0663\u06f4\u096b\U0001d7d5", "3457"),
        ("\u0130stanbul STRASSE", "istanbul stra\u00dfe"),
        ("_Paris_ __Rome__ **Oslo** ***Bern*** `Kyiv`", "paris rome oslo bern kyiv"),
        ("```text\nParis\n```", "paris"),
        ("# Cities\n- Paris\n* Rome", "cities paris rome"),
        ("\\boxed{\\text{B}} $\\mathrm{C}$ \\(D\\)", "b c d"),
        ("<b>R&amp;D</b><br><answer>5</answer>", "r&d 5"),
        ("[Paris](https://example.org/a_b)", "paris"),
        ("a / b", "a/b"),
        ("foo\\_bar 5\\%", "foo_bar 5%"),
        ("\u7b54\u6848\u662f**\u5317\u4eac**\u3002", "\u7b54\u6848\u662f\u5317\u4eac\u3002"),
        ("**Answer:**Paris.It", "answer:paris. it"),
    ],
)
def test_one_text_has_one_spelling(one: str, other: str) -> None:
    assert spelled(one) == spelled(other) == other.casefold()


@pytest.mark.parametrize(
    "text",
    ["snake_case", "2*3*4", "C*", "f(*args, **kwargs)", "10\u00b2", "10<sup>2</sup>", "$5 and $10",
     "x<5 and y>3", "**", "```", "node.js", "\U0001f468\u200d\U0001f469", "1\u20e3", "~5", "#5"],
)  # fmt: skip
def test_what_is_no_markup_stays(text: str) -> None:
    assert spelled(text, case=True) == text


@pytest.mark.parametrize(
    ("one", "other"),
    [("e", "\u00e9"), ("10\u00b2", "102"), ("-5", "5"), ("\u2163", "IV"), ("\u00bd", "1/2"), (".5", "5"),
     ("\u0915\u093f", "\u0915\u093e"), ("\u0e01\u0e34\u0e19", "\u0e01\u0e31\u0e19"), ("\u304b", "\u304c"),
     ("C++", "C"), ("a_b", "ab"), ("10<sup>2</sup>", "102"), ("1.5", "15"), ("\u0131", "i")],
)  # fmt: skip
def test_two_texts_have_two_spellings(one: str, other: str) -> None:
    assert spelled(one) != spelled(other)
