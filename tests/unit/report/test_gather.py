"""What the page is told of a run: numbers, sample, sentences, sides."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
import records as make

from stressbench.errors import ResultsError
from stressbench.report.model.page.gather import CASES, page
from stressbench.report.model.page.view import Page
from stressbench.schema.suite.entry import Entry
from stressbench.store.arrays import ArrayWriter


def gather(tmp_path, records, **header) -> Page:
    roles = dict.fromkeys(each.role for each in records)
    return page(
        [make.write(tmp_path / "run/records.jsonl", records, run=make.header(roles, **header))]
    )


def run_of(tmp_path, records, **header):
    return gather(tmp_path, records, **header).runs[0]


def section_of(run, name):
    (found,) = [section for section in run.sections if section.name == name]
    return found


def twins(score: float, role: str = "dense"):
    """Twelve items that are right in plain form and score ``score`` under stress."""
    for item in range(12):
        yield make.record(item, role=role, score=score)
        yield make.record(item, role=role, arm="isocontent", score=1.0)


def test_rows_count_failures_as_wrong_answers(tmp_path):
    run = run_of(tmp_path, [make.record(0), make.record(1, status="timeout")])
    (row,) = run.rows
    assert (row.n, row.failed, row.score) == (2, 1, 0.5)
    assert row.outcomes == {"error": 1, "correct": 1}


def test_the_summary_names_the_class_that_lost_against_its_twin(tmp_path):
    run = run_of(tmp_path, list(twins(0.0)))
    (line,) = [line for line in run.headlines if line.tone == "bad"]
    assert line.entry == Entry(prompt_class="niah")
    assert line.role == "dense"
    assert "100 points below its plain twin" in line.text
    assert "mostly invented (12 of 12 misses)" in line.text


def test_the_summary_says_what_held(tmp_path):
    run = run_of(tmp_path, list(twins(1.0)))
    assert [line.tone for line in run.headlines] == ["good"]


def test_an_interval_of_a_loss_stays_within_what_scores_allow(tmp_path):
    (cost,) = run_of(tmp_path, [*twins(0.0)][:8]).costs
    assert cost.delta.value == -1
    assert cost.delta.ci[0] >= -1


def test_cells_hold_every_length_and_depth_with_its_items(tmp_path):
    records = [
        make.record(item, budget=budget, depth=depth, score=float(depth == 1))
        for item in range(3)
        for budget in (256, 512)
        for depth in (0.0, 1.0)
    ]
    cells = run_of(tmp_path, records).cells
    assert [(c.length, c.depth, c.score, c.n, c.clusters) for c in cells] == [
        ((256, 256), (0, 0), 0.0, 3, 3),
        ((256, 256), (1, 1), 1.0, 3, 3),
        ((512, 512), (0, 0), 0.0, 3, 3),
        ((512, 512), (1, 1), 1.0, 3, 3),
    ]


def test_a_class_without_depth_has_cells_of_length_alone(tmp_path):
    cells = run_of(tmp_path, [make.record(item, depth=None) for item in range(4)]).cells
    assert [(c.length, c.depth, c.n) for c in cells] == [((512, 512), None, 4)]


def test_places_beyond_number_are_binned(tmp_path):
    records = [make.record(i, budget=100 + i, depth=i / 99) for i in range(100)]
    cells = run_of(tmp_path, records).cells
    assert len(cells) <= 64
    assert sum(cell.n for cell in cells) == 100
    assert min(c.length[0] for c in cells) == 100
    assert max(c.length[1] for c in cells) == 199


def test_latency_leaves_out_failed_requests_and_says_how_many(tmp_path):
    records = [make.record(i, ttft_ms=float(i + 1)) for i in range(9)]
    records.append(make.record(9, status="error"))
    curve = next(c for c in run_of(tmp_path, records).latency if c.metric == "ttft")
    assert (curve.n, curve.missing, curve.values[25], curve.values[-1]) == (9, 1, 5.0, 9.0)
    assert curve.p50[0] < 5.0 < curve.p50[1]


def test_a_null_section_is_counted_by_its_reason(tmp_path):
    why = {"attention": "the suite has no such probe"}
    records = [msgspec.structs.replace(make.record(i), why_null=why) for i in range(3)]
    run = run_of(tmp_path, records)
    assert section_of(run, "attention").null == {"the suite has no such probe": 3}
    assert section_of(run, "attention").numbers == []
    assert section_of(run, "routing").null == {"no reason was recorded": 3}


def test_reasons_without_number_are_counted_together(tmp_path):
    records = [
        msgspec.structs.replace(make.record(i), why_null={"routing": f"reason {i}"})
        for i in range(50)
    ]
    null = section_of(run_of(tmp_path, records), "routing").null
    assert len(null) == 21
    assert sum(null.values()) == 50


def test_telemetry_is_averaged_by_class_with_an_interval(tmp_path):
    records = [
        make.probed(
            make.record(i),
            attention={"needle_lift_max": float(i), "needle_lift_by_head": [[i, 0], [1, 2]]},
        )
        for i in range(5)
    ]
    section = section_of(run_of(tmp_path, records), "attention")
    (lift,) = section.numbers
    assert lift.metric == "attention.needle_lift"
    assert lift.estimate.value == 2.0
    assert lift.estimate.ci[0] < 2.0 < lift.estimate.ci[1]
    (grid,) = section.grids
    assert (grid.n, grid.cells) == (5, [[2.0, 0.0], [1.0, 2.0]])


def test_a_matrix_may_lie_among_the_arrays(tmp_path):
    records = [make.probed(make.record(i), attention={"needle_lift_max": 1.0}) for i in range(2)]
    writer = ArrayWriter(tmp_path / "run")
    (tmp_path / "run").mkdir()
    for i, record in enumerate(records):
        grid = np.array([[i, 0], [1, 2]], np.float32)
        at = writer.write({"needle_lift_by_head": grid})
        records[i] = msgspec.structs.replace(record, arrays={"attention": at})
    writer.close()
    (grid,) = section_of(run_of(tmp_path, records), "attention").grids
    assert (grid.n, grid.cells) == (2, [[0.5, 0.0], [1.0, 2.0]])


def test_a_matrix_that_is_lost_is_counted_with_the_nulls_and_the_others_are_shown(tmp_path):
    (tmp_path / "run").mkdir()
    writer = ArrayWriter(tmp_path / "run")
    at = writer.write({"needle_lift_by_head": np.ones((2, 2), np.float32)})
    writer.close()
    lost = msgspec.structs.replace(at, offset=at.end)
    records = [
        make.probed(
            msgspec.structs.replace(make.record(i), arrays={"attention": place}),
            attention={"needle_lift_max": 1.0},
        )
        for i, place in enumerate((at, lost, lost))
    ]
    section = section_of(run_of(tmp_path, records), "attention")
    assert section.grids[0].n == 1
    assert list(section.null.values()) == [2]


@pytest.mark.parametrize(
    "matrix", ["text", [[1, 2], [3]], [["a"]], [[None]], [[float("1e999")]], []]
)
def test_a_matrix_that_is_none_is_left_out(tmp_path, matrix):
    records = [make.probed(make.record(0), attention={"needle_lift_by_head": matrix})]
    assert section_of(run_of(tmp_path, records), "attention").grids == []


def test_the_sample_is_bounded_and_the_same_for_every_role(tmp_path):
    records = [
        make.record(item, role=role, score=float(item % 7 > 0))
        for item in range(1500)
        for role in ("dense", "sparse")
    ]
    made = gather(tmp_path, records)
    assert made.cases_of == 3000
    assert len(made.cases) == CASES
    shown = {
        role: {c.case_id for c in made.cases if c.role == role} for role in ("dense", "sparse")
    }
    assert shown["dense"] == shown["sparse"]
    assert sum(case.score < 1 for case in made.cases) == CASES / 2


def test_two_roles_are_compared_case_by_case(tmp_path):
    records = [*twins(1.0), *twins(0.0, role="sparse")]
    (versus,) = gather(tmp_path, records).versus
    (flip,) = versus.flips
    assert (flip.only_first, flip.only_second, flip.both, flip.neither) == (12, 0, 0, 0)
    assert versus.comparison.verdict == "ungated"


def test_a_lever_is_set_against_the_bare_request_model_by_model(tmp_path):
    records = [
        msgspec.structs.replace(row, lever=lever)
        for role in ("dense", "sparse")
        for lever, score in ((None, 1.0), ("clean", 0.0))
        for row in twins(score, role=role)
    ]
    models, dense, sparse = gather(tmp_path, records).versus
    assert (models.first, models.second) == ("dense", "sparse")
    assert [flip.only_first for flip in models.flips] == [0]
    assert (dense.first, dense.second) == ("dense", "dense+clean")
    assert (sparse.first, sparse.second) == ("sparse", "sparse+clean")
    assert [each.flips[0].only_first for each in (dense, sparse)] == [12, 12]
    assert dense.comparison.cand_side == "lever=clean"
    assert sparse.comparison is None


def test_the_telemetry_pass_has_no_part_in_quality(tmp_path):
    records = [*twins(1.0)]
    records += [make.record(i, score=0.0, pass_="telemetry", repeat=1) for i in range(12)]
    run = run_of(tmp_path, records)
    assert {row.score for row in run.rows} == {1.0}


def test_runs_that_cannot_be_compared_say_why(tmp_path):
    paths = [
        make.write(tmp_path / name / "records.jsonl", list(twins(1.0)), run=make.header(seed=seed))
        for name, seed in (("a", 7), ("b", 8))
    ]
    (versus,) = page(paths).versus
    assert versus.comparison is None
    assert "seed" in versus.refused


def test_a_run_without_records_is_refused(tmp_path):
    with pytest.raises(ResultsError, match="no record"):
        page([make.write(tmp_path / "records.jsonl", [], run=make.header())])


def test_a_killed_run_is_reported_as_such(tmp_path):
    made = page([make.write(tmp_path / "records.jsonl", list(twins(1.0)), status=None)])
    assert not made.runs[0].complete
    assert made.runs[0].headlines[0].tone == "unclear"
