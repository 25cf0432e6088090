"""The first table: each class and dose of each model, next to its controls."""

from __future__ import annotations

import msgspec
import pytest
import records as make

from stressbench.errors import ResultsError
from stressbench.report.model.doses import condition
from stressbench.report.model.run import reduce_run
from stressbench.report.model.view import OverviewRow, RunReport
from stressbench.report.terminal.layout import rendered
from stressbench.report.terminal.summary import summary
from stressbench.store import read_run

PROMPTS = [{"use": "niah"}, {"use": "base64_blob"}]


def reduced(tmp_path, rows, **header) -> RunReport:
    roles = dict.fromkeys(each.role for each in rows)
    path = make.write(tmp_path / "run/records.jsonl", rows, run=make.header(roles, **header))
    return reduce_run(path).report


def doses(report: RunReport, prompt_class: str = "niah") -> list[str]:
    return [row.dose for row in report.overview if row.entry.prompt_class == prompt_class]


def score(row: OverviewRow, arm: str = "stress") -> float | None:
    return row.arms[arm].score


def renamed(row, *, parts: str = "", arm: str | None = None, **changes):
    """A record whose case id has ``parts`` of swept parameters after its arm."""
    label, old, *rest = row.case_id.split("/")
    case_id = "/".join([label, arm or old, *filter(None, [parts]), *rest])
    return msgspec.structs.replace(row, case_id=case_id, **changes)


@pytest.mark.parametrize(
    ("case_id", "levels", "found"),
    [
        ("niah/stress/b320/d0.5/i0", False, ""),
        ("niah/stress/keys-4/b320/d0.5/i0", False, "keys-4"),
        ("other/stress/mode-a-b/rate-0.05/i0", False, "mode-a-b/rate-0.05"),
        ("niah/stress/rate-2/rate-0.05/b320/i0", True, "rate-0.05"),
        ("niah", False, ""),
        ("", False, ""),
    ],
)
def test_a_case_id_names_its_swept_parameters(case_id, levels, found):
    assert condition(case_id, levels=levels) == found


def test_each_budget_is_a_dose_and_the_models_follow_each_other(tmp_path):
    rows = [
        make.record(item, role=role, budget=budget, score=float(budget < 960))
        for role in ("dense", "sparse")
        for budget in (960, 320)
        for item in range(3)
    ]
    found = reduced(tmp_path, rows).overview
    assert [(row.dose, row.role, score(row)) for row in found] == [
        ("320 tokens", "dense", 1.0),
        ("320 tokens", "sparse", 1.0),
        ("960 tokens", "dense", 0.0),
        ("960 tokens", "sparse", 0.0),
    ]


def test_a_swept_parameter_is_a_dose_in_the_order_of_its_values(tmp_path):
    rows = [
        renamed(make.record(item, score=float(keys < 10)), parts=f"keys-{keys}")
        for keys in (12, 4, 8)
        for item in range(2)
    ]
    report = reduced(tmp_path, rows)
    assert doses(report) == ["keys 4", "keys 8", "keys 12"]
    assert [score(row) for row in report.overview] == [1.0, 1.0, 0.0]


def test_a_control_without_the_dose_is_shown_next_to_each(tmp_path):
    rows = [make.record(item, budget=budget) for budget in (320, 640) for item in range(2)]
    rows += [
        msgspec.structs.replace(
            make.record(item, arm="no_context", score=0.0),
            case_id=f"niah/no_context/i{item}",
            params={"budget": None, "depth": None},
        )
        for item in range(2)
    ]
    found = reduced(tmp_path, rows).overview
    assert [row.dose for row in found] == ["320 tokens", "640 tokens"]
    assert [(row.arms["no_context"].n, score(row, "no_context")) for row in found] == [(2, 0.0)] * 2


def test_a_twin_belongs_to_the_dose_of_its_budget(tmp_path):
    rows = [
        make.record(item, budget=budget, arm=arm, score=float(arm == "isocontent" or budget < 640))
        for budget in (320, 640)
        for arm in ("stress", "isocontent")
        for item in range(2)
    ]
    found = reduced(tmp_path, rows).overview
    assert [(score(row), score(row, "isocontent")) for row in found] == [(1.0, 1.0), (0.0, 1.0)]


