"""Choices, labels and JSON: what a careful reader would say of each answer."""

# ruff: noqa: E501 - one answer a line

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from stressbench.schema.results.record import Quality
from stressbench.scorers.base import check, load
from tests.cases import CASE

CITIES = ["Berlin", "Paris", "London", "Rome"]


def judge(scorer: str, expected: str, answer: str, **params: object) -> Quality:
    check(scorer, (expected,), params)
    case = replace(CASE, scorer=scorer, expected=(expected,), scorer_params=params)
    return load(scorer).score(answer, case, finish_reason="stop")


CHOSEN = [
    "B",
    "(B)",
    "b)",
    "B.",
    "**B**",
    "Option B",
    "Answer: B",
    "The answer is (B) Paris.",
    "B) Paris",
    "Paris",
    "\\boxed{B}",
    "$\\boxed{\\text{B}}$",
    "A is wrong, so B",
    "not A but B",
    "\u7b54\u6848\u662fB",
    "\u7b54\u6848\uff1aB\u3002",
    "La r\xe9ponse est B",
    "Die Antwort ist B.",
    "La respuesta es la B.",
    "\u041e\u0442\u0432\u0435\u0442: B",
    "\u6b63\u89e3\u306fB\u3067\u3059\u3002",
    "\uc815\ub2f5\uc740 B\uc785\ub2c8\ub2e4.",
    "\u0627\u0644\u0625\u062c\u0627\u0628\u0629 \u0647\u064a B",
    "I think the answer is B",
    "I think it's B.",
    "A) Berlin\nB) Paris\nC) London\nD) Rome\nThe answer is B.",
    "Paris, so B",
    "The capital is Paris.",
    "It's not London, it's Paris",
    "Paris, not London",
    "B, because A is smaller",
    "B. A is in Germany, C is in England.",
    "B is correct because C is in England.",
    "A is incorrect. C is incorrect. B is correct.",
    "The correct option is B",
    "The correct answer is: B) Paris",
    "B is the correct answer.",
    "<think>Maybe C?</think>B",
    "\uff22",
    "\uff08\uff22\uff09",
    "B\u9078\u9805",
    "\u9009B",
    "b",
    "The answer is b",
    "the answer is b.",
    "B: Paris",
    "B - Paris",
    "[B]",
    "'B'",
    '"B"',
    "B\n\nParis is the capital of France, unlike London.",
    "Vitamin B",
    "The answer is A. No, wait: the answer is B.",
    "The answer is B. I am sure that C is wrong.",
    "The best choice would be option B.",
    "I choose B",
    "I'd go with B.",
    "My answer is B",
    "Answer:\nB",
    "Answer: **B**",
    "**Answer: B) Paris**",
    "### B",
    "Option B is correct.",
    "B is right",
    "Paris (B)",
    "It can't be A, so it must be B",
    "The answer is not A but B.",
]
NOT_CHOSEN = [
    "A banana",
    "I think it's C.",
    "A, B, C or D",
    "A and B",
    "A or B",
    "B or C",
    "B) London",
    "B. London",
    "B (London)",
    "The answer is B, London.",
    "Z",
    "The answer is Z",
    "A) Berlin\nB) Paris\nC) London\nD) Rome",
    "A) Berlin\nB) Paris\nC) London\nD) Rome\nAnswer: C",
    "not B",
    "B is wrong",
    "B is not correct, C is.",
    "It is not B or C",
    "Neither A nor B",
    "London, so B",
    "London, not Paris",
    "C is the correct answer, not B.",
    "<think>Maybe B?</think>C",
    "A",
    "C",
    "",
    "Barcelona",
    "B-52",
    "Answer: A banana",
    "All of them",
    "none",
    "London (B)",
    "It's between B and C.",
    "The answer is not B.",
    "The answer isn't B but C",
]
LETTERS = [
    ("A", "A banana", False),
    ("A", "A", True),
    ("A", "A.", True),
    ("A", "The answer is A.", True),
    ("A", "A is correct", True),
    ("A", "A) a mammal", True),
    ("I", "I", True),
    ("I", "I think so", False),
    ("A", "a", True),
    ("A", "The answer is a", True),
    ("A", "the answer is a banana", False),
    ("A", "That is a 'dog', I think.", False),
    ("A", "A dog is a mammal; B is right", False),
    ("C", "I think the answer is C", True),
    ("2", "2", True),
    ("2", "(2)", True),
    ("2", "2) Paris", True),
    ("2", "Option 2", True),
    ("2", "The answer is 2.", True),
    ("2", "2 or 3", False),
    ("2", "There are 2 rivers", False),
    ("2", "12", False),
    ("2", "2.5", False),
    ("2", "B", False),
]
OPTIONS = [
    (["4", "5", "6"], "5", "5", True),
    (["4", "5", "6"], "B", "5", True),
    (["4", "5", "6"], "5", "B", True),
    (["4", "5", "6"], "5", "The answer is 5.", True),
    (["4", "5", "6"], "5", "55", False),
    (["4", "5", "6"], "5", "B) 5", True),
    (["4", "5", "6"], "5", "B) 6", False),
    (["Yes", "No"], "A", "Yes", True),
    (["Yes", "No"], "A", "A) Yes", True),
    (["A", "B", "AB", "O"], "O", "O", True),
    (["A", "B", "AB", "O"], "O", "D", True),
    (["A", "B", "AB", "O"], "O", "D) O", True),
    (["New York", "York"], "York", "New York", False),
    (["New York", "York"], "York", "York", True),
    (["cat", "dog", "both A and B"], "C", "both A and B", True),
    (["cat", "dog", "both A and B"], "C", "C) Both A and B", True),
    (["red", "blue", "None of the above"], "C", "None of the above.", True),
]
YES = [
    "yes",
    "Yes.",
    "Yes, it is.",
    "**Yes**",
    "Yes - no other is.",
    "Yes, there is no other.",
    "Yes, no doubt.",
    "Ja",
    "Ja, das stimmt.",
    "oui",
    "Oui, bien s\xfbr.",
    "S\xed",
    "S\xed, no hay otro.",
    "\u0414\u0430",
    "\u0414\u0430, \u044d\u0442\u043e \u0442\u0430\u043a.",
    "\u662f",
    "\u662f\u7684",
    "\u662f\u7684\u3002",
    "\u5bf9",
    "\u306f\u3044",
    "\u306f\u3044\u3001\u305d\u3046\u3067\u3059\u3002",
    "\ub124",
    "\ub124, \ub9de\uc2b5\ub2c8\ub2e4.",
    "\u0646\u0639\u0645",
    "\u0646\u0639\u0645\u060c \u0647\u0630\u0627 \u0635\u062d\u064a\u062d",
    "\u0939\u093e\u0901",
    "The answer is yes.",
    "Answer: Yes",
    "\u7b54\u6848\u662f\uff1a\u662f",
    "Answer: yes, because no other fits",
    "\\boxed{yes}",
    "Yes it is",
    "yes!",
    "The answer is yes, not no.",
    "<think>no?</think>yes",
    "Yes.\n\nThe text says there is no lamp.",
    "evet",
    "tak",
    "It is yes.",
    "Sim, \xe9.",
    "Yes, not no",
    "Oui, il n'y a pas de doute",
]
NO = [
    "no",
    "No.",
    "no, not yes",
    "No, it is not.",
    "Nein",
    "Nein, das ist falsch.",
    "non",
    "Non, ce n'est pas vrai.",
    "No, no es cierto.",
    "\u043d\u0435\u0442",
    "\u041d\u0435\u0442, \u044d\u0442\u043e \u043d\u0435 \u0442\u0430\u043a.",
    "\u5426",
    "\u4e0d\u662f",
    "\u4e0d\u662f\u7684\u3002",
    "\u3044\u3044\u3048",
    "\uc544\ub2c8\uc694",
    "\u0644\u0627",
    "\u0928\u0939\u0940\u0902",
    "The answer is no.",
    "Answer: No, because yes would need a lamp",
    "No it isn't",
    "n\xe3o",
    "No, I would not say yes",
    "answer: no",
    "The answer is no, since it is dark",
    "No - yes is wrong",
    "\u4e0d",
    "no!",
]
NEITHER = [
    "yes or no",
    "Yes. No.",
    "Yes/No",
    "both yes and no",
    "maybe",
    "There is no evidence.",
    "I don't know",
    "No evidence supports this",
    "not yes",
    "not no",
    "It is not untrue",
    "",
    "Yes and no.",
    "Yes, no.",
    "Is it yes? Is it no?",
    "know",
    "yesterday",
    "I cannot say yes or no",
    "ninguno",
    "the answer is not yes",
    "no answer",
    "yes no",
]
LABELS = [
    (["positive", "negative", "neutral"], "positive", "Not positive", False),
    (["positive", "negative", "neutral"], "negative", "Not positive", False),
    (["positive", "negative", "neutral"], "neutral", "It is neutral, not negative", True),
    (["positive", "negative", "neutral"], "positive", "positive rather than negative", True),
    (["positive", "negative", "neutral"], "negative", "positive rather than negative", False),
    (["positive", "negative", "neutral"], "positive", "The sentiment is positive.", True),
    (["positive", "negative", "neutral"], "positive", "positive or negative", False),
    (
        ["positive", "negative", "neutral"],
        "positive",
        "Positive. There are few negative words.",
        False,
    ),
    (
        ["positive", "negative", "neutral"],
        "positive",
        "It reads negative at first.\nAnswer: positive",
        True,
    ),
    (
        ["positive", "negative", "neutral"],
        "positive",
        "The sentiment isn't negative, it's positive",
        True,
    ),
    (
        ["positive", "negative", "neutral"],
        "neutral",
        "neither positive nor negative, so neutral",
        True,
    ),
    (
        ["positive", "negative", "neutral"],
        "neutral",
        "It is not positive or negative: neutral",
        True,
    ),
    (["entailment", "non-entailment"], "entailment", "not entailment", False),
    (["entailment", "non-entailment"], "non-entailment", "not entailment", True),
    (["entailment", "not_entailment"], "not_entailment", "Non-entailment.", True),
    (["entailment", "non-entailment"], "non-entailment", "non-entailment", True),
    (["entailment", "non-entailment"], "entailment", "non-entailment", False),
    (["entailment", "neutral", "contradiction"], "entailment", "not entailment", False),
    (["positive", "very positive", "negative"], "positive", "very positive", False),
    (["positive", "very positive", "negative"], "very positive", "Very positive!", True),
    (["positive", "very positive", "negative"], "very positive", "It is very positive.", True),
    (["true", "false"], "true", "True", True),
    (["true", "false"], "true", "It is not untrue", False),
    (["true", "false"], "false", "This is false.", True),
    (["true", "false"], "false", "It is not true.", False),
    (["true", "false"], "true", "vrai", True),
    (["true", "false"], "false", "\u9519\u8bef", True),
    (["true", "false"], "true", "\u6b63\u786e\u3002", True),
    (["true", "false"], "false", "The statement is false.", True),
    (["true", "false"], "true", "The statement is true.", True),
    (["true", "false"], "true", "not false", False),
    (["ja", "nein"], "ja", "Ja.", True),
    (["ja", "nein"], "ja", "yes", True),
    (["yes", "no", "maybe"], "maybe", "Maybe.", True),
    (["yes", "no", "maybe"], "yes", "Yes, maybe.", False),
    (["\u662f", "\u5426"], "\u662f", "\u662f\u3002", True),
    (["\u662f", "\u5426"], "\u5426", "\u4e0d\u662f", True),
    (
        ["\u79ef\u6781", "\u6d88\u6781"],
        "\u79ef\u6781",
        "\u60c5\u611f\u662f\u79ef\u6781\u7684\u3002",
        True,
    ),
    (["\u79ef\u6781", "\u6d88\u6781"], "\u79ef\u6781", "\u4e0d\u79ef\u6781", False),
    (
        ["\u79ef\u6781", "\u6d88\u6781"],
        "\u6d88\u6781",
        "\u4e0d\u662f\u79ef\u6781,\u662f\u6d88\u6781",
        True,
    ),
    (["positiv", "negativ"], "positiv", "nicht positiv", False),
    (["positif", "n\xe9gatif"], "positif", "pas positif", False),
    (["positif", "n\xe9gatif"], "n\xe9gatif", "C'est n\xe9gatif, pas positif", True),
    (["spam", "ham"], "ham", "ham", True),
    (["spam", "not spam"], "not spam", "not spam", True),
    (["spam", "not spam"], "spam", "not spam", False),
    (["spam", "not spam"], "not spam", "This is not spam.", True),
    (["1", "2", "3"], "2", "2", True),
    (["1", "2", "3"], "2", "12", False),
    (["A1", "B2"], "A1", "a1", True),
]
JSON = [
    (
        '{"city": "Oslo", "codes": [1, 2.5, {"x": null}], "ok": true}',
        '{"city": "Oslo", "codes": [1, 2.5, {"x": null}], "ok": true}',
        True,
    ),
    (
        '{"city": "Oslo", "codes": [1, 2.5, {"x": null}], "ok": true}',
        '{"ok":true,"codes":[1.0,2.50,{"x":null}],"city":"Oslo"}',
        True,
    ),
    (
        '{"city": "Oslo", "codes": [1, 2.5, {"x": null}], "ok": true}',
        'Here:\n```json\n{"city": "Oslo", "codes": [1, 2.5, {"x": null}], "ok": true}\n```\nHope it helps [1] "',
        False,
    ),
    (
        '{"city": "Oslo", "codes": [1, 2.5, {"x": null}], "ok": true}',
        'Here:\n```json\n{"city": "Oslo", "codes": [1, 2.5, {"x": null}], "ok": true}\n```\nHope it helps [see below] 5" {',
        True,
    ),
    (
        '{"city": "Oslo", "codes": [1, 2.5, {"x": null}], "ok": true}',
        '5" screen: {"city": "Oslo", "codes": [1, 2.5, {"x": null}], "ok": true}.',
        True,
    ),
    (
        '{"city": "Oslo", "codes": [1, 2.5, {"x": null}], "ok": true}',
        '{"city": "Oslo", "codes": [1, 2.5, {"x": null}], "ok": true',
        False,
    ),
    (
        '{"city": "Oslo", "codes": [1, 2.5, {"x": null}], "ok": true}',
        '{"city": "Oslo", "codes": [1, 2.5, {"x": null}], "ok": true,}',
        False,
    ),
    (
        '{"city": "Oslo", "codes": [1, 2.5, {"x": null}], "ok": true}',
        '{"city": "Oslo", "codes": [1, 2.5, {"x": null}], "ok": 1}',
        False,
    ),
    (
        '{"city": "Oslo", "codes": [1, 2.5, {"x": null}], "ok": true}',
        '{"city": "Oslo", "codes": [1.0000000001, 2.5, {"x": null}], "ok": true}',
        False,
    ),
    ("[1,2]", "[2,1]", False),
    ("[1,2]", "[[[1,2]", False),
    ("[1,2]", '{"a":[1,2],}', False),
    ("[1,2]", "[NaN, [1,2]]", False),
    ("5", "5", True),
    ("5", "The value is:\n5.", True),
    ("5", '"5"', False),
    ('"Paris"', '"Paris"', True),
    ('"Paris"', "Paris", False),
    ('"\xe9"', '"e\u0301"', True),
    ("1", "1.0", True),
    ("1", "10e-1", True),
    ("1", "true", False),
    ('{"a":1}', '{"a":2,"a":1}', False),
    ('{"a":1}', 'First {"a":2}, then {"a":1}', True),
    ('{"a":1}', 'First {"a":1}, then {"a":2}', False),
    ('{"a":1}', '**{"a":1}**', True),
    ('{"a":1}', '`{"a":1}`', True),
    ('{"a":1}', '<think>{"a":2}</think>{"a":1}', True),
    ("9007199254740993", "9007199254740992", False),
    ("{}", "[]", False),
    ("[]", "[]", True),
    ('{"a":"}"}', 'x {"a":"}"} y', True),
    ("null", "null", True),
    ('{"a": 1}', "{'a': 1}", False),
]


