"""A contract that every metric family keeps, those of third parties too."""

import math

import msgspec
import numpy as np
import pytest
import records
from hypothesis import given, settings
from hypothesis import strategies as st

from stressbench import catalog
from stressbench.errors import ResultsError
from stressbench.metrics import base
from stressbench.metrics.families import known
from stressbench.metrics.read.fields import field_type
from stressbench.stats.quantiles import percentile
from tests.conftest import examples


def read(tmp_path, rows, metrics=None, **changes):
    path = records.write(tmp_path / "records.jsonl", rows, **changes)
    return base.read(path, [known()[name] for name in metrics or known()])


@pytest.mark.parametrize("name", catalog.names("metrics"))
def test_a_family_says_what_it_measures(name):
    family = catalog.load("metrics", name)
    assert catalog.summary("metrics", name)
    for metric in family.metrics:
        assert metric.summary
        for path in (*metric.paths, *filter(None, [metric.weight])):
            field_type(path)


def test_no_two_families_share_a_name():
    declared = [
        metric.name
        for name in catalog.names("metrics")
        for metric in catalog.load("metrics", name).metrics
    ]
    assert len(declared) == len(set(declared))


def test_bounded_metrics_stay_in_their_bounds(tmp_path):
    columns = read(tmp_path, [records.record(i, score=i % 2) for i in range(8)])
    for name, metric in known().items():
        values = columns.values[name]
        if metric.span == 1.0:
            assert ((values >= 0) & (values <= 1) | np.isnan(values)).all()


def test_a_failed_request_scores_zero_and_has_no_latency(tmp_path):
    columns = read(tmp_path, [records.record(0, status="timeout")])
    value = {name: float(column[0]) for name, column in columns.values.items()}
    assert value["quality.score"] == 0
    assert value["failures.rate"] == 1
    for name in ("ttft", "tpot", "itl", "e2el", "speed.output", "kv.usage_peak"):
        assert math.isnan(value[name])


def test_derived_values_follow_their_formulas(tmp_path):
    row = records.record(0, ttft_ms=100.0)
    columns = read(tmp_path, [row])
    value = {name: float(column[0]) for name, column in columns.values.items()}
    assert value["speed.output"] == pytest.approx(20 / 0.29)
    assert value["speed.prefill"] == pytest.approx(512 / 0.1)
    assert value["itl"] == value["itl_max"] == 10
    assert columns.weights["itl"][0] == 19
    assert columns.weights["speed.output"][0] == 290
    assert value["kv.preempted"] == 0


def test_costs_count_what_failed_and_divide_by_what_was_of_use(tmp_path):
    rows = [
        records.record(0, score=1.0),
        records.record(1, score=0.0),
        records.record(2, status="timeout"),
    ]
    names = [f"cost.tokens.{per}" for per in ("sent", "answered", "correct")]
    columns = read(tmp_path, rows, names)
    for name, divisor in zip(names, (3, 2, 1), strict=True):
        spent = columns.values[name].sum()
        assert spent == 3 * 512 + 2 * 20  # what a failed request had generated is not known
        assert spent / columns.weights[name].sum() == pytest.approx(spent / divisor)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1), st.floats(50, 99.9))
def test_the_tail_of_a_metric_is_its_worse_end(values, percent):
    for metric in known().values():
        tail, middle = (
            percentile(np.array(values), metric.share(statistic))
            for statistic in (f"p{percent:.1f}", "p50")
        )
        assert tail <= middle if metric.better == "higher" else tail >= middle


def test_nulls_are_no_value_and_zero_is_one(tmp_path):
    columns = read(tmp_path, [records.record(0)])
    assert math.isnan(columns.values["routing.imbalance"][0])
    assert columns.values["kv.preemptions"][0] == 0


def test_the_order_of_lines_does_not_matter(tmp_path):
    rows = [
        records.record(i, role=role, repeat=r) for i in range(9) for role in "ab" for r in (0, 1)
    ]
    one, other = (read(tmp_path, each, ["ttft"]) for each in (rows, rows[::-1]))
    assert (one.cases == other.cases).all()
    assert (one.repeats == other.repeats).all()
    for name in one.labels:
        assert one.labels[name].names == other.labels[name].names
        assert (one.labels[name].codes == other.labels[name].codes).all()


def test_a_run_without_records_is_empty_columns(tmp_path):
    columns = read(tmp_path, [], run=records.header())
    assert len(columns) == 0


def test_a_line_that_is_no_record_is_named(tmp_path):
    path = records.write(tmp_path / "records.jsonl", [records.record(0)])
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + b'{"type":"case"}\n' + lines[1])
    with pytest.raises(ResultsError, match=r"records.jsonl:2"):
        base.read(path, [known()["ttft"]])