def test_set_depths_are_doses_and_drawn_ones_are_not(tmp_path):
    set_ = [make.record(item, depth=depth) for depth in (0.0, 1.0) for item in range(2)]
    drawn = [make.record(item, prompt_class="base64_blob", depth=item / 7) for item in range(5)]
    report = reduced(tmp_path, [*set_, *drawn])
    assert doses(report) == ["depth 0", "depth 1"]
    assert doses(report, "base64_blob") == [""]


def test_a_class_of_very_many_budgets_stays_one_row(tmp_path):
    rows = [make.record(0, budget=budget) for budget in range(100, 160)]
    assert doses(reduced(tmp_path, rows)) == [""]


def test_classes_come_in_the_order_of_the_suite(tmp_path):
    rows = [make.record(0, prompt_class=name) for name in ("base64_blob", "niah", "another")]
    report = reduced(tmp_path, rows, suite_spec={"prompts": PROMPTS})
    assert [row.entry.name for row in report.overview] == ["niah", "base64_blob", "another"]


def test_a_lever_has_no_part_in_it(tmp_path):
    rows = [make.record(item) for item in range(2)]
    rows += [msgspec.structs.replace(row, lever="clean") for row in rows]
    (row,) = reduced(tmp_path, rows).overview
    assert row.arms["stress"].n == 2


def test_telemetry_comes_with_the_number_of_requests_that_were_sampled(tmp_path):
    rows = [make.record(item, budget=budget) for budget in (320, 640) for item in range(6)]
    rows += [
        make.probed(
            make.record(item, budget=budget, pass_="telemetry", score=0.0),
            attention={"needle_lift_max": budget / 32, "sink_mass_mean": 0.25},
            routing={"imbalance_mean": 1.5, "entropy_norm_mean": 0.9},
        )
        for budget in (320, 640)
        for item in range(2)
    ]
    report = reduced(tmp_path, rows)
    first, second = report.overview
    assert (first.arms["stress"].n, score(first)) == (6, 1.0)
    assert [row.probed["attention.needle_lift"].value for row in (first, second)] == [10, 20]
    assert {each.n for each in first.probed.values()} == {2}
    _, _, table = rendered([summary(report)], columns=100).partition("Attention and expert routing")
    (line,) = [line for line in table.splitlines() if "640 tokens" in line]
    assert line.split() == ["640", "tokens", "dense", "20.0", "0.25", "2", "1.50", "0.90", "2"]


def test_the_summary_fits_into_a_hundred_columns_with_its_heads_whole(tmp_path):
    rows = [
        make.record(
            item,
            role=role,
            prompt_class="unicode_fullwidth",
            arm=arm,
            budget=budget,
            score=0.0,
            outcome="detached_reference",
        )
        for role in ("dense", "sparse")
        for arm in ("stress", "isocontent", "isotoken", "no_context", "oracle_context")
        for budget in (320, 640)
        for item in range(3)
    ]
    shown = rendered([summary(reduced(tmp_path, rows))], columns=100)
    assert "…" not in shown
    heads = [line.split() for line in shown.splitlines() if line.startswith("class and dose")]
    assert " ".join(heads[0][3:]) == "model [95 % interval] twin length alone context n mistake"
    latencies = "tokens inflation median p95 median"
    assert " ".join(heads[1][3:]) == f"model {latencies} peak preemptions failed"
    assert shown.count("detached reference 3 of 3") == 4
    assert "a value from the prompt that belongs to another key" in shown


def test_a_narrow_terminal_gets_the_costs_without_the_latencies(tmp_path):
    report = reduced(tmp_path, [make.record(item) for item in range(3)])
    narrow, wide = (rendered([summary(report)], columns=columns) for columns in (80, 100))
    assert "TPOT ms" in wide
    assert "TPOT ms" not in narrow
    assert "preemptions" in narrow
    assert "…" not in narrow


def test_a_run_without_records_says_so_and_shows_no_table(tmp_path):
    path = make.write(tmp_path / "records.jsonl", [], run=make.header(), status=None)
    shown = rendered([summary(reduce_run(path).report)], columns=100)
    assert "class and dose" not in shown
    assert "the run was killed or is still going on" in shown


def test_no_prompt_is_read_on_the_way(tmp_path):
    """Texts may be large, and none of the report's numbers needs them."""
    path = make.write(tmp_path / "records.jsonl", [make.record(0)])
    path.write_bytes(path.read_bytes().replace(b'"text":"Where?"', b'"text":5'))
    assert reduce_run(path).report.records == 1
    with pytest.raises(ResultsError):
        next(read_run(path).records())