@pytest.mark.parametrize("answer", CHOSEN)
def test_the_option_that_is_chosen_is_right(answer: str) -> None:
    quality = judge("choice", "B", answer, options=CITIES)
    assert (quality.score, quality.answer) == (1.0, "B")
    assert judge("choice", "Paris", answer, options=CITIES).score == 1.0
    assert judge("choice", "C", answer, options=CITIES).score == 0.0


@pytest.mark.parametrize("answer", NOT_CHOSEN)
def test_what_chooses_another_or_several_is_not_right(answer: str) -> None:
    assert judge("choice", "B", answer, options=CITIES).score == 0.0


@pytest.mark.parametrize(("expected", "answer", "right"), LETTERS)
def test_a_letter_without_texts(expected: str, answer: str, *, right: bool) -> None:
    assert (judge("choice", expected, answer).score == 1.0) == right


@pytest.mark.parametrize(("options", "expected", "answer", "right"), OPTIONS)
def test_texts_that_look_like_letters_numbers_or_each_other(
    options: list[str], expected: str, answer: str, *, right: bool
) -> None:
    assert (judge("choice", expected, answer, options=options).score == 1.0) == right


FORMS = (
    "{}|({})|{}.|{})|**{}**|Option {}|Answer: {}|The answer is {}.|\\boxed{{{}}}|I think it is {}."
)


