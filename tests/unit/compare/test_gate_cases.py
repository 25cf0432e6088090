"""Which cases a gate asks about; a gate on nothing is refused with what there is."""

import time
import tracemalloc

import msgspec
import pytest
import records
from hypothesis import given, settings
from hypothesis import strategies as st

from stressbench.compare import comparison as comparing
from stressbench.compare.comparison import Options
from stressbench.compare.sides import parse_by
from stressbench.errors import CompareError, SuiteError
from tests.conftest import examples

SCORE = "quality.score drop < 5pt"


def run(tmp_path, name, rows, **changes):
    return records.write(tmp_path / name / "records.jsonl", rows, **changes)


def with_params(row, **params):
    return msgspec.structs.replace(row, params={**row.params, **params})


def judged(path, *gates, cand=None, **options):
    options = Options(gates=gates, gates_from="here", gates_only=True, **options)
    return comparing.compare(path, cand or path, options)


def mixed(tmp_path):
    rows = [
        with_params(records.record(i, depth=d), rivals=i % 3, unit="words", rate=d / 4, on=i < 4)
        for i in range(12)
        for d in (0.25, 0.5)
    ]
    return run(tmp_path, "mixed", rows + [records.record(i, prompt_class="json") for i in range(8)])


@pytest.mark.parametrize(
    ("where", "n"),
    [
        ("depth=.5,prompt_class=niah", 12),
        ("depth=5e-1,prompt_class=niah", 12),
        ("rivals=2", 8),
        ("rivals=2.0", 8),
        ("rivals=none", 8),
        ("unit=words", 24),
        ("rate=0.0625", 12),
        ("rate=6.25e-2", 12),
        ("on=true", 8),
        ("budget=512.0, label=json", 8),
        ("role=dense,rivals=1,depth=.25", 4),
    ],
)
def test_values_are_compared_as_people_write_them(tmp_path, where, n):
    (gate,) = judged(mixed(tmp_path), f"{SCORE} where {where}").gates
    assert gate.n == n


@pytest.mark.parametrize(
    ("per", "values"),
    [
        ("rivals", ["0", "1", "2", "none"]),
        ("rate", ["0.0625", "0.125", "none"]),
        ("on", ["false", "none", "true"]),
        ("label", ["json", "niah"]),
        ("depth", ["0.25", "0.5"]),
    ],
)
def test_a_gate_is_split_by_any_key(tmp_path, per, values):
    whole, *parts = judged(mixed(tmp_path), f"{SCORE} per {per}").gates
    assert [part.scope[per] for part in parts] == values
    assert sum(part.n for part in parts) == whole.n == 32


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        (f"{SCORE} per rival", "no case has a key 'rival'; did you mean 'rivals'?", "keys: arm, "),
        (f"{SCORE} where lable=x", "no case has a key 'lable'; did you mean 'label'?", " label, "),
        (f"{SCORE} per load_level", "no case has a key 'load_level'", "rate, rivals, role, unit"),
        (f"{SCORE} where rivals=7", "no case has rivals=7", "values of rivals: 0, 1, 2"),
        (f"{SCORE} where unit=word", "did you mean 'words'?", "values of unit: "),
        (f"{SCORE} where prompt_class=none", "no case has prompt_class=none", "json, niah"),
        (f"{SCORE} where arm=isotoken", "no case has arm=isotoken", "values of arm: stress"),
        (f"{SCORE} where unit=words,label=json", "no case has all of unit=words, label=json", ""),
        (f"{SCORE} per rivals where label=json", "none of these cases has a rivals", ""),
        (f"{SCORE} where role=spars", "'spars' is not among the compared: dense", ""),
    ],
)
def test_what_no_case_has_is_refused_with_what_there_is(tmp_path, text, said, hint):
    with pytest.raises(SuiteError) as caught:
        judged(mixed(tmp_path), text)
    assert said in caught.value.message
    assert hint in (caught.value.hint or "")
    assert caught.value.where == f"gate {text!r}"


