"""The entries of a suite: a class used once by its name, a class used more often by its labels."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stressbench.schema.suite.entry import Entry, entry_of, in_suite_order, repeated_classes

NAMES = st.sampled_from(["niah", "replay", "chat", "faq", "short_qa"])
ENTRIES = st.lists(st.tuples(NAMES, st.none() | NAMES), max_size=8)


def spec(entries: list[tuple[str, str | None]]) -> dict[str, object]:
    return {"prompts": [{"use": use, "label": label} for use, label in entries]}


@given(ENTRIES.filter(lambda found: len({label or use for use, label in found}) == len(found)))
def test_no_two_entries_of_a_suite_have_one_name(entries):
    """Where labels are unique, as a suite's must be."""
    assert len({each.name for each in in_suite_order(spec(entries))}) == len(entries)


@given(ENTRIES)
def test_a_class_used_once_has_its_own_name_whatever_its_label(entries):
    uses = [use for use, _ in entries]
    for each, (use, label) in zip(in_suite_order(spec(entries)), entries, strict=True):
        assert each.prompt_class == use
        assert (each.label == "") == (uses.count(use) == 1)
        assert each.label in {"", label or use}


def test_a_label_stands_before_its_class_unless_they_are_one_word():
    found = in_suite_order(spec([("replay", None), ("niah", "easy"), ("replay", "chat")]))
    assert [each.name for each in found] == ["replay", "niah", "chat (replay)"]


@pytest.mark.parametrize("prompts", [None, 5, "replay", {"use": "replay"}, [5, "replay", None]])
def test_a_header_without_entries_repeats_no_class(prompts):
    repeated = repeated_classes({"prompts": prompts})
    assert entry_of("replay", "chat", repeated) == Entry(prompt_class="replay")
