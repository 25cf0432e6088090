"""Answers judged against a number."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from stressbench.errors import SuiteError
from stressbench.scorers.base import check, load
from tests.cases import CASE


def score(expected: str, answer: str, **params: float | str) -> float:
    case = replace(CASE, scorer="numeric", expected=(expected,), scorer_params=params, values=())
    found = load("numeric").score(answer, case, finish_reason="stop").score
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("expected", "answer", "right"),
    [
        ("2147483647", "2147483646", 0),
        ("4155550123", "4155550124", 0),
        (str(2**53 + 1), str(2**53), 0),
        ("1e400", "5e999", 0),
        ("1e400", "1" + "0" * 400, 1),
        ("3,14", "3.14", 1),
        ("3,14", "314", 0),
        ("1234567", "1 234 567", 1),
        ("5", "\u22125", 0),
        ("-5", "\u22125", 1),
        ("5", ".5", 0),
        ("2024", "2024-01-05", 0),
        ("12", "12:30", 0),
        ("-5", "10-5", 0),
        ("42", "x2: 42", 1),
        ("3", "1. 3", 1),
        ("30", "3 x 10 = 30", 1),
        ("30", "30 = 3 x 10", 1),
        ("3", "3 x 10 = 30", 0),
        ("35", "First 3 x 10 = 30, then 30 + 5 = 35.", 1),
        ("30", "3 boxes \u00d7 10 apples = 30 apples", 1),
        ("1200", "1.2k", 1),
        ("1.2", "1.2 million", 0),
        ("0.75", "3/4", 1),
        ("3", "3/4", 0),
        ("0.12", "12%", 1),
        ("0.12", "0.12%", 0),
        ("12%", "12", 1),
        ("12", "12%", 1),
        ("12%", "0.12", 1),
        ("5 km", "5", 1),
        ("5 km", "5 kilometers", 1),
        ("5 km", "5 miles", 0),
        ("5", "5 miles", 1),
        ("5", "<5", 0),
        ("5", "\u221a5", 0),
        ("5", "5 or 6", 0.5),
        ("5", "5, 6, 7 and 8", 0.25),
        ("5", "5 (5.0)", 1),
        ("12", "twelve", 0),
    ],
)
def test_right_is_the_same_value(expected: str, answer: str, right: float) -> None:
    assert score(expected, answer) == right


def test_a_tolerance_is_relative() -> None:
    assert score("100", "101", tolerance=0.01) == 1
    assert score("100", "102", tolerance=0.01) == 0
    assert score("0.30000000000000004", "0.3") == 0
    assert score("0.30000000000000004", "0.3", tolerance=1e-9) == 1


def test_decimal_says_what_the_separator_is() -> None:
    assert score("1,204", "1204", decimal=".") == 1
    assert score("1.204", "1204", decimal=",") == 1
    assert score("1204", "1.204", decimal=",") == 1
    assert score("1234,5", "Es sind 1.234,50.") == 1


@pytest.mark.parametrize(
    ("expected", "params", "why"),
    [
        (("1,204",), {}, "'1,204' can be 1204 or 1.204"),
        (("10-5",), {}, "'10-5' is not a number"),
        (("12:30",), {}, "'12:30' is not a number"),
        (("9" * 5000,), {}, "4,000 digits"),
        (("5",), {"decimal": ";"}, "decimal separator"),
    ],
)
def test_references_that_are_refused(
    expected: tuple[str, ...], params: dict[str, str], why: str
) -> None:
    with pytest.raises(SuiteError, match=why):
        check("numeric", expected, params)


def test_an_alias_tells_the_separator() -> None:
    check("numeric", ("1,204", "1,204.0"), {})
