"""Conversations, references and columns of data sets, as people store them."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stressbench.errors import SuiteError
from stressbench.prompts.base import truths
from stressbench.prompts.build.prompt_format import PromptFormat
from stressbench.prompts.material.cell import filled, references_of, text_of
from stressbench.prompts.material.conversation import asked_of, messages_of
from stressbench.schema.case import Case
from stressbench.schema.suite.suite import PromptSpec
from tests.unit.prompts.specs import cases

SPELLED = {
    "system": ["system", "developer", "System"],
    "user": ["user", "human", "Human"],
    "assistant": ["assistant", "gpt", "model", "bot"],
    "tool": ["tool", "observation", "function_response"],
}
CALL = {
    "id": "call_9",
    "type": "function",
    "function": {"name": "weather", "arguments": '{"city": "Zürich"}'},
}
texts = st.text(st.characters(exclude_categories=["Cs"]))
turns = st.lists(st.tuples(st.sampled_from(list(SPELLED)), texts), min_size=1, max_size=8)


def spec(folder: Path, rows: list[dict[str, object]], **params: object) -> PromptSpec:
    path = folder / "log.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return PromptSpec(use="replay", items=len(rows), params={"path": str(path), **params})


def only(folder: Path, row: dict[str, object], form: PromptFormat, **params: object) -> Case:
    (case,) = cases(spec(folder, [row], **params), form)
    return case


@given(turns, st.data())
def test_every_spelling_of_turns_is_the_same_conversation(
    said: list[tuple[str, str]], data: st.DataObject
) -> None:
    stored = []
    for role, text in said:
        name = data.draw(st.sampled_from(SPELLED[role]))
        forms = [
            {"role": name, "content": text},
            {"from": name, "value": text},
            {"role": name, "content": [{"type": "text", "text": text}]},
            {"role": name, "content": text, "weight": 1, "name": None, "tool_calls": None},
        ]
        stored.append(data.draw(st.sampled_from(forms)))
    wrapped = data.draw(
        st.sampled_from([stored, {"messages": stored}, {"conversations": stored, "id": "a"}])
    )
    found = messages_of(wrapped)
    assert [(each.role, each.content) for each in found] == said
    sent, answer = asked_of(found)
    assert not sent or sent[-1].role != "assistant"
    assert found[: len(sent)] == sent
    left_out = [each.content for each in found[len(sent) :] if each.content.strip()]
    assert answer == "\n".join(left_out)


def test_text_numbers_and_one_message_are_a_user_turn() -> None:
    for value, text in (
        ("Hi", "Hi"),
        (5, "5"),
        (True, "true"),
        ({"from": "human", "value": "Hi"}, "Hi"),
    ):
        (turn,) = messages_of(value)
        assert (turn.role, turn.content) == ("user", text)
    assert messages_of(None) == messages_of("") == messages_of([]) == ()


def test_tool_calls_and_results_are_kept() -> None:
    for stored in (
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "assistant", "content": "", "function_call": CALL["function"]},
        {"from": "function_call", "value": json.dumps(CALL["function"])},
        {"role": "assistant", "tool_calls": [{"name": "weather", "arguments": {"city": "Zürich"}}]},
    ):
        (turn,) = messages_of([stored])
        (call,) = turn.tool_calls
        assert (turn.role, turn.content, call.name) == ("assistant", "", "weather")
        assert json.loads(call.arguments) == {"city": "Zürich"}
    result = {"role": "tool", "tool_call_id": "call_9", "name": "weather", "content": "9 °C"}
    (turn,) = messages_of([result])
    assert turn.sent() == result


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (["a", "b"], "a list of texts is no prompt"),
        ([1, 2], "a list of numbers is no prompt"),
        ({"a": 1}, "not a message: it has a"),
        ([{"role": "user"}], "turn 1: not a message: it has role"),
        ([{"content": "x"}], "turn 1: not a message: it has content"),
        ([{"role": "usr", "content": "x"}], "turn 1: unknown role 'usr'; did you mean 'user'"),
        ([{"role": 1, "content": "x"}], "turn 1: unknown role a number"),
        ([{"role": "user", "content": {"a": 1}}], "turn 1: it is an object"),
        ([{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}], "'image_url'"),
        ([{"role": "user", "content": [{"type": "input_audio"}]}], "'input_audio'"),
        ([{"role": "user", "content": [7]}], "the content holds a number"),
        ([{"role": "user", "content": "x", "name": 4}], "name is a number"),
        ([{"role": "assistant", "tool_calls": "x"}], "tool_calls is a text"),
        ([{"role": "assistant", "tool_calls": [{}]}], "no function name"),
        ([{"from": "function_call", "value": "weather()"}], "no function name"),
        (b"caf\xc3\xa9", "binary data"),
    ],
)
def test_what_is_no_conversation_is_refused_in_one_sentence(value: object, said: str) -> None:
    with pytest.raises(SuiteError) as refused:
        messages_of(value)
    assert said in refused.value.message
    assert "{" not in refused.value.message


@pytest.mark.parametrize(
    ("value", "accepted"),
    [
        (None, ()),
        ("", ()),
        (" \n\u00a0", ()),
        ("Paris", ("Paris",)),
        ([None, "Paris", " "], ("Paris",)),
        (["Paris", "Paris"], ("Paris",)),
        ({"text": ["Paris", "paris"], "answer_start": [1, 1]}, ("Paris", "paris")),
        ({"text": [], "answer_start": []}, ()),
        (5, ("5",)),
        (2.5, ("2.5",)),
        (False, ("false",)),
        (0, ("0",)),
        (10**30, (str(10**30),)),
        (Decimal("1.50"), ("1.50",)),
        ([1, [2, None]], ("1", "2")),
    ],
)
def test_references_are_what_json_says(value: object, accepted: tuple[str, ...]) -> None:
    assert references_of(value) == accepted


@pytest.mark.parametrize(
    "value", [{"value": "Paris"}, b"x", [{"a": 1}], math.nan, math.inf, object(), {1, 2}]
)
def test_no_reference_is_spelled_by_python(value: object) -> None:
    with pytest.raises(SuiteError):
        references_of(value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
)


@given(json_values)
def test_any_value_is_read_as_text_or_refused(value: object) -> None:
    for read in (text_of, references_of, messages_of):
        try:
            found = read(value)  # type: ignore[operator]
        except SuiteError:
            continue
        shown = [found] if isinstance(found, str) else [getattr(x, "content", x) for x in found]
        for text in shown:
            assert text not in {"None", "True", "False", "nan"} or text == value or value


@given(st.dictionaries(st.from_regex(r"[A-Za-z_ .-]{1,8}", fullmatch=True), texts, min_size=1))
def test_columns_are_put_into_a_text(row: dict[str, str]) -> None:
    template = "{{" + " | ".join("{" + name + "}" for name in row) + "}}"
    named = {name for name in row if name.strip()}
    if len(named) < len(row):
        return
    assert filled(template, row) == "{" + " | ".join(row.values()) + "}"


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{contxt}", "no column 'contxt'; it has context, n, made; did you mean 'context'?"),
        ("{", "a brace is open"),
        ("a } b", "a brace is open"),
        ("{}", "names no column"),
        ("{made}", "column 'made': it is an object"),
    ],
)
def test_a_wrong_template_is_refused(template: str, said: str) -> None:
    row = {"context": "x", "n": None, "made": {"a": 1}}
    with pytest.raises(SuiteError) as refused:
        filled(template, row)
    assert said in refused.value.message
    assert filled("{context}{n}", row) == "x"


def test_columns_and_a_system_turn_make_a_prompt(
    tmp_path: Path, bytes_format: PromptFormat
) -> None:
    row = {"context": "Oslo is cold.", "input": "Is it?", "style": "terse", "answer": "yes"}
    case = only(
        tmp_path, row, bytes_format, prompt="{context}\n\n{input}", system="Be {style}: {{}}."
    )
    assert [each.content for each in case.messages] == ["Be terse: {}.", "Oslo is cold.\n\nIs it?"]
    assert case.text == "Oslo is cold.\n\nIs it?"
    plain = only(tmp_path, row, bytes_format, prompt="{context}\n\n{input}")
    assert (plain.text, plain.messages) == (case.text, ())
    assert plain.content_sha256 != case.content_sha256
    for params, said in (
        ({"prompt": "{inputs}"}, "there is no column 'inputs'"),
        ({"prompt": "{input"}, "a brace is open"),
        ({"prompt": "{input}", "field": "input"}, "both say where the prompt is"),
    ):
        with pytest.raises(SuiteError, match=said):
            only(tmp_path, row, bytes_format, **params)


def test_the_last_answer_is_the_reference_and_is_not_sent(
    tmp_path: Path, bytes_format: PromptFormat
) -> None:
    said = [{"role": "user", "content": "Capital?"}, {"role": "assistant", "content": "Paris"}]
    case = only(tmp_path, {"prompt": said}, bytes_format)
    assert (case.text, case.expected, case.scorer) == ("Capital?", ("Paris",), "exact_match")
    assert "Paris" not in case.text
    given = only(tmp_path, {"prompt": said, "answer": "Lyon"}, bytes_format)
    assert (given.text, given.expected) == ("Capital?", ("Lyon",))
    none = only(tmp_path, {"prompt": said}, bytes_format, answer_field="")
    assert (none.text, none.expected, none.scorer) == ("Capital?", (), "well_formed")
    with pytest.raises(SuiteError, match="no user turn before the answer"):
        only(tmp_path, {"prompt": said[1:]}, bytes_format)
    own = [{"role": "system", "content": "x"}, *said]
    with pytest.raises(SuiteError, match="a system turn of its own"):
        only(tmp_path, {"prompt": own}, bytes_format, system="Be terse.")


@pytest.mark.parametrize("name", ["answer_field", "time_field", "options_field"])
def test_a_column_that_is_named_must_be_in_some_row(
    name: str, tmp_path: Path, bytes_format: PromptFormat
) -> None:
    rows: list[dict[str, object]] = [{"prompt": "a"}, {"prompt": "b", "reference": "1"}]
    with pytest.raises(SuiteError, match=r"no row of .* has 'refrence'.*'reference'") as refused:
        cases(spec(tmp_path, rows, **{name: "refrence"}), bytes_format)
    assert refused.value.where == f"prompts.replay.params.{name}"
    assert len(cases(spec(tmp_path, rows, **{name: "reference"}), bytes_format)) == 2
    assert len(cases(spec(tmp_path, rows), bytes_format)) == 2


def test_parameters_and_options_reach_the_scorer(
    tmp_path: Path, bytes_format: PromptFormat
) -> None:
    row = {"prompt": "Which?", "answer": "2.5", "choices": ["1", "2.5"]}
    case = only(
        tmp_path, row, bytes_format,
        scorer="numeric", scorer_params={"tolerance": 0.1}, options_field="choices",
    )  # fmt: skip
    assert case.scorer_params == {"tolerance": 0.1, "options": ["1", "2.5"]}
    for wrong in ("tolerance", ["a"], {"a": {"b": 1}}, 5):
        with pytest.raises(SuiteError, match="is not a mapping"):
            only(tmp_path, row, bytes_format, scorer_params=wrong)


def test_lists_and_messages_in_the_cells_of_a_table(
    tmp_path: Path, bytes_format: PromptFormat
) -> None:
    path = tmp_path / "log.csv"
    path.write_text(
        'prompt,answer\nWhich planet?,"[""Mars"", ""the planet Mars""]"\n'
        '"[{""role"": ""user"", ""content"": ""Hi""}]","[x]"\n[1] is a footnote,[1]\n',
        "utf-8",
    )
    made = cases(PromptSpec(use="replay", items=3, params={"path": str(path)}), bytes_format)
    assert [case.text for case in made] == ["Which planet?", "Hi", "[1] is a footnote"]
    assert [case.expected for case in made] == [("Mars", "the planet Mars"), ("[x]",), ("[1]",)]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"prompt": "Who?", "context": "A text."}, 'prompt: "{context}\\n\\n{prompt}"'),
        ({"prompt": [{"role": "user", "content": "?"}], "system": "x"}, 'system: "{system}"'),
        ({"prompt": "Who?", "answers": "A"}, "answer_field: answers"),
        (
            {"prompt": [{"from": "human", "value": "?"}, {"from": "gpt", "value": "!a"}]},
            "the last assistant turn is the reference of 2 prompts",
        ),
        ({"prompt": "Who?", "context": None}, None),
        ({"prompt": "Who?", "source": "web", "answer": "A"}, None),
    ],
)
def test_what_is_left_out_is_said(
    row: dict[str, object], said: str | None, tmp_path: Path, bytes_format: PromptFormat
) -> None:
    found = [
        note
        for truth in truths(spec(tmp_path, [row, row]), seed=0, prompt_format=bytes_format)
        for note in truth.notes
    ]
    if said is None:
        assert not found
    else:
        assert len(set(found)) == 1
        assert said in found[0]