@settings(deadline=None)
@given(st.sampled_from("ABCD"), st.sampled_from("ABCDEZ"), st.sampled_from(FORMS.split("|")))
def test_only_the_right_letter_is_right(expected: str, said: str, form: str) -> None:
    for params in ({}, {"options": CITIES}):
        quality = judge("choice", expected, form.format(said), **params)
        assert (quality.score == 1.0) == (said == expected)


@pytest.mark.parametrize(
    ("answer", "said"),
    [*((a, "yes") for a in YES), *((a, "no") for a in NO), *((a, None) for a in NEITHER)],
)
def test_yes_and_no_in_many_languages(answer: str, said: str | None) -> None:
    for expected in ("yes", "no"):
        quality = judge("label", expected, answer)
        assert (quality.score == 1.0) == (said == expected)


@pytest.mark.parametrize(("labels", "expected", "answer", "right"), LABELS)
def test_labels(labels: list[str], expected: str, answer: str, *, right: bool) -> None:
    assert (judge("label", expected, answer, labels=labels).score == 1.0) == right


@pytest.mark.parametrize(("expected", "answer", "right"), JSON)
def test_json(expected: str, answer: str, *, right: bool) -> None:
    quality = judge("json_match", expected, answer)
    assert (quality.score == 1.0, quality.em == 1.0) == (right, right)


