"""What moved where answers were lost: counts, what is compared with what, and what is not."""

import msgspec
import pytest
import records
from hypothesis import given, settings
from hypothesis import strategies as st

from stressbench.compare import comparison as comparing
from stressbench.compare.comparison import Options
from tests.conftest import examples


def causes(folder, base, cand):
    paths = [
        records.write(folder / name / "records.jsonl", rows)
        for name, rows in (("base", base), ("cand", cand))
    ]
    gates = ("quality.score drop < 5pt",)
    found = comparing.compare(*paths, Options(gates=gates, gates_from="here"))
    return {each.cause: each for each in found.causes}


def answer(i, *, lost=False, preempted=False, **kinds):
    row = records.record(i, score=float(not lost), **kinds)
    kv = msgspec.structs.replace(row.kv, preemptions=int(preempted))
    return msgspec.structs.replace(row, kv=kv)


def test_lost_answers_are_counted_where_it_happened_and_elsewhere(tmp_path):
    base = [answer(i) for i in range(60)]
    cand = [answer(i, lost=i < 15 or i > 57, preempted=i < 20) for i in range(60)]
    found = causes(tmp_path, base, cand)
    each = found["newly preempted"]
    assert (each.lost_moved, each.n_moved) == (15, 20)
    assert (each.lost_others, each.n_others) == (2, 40)
    assert each.delta == pytest.approx(15 / 20 - 2 / 40)
    assert each.ci[0] < each.delta < each.ci[1]
    assert each.p_adjusted < 0.01
    assert found["inflation rose"].why == "it happened in no case"
    assert found["needle lift fell"].why == "no case has a value on both sides"
    assert (found["needle lift fell"].delta, found["needle lift fell"].p) == (None, None)


def test_a_class_in_which_all_or_none_moved_says_nothing(tmp_path):
    """The long class is preempted and fails; that does not show that preemption goes with loss."""
    kinds = [("long", True), ("short", False)]
    base = [answer(i, prompt_class=kind) for kind, _ in kinds for i in range(20)]
    cand = [
        answer(i, prompt_class=kind, lost=worse, preempted=worse)
        for kind, worse in kinds
        for i in range(20)
    ]
    each = causes(tmp_path, base, cand)["newly preempted"]
    assert (each.n_moved, each.n_others, each.delta) == (0, 0, None)
    assert "fewer than 5 items" in each.why


def test_a_quantity_counts_beyond_the_median_of_its_class(tmp_path):
    def row(i, lift, *, lost=False):
        attention = {"needle_lift_max": lift}
        return records.probed(records.record(i, score=float(not lost)), attention=attention)

    base = [row(i, 4.0) for i in range(40)]
    cand = [row(i, 3.9 - 0.05 * i, lost=i >= 24) for i in range(40)]
    each = causes(tmp_path, base, cand)["needle lift fell"]
    assert (each.n_moved, each.lost_moved, each.lost_others) == (20, 16, 0)
    assert each.p_adjusted < 0.01


def test_nothing_lost_has_no_causes(tmp_path):
    base = [answer(i, lost=i < 9) for i in range(30)]
    cand = [answer(i, preempted=i < 15) for i in range(30)]
    assert causes(tmp_path, base, cand) == {}


def test_a_cause_that_both_sides_had_did_not_move(tmp_path):
    base = [answer(i, preempted=True) for i in range(30)]
    cand = [answer(i, preempted=True, lost=i < 9) for i in range(30)]
    assert causes(tmp_path, base, cand)["newly preempted"].why == "it happened in no case"


cases = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=30)


@given(cases, st.integers(1, 3))
@settings(max_examples=examples(30))
def test_in_one_class_the_difference_is_that_of_the_counts(tmp_path_factory, drawn, depths):
    folder = tmp_path_factory.mktemp("runs")

    def rows(*, moved):
        return [
            answer(i // depths, lost=moved and lost, preempted=moved and hit, depth=i % depths)
            for i, (lost, hit) in enumerate(drawn)
        ]

    for each in causes(folder, rows(moved=False), rows(moved=True)).values():
        assert each.lost_moved <= each.n_moved
        assert each.lost_others <= each.n_others
        assert (each.delta is None) == bool(each.why) == (each.p_adjusted is None)
        if each.delta is not None:
            shares = each.lost_moved / each.n_moved - each.lost_others / each.n_others
            assert each.delta == pytest.approx(shares)
            assert 0 < each.p <= each.p_adjusted <= 1
