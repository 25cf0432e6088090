"""Sets: separators inside values, list styles of many languages, repeats, foreign entries."""

# ruff: noqa: E501, SIM905 - word lists of many languages

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from stressbench.errors import SuiteError
from stressbench.schema.results.record import Quality
from stressbench.scorers.base import check, load
from tests.cases import CASE

SETF1 = load("set_f1")


def judge(expected: tuple[str, ...], answer: str, rivals: tuple[str, ...] = ()) -> Quality:
    case = replace(CASE, scorer="set_f1", expected=expected, values=rivals)
    return SETF1.score(answer, case, finish_reason="stop")


def glued(separator: str) -> Callable[[list[str]], str]:
    return separator.join


def ended(separator: str, last: str) -> Callable[[list[str]], str]:
    return lambda values: last.join([separator.join(values[:-1]), values[-1]][len(values) == 1 :])


def numbered(form: str) -> Callable[[list[str]], str]:
    return lambda values: "\n".join(
        form.format(number) + value for number, value in enumerate(values, 1)
    )


STYLES: dict[str, Callable[[list[str]], str]] = {
    "comma": glued(", "),
    "semicolon": glued("; "),
    "line": glued("\n"),
    "blank line": glued("\n\n"),
    "Windows line": glued("\r\n"),
    "pipe": glued(" | "),
    "slash": glued(" / "),
    "dots": glued(" \u2022 "),
    "Chinese comma": glued("\u3001"),
    "full-width comma": glued("\uff0c"),
    "Arabic comma": glued("\u060c "),
    "JSON": json.dumps,
    "fenced JSON": lambda values: f"```json\n{json.dumps(values, ensure_ascii=False)}\n```",
    "Python": lambda values: "[" + ", ".join(f"'{value}'" for value in values) + "]",
    "braces": lambda values: "{" + ", ".join(values) + "}",
    "quoted": lambda values: ", ".join(f'"{value}"' for value in values),
    "bold": lambda values: ", ".join(f"**{value}**" for value in values),
    "introduced": lambda values: "The values are: " + ", ".join(values) + ".",
    "sentence": lambda values: "The values are " + ended(", ", " and ")(values) + ".",
    "polite": lambda values: "Sure! Here they are:\n\n" + numbered("{}. ")(values),
    "in the text": lambda values: "In the text, they are " + ", ".join(values),
    **{f"number {form}": numbered(form) for form in ("{}. ", "{}) ", "({}) ")},
    **{f"mark {mark}": numbered(mark + " ") for mark in "-*\u2022"},
    **{
        f"word {word}": ended(", ", f" {word} ")
        for word in (
            "and or & und oder et ou y e \u0438 \u0438\u043b\u0438 i oraz och og en ve dan v\u00e0 \u03ba\u03b1\u03b9 "
            "\u0627\u0648\u0631 \u0648 \u0914\u0930 \uadf8\ub9ac\uace0 \u548c \u4e0e \u3068 \u0e41\u0e25\u0e30"
        ).split()
    },
}
WORDS = (
    "Trinidad and Tobago|Cuba|Washington, D.C.|Rome|1,234|rock and roll|Bosnia & Herzegovina|AC/DC"
    "|Guns N' Roses|C++|C#|C|-5|5|3.14|\u20ac5|Antigua y Barbuda|Sturm und Drang|S\u00e3o Tom\u00e9 e Pr\u00edncipe"
    "|\u0421\u0430\u043d\u043a\u0442-\u041f\u0435\u0442\u0435\u0440\u0431\u0443\u0440\u0433|\u0412\u043e\u0439\u043d\u0430 \u0438 \u043c\u0438\u0440"
    "|\u6771\u4eac|\u5927\u962a|\u548c\u6b4c\u5c71|\u4e2d\u534e\u4eba\u6c11\u5171\u548c\u56fd|\ubd80\uc0b0|\uc11c\uc6b8"
    "|\u0645\u0635\u0631|\u0623\u062d\u0645\u0631|\u0932\u093e\u0932|\u0928\u0940\u0932\u093e|\u0e01\u0e23\u0e38\u0e07\u0e40\u0e17\u0e1e|Hanoi"
    "|well-known|O\u2019Brien|a|I|e|8f3c-11|482913|7|Q: who?|(draft)|Oscar, the Grouch; and friends"
    "|Yes|Here|not found|St. John's|Jean-Luc|x/y|1/2|10 %|Nr. 5|New York|York"
).split("|")
sets = st.lists(st.sampled_from(WORDS), min_size=1, max_size=5, unique=True)


def accepted(values: list[str]) -> bool:
    try:
        check("set_f1", values, {})
    except SuiteError:
        return False
    return True


@pytest.mark.parametrize("value", WORDS)
def test_a_value_with_a_separator_is_accepted_and_found(value: str) -> None:
    check("set_f1", (value,), {})
    for other in ("zebra", "\u7070\u8272", "quagga, jr."):
        if other != value:
            check("set_f1", (value, other), {})
            assert judge((value, other), f"{other}; {value}").score == 1.0


@pytest.mark.parametrize("style", STYLES)
@settings(deadline=None, max_examples=40)
@given(values=sets, data=st.data())
def test_a_list_in_any_style_and_order_is_right(
    style: str, values: list[str], data: st.DataObject
) -> None:
    assume(accepted(values))
    answer = STYLES[style](data.draw(st.permutations(values)))
    quality = judge(tuple(values), answer)
    assert (quality.score, quality.em) == (1.0, 1.0), answer