def test_partly_right_json_scores_by_its_leaves() -> None:
    quality = judge("json_match", '{"a": 1, "b": 2}', '{"a": 1, "b": 3, "c": 4}')
    assert quality.score == pytest.approx(2 / 5)
    assert quality.outcome == "partial"


def test_without_order_the_items_must_still_be_equal() -> None:
    expected = '[{"a": 1, "b": 2}, {"a": 3, "b": 4}]'
    same = '[{"b": 4, "a": 3.0}, {"a": 1, "b": 2}]'
    assert judge("json_match", expected, same, unordered=True).score == 1.0
    assert judge("json_match", expected, same).score < 1.0
    mixed = '[{"a": 1, "b": 4}, {"a": 3, "b": 2}]'
    assert judge("json_match", expected, mixed, unordered=True).score < 1.0


@pytest.mark.parametrize(
    "hostile", ["[" * 20000, '{"a":' * 20000, "9" * 20000, '"\\"' * 9000, "[see " * 5000]
)
def test_hostile_json_has_no_value_to_compare(hostile: str) -> None:
    assert judge("json_match", '{"a": 1}', hostile).score == 0.0


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(deadline=None)
@given(values, values)
def test_json_is_right_only_if_it_is_equal(one: object, two: object) -> None:
    one_text, two_text = json.dumps(one), json.dumps(two, indent=1, ensure_ascii=False)
    quality = judge("json_match", one_text, two_text)
    same = json.dumps(one, sort_keys=True) == json.dumps(two, sort_keys=True)
    if same or quality.score < 1.0:
        assert (quality.score == 1.0) == same