def test_a_key_in_which_the_sides_differ_cannot_be_in_where(tmp_path):
    rows = [records.record(i, arm=arm) for i in range(9) for arm in ("stress", "isocontent")]
    path = run(tmp_path, "arms", rows)
    with pytest.raises(SuiteError, match="arm cannot be in where: the two sides differ in it"):
        judged(path, f"{SCORE} where arm=stress", by=parse_by(["arm=isocontent,stress"], None))


def test_a_metric_that_was_not_recorded_is_refused_with_the_reason(tmp_path):
    why = {"attention": "the suite has no such probe"}
    rows = [msgspec.structs.replace(records.record(i), why_null=why) for i in range(9)]
    path = run(tmp_path, "plain", rows)
    for text in ("attention.entropy_norm change < 5pt", "attention.entropy_norm >= 5pt"):
        with pytest.raises(CompareError, match=r"entropy_norm: the suite has no such probe"):
            judged(path, text)


def test_a_metric_of_one_model_is_judged_for_that_model_and_the_others_are_named(tmp_path):
    rows = [records.record(i, role="dense") for i in range(40)]
    rows += [
        records.probed(records.record(i, role="sparse"), routing={"imbalance_mean": 1.5 + i / 99})
        for i in range(40)
    ]
    path = run(tmp_path, "models", rows, run=records.header(("dense", "sparse")))
    comparison = judged(path, "routing.imbalance rise < 10%")
    assert [gate.scope["role"] for gate in comparison.gates] == ["sparse"]
    assert "routing.imbalance is not judged for dense, which has none" in comparison.notes


def test_a_candidate_that_lost_every_value_is_red_and_a_base_without_one_is_refused(tmp_path):
    good = run(tmp_path, "good", [records.record(i) for i in range(20)])
    dead = run(tmp_path, "dead", [records.record(i, status="error") for i in range(20)])
    (gate,) = judged(good, "ttft rise < 10%", cand=dead).gates
    assert gate.verdict == "regression"
    assert "no value in any of the 20 cases" in gate.why
    with pytest.raises(CompareError, match="only the candidate has ttft"):
        judged(dead, "ttft rise < 10%", cand=good)


@given(
    rows=st.lists(
        st.tuples(st.sampled_from([None, 1, 1.5, "a", True]), st.sampled_from([0, 1, "1", None])),
        min_size=1,
        max_size=20,
    )
)
@settings(max_examples=examples(30), deadline=None)
def test_scopes_share_out_all_cases(tmp_path_factory, rows):
    made = [with_params(records.record(i), a=a, b=b) for i, (a, b) in enumerate(rows)]
    path = run(tmp_path_factory.mktemp("scopes"), "one", made)
    if all(a is None for a, _ in rows) or all(b is None for _, b in rows):
        with pytest.raises(SuiteError, match="no case has a key"):
            judged(path, f"{SCORE} per a,b")
        return
    whole, *parts = judged(path, f"{SCORE} per a,b").gates
    assert sum(part.n for part in parts) == (whole.n if parts else 0)
    assert len(parts) in {0, *range(2, len({*map(repr, rows)}) + 1)}


def test_ten_thousand_scopes_are_refused_in_bounded_time_and_memory(tmp_path):
    rows = [with_params(records.record(i), serial=i, other=-i) for i in range(10_000)]
    path = run(tmp_path, "wide", rows)
    began = time.perf_counter()
    tracemalloc.start()
    with pytest.raises(SuiteError, match=r"per serial,other makes more than 1,000 scopes"):
        judged(path, f"{SCORE} per serial,other")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 200 * 2**20
    assert time.perf_counter() - began < 60
    with pytest.raises(SuiteError) as caught:
        judged(path, f"{SCORE} where serial=10000")
    assert caught.value.hint.endswith(", 19, and 9,980 more")
