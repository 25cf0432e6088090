"""Metrics of sections that probes of other packages name: whatever those hold is read."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
import records as make
from hypothesis import given, settings
from hypothesis import strategies as st

from stressbench.metrics import base
from stressbench.metrics.families import by_section, families, known
from stressbench.report.markdown.run import render as markdown
from stressbench.report.model.page.gather import page
from stressbench.report.page.write import render
from stressbench.schema.metric import Metric

ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False, min_value=-1e14, max_value=1e14)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)


def metric(**changes: object) -> Metric:
    made = Metric(
        name="power.joules", summary="s", unit="J", better="lower", paths=("power.joules",)
    )
    return msgspec.structs.replace(made, **changes)


def read(directory, fields, *metrics: Metric):
    rows = [
        make.probed(make.record(i), power=None if each is None else {"joules": each})
        for i, each in enumerate(fields)
    ]
    return base.read(make.write(directory / "records.jsonl", rows), metrics or [metric()])


@settings(deadline=None, max_examples=60)
@given(fields=st.lists(ANYTHING, min_size=1, max_size=6))
def test_numbers_and_truths_count_and_nothing_else_does(tmp_path_factory, fields):
    directory = tmp_path_factory.mktemp("any")
    fields = [each if abs(_number(each) or 0) < 1e15 else None for each in fields]
    columns = read(directory, fields)
    found = columns.values["power.joules"]
    expected = [_number(each) for each in fields]
    wanted = sorted(each for each in expected if each is not None)
    assert sorted(found[~np.isnan(found)]) == pytest.approx(wanted)


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, bool | int | float) else None


def test_a_section_that_is_null_or_not_there_has_no_value(tmp_path):
    rows = [make.record(0), make.probed(make.record(1), power=None)]
    columns = base.read(make.write(tmp_path / "records.jsonl", rows), [metric()])
    assert np.isnan(columns.values["power.joules"]).all()


def test_a_formula_mixes_a_section_with_the_fixed_fields(tmp_path):
    each = metric(paths=("power.joules", "tokens.prompt"), formula=lambda j, t: j / t)
    found = read(tmp_path, [1024, None], each).values["power.joules"]
    assert found[~np.isnan(found)] == [1024 / 512]
    assert len(found) == 2
    assert each.section == "power"
    assert known()["tokens.prompt"].section is None


def test_a_number_beyond_all_bounds_is_refused(tmp_path):
    from stressbench.errors import ResultsError

    with pytest.raises(ResultsError, match="not a record"):
        read(tmp_path, [10**400])


def test_ours_come_in_the_order_of_reading_and_have_sections_where_probes_fill_them():
    names = list(families())
    assert names[:3] == ["quality", "degradation", "latency"]
    assert next(iter(known())) == "quality.score"
    assert {"attention", "routing"} <= by_section().keys()
    assert not by_section().keys() & {"quality", "latency", "kv", "tokens", "load"}


def hostile() -> list:
    names = ["</script><b>", "x" * 500, "a b", "__proto__", "constructor", "summary"]
    names += [f"section_{number}" for number in range(90)]
    return [make.probed(make.record(0), **{name: {"n": 1} for name in names})]


def test_a_file_of_many_strange_sections_is_drawn_within_bounds(tmp_path):
    made = page([make.write(tmp_path / "records.jsonl", hostile())])
    assert len(made.runs[0].sections) <= 64
    assert "</script><b>" not in render(made).split('id="data">', 1)[1].split("</script>")[0]
    markdown(made)


def test_a_section_without_a_metric_is_there_and_says_so(tmp_path):
    rows = [make.probed(make.record(i), heat={"kelvin": 300 + i, "ok": True}) for i in range(3)]
    why = {"chill": "the probe broke"}
    rows.append(msgspec.structs.replace(make.probed(make.record(3), chill=None), why_null=why))
    made = page([make.write(tmp_path / "records.jsonl", rows)])
    found = {section.name: section for section in made.runs[0].sections}
    assert (found["heat"].filled, found["heat"].numbers, found["heat"].null) == (3, [], {})
    assert (found["chill"].filled, found["chill"].null) == (0, {"the probe broke": 1})
    facts = {fact.name: fact.value for case in made.cases for fact in case.facts}
    assert facts["heat.kelvin"] in {"300", "301", "302"}
    assert "the probe broke" in markdown(made)


def test_the_case_browser_has_every_section_and_says_what_it_leaves_out(tmp_path):
    long = {f"field_{number}": number for number in range(100)}
    row = make.probed(make.record(0), attention=long, routing=long, power={"joules": 3})
    (case,) = page([make.write(tmp_path / "records.jsonl", [row])]).cases
    facts = {fact.name: fact.value for fact in case.facts}
    assert facts["power.joules"] == "3"
    assert sum(name.startswith("routing.") for name in facts) < 100
    assert "more fields" in facts["routing"]


def test_a_section_that_no_probe_was_asked_for_is_left_out_but_for_ours(tmp_path):
    why = dict.fromkeys(("gpu", "attention", "routing"), "the suite has no such probe")
    rows = [msgspec.structs.replace(make.probed(make.record(0), gpu=None), why_null=why)]
    made = page([make.write(tmp_path / "records.jsonl", rows)])
    assert [section.name for section in made.runs[0].sections] == ["attention", "routing"]
    assert "no such probe" not in markdown(made)
