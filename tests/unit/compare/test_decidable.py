"""What a gate is said to decide beforehand is what it then decides."""

import pytest
import records
from hypothesis import given, settings
from hypothesis import strategies as st

from stressbench.compare import comparison as comparing
from stressbench.compare.comparison import Options
from stressbench.compare.decidable import gate_plan, told
from stressbench.metrics.families import known
from stressbench.schema.case import PlannedCase
from stressbench.schema.suite.gate import parse
from tests.conftest import examples


def planned(sizes):
    return [
        PlannedCase({"prompt_class": name, "arm": "stress"}, f"{name}/i{i}")
        for name, size in sizes.items()
        for i in range(size)
    ]


def plan(text, sizes):
    return gate_plan(parse(text, known()), planned(sizes))


def verdict(folder, text, sizes, lost=()):
    """The verdict where every answer of the ``lost`` classes is wrong, and nothing else changed."""
    paths = []
    for side, gone in (("base", ()), ("cand", lost)):
        rows = [
            records.record(i, prompt_class=name, score=float(name not in gone))
            for name, size in sizes.items()
            for i in range(size)
        ]
        paths.append(records.write(folder / side / "records.jsonl", rows))
    options = Options(gates=(text,), gates_from="here", gates_only=True)
    return comparing.compare(*paths, options)


margins = st.sampled_from([2, 5, 10, 15, 25, 40, 60, 90])


@given(size=st.integers(1, 90), margin=margins, confidence=st.sampled_from([80, 90, 95, 99, 99.9]))
@settings(max_examples=examples(40), deadline=None)
def test_a_gate_is_green_and_red_exactly_with_the_items_that_were_named(
    tmp_path_factory, size, margin, confidence
):
    text = f"quality.score drop < {margin}pt at {confidence}%"
    found, folder = plan(text, {"niah": size}), tmp_path_factory.mktemp("runs")
    assert found.items == size
    assert (verdict(folder, text, {"niah": size}).verdict == "pass") == found.can_pass
    lost = verdict(folder, text, {"niah": size}, ["niah"])
    assert (lost.verdict == "regression") == found.can_fail
    assert found.can_pass == (size >= found.items_to_pass)
    assert found.can_fail == (size >= found.items_to_fail)


@given(sizes=st.lists(st.integers(1, 12), min_size=2, max_size=6), margin=margins)
@settings(max_examples=examples(25), deadline=None)
def test_a_class_can_be_red_alone_exactly_if_it_is_not_listed(tmp_path_factory, sizes, margin):
    text = f"quality.score drop < {margin}pt per prompt_class"
    classes = {f"c{i}": size for i, size in enumerate(sizes)}
    found, folder = plan(text, classes), tmp_path_factory.mktemp("runs")
    for name in classes:
        lost = verdict(folder, text, classes, [name])
        alone = next(g for g in lost.gates if g.scope.get("prompt_class") == name)
        assert (alone.verdict == "regression") == (name not in found.scopes_that_cannot_fail)


@pytest.mark.parametrize(
    ("gate", "green"),
    [
        ("ttft.p50 rise < 10%", False),
        ("ttft.p50 rise < 25%", True),
        ("tokens.output rise < 5%", True),
    ],
)
def test_a_latency_margin_within_the_drift_of_two_runs_can_never_be_shown(gate, green):
    found = plan(gate, {"niah": 500})
    assert found.can_pass is green
    (line,) = told([found])
    assert ("can be red and green" in line) is green
    assert ("--history" in line) is not green


def test_a_line_names_the_scopes_that_are_too_small():
    (line,) = told([plan("quality.score drop < 15pt per prompt_class", {"niah": 40, "json": 3})])
    assert "1 of 2 scopes are too small to be red alone" in line
    assert "json (3)" in line


@given(size=st.integers(1, 60), limit=st.integers(3, 97), confidence=st.sampled_from([80, 95, 99]))
@settings(max_examples=examples(40), deadline=None)
def test_a_limit_is_kept_and_broken_exactly_with_the_items_that_were_named(
    tmp_path_factory, size, limit, confidence
):
    text = f"quality.score >= {limit}pt at {confidence}%"
    found, folder = plan(text, {"niah": size}), tmp_path_factory.mktemp("runs")
    assert (verdict(folder, text, {"niah": size}).verdict == "pass") == found.can_pass
    lost = verdict(folder, text, {"niah": size}, ["niah"])
    assert (lost.verdict == "regression") == found.can_fail


@pytest.mark.parametrize(
    ("gate", "to_pass", "to_fail"),
    [("ttft.p95 <= 2s", 72, 5), ("ttft.p50 <= 2s", 6, 5), ("failures.rate <= 5pt", 72, 5)],
)
def test_the_tail_needs_as_many_items_as_reach_it(gate, to_pass, to_fail):
    found = plan(gate, {"niah": 80})
    assert (found.items_to_pass, found.items_to_fail) == (to_pass, to_fail)


def test_how_many_items_bound_a_mean_is_not_known_beforehand():
    (line,) = told([plan("ttft.mean <= 2s", {"niah": 80})])
    assert "how many items show this limit depends on how much the values vary" in line