@pytest.mark.parametrize("style", STYLES)
@settings(deadline=None, max_examples=30)
@given(values=sets, data=st.data())
def test_one_less_or_one_more_is_not_right(
    style: str, values: list[str], data: st.DataObject
) -> None:
    assume(accepted(values))
    order = data.draw(st.permutations(values))
    foreign = data.draw(st.sampled_from(["zebra", "Ouagadougou", "\u7070\u8272", "994"]))
    rival = (foreign,) if data.draw(st.booleans()) else ()
    place = data.draw(st.integers(0, len(order)))
    more = STYLES[style]([*order[:place], foreign, *order[place:]])
    assert judge(tuple(values), more, rival).score < 1.0, more
    if len(order) > 1:
        less = STYLES[style](order[1:])
        assert judge(tuple(values), less).score < 1.0, less


@settings(deadline=None, max_examples=300)
@given(value=st.sampled_from(WORDS), data=st.data())
def test_a_value_with_another_letter_does_not_count(value: str, data: st.DataObject) -> None:
    places = [at for at, char in enumerate(value) if char.isalnum()]
    at = data.draw(st.sampled_from(places))
    other = data.draw(st.sampled_from([c for c in "axz85\u4e2d" if c != value[at].casefold()]))
    changed = value[:at] + other + value[at + 1 :]
    check("set_f1", (value,), {})
    for answer in (changed, f"{changed}, quagga", f"The value is {changed}."):
        assert judge((value,), answer).score == 0.0, answer


@settings(deadline=None, max_examples=300)
@given(values=st.lists(st.text(max_size=12), min_size=1, max_size=4), data=st.data())
@example(["0", "0,"], None)
@example(["a", "a b", "b a"], None)
def test_whatever_is_accepted_is_found_again(values: list[str], data: st.DataObject | None) -> None:
    assume(accepted(values))
    order = data.draw(st.permutations(values)) if data else values
    for answer in (", ".join(order), "\n".join(order), json.dumps(order)):
        assert judge(tuple(values), answer).score == 1.0


@pytest.mark.parametrize(
    "values", [("salt", "pepper", "salt and pepper"), ("a b", "b", "b, a"), ("?!",), ()]
)
def test_what_cannot_be_told_apart_is_refused(values: tuple[str, ...]) -> None:
    assert not accepted([*values])


@pytest.mark.parametrize(
    ("expected", "answer", "right"),
    [
        ("red blue", "red, red, blue", True),
        ("red blue", "The colours are: red and blue", True),
        ("red blue", "Sure, here are the colours: red, blue", True),
        ("red blue", "red\nblue\n\nI hope this helps!", True),
        ("red blue", '{"colours": ["red", "blue"]}', True),
        ("red blue", "red and blue, not green", True),
        ("red blue", "red, but not blue", False),
        ("red blue", "green, red and blue", False),
        ("red blue", "red, blue. Also green.", False),
        ("red blue", "Red. Blue. Green.", False),
        ("red blue", "Red. Blue.", True),
        ("red blue", "red/blue", True),
        ("red blue", "red/blue/green", False),
        ("\u7ea2 \u84dd", "\u989c\u8272\u662f\u7ea2\u3001\u84dd\u3002", True),
        ("\u7ea2 \u84dd", "1\u3001\u7ea2\n2\u3001\u84dd", True),
        ("\u7ea2 \u84dd", "\u7ea2\u548c\u84dd", True),
        ("\u7ea2 \u84dd", "\u7ea2\u548c\u7eff\u548c\u84dd", False),
        ("\u8d64 \u9752", "\u8d64\u3068\u9752\u3067\u3059\u3002", True),
        ("\u6771\u4eac \u5927\u962a", "\u6771\u4eac\u3068\u5927\u962a", True),
        ("\u6771\u4eac \u5927\u962a", "\u6771\u4eac\u90fd\u3068\u5927\u962a", False),
        ("\ube68\uac15 \ud30c\ub791", "\ube68\uac15\uacfc \ud30c\ub791\uc785\ub2c8\ub2e4.", True),
        ("\ube68\uac15 \ud30c\ub791", "\ube68\uac15\uacfc \ucd08\ub85d\uacfc \ud30c\ub791", False),
        (
            "\u0623\u062d\u0645\u0631 \u0623\u0632\u0631\u0642",
            "\u0623\u062d\u0645\u0631 \u0648\u0623\u0632\u0631\u0642",
            True,
        ),
        (
            "\u0623\u062d\u0645\u0631 \u0623\u0632\u0631\u0642",
            "\u0623\u062d\u0645\u0631 \u0648\u0623\u062e\u0636\u0631 \u0648\u0623\u0632\u0631\u0642",
            False,
        ),
        ("1 3", "1. 7\n2. 3", False),
        ("7 3", "1. 7\n2. 3", True),
        ("12 15", "The codes are 12. And 15.", True),
        ("482 913", "482,913", False),
        ("5", "-5", False),
        ("5", "5 %", False),
        ("C", "C++", False),
        ("C++ C", "C++ and C", True),
    ],
)
def test_what_a_careful_reader_would_say(expected: str, answer: str, *, right: bool) -> None:
    assert (judge(tuple(expected.split()), answer).score == 1.0) == right


def test_a_rival_with_a_separator_is_one_foreign_entry() -> None:
    quality = judge(("Cuba",), "Trinidad and Tobago, Cuba", ("Trinidad and Tobago",))
    assert quality.precision == 0.5
    assert judge(("York",), "New York", ("New York",)).score == 0.0


def test_prose_does_not_raise_precision() -> None:
    prose = " ".join(["word"] * 160)
    assert judge(("red",), f"red {prose}").precision <= 0.1
    assert judge(("red",), f"{prose} red").precision <= 0.1
