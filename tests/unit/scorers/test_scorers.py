"""Mock models with known scores, judged by every scorer."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from stressbench import catalog
from stressbench.schema.case import Case
from stressbench.schema.results.record import Quality
from stressbench.schema.suite.suite import Scalar
from stressbench.scorers.base import failed_quality, load

SCORERS = catalog.names("scorers")

HAYSTACK = " ".join(f"The code for city number {n} is {n * 7919 + 100000}." for n in range(400))
RIVALS = tuple(str(n * 7919 + 100000) for n in range(400))

TRUTHS: dict[str, tuple[str, ...]] = {
    "abstention": ("none",),
    "choice": ("B",),
    "json_match": ('{"city": "Oslo", "code": 482913}',),
    "label": ("yes",),
    "decode_match": ("The ferry left late.",),
    "edit_distance": ("apple apple apples apple apple",),
    "exact_match": ("482913", "four eight two"),
    "numeric": ("1204",),
    "rules": ("contains:lamp", "ends_with:!", "most_words:12"),
    "set_f1": ("482913", "771204", "105538"),
    "well_formed": (),
}
ORACLES = {
    "abstention": "none",
    "choice": "(B)",
    "json_match": '```json\n{"code": 482913.0, "city": "Oslo"}\n```',
    "label": "Yes.",
    "decode_match": "The ferry left late.",
    "edit_distance": "apple apple apples apple apple",
    "exact_match": "482913",
    "numeric": "1,204",
    "rules": "A lamp stood by the door!",
    "set_f1": "771204, 482913 and 105538",
    "well_formed": "Anything that makes sense.",
}
QUESTIONS = {
    "choice": "Choose from A) Oslo, B) Bergen, C) Narvik",
    "label": "Answer with yes or no",
    "json_match": 'Fill in {"city": ..., "code": ...}',
}
"""How a prompt asks for an answer that is not written in it."""
FORMED = frozenset(QUESTIONS)


def case_for(scorer: str) -> Case:
    expected = TRUTHS[scorer]
    params: dict[str, Scalar | list[str]] = {"rules": list(expected)} if scorer == "rules" else {}
    facts = " ".join(expected)
    text = f"Here is a text. {HAYSTACK} The answer is {facts} . What is it?"
    if scorer in QUESTIONS:
        text = f"Here is a text. {HAYSTACK} {QUESTIONS[scorer]} . What is it?"
    return Case(
        case_id="x/stress/i0",
        item_id="x/i0",
        cluster_id="x/i0",
        twin_of=None,
        prompt_class="x",
        label="x",
        params={},
        arm="stress",
        seed=0,
        text=text,
        content_ids=(),
        segments=(),
        expected=expected,
        scorer=scorer,
        scorer_params=params,
        values=RIVALS,
        max_tokens=8,
        content_sha256="",
    )


def judge(scorer: str, answer: str, finish_reason: str = "stop") -> Quality:
    return load(scorer).score(answer, case_for(scorer), finish_reason=finish_reason)


def test_every_scorer_has_a_known_truth_here() -> None:
    assert set(SCORERS) == set(TRUTHS) == set(ORACLES)


@pytest.mark.parametrize("scorer", SCORERS)
def test_the_oracle_is_right_in_every_respect(scorer: str) -> None:
    quality = judge(scorer, ORACLES[scorer])
    assert (quality.score, quality.em, quality.outcome) == (1.0, 1.0, "correct")
    assert quality.precision in {1.0, None}
    assert quality.recall in {1.0, None}


@pytest.mark.parametrize("scorer", SCORERS)
def test_the_echo_finds_everything_and_is_not_rewarded(scorer: str) -> None:
    quality = judge(scorer, case_for(scorer).text)
    if scorer == "well_formed":
        assert quality.score == 1.0
        return
    assert quality.em == 0.0
    assert quality.score < 0.45 if scorer == "rules" else quality.score < 0.04
    assert quality.outcome != "correct"
    assert quality.precision is not None
    assert quality.recall is not None
    if scorer not in {"rules", "abstention", "decode_match", *FORMED - {"choice"}}:
        assert quality.recall == 1.0
        assert quality.precision < (0.4 if scorer == "choice" else 0.04)


@pytest.mark.parametrize("scorer", SCORERS)
@pytest.mark.parametrize("answer", ["", "   \n"])
def test_an_empty_answer_scores_nothing(scorer: str, answer: str) -> None:
    quality = judge(scorer, answer)
    assert (quality.score, quality.em, quality.outcome) == (0.0, 0.0, "empty")
    assert quality.recall in {0.0, None}


@pytest.mark.parametrize("scorer", SCORERS)
def test_a_constant_answer_scores_nothing(scorer: str) -> None:
    quality = judge(scorer, "999999")
    if scorer == "well_formed":
        assert quality.score == 1.0
    elif scorer == "rules":
        assert quality.score == pytest.approx(1 / 3)
    else:
        kind = "format" if scorer in {"choice", "label"} else "invented"
        assert (quality.score, quality.em, quality.outcome) == (0.0, 0.0, kind)


@pytest.mark.parametrize("scorer", SCORERS)
def test_a_refusal_is_called_one(scorer: str) -> None:
    quality = judge(scorer, "I'm sorry, but I cannot help with that.")
    if scorer in {"well_formed", "abstention"}:
        assert (quality.score, quality.outcome) == (1.0, "correct")
    elif scorer != "rules":
        assert (quality.score, quality.outcome) == (0.0, "abstained")


@pytest.mark.parametrize("scorer", SCORERS)
def test_a_rival_value_is_a_detached_reference(scorer: str) -> None:
    if scorer not in {"well_formed", "rules"}:
        quality = judge(scorer, f"The answer is {RIVALS[7]}.")
        assert (quality.score, quality.outcome) == (0.0, "detached_reference")


@pytest.mark.parametrize("scorer", SCORERS)
def test_a_loop_is_a_repetition_unless_it_was_asked_for(scorer: str) -> None:
    quality = judge(scorer, "the door the door the door the door the door", "length")
    if scorer != "rules":
        assert (quality.score, quality.outcome) == (0.0, "repetition")


@pytest.mark.parametrize("scorer", SCORERS)
def test_a_failed_request_scores_zero_and_stays_in_the_mean(scorer: str) -> None:
    quality = failed_quality(case_for(scorer))
    assert (quality.score, quality.em, quality.outcome) == (0.0, 0.0, "error")


@pytest.mark.parametrize("scorer", SCORERS)
@pytest.mark.parametrize(
    "answer", ["\x00\ud800", "\u202e482913", "-1e999", "1" * 5000, "," * 3000, "the the the", "{}"]
)
def test_no_answer_breaks_a_scorer(scorer: str, answer: str) -> None:
    quality = judge(scorer, answer)
    for number in (quality.score, quality.em, quality.precision, quality.recall):
        assert number is None or 0.0 <= number <= 1.0


Model = Callable[[str], str]


@pytest.mark.parametrize(
    ("answer", "score", "outcome"),
    [
        ("482913", 1.0, "correct"),
        ("The code is 482913.", 1.0, "correct"),
        ("Four eight two", 1.0, "correct"),
        ("4829137", 0.0, "invented"),
        ("482913 or 482914?", 0.5, "partial"),
        (f"482913 or {RIVALS[3]}", 0.5, "partial"),
        ("48291", 0.0, "invented"),
    ],
)
def test_exact_match(answer: str, score: float, outcome: str) -> None:
    quality = judge("exact_match", answer)
    assert (quality.score, quality.outcome) == (score, outcome)


@pytest.mark.parametrize("option", ["A", "B", "C", "an", "the"])
@pytest.mark.parametrize(
    ("form", "score"),
    [
        ("{}", 1.0),
        ("{}.", 1.0),
        ("({})", 1.0),
        ("{}) a mammal", 1.0),
        ("The answer is {}.", 1.0),
        ("Answer: **{}**", 1.0),
        ("D", 0.0),
        ("It is not known.", 0.0),
        ("", 0.0),
    ],
)
def test_options_are_alike_whether_or_not_they_are_words(
    option: str, form: str, score: float
) -> None:
    case = replace(case_for("exact_match"), expected=(option,), values=())
    quality = load("exact_match").score(form.format(option), case, finish_reason="stop")
    assert quality.score == score


def test_an_article_before_a_word_is_no_option() -> None:
    case = replace(case_for("exact_match"), expected=("A",), values=())
    for answer in ("A banana", "B) A mammal", "That is a 'dog', I think."):
        assert load("exact_match").score(answer, case, finish_reason="stop").score == 0.0


def test_saying_more_than_a_sentence_costs() -> None:
    short = judge("exact_match", "482913 " + "and so on " * 5).score
    long = judge("exact_match", "482913 " + "and so on " * 20).score
    assert short == 1.0
    assert long == pytest.approx(17 / 61)


@pytest.mark.parametrize(
    ("answer", "precision", "recall"),
    [
        ("482913, 771204, 105538", 1.0, 1.0),
        ("- 482913\n- 771204", 1.0, 2 / 3),
        ("482913, 1, 2, 3", 1 / 4, 1 / 3),
        ("482913 482913 482913", 1.0, 1 / 3),
        ("none of these", 0.0, 0.0),
    ],
)
def test_set_f1(answer: str, precision: float, recall: float) -> None:
    quality = judge("set_f1", answer)
    assert quality.precision == pytest.approx(precision)
    assert quality.recall == pytest.approx(recall)


@pytest.mark.parametrize(
    ("answer", "score"), [("1204.0", 1.0), ("1.204e3", 1.0), ("12 or 1204", 0.5), ("1240", 0.0)]
)
def test_numeric(answer: str, score: float) -> None:
    assert judge("numeric", answer).score == score


def test_words_instead_of_a_number_are_the_wrong_form() -> None:
    assert judge("numeric", "quite a lot").outcome == "format"


@pytest.mark.parametrize(
    ("answer", "score"),
    [
        ("apple apple apples apple", 0.8),
        ("apple apple apple apple apple", 0.8),
        ("apple apple apples apple apple pear pear pear pear pear", 0.5),
    ],
)
def test_edit_distance(answer: str, score: float) -> None:
    quality = judge("edit_distance", answer)
    assert quality.score == pytest.approx(score)
    assert quality.outcome == "partial"


def test_decoding_is_judged_to_the_letter() -> None:
    near = judge("decode_match", "the ferry left late.")
    assert (near.score, near.em) == (0.0, 0.0)
    assert near.recall == pytest.approx(19 / 20)
    assert judge("decode_match", '"The ferry left late."').em == 1.0
    inside = judge("decode_match", 'It says: "The ferry left late."')
    assert (inside.score, inside.em, inside.outcome) == (1.0, 0.0, "correct")
    assert judge("decode_match", "TheThe ferry left late.").score == 0.0


def test_declining_and_naming_a_value_all_the_same_is_no_abstention() -> None:
    assert judge("abstention", f"It is not mentioned, but maybe {RIVALS[0]}.").score == 0.0
    assert judge("abstention", "The text does not say.").score == 1.0
    assert judge("abstention", 'The code for Oslo is "none".').score == 1.0
    shaped = replace(case_for("abstention"), scorer_params={"shape": r"\d{4,}"})
    made_up = "The code is 515151, none other."
    assert load("abstention").score(made_up, shaped, finish_reason="stop").score == 0.0


def test_rules_are_counted_one_by_one() -> None:
    quality = judge("rules", "A lamp stood by the door.")
    assert quality.score == pytest.approx(2 / 3)
    assert quality.outcome == "partial"


def test_an_answer_cut_at_the_limit_is_truncated() -> None:
    answer = "Well, let us think about what the text has to say about this city"
    assert judge("exact_match", answer, "length").outcome == "truncated"
    assert judge("exact_match", answer, "stop").outcome == "invented"
