"""What the answer is: after the thought, before an invented next turn, and what it announces."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from stressbench import catalog
from stressbench.scorers.base import THOUGHT_CUT, judge
from stressbench.scorers.text.answer.answers import announced, final_answer, visible
from tests.cases import CASE

PARIS = replace(CASE, scorer="exact_match", expected=("Paris",), values=())
OPENING = [
    "<think>",
    "<THINK>",
    "<thinking>",
    "<thought>",
    "<reasoning>",
    "<seed:think>",
    "[THINK]",
]
MARKS = "<|channel|>final<|message|>"
TEXTS = ["Paris", "Lyon", " ", "\n", "<think>", "</think>", "`", '"', "```\n", "User:", ".", "5"]
TURNS = ["Question: a\n", "<|im_end|>", "Answer: ", "The answer is ", "<answer>", "</answer>", "x:"]
pieces = st.sampled_from([*TEXTS, *TURNS, "</s>"])
texts = st.lists(pieces, max_size=14).map("".join)
plain = st.text(alphabet="ab \n<>`\"'.:", max_size=30)


@pytest.mark.parametrize("opening", OPENING)
def test_the_answer_comes_after_the_thought(opening: str) -> None:
    closing = opening[0] + "/" + opening[1:]
    said = f"{opening}\nIs it Paris? Yes, Paris.\n{closing}\n\nLyon"
    assert judge(said, PARIS, finish_reason="stop")[0].score == 0.0
    long = f"{opening}{'Is it Lyon? ' * 40}{closing}Paris"
    assert judge(long, PARIS, finish_reason="stop")[0].score == 1.0


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("so it is Paris</think>Lyon", "Lyon"),
        ("<think>a</think><think>b</think>Lyon", "Lyon"),
        ("<think>a <think>b</think> c</think>Lyon", "Lyon"),
        ("<think>the `</think>` mark</think>Lyon", "Lyon"),
        ("<|im_start|>assistant\n<think>a</think>Lyon<|im_end|>", "Lyon"),
        (f"<|channel|>analysis<|message|>a<|end|><|start|>assistant{MARKS}Lyon<|return|>", "Lyon"),
        ("analysisThe user asks.assistantfinalLyon", "Lyon"),
        ("\u25c1think\u25b7a\u25c1/think\u25b7Lyon", "Lyon"),
        ("<think>a</think><answer>Lyon</answer>", "Lyon"),
        ("<think/>Lyon", "Lyon"),
        ("The tag <think> opens, and </think> closes.",) * 2,
        ("```\n</think>\n```\nends it",) * 2,
        ("Write `</think>` at the end.",) * 2,
    ],
)
def test_marks_of_a_thought_count_only_where_one_is(text: str, answer: str) -> None:
    assert final_answer(text).text.strip() == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Paris\nQuestion: Which?\nAnswer: Lyon", "Paris"),
        ("Paris\n\nUser: And Italy?", "Paris"),
        ("Answer: Paris\nQ: Which?", "Answer: Paris"),
        ("\u5df4\u9ece\n\u7528\u6237\uff1a\u91cc\u6602", "\u5df4\u9ece"),
        ("Paris\nFrage: Welche?", "Paris"),
        ("Paris<|im_end|>\n<|im_start|>user\nLyon", "Paris"),
        ("Paris\n### Instruction\nLyon", "Paris"),
        ("Paris</s>[INST] Lyon", "Paris"),
        ("User: Hi\nAssistant: Hello\nUser: Bye",) * 2,
        ("Here is the dialogue:\n\nUser: Hi",) * 2,
        ("Host: a\nUser: bob",) * 2,
        ("```\na\nUser: b\n```",) * 2,
        ("a <s>old</s> new",) * 2,
    ],
)
def test_an_invented_next_turn_ends_the_answer(text: str, answer: str) -> None:
    assert final_answer(text).text == answer


def test_a_dialogue_to_copy_is_not_cut() -> None:
    copy = "Paris\nUser: Hi"
    assert final_answer(copy, expected=(copy,)).text == copy


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("The answer is 5. Wait, no. The answer is 6.", "6."),
        ("so \\boxed{\\frac{1}{2}} ok", "\\frac{1}{2}"),
        ("**Final Answer:** 3.14", "3.14"),
        ("The answer is Washington, D.C.", "Washington, D.C."),
        ("The answer is 5. I got it by adding 2 and 3.", "5."),
        (
            "The answer is St. Petersburg in the north of Russia",
            "St. Petersburg in the north of Russia",
        ),
        ("2 + 3\n#### 42", "42"),
        ("### Final Answer\nParis", "Paris"),
        (
            "\u7b54\u6848\u662f\u5317\u4eac\u3002\u56e0\u4e3a\u662f\u9996\u90fd",
            "\u5317\u4eac\u3002",
        ),
        ("Die Antwort ist 5", "5"),
        ("La r\u00e9ponse est Paris.", "Paris."),
        (
            "\u041e\u0442\u0432\u0435\u0442: \u041c\u043e\u0441\u043a\u0432\u0430",
            "\u041c\u043e\u0441\u043a\u0432\u0430",
        ),
        ("#### Step 1\nfoo",) * 2,
        ("5. I hope the answer is right!",) * 2,
        ("I don't know what the answer is. It may be 5",) * 2,
        ("The wrong answer is 6",) * 2,
    ],
)
def test_what_is_announced(text: str, said: str) -> None:
    assert announced(text) == said


@pytest.mark.parametrize(
    "text", ["<think>ok</think>", "<think>ok", "<think>ok</think>\n<|im_end|>"]
)
def test_a_thought_alone_scores_nothing(text: str) -> None:
    quality, why = judge(text, PARIS, finish_reason="stop")
    assert (quality.score, quality.outcome, why) == (0.0, "thinking_only", None)


def test_a_thought_cut_at_the_limit_is_not_judged() -> None:
    quality, why = judge("<think>Is it Par", PARIS, finish_reason="length")
    assert (quality.score, quality.em, quality.outcome) == (None, None, "thinking_only")
    assert why == THOUGHT_CUT


@pytest.mark.parametrize(
    "text", ["", "\u200b", "<|im_end|>", "\ufffd\ufffd", "\ufeff \u2060", "</s>"]
)
def test_what_no_reader_sees_is_empty(text: str) -> None:
    assert not visible(text)
    for scorer in ("exact_match", "well_formed"):
        case = replace(PARIS, scorer=scorer)
        quality, _ = judge(text, case, finish_reason="stop")
        assert (quality.score, quality.outcome) == (0.0, "empty")


@settings(deadline=None)
@given(text=texts)
def test_finding_the_answer_twice_changes_nothing(text: str) -> None:
    once = final_answer(text)
    assert final_answer(once.text).text == once.text
    assert announced(text) in text.strip() or announced(text) == text


@pytest.mark.parametrize("scorer", [name for name in catalog.names("scorers") if name != "rules"])
@settings(deadline=None, max_examples=40)
@given(thought=plain, answer=plain)
def test_a_thought_never_counts(scorer: str, thought: str, answer: str) -> None:
    case = replace(PARIS, scorer=scorer, expected=("5",) if scorer == "numeric" else ("Paris",))
    alone, _ = judge(answer, case, finish_reason="stop")
    after, _ = judge(f"<think>{thought}</think>{answer}", case, finish_reason="stop")
    assert after.score == alone.score
    assert after.outcome == ("thinking_only" if alone.outcome == "empty" else alone.outcome) or (
        not answer.strip(" \n.")
    )
