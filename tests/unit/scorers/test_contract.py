"""What every scorer must do: it never raises on any text, and its own reference scores 1."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from stressbench import catalog
from stressbench.errors import SuiteError
from stressbench.schema.case import Case
from stressbench.schema.results.record import Quality
from stressbench.scorers.base import check, judge, load
from stressbench.scorers.text.choices.lists import entry_value
from tests.cases import CASE

SCORERS = catalog.names("scorers")
ANSWERS = {"set_f1": lambda texts: ", ".join({entry_value(t): t for t in texts}.values())}
"""How references make a perfect answer; without an entry, the first reference is one."""
NO_ANSWER = {"rules", "well_formed"}
"""Scorers whose references are not answers."""

texts = st.text(max_size=60)
NUMBERS = ["1,204", "-1e999", "1_000", "about twelve", " 12 ", "\u0663", "1. x"]
WORDS = ["A", "the", "a an", "New York", "York", "Paris, France", "salt and pepper", "none"]
STRANGE = ["\x00", "\u0130stanbul", "\u017f", "\xdf", "((("]
odd = st.sampled_from([*NUMBERS, *WORDS, *STRANGE])
number = st.floats(allow_nan=False, allow_infinity=False).map(repr) | st.integers().map(
    "{:,}".format
)
json_text = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
).map(json.dumps)
letter = st.sampled_from(["A", "B", "c", "(D)", "I", "\uff22", "7", "Z."])
yes_no = st.sampled_from(
    ["yes", "No", "ja", "\u3044\u3044\u3048", "\u5426", "\u043d\u0435\u0442", "S\u00ed."]
)
plausible = {"numeric": number, "json_match": json_text, "choice": letter, "label": yes_no}
rule = st.sampled_from(["contains:x", "lines:2", "ends_with:", "case:upper", "without:a"])
wrong_rule = texts | st.sampled_from(["most_words:", "nope:1", "lines:\xb2"])


def references_of(scorer: str) -> st.SearchStrategy[tuple[str, ...]]:
    """References that the scorer accepts, and some that it refuses."""
    good = st.lists(plausible.get(scorer, texts), min_size=1, max_size=4)
    return (good | st.lists(texts | odd, max_size=4)).map(tuple)


def parameters_of(scorer: str) -> st.SearchStrategy[dict[str, object]]:
    """Scorer parameters, right and wrong, of the scorers that have some."""
    rules = st.lists(rule, min_size=1) | st.lists(rule | wrong_rule)
    found = {
        "rules": {"rules": rules},
        "abstention": {"shape": texts | st.sampled_from([r"\d{4,}", "("])},
        "choice": {"options": st.lists(texts, max_size=4) | st.just(["x", "y", "Paris, France"])},
        "label": {"labels": st.lists(texts, max_size=4) | st.just(["yes", "no", "maybe"])},
        "json_match": {"unordered": st.booleans() | st.just("maybe")},
        "numeric": {"tolerance": st.floats(0, 1) | st.floats() | st.just("tight")},
    }
    some = found.get(scorer, {})
    if scorer == "rules":  # without rules it refuses everything
        return st.fixed_dictionaries(some) | st.just({})
    return st.fixed_dictionaries({}, optional=some)


def case_of(scorer: str, expected: tuple[str, ...], params: dict[str, object]) -> Case:
    return replace(CASE, scorer=scorer, expected=expected, scorer_params=params)


def accepted(scorer: str, expected: tuple[str, ...], params: dict[str, object]) -> bool:
    try:
        check(scorer, expected, params)
    except SuiteError:
        return False
    return True


@pytest.mark.parametrize("scorer", SCORERS)
@settings(deadline=None)
@given(data=st.data(), answer=texts | odd)
def test_what_it_accepts_it_can_judge_any_answer_against(
    scorer: str, data: st.DataObject, answer: str
) -> None:
    expected, params = data.draw(references_of(scorer)), data.draw(parameters_of(scorer))
    assume(accepted(scorer, expected, params))
    case = replace(case_of(scorer, expected, params), values=(answer[:3], "7"))
    quality = load(scorer).score(answer, case, finish_reason="length")
    for figure in (quality.score, quality.em, quality.precision, quality.recall):
        assert figure is None or 0.0 <= figure <= 1.0


@pytest.mark.parametrize("scorer", [name for name in SCORERS if name not in NO_ANSWER])
@settings(deadline=None)
@given(data=st.data())
def test_the_reference_itself_is_right(scorer: str, data: st.DataObject) -> None:
    expected = data.draw(references_of(scorer))
    assume(accepted(scorer, expected, {}))
    answer = ANSWERS.get(scorer, lambda texts: texts[0])(expected)
    quality = load(scorer).score(answer, case_of(scorer, expected, {}), finish_reason="stop")
    assert (quality.score, quality.em, quality.outcome) == (1.0, 1.0, "correct")


@pytest.mark.parametrize("scorer", SCORERS)
@settings(deadline=None)
@given(data=st.data(), answer=texts | odd)
def test_no_reference_that_nobody_looked_at_ends_a_run(
    scorer: str, data: st.DataObject, answer: str
) -> None:
    expected, params = data.draw(references_of(scorer)), data.draw(parameters_of(scorer))
    quality, why = judge(answer, case_of(scorer, expected, params), finish_reason=None)
    assert (quality.score is None) == (why is not None)
    assert (quality.score is None) == (quality.outcome == "unjudged")
    assert why is None or (why.startswith(f"the {scorer} scorer ") and why.isprintable())


@pytest.mark.parametrize("figure", [float("nan"), -0.5, 1.5, None, "high"])
def test_what_is_no_score_is_not_taken_for_one(
    monkeypatch: pytest.MonkeyPatch, figure: object
) -> None:
    good = load("exact_match").score("1", CASE, finish_reason="stop")

    class Odd:
        def score(self, answer: str, case: Case, *, finish_reason: str | None) -> Quality:
            return replace(good, score=figure)

    monkeypatch.setattr("stressbench.scorers.base.load", lambda _: Odd())
    quality, why = judge("1", CASE, finish_reason="stop")
    assert quality.outcome == "unjudged"
    assert why is not None
    assert "exact_match" in why


@pytest.mark.parametrize(
    ("scorer", "expected", "params", "why"),
    [
        ("numeric", ("about twelve",), {}, "'about twelve' is not a number"),
        ("numeric", ("1",), {"tolerance": -1}, "tolerance"),
        ("rules", (), {}, "needs rules"),
        ("rules", (), {"rules": ["contain:x"]}, "did you mean 'contains'"),
        ("rules", (), {"rules": ["lines:two"]}, "whole number"),
        ("set_f1", ("a", "b", "a and b"), {}, "could spell 'a and b'"),
        ("set_f1", ("red\nblue",), {}, "cannot find 'red\\nblue' again"),
        ("choice", (), {}, "needs a reference"),
        ("choice", ("Paris",), {}, "neither the letter of an option nor its text"),
        ("choice", ("E",), {"options": ["x", "y"]}, "'E' is neither the letter"),
        ("choice", ("A",), {"options": ["x", "X."]}, "cannot tell the option 'X.'"),
        ("choice", ("A",), {"options": "x"}, "a list of 2 to 26 texts"),
        ("label", ("maybe",), {}, "none of the labels yes, no"),
        ("label", ("yes",), {"labels": ["yes", "ja."]}, "cannot tell"),
        ("label", ("yes",), {"labels": ["yes"]}, "two or more texts"),
        ("json_match", ("Paris",), {}, "not one JSON value"),
        ("json_match", ('{"a":1,"a":1}',), {}, "not one JSON value"),
        ("json_match", ("1",), {"unordered": "yes"}, "true or false"),
        ("exact_match", ("?!",), {}, "no word"),
        ("exact_match", (), {}, "needs a reference"),
        ("abstention", ("none",), {"shape": "("}, "not a regular expression"),
        ("nosuch", ("1",), {}, "no scorer named 'nosuch'"),
    ],
)
def test_what_it_cannot_read_is_refused_in_words(
    scorer: str, expected: tuple[str, ...], params: dict[str, object], why: str
) -> None:
    with pytest.raises(SuiteError, match=re.escape(why)):
        check(scorer, expected, params)