def test_a_content_hash_that_is_none_is_refused(tmp_path):
    import msgspec

    row = msgspec.structs.replace(records.record(0), content_sha256="not a hash at all")
    with pytest.raises(ResultsError, match="not a record"):
        read(tmp_path, [row], ["ttft"])


def test_degradation_is_the_score_minus_the_partners_of_the_same_role(tmp_path):
    rows = [
        records.record(i, role=role, arm=arm, repeat=repeat, score=scores[arm] * (role == "a"))
        for i in range(3)
        for role in "ab"
        for repeat in (0, 1)
        for arm in ("stress", "isocontent", "isotoken")
        for scores in [{"stress": 0.25, "isocontent": 1.0, "isotoken": repeat / 2}]
        if (i, arm) != (2, "isotoken")
    ]
    columns = read(
        tmp_path, rows, ["quality.score", "degradation.twin", "degradation.token_matched"]
    )
    arms, roles = columns.labels["arm"], columns.labels["role"]
    stressed = (arms.codes == arms.code("stress")) & (roles.codes == roles.code("a"))
    assert (columns.values["degradation.twin"][stressed] == -0.75).all()
    matched = columns.values["degradation.token_matched"][stressed]
    assert sorted(matched[~np.isnan(matched)]) == [0, 0, 0, 0]
    assert np.isnan(matched).sum() == 2
    assert np.isnan(columns.values["degradation.twin"][arms.codes != arms.code("stress")]).all()
    assert (columns.values["quality.score"][stressed] == 0.25).all()


@pytest.mark.parametrize(
    ("field", "value"), [("quality.score", 1.5), ("timing.ttft_ms", 1e300), ("kv.usage_peak", -1)]
)
def test_a_number_that_cannot_be_is_refused_by_name(tmp_path, field, value):
    import msgspec

    section, name = field.split(".")
    row = records.record(0)
    changed = msgspec.structs.replace(getattr(row, section), **{name: value})
    with pytest.raises(ResultsError, match=rf"{name.removesuffix('_ms')} is .* outside"):
        read(tmp_path, [msgspec.structs.replace(row, **{section: changed})])


def test_two_processes_read_what_one_reads(tmp_path, monkeypatch):
    monkeypatch.setattr(base, "_WORTH_A_PROCESS_BYTES", 0)
    path = records.write(tmp_path / "records.jsonl", [records.record(i) for i in range(9)])
    one, other = base.read_both(path, path, known().values())
    assert (one.cases == other.cases).all()
    for name in known():
        assert np.array_equal(one.values[name], other.values[name], equal_nan=True)
    broken = tmp_path / "broken.jsonl"
    broken.write_bytes(path.read_bytes().replace(b'"case_id"', b'"case"', 1))
    with pytest.raises(ResultsError, match=r"broken.jsonl:3"):
        base.read_both(path, broken, [known()["ttft"]])


ARMS = ("stress", "isocontent", "isotoken")
drawn = st.builds(
    records.record,
    st.integers(0, 3),
    role=st.sampled_from(["dense", "sparse"]),
    arm=st.sampled_from(ARMS),
    budget=st.sampled_from([256, 512]),
    repeat=st.integers(0, 1),
    score=st.floats(0, 1),
    ttft_ms=st.floats(1, 1e4),
    status=st.sampled_from(["ok", "ok", "timeout"]),
)


def over_the_quality_pass(directory, rows):
    """The figures of the bare requests of the quality pass."""
    columns = read(directory, rows)
    passes, levers = columns.labels["pass_"], columns.labels["lever"]
    mine = (passes.codes == passes.code("quality")) & (levers.codes == levers.code("none"))
    places = columns.cases[mine, 0], columns.labels["role"].codes[mine], columns.repeats[mine]
    order = np.lexsort(places)
    return {name: values[mine][order] for name, values in columns.values.items()}


@pytest.mark.parametrize("change", [{"pass_": "telemetry"}, {"lever": "clean"}])
@settings(max_examples=examples(20), deadline=None)
@given(
    quality=st.lists(
        drawn, min_size=1, max_size=24, unique_by=lambda r: (r.case_id, r.role, r.repeat)
    ),
    other=st.lists(drawn, max_size=12),
)
def test_no_figure_of_the_bare_quality_pass_knows_of_another_pass_or_lever(
    tmp_path_factory, change, quality, other
):
    others = [msgspec.structs.replace(row, **change) for row in other]
    directory = tmp_path_factory.mktemp("passes")
    alone = over_the_quality_pass(directory, quality)
    beside = over_the_quality_pass(directory, [*others, *quality])
    for name, values in alone.items():
        np.testing.assert_array_equal(values, beside[name], err_msg=name)
