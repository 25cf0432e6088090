"""What every prompt class must do, including those of third parties."""

from __future__ import annotations

import hashlib

import pytest

from stressbench import catalog
from stressbench.prompts import base
from stressbench.prompts.build.layout import of_message
from stressbench.prompts.build.prompt_format import PromptFormat
from stressbench.runner.plan.spans import spans
from stressbench.schema.case import Case
from stressbench.schema.message import messages_json
from stressbench.schema.suite.suite import PromptSpec
from tests.unit.prompts.specs import CLASSES, SIZED, cases, smallest, tiny

TOKENIZERS = ("bytes", "o200k_base", "pairs")


def some_cases(name: str, prompt_format: PromptFormat) -> list[Case]:
    spec = tiny(name)
    if base.load(name).traits.sized:
        least = smallest(spec, prompt_format, seed=3)
        spec = tiny(name, budgets=[least + 60, least + 307])
    return cases(spec, prompt_format)


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
@pytest.mark.parametrize("name", CLASSES)
def test_cases_are_exact_and_say_where_everything_is(
    name: str, tokenizer: str, prompt_formats: dict[str, PromptFormat]
) -> None:
    prompt_format = prompt_formats[tokenizer]
    for case in some_cases(name, prompt_format):
        encode, decode = prompt_format.tokenizer.encode, prompt_format.tokenizer.decode
        assert case.forced_ids or encode(case.text) == list(case.content_ids)
        assert decode(case.content_ids) == case.text
        assert case.text == case.text.strip()
        turns = [each.content for each in case.messages]  # of a conversation, all count
        counted = sum(len(encode(text)) for text in turns) if turns else len(case.content_ids)
        assert case.params["content_tokens"] == counted
        if case.arm in {"stress", "isotoken"} and case.params["budget"] is not None:
            assert len(case.content_ids) + prompt_format.template_tokens == case.params["budget"]
        for segment in case.segments:
            assert 0 <= segment.start < segment.end <= len(case.text)
        for span in case.content_spans:
            shown = decode(case.content_ids[span.start : span.end]).strip()
            assert any(
                segment.part == span.part
                and case.text[segment.start : segment.end].strip() == shown
                for segment in case.segments
            )


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
@pytest.mark.parametrize("name", CLASSES)
def test_spans_are_the_same_whether_a_prompt_was_built_with_this_tokenizer_or_not(
    name: str, tokenizer: str, prompt_formats: dict[str, PromptFormat]
) -> None:
    prompt_format = prompt_formats[tokenizer]
    for case in some_cases(name, prompt_format):
        laid = of_message(case.content_ids, prompt_format)
        built = spans(case, laid, prompt_format, same=True)
        assert [span.part for span in built] == [segment.part for segment in case.segments]
        if not case.forced_ids:
            assert built == spans(case, laid, prompt_format, same=False)


@pytest.mark.parametrize("name", CLASSES)
def test_arms_ask_the_same_fact_and_point_to_their_twin(
    name: str, bytes_format: PromptFormat
) -> None:
    made = some_cases(name, bytes_format)
    traits = base.load(name).traits
    ids = {case.case_id for case in made}
    assert len(ids) == len(made)
    assert {case.arm for case in made} == set(traits.arms)
    by_item: dict[str, set[str]] = {}
    for case in made:
        assert case.twin_of is None or case.twin_of in ids
        if "isocontent" in traits.arms and case.arm in {"stress", "isotoken"}:
            assert case.twin_of is not None
        assert case.cluster_id == case.item_id
        assert case.item_id == f"{name}/i{case.item_id.rpartition('/i')[2]}"
        assert case.scorer in catalog.names("scorers")
        if case.arm in {"no_context", "oracle_context"}:
            assert case.params["budget"] is None
            assert case.params["depth"] is None
        by_item.setdefault(case.item_id, set()).add(case.case_id)
    assert len(by_item) == 2


@pytest.mark.parametrize("name", CLASSES)
def test_without_context_the_answer_is_nowhere_in_the_prompt(
    name: str, bytes_format: PromptFormat
) -> None:
    if base.load(name).traits.scorer == "exact_match" and name != "fact_join":
        for case in some_cases(name, bytes_format):
            if case.arm == "no_context":
                assert not any(answer in case.text for answer in case.expected)
            elif case.arm == "oracle_context":
                assert any(answer in case.text for answer in case.expected)


@pytest.mark.parametrize("name", SIZED)
def test_a_budget_below_the_smallest_is_refused_and_the_smallest_works(
    name: str, bytes_format: PromptFormat
) -> None:
    least = smallest(tiny(name), bytes_format, seed=3)
    for budget in (least, least + 1):
        made = cases(tiny(name, budgets=[budget]), bytes_format)
        stress = [case for case in made if case.arm == "stress"]
        assert {len(case.content_ids) + bytes_format.template_tokens for case in stress} == {budget}


@pytest.mark.parametrize("name", CLASSES)
def test_counting_and_describing_agree_with_expanding(
    name: str, bytes_format: PromptFormat
) -> None:
    spec = tiny(name)
    if base.load(name).traits.sized:
        spec = tiny(name, budgets=[4000])
    assert base.count(spec) == len(cases(spec, bytes_format))
    shown = base.describe(name)
    assert shown.name == name
    assert shown.summary
    assert shown.example or base.load(name).traits.needs
    assert all(param.doc.endswith(".") for param in shown.params)


@pytest.mark.parametrize("name", CLASSES)
def test_items_differ_and_text_is_hashed(name: str, bytes_format: PromptFormat) -> None:
    made = [case for case in some_cases(name, bytes_format) if case.arm == "stress"]
    assert len({case.content_sha256 for case in made}) == len(made)
    for case in made:
        if not case.forced_ids:
            hashed = messages_json(case.messages) if case.messages else case.text.encode()
            assert case.content_sha256 == hashlib.sha256(hashed).hexdigest()


def test_every_shipped_class_of_the_catalogue_is_there() -> None:
    assert len(CLASSES) >= 31
    assert set(SIZED) < set(CLASSES)


def test_the_same_item_is_asked_at_every_length_and_depth(bytes_format: PromptFormat) -> None:
    spec = PromptSpec(use="niah", items=2, budgets=[900, 1800], depths=[0, 0.5, 1])
    made = [case for case in cases(spec, bytes_format) if case.arm == "stress"]
    assert len(made) == 2 * 2 * 3
    for item in ("niah/i0", "niah/i1"):
        same = [case for case in made if case.item_id == item]
        assert len({case.expected for case in same}) == 1
        # The haystack stays while the needle moves through it.
        needle = same[0].text[same[0].segments[0].start : same[0].segments[0].end]
        for budget in (900, 1800):
            texts = [c.text.replace(" " + needle, "") for c in same if c.params["budget"] == budget]
            assert len(set(texts)) == 1
