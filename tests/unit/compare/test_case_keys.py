"""Case ids taken apart: what is left of them once an axis is out."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stressbench.compare.case_keys import CaseIdParts, taken_apart
from stressbench.schema.results.record import CaseRecord
from stressbench.store import scan

RESULTS = Path(__file__).parents[3] / "results"
SHIPPED = sorted(RESULTS.glob("*-baseline/records.jsonl"))
NAMED = st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9_.-]{0,9}\Z")
ARMS = st.sampled_from(["stress", "isocontent", "isotoken", "no_context", "oracle_context"])
POINTS = st.lists(st.from_regex(r"\A[a-z_]{1,6}-[A-Za-z0-9.~-]{1,6}\Z"), max_size=3)
LEVELS = st.sampled_from(["", "rate-0.5", "concurrency-16"])
BUDGETS = st.none() | st.integers(0, 1 << 21)
DEPTHS = st.none() | st.floats(0, 1).map(lambda depth: round(depth, 4))


@given(NAMED, ARMS, LEVELS, POINTS, st.tuples(BUDGETS, DEPTHS), st.integers(0, 10**6))
def test_a_case_id_falls_into_its_parts(label, arm, level, points, place, item):
    budget, depth = place
    tail = [] if budget is None else [f"b{budget}"]
    tail += [] if depth is None else [f"d{depth:g}"]
    head = [label, arm, *([level] if level else [])]
    found = taken_apart("/".join([*head, *points, *tail, f"i{item}"]), arm, level)
    assert found == CaseIdParts(
        label,
        arm,
        level,
        "".join(f"/{each}" for each in points),
        "" if budget is None else f"/b{budget}",
        "" if depth is None else f"/d{depth:g}",
        f"/i{item}",
    )


@given(st.text(), ARMS, LEVELS)
def test_an_id_of_another_form_loses_nothing(case_id, arm, level):
    found = taken_apart(case_id, arm, level)
    assert sum(map(len, found)) >= len(case_id.replace("/", ""))


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.parent.name)
def test_the_ids_of_the_shipped_runs_say_what_their_records_say(file):
    for record in scan(file, CaseRecord):
        found = taken_apart(record.case_id, record.arm, "")
        assert (found.label, found.arm) == (record.case_id.split("/")[0], record.arm)
        assert f"{found.label}{found.item}" == record.item_id
        budget, depth = record.params["budget"], record.params["depth"]
        assert found.budget == ("" if budget is None else f"/b{budget}")
        assert found.depth == ("" if depth is None else f"/d{depth:g}")
