"""The cases that a comparison names: what changed, in which order, under which id."""

import random

import msgspec
import pytest
import records
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from stressbench.cli.app import app
from stressbench.compare import comparison as comparing
from stressbench.compare.comparison import Options
from stressbench.compare.sides import parse_by
from tests.conftest import examples

SCORE = "quality.score drop < 5pt"


def run(folder, name, rows):
    return records.write(folder / name / "records.jsonl", rows)


def changes(base, cand, *gates, **options):
    found = comparing.compare(base, cand, Options(gates=gates, gates_from="here", **options))
    return found.changes


def answers(scores, **kinds):
    return [records.record(i, score=score, **kinds) for i, score in enumerate(scores)]


def ids(change):
    return [case.case_id for case in change.cases]


def test_lost_answers_come_first_with_what_both_sides_said(tmp_path):
    base = run(tmp_path, "base", answers([1.0] * 29 + [0.0]))
    cand = run(tmp_path, "cand", answers([1.0] * 12 + [0.0] * 2 + [0.5] + [1.0] * 15))
    (found,) = changes(base, cand, SCORE)
    assert (found.gate, found.scope) == (SCORE, {"role": "dense", "arm": "stress"})
    assert (found.n, found.worse, found.better) == (30, 3, 1)
    names = [f"niah/stress/b512/d0.5/i{i}" for i in (12, 13, 14, 29)]
    assert set(ids(found)[:2]) == set(names[:2])
    assert ids(found)[2:] == names[2:]
    lost = found.cases[0]
    assert (lost.base.score, lost.cand.score) == (1, 0)
    assert (lost.base.outcomes, lost.cand.outcomes) == ({"correct": 1}, {"invented": 1})
    assert (lost.base.answer, lost.cand.answer) == ("42", None)


def test_show_finds_every_id_that_is_named(tmp_path):
    base = run(tmp_path, "base", answers([1.0] * 20))
    cand = run(tmp_path, "cand", answers([0.0] * 9 + [1.0] * 11))
    (found,) = changes(base, cand, SCORE)
    assert len(found.cases) == 5
    for case in found.cases:
        for side, path, word in ((case.base, base, "correct"), (case.cand, cand, "invented")):
            shown = CliRunner().invoke(app, ["show", str(path), case.case_id])
            assert shown.exit_code == 0
            assert word in shown.output
            assert list(side.outcomes) == [word]


scores = st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), min_size=1, max_size=14)


@given(st.data())
@settings(max_examples=examples(40))
def test_no_case_that_is_left_out_lost_more(tmp_path_factory, data):
    base = data.draw(scores)
    cand = data.draw(st.lists(st.sampled_from(base), min_size=len(base), max_size=len(base)))
    folder = tmp_path_factory.mktemp("runs")
    warm = [records.record(90 + i, pass_="warmup") for i in range(data.draw(st.integers(0, 3)))]
    lines = [*warm, *answers(cand)]
    random.Random(data.draw(st.integers(0, 99))).shuffle(lines)
    found = changes(run(folder, "base", answers(base)), run(folder, "cand", lines), SCORE)
    loss = {
        f"niah/stress/b512/d0.5/i{i}": b - c
        for i, (b, c) in enumerate(zip(base, cand, strict=True))
    }
    order = sorted((each for each in loss.values() if each), key=lambda x: (x < 0, -abs(x)))
    if not order:
        assert found == []
        return
    (change,) = found
    assert [loss[name] for name in ids(change)] == order[:5]
    assert len({*ids(change)}) == len(change.cases)
    assert change.worse == sum(each > 0 for each in order)
    assert change.worse + change.better == len(order)
    for case in change.cases:
        assert case.base.score - case.cand.score == loss[case.case_id]


