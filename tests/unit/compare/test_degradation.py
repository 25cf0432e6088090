import random

import pytest
import records

from stressbench.compare.analysis.degradation import degradation, metrics
from stressbench.metrics import base


def analyse(tmp_path, rows):
    return degradation(base.read(records.write(tmp_path / "records.jsonl", rows), metrics()))


def swept(score, items=40, budgets=(512, 1024, 2048), depths=(0, 0.5, 1), **changes):
    return [
        records.record(i, budget=b, depth=d, score=float(score(i, b, d)), **changes)
        for i in range(items)
        for b in budgets
        for d in depths
    ]


def test_a_model_that_reads_only_the_end_has_a_step_for_a_depth_curve(tmp_path):
    (found,) = analyse(tmp_path, swept(lambda _i, _b, d: d > 0.9))
    curves = {curve.axis: curve.levels for curve in found.curves}
    assert [level.score for level in curves["depth"]] == [0, 0, 1]
    assert {level.clusters for level in curves["depth"]} == {40}
    for level in curves["depth"]:
        assert level.ci[0] < level.ci[1]
    assert len({level.score for level in curves["length"]}) == 1


def test_effective_context_ends_where_quality_does(tmp_path):
    (found,) = analyse(tmp_path, swept(lambda i, b, _d: b < 2048 or i % 3 == 0))
    length = found.context_length
    assert (length.point, length.lower95, length.longest) == (1024, 1024, 2048)


def test_the_lower_bound_is_shorter_where_little_was_seen(tmp_path):
    (found,) = analyse(tmp_path, swept(lambda _i, _b, _d: True, items=5))
    assert found.context_length.point == 2048
    assert found.context_length.lower95 is None


def test_a_recovery_beyond_a_loss_does_not_lengthen_the_context(tmp_path):
    (found,) = analyse(tmp_path, swept(lambda i, b, _d: b != 1024 or i % 2))
    assert found.context_length.point == 512


def test_a_model_that_is_never_right_has_no_context(tmp_path):
    (found,) = analyse(tmp_path, swept(lambda _i, _b, _d: False))
    assert (found.context_length.point, found.context_length.lower95) == (None, None)


def test_losses_are_against_the_twin_and_the_control_of_the_same_length(tmp_path):
    rows = swept(lambda i, _b, _d: i % 2, arm="stress")
    rows += swept(lambda _i, _b, _d: True, arm="isocontent")
    rows += swept(lambda i, _b, _d: i % 4 > 0, arm="isotoken")
    (found,) = analyse(tmp_path, rows)
    losses = {loss.control: loss for loss in found.losses}
    assert losses["isocontent"].delta == pytest.approx(-0.5)
    assert losses["isotoken"].delta == pytest.approx(-0.25)
    assert losses["isocontent"].ci[0] < -0.5 < losses["isocontent"].ci[1] < 0
    (invented,) = [shift for shift in found.outcomes if shift.outcome == "invented"]
    assert (invented.stress, invented.isocontent) == (0.5, 0)


def test_quality_is_conditioned_on_what_happened_to_the_request(tmp_path):
    import msgspec

    rng = random.Random(1)
    rows = []
    for i in range(60):
        preempted = i % 3 == 0
        row = records.record(i, score=float(rng.random() < (0.3 if preempted else 0.9)))
        kv = msgspec.structs.replace(row.kv, preemptions=int(preempted))
        rows.append(msgspec.structs.replace(row, kv=kv))
    (found,) = analyse(tmp_path, rows)
    (cause,) = [each for each in found.causes if each.cause == "preempted"]
    assert (cause.n_with, cause.n_without) == (20, 40)
    assert cause.delta < -0.3
    assert cause.ci[0] < cause.delta < cause.ci[1] < 0


def test_roles_and_classes_are_kept_apart_and_one_item_has_wide_intervals(tmp_path):
    rows = [records.record(0, role=role, prompt_class=name) for role in "ab" for name in ("x", "y")]
    found = analyse(tmp_path, rows)
    assert [(each.role, each.prompt_class) for each in found] == [
        ("a", "x"),
        ("a", "y"),
        ("b", "x"),
        ("b", "y"),
    ]
    assert found[0].ci[0] < 0.3
    assert found[0].curves == []


def test_an_axis_with_a_case_a_place_is_binned_and_losses_stay_in_range(tmp_path):
    rows = [records.record(i, depth=i / 11, score=0.0) for i in range(12)]
    rows += [records.record(i, depth=i / 11, arm="isocontent") for i in range(12)]
    (found,) = analyse(tmp_path, rows)
    curves = {curve.axis: curve.levels for curve in found.curves}
    assert [level.n for level in curves["depth"]] == [6, 6]
    (loss,) = found.losses
    assert (loss.delta, loss.ci[0]) == (-1, -1)