def test_a_case_is_named_once_in_the_smallest_scope_that_is_red(tmp_path):
    classes = [("niah", 30), ("other", 30)]
    rows = [[records.record(i, prompt_class=c) for c, n in classes for i in range(n)]]
    rows += [
        [
            records.record(i, prompt_class=c, score=float(i >= (20 if c == "niah" else 2)))
            for c, n in classes
            for i in range(n)
        ]
    ]
    base, cand = (run(tmp_path, n, each) for n, each in zip(("base", "cand"), rows, strict=True))
    part, whole = changes(base, cand, f"{SCORE} per prompt_class")
    assert part.scope["prompt_class"] == "niah"
    assert "prompt_class" not in whole.scope
    assert (part.worse, whole.worse) == (20, 22)
    assert not {*ids(part)} & {*ids(whole)}


def test_gates_alone_name_cases_where_one_does_not_pass(tmp_path):
    base = run(tmp_path, "base", answers([1.0] * 200))
    same = run(tmp_path, "same", answers([1.0] * 199 + [0.0]))
    assert changes(base, same, SCORE, gates_only=True) == []
    (found,) = changes(base, same, SCORE)
    assert (found.gate, found.metric, len(found.cases)) == (None, "quality.score", 1)
    (red,) = changes(base, run(tmp_path, "c", answers([0.0] * 200)), SCORE, gates_only=True)
    assert (red.gate, red.worse, len(red.cases)) == (SCORE, 200, 5)


def test_a_latency_gate_names_the_slowest_against_their_base(tmp_path):
    slow = {3: 900.0, 7: 250.0}
    base = [records.record(i, ttft_ms=600.0 if i == 3 else 100.0) for i in range(30)]
    cand = [records.record(i, ttft_ms=slow.get(i, 99.0)) for i in range(30)]
    gate = "ttft.mean rise < 1%"
    (found,) = changes(run(tmp_path, "base", base), run(tmp_path, "cand", cand), gate)
    assert (found.metric, found.unit, found.worse, found.better) == ("ttft", "ms", 2, 28)
    assert [case.case_id[-2:] for case in found.cases[:2]] == ["i7", "i3"]
    assert [found.cases[0].base.value, found.cases[0].cand.value] == [100, 250]


def test_repeats_are_one_case_with_all_their_outcomes(tmp_path):
    def rows(right):
        return [
            records.record(i, repeat=r, score=float(i != 4 or r < right))
            for i in range(20)
            for r in range(3)
        ]

    (found,) = changes(run(tmp_path, "base", rows(3)), run(tmp_path, "cand", rows(1)), SCORE)
    (case,) = found.cases
    assert case.cand.score == pytest.approx(1 / 3)
    assert (case.base.outcomes, case.cand.outcomes) == (
        {"correct": 3},
        {"invented": 2, "correct": 1},
    )


def test_two_levers_of_one_run_and_two_arms_name_their_own_answers(tmp_path):
    rows = [
        msgspec.structs.replace(
            records.record(i, arm=arm, score=float(lever is None and arm == "isocontent")),
            lever=lever,
        )
        for lever in (None, "clean")
        for arm in ("stress", "isocontent")
        for i in range(10)
    ]
    path = run(tmp_path, "run", rows)
    gate = ("quality.score drop < 5pt where arm=isocontent",)
    (found,) = changes(path, None, *gate, by=parse_by(["lever=none,clean"], None))
    assert found.cases[0].case_id == found.cases[0].cand_case_id
    assert (found.cases[0].base.score, found.cases[0].cand.score) == (1, 0)
    by = parse_by(["arm=isocontent,stress", "lever=none"], None)
    (found,) = changes(path, None, SCORE, by=by)
    for case in found.cases:
        assert case.cand_case_id == case.case_id.replace("isocontent", "stress")


def test_private_texts_leave_ids_and_outcomes(tmp_path):
    def private(record):
        quality = msgspec.structs.replace(record.quality, answer=None, expected=[])
        return msgspec.structs.replace(record, quality=quality)

    base = run(tmp_path, "base", map(private, answers([1.0] * 20)))
    cand = run(tmp_path, "cand", map(private, answers([0.0] * 20)))
    (found,) = changes(base, cand, SCORE)
    assert {(case.base.answer, case.cand.answer) for case in found.cases} == {(None, None)}
    assert found.cases[0].cand.outcomes == {"invented": 1}
