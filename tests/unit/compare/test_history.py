import json
import random
import shutil

import msgspec
import pytest
import records

from stressbench.compare.analysis.history import history
from stressbench.errors import ResultsError, UsageError


def sent(night, row):
    """The record as sent on that night: no two measured runs send at the same times."""
    timing = msgspec.structs.replace(row.timing, sent_ns=row.timing.sent_ns + night)
    return msgspec.structs.replace(row, timing=timing)


def nights(tmp_path, scores, first=0, **changes):
    """A run a night; each item's answer is right with the night's chance."""
    for number, share in enumerate(scores, first):
        rng = random.Random(number)
        header = records.header(
            run_id=f"night{number:02}", started_at=f"2026-01-{number + 1:02}T02:00:00Z", **changes
        )
        rows = [
            sent(
                number,
                records.record(
                    i, score=float(random.Random(i).random() + rng.gauss(0, 0.02) < share)
                ),
            )
            for i in range(120)
        ]
        records.write(tmp_path / f"{number:02}" / "records.jsonl", rows, run=header)
    return tmp_path


def only(found, metric):
    (series,) = [series for series in found.series if series.metric == metric]
    return series


def test_a_lasting_loss_is_red_for_three_nights_and_then_the_new_level(tmp_path):
    found = history([nights(tmp_path, [0.9] * 8 + [0.7] * 6)])
    series = only(found, "quality.score")
    assert len(series.nights) == 14
    assert [night.run_id for night in series.nights if night.alarm] == [
        "night08",
        "night09",
        "night10",
    ]
    assert series.change_points == ["night08"]
    assert not any(night.alarm for night in only(found, "failures.rate").nights)
    assert found.verdict == "pass"


def test_a_quiet_month_raises_none_and_a_gain_is_no_alarm(tmp_path):
    quiet = history([nights(tmp_path / "a", [0.9] * 12)], ["quality.score"])
    assert not any(night.alarm for night in quiet.series[0].nights)
    gained = history([nights(tmp_path / "b", [0.7] * 8 + [0.9] * 4)], ["quality.score"])
    assert not any(night.alarm for night in gained.series[0].nights)
    assert gained.series[0].change_points == ["night08"]


def test_what_changed_since_the_night_before_is_named(tmp_path):
    nights(tmp_path, [0.9] * 3)
    path = tmp_path / "02" / "records.jsonl"
    machine = msgspec.structs.replace(records.header().machine, packages={"vllm": "0.33.0"})
    header = records.header(run_id="night02", started_at="2026-01-03T02:00:00Z", machine=machine)
    records.write(path, [sent(2, records.record(i)) for i in range(120)], run=header)
    last = history([tmp_path], ["quality.score"]).series[0].nights[-1]
    assert last.changed == ["vllm: 0.32.0 -> 0.33.0"]


def test_another_suite_begins_another_series(tmp_path):
    nights(tmp_path / "a", [0.9] * 3)
    nights(tmp_path / "b", [0.9] * 2, seed=8, first=3)
    sizes = [len(series.nights) for series in history([tmp_path], ["quality.score"]).series]
    assert sum(sizes) == 5
    assert len(sizes) > 1


def test_unfinished_and_unreadable_runs_are_left_out_and_named(tmp_path):
    nights(tmp_path, [0.9] * 2)
    records.write(tmp_path / "cut" / "records.jsonl", [records.record(0)], status=None)
    broken = tmp_path / "broken" / "records.jsonl"
    broken.parent.mkdir()
    broken.write_text("not json\n")
    found = history([tmp_path], ["quality.score"])
    assert len(found.series[0].nights) == 2
    assert "unfinished" in found.skipped[str(tmp_path / "cut" / "records.jsonl")]
    assert "not a stressbench result file" in found.skipped[str(broken)]


def test_no_results_and_unknown_metrics_are_refused(tmp_path):
    with pytest.raises(ResultsError, match=r"no records\.jsonl here"):
        history([tmp_path])
    nights(tmp_path, [0.9])
    with pytest.raises(UsageError, match=r"did you mean 'quality\.score'"):
        history([tmp_path], ["quality.scor"])


def test_requests_that_failed_stay_in_every_night(tmp_path):
    for number, failing in enumerate((0, 30)):
        rows = [
            sent(number, records.record(i, score=1.0, status="timeout" if i < failing else "ok"))
            for i in range(120)
        ]
        run = records.header(run_id=f"n{number}", started_at=f"2026-01-0{number + 1}T02:00:00Z")
        records.write(tmp_path / f"{number}" / "records.jsonl", rows, run=run)
    found = history([tmp_path], ["quality.score", "failures.rate", "ttft.p95"])
    for metric, levels in (("quality.score", [1.0, 0.75]), ("failures.rate", [0.0, 0.25])):
        series = only(found, metric)
        assert [night.n for night in series.nights] == [120, 120]
        assert [night.level for night in series.nights] == levels
    assert [night.n for night in only(found, "ttft").nights] == [120, 90]


def test_a_request_that_failed_one_night_does_not_silence_the_nights_after(tmp_path):
    for number in range(4):
        slow = 3.0 if number == 3 else 1.0
        rows = [
            sent(
                number,
                records.record(
                    i, ttft_ms=slow * (100 + i), status="error" if i == number else "ok"
                ),
            )
            for i in range(120)
        ]
        run = records.header(run_id=f"n{number}", started_at=f"2026-01-0{number + 1}T02:00:00Z")
        records.write(tmp_path / f"{number}" / "records.jsonl", rows, run=run)
    last = only(history([tmp_path], ["ttft.mean"]), "ttft").nights[-1]
    assert last.p is not None
    assert last.alarm


def test_tonight_decides_the_verdict_and_its_cause_is_named(tmp_path):
    nights(tmp_path, [0.9] * 5)
    machine = msgspec.structs.replace(records.header().machine, driver="571")
    nights(tmp_path, [0.6], first=5, machine=machine)
    found = history([tmp_path])
    assert found.verdict == "regression"
    assert found.why == ["quality.score of dense is worse than in the 5 nights before"]
    tonight = only(found, "quality.score").nights[-1]
    assert tonight.alarm
    assert tonight.causes == ["driver: None -> 571"]
    assert tonight.usual == pytest.approx(0.88, abs=0.03)


def test_the_second_bad_night_still_names_the_cause_of_the_first(tmp_path):
    nights(tmp_path, [0.9] * 5)
    machine = msgspec.structs.replace(records.header().machine, driver="571")
    nights(tmp_path, [0.6] * 2, first=5, machine=machine)
    tonight = only(history([tmp_path]), "quality.score").nights[-1]
    assert (tonight.changed, tonight.causes) == ([], ["driver: None -> 571"])


def test_a_first_night_cannot_be_judged_and_a_second_can(tmp_path):
    first = history([nights(tmp_path, [0.9])])
    assert first.verdict == "inconclusive"
    (why,) = first.why
    assert why.startswith("failures.rate of dense, quality.score of dense and 2 more: there is no")
    assert history([nights(tmp_path, [0.9], first=1)]).verdict == "pass"


def test_too_few_items_are_inconclusive_however_bad_they_are(tmp_path):
    for number, score in enumerate((1.0, 1.0, 0.0)):
        run = records.header(run_id=f"n{number}", started_at=f"2026-01-0{number + 1}T02:00:00Z")
        rows = [sent(number, records.record(i, score=score)) for i in range(4)]
        records.write(tmp_path / f"{number}" / "records.jsonl", rows, run=run)
    found = history([tmp_path], ["quality.score"])
    assert found.verdict == "inconclusive"
    assert found.why == ["quality.score of dense: 4 independent items are too few after 2 nights"]


def test_as_many_gains_as_losses_are_no_alarm_though_they_are_no_chance(tmp_path):
    for number in range(11):
        right = {i: i % 2 == 0 for i in range(40)}
        if number == 10:
            right |= {i: i % 2 == 1 for i in range(13)}  # seven lost, six gained
        run = records.header(
            run_id=f"n{number:02}", started_at=f"2026-01-{number + 1:02}T02:00:00Z"
        )
        rows = [sent(number, records.record(i, score=float(right[i]))) for i in range(40)]
        records.write(tmp_path / f"{number}" / "records.jsonl", rows, run=run)
    assert history([tmp_path], ["quality.score"]).verdict == "pass"


@pytest.mark.parametrize("same_id", [True, False])
def test_a_run_that_was_copied_counts_once(tmp_path, same_id):
    nights(tmp_path, [0.9] * 3)
    shutil.copytree(tmp_path / "01", tmp_path / "copy")
    if not same_id:
        file = tmp_path / "copy" / "records.jsonl"
        file.write_text(file.read_text().replace('"night01"', '"another"'))
    found = history([tmp_path], ["quality.score"])
    assert len(found.series[0].nights) == 3
    (why,) = found.skipped.values()
    assert "the same run as" in why


def test_records_that_are_there_twice_are_left_out_and_named(tmp_path):
    nights(tmp_path, [0.9] * 3)
    file = tmp_path / "01" / "records.jsonl"
    *lines, end = file.read_text().splitlines(keepends=True)
    cases = [line for line in lines if json.loads(line)["type"] == "case"]
    file.write_text("".join([*lines, *cases[:40], end]))
    found = history([tmp_path], ["quality.score"])
    assert len(found.series[0].nights) == 2
    assert found.skipped == {str(file): "40 of 160 records are recorded twice"}
    assert found.verdict == "pass"


def test_records_that_are_lost_are_noticed(tmp_path):
    nights(tmp_path, [0.9] * 3)
    file = tmp_path / "01" / "records.jsonl"
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join([*lines[:50], *lines[60:]]))
    (why,) = history([tmp_path], ["quality.score"]).skipped.values()
    assert why == "110 records, but the run ended with 120: the file was changed"


def test_if_the_newest_run_is_unfinished_there_is_no_verdict_on_an_older_one(tmp_path):
    nights(tmp_path, [0.9] * 3)
    run = records.header(run_id="tonight", started_at="2026-01-04T02:00:00Z")
    records.write(tmp_path / "cut" / "records.jsonl", [records.record(0)], run=run, status=None)
    found = history([tmp_path], ["quality.score"])
    assert found.verdict == "unreadable"
    assert "does not count: the run is unfinished" in found.why[0]


def test_another_machine_begins_other_latencies_but_not_another_quality(tmp_path):
    nights(tmp_path, [0.9] * 3)
    machine = msgspec.structs.replace(records.header().machine, device_name="another CPU")
    nights(tmp_path, [0.9] * 2, first=3, machine=machine)
    nights(tmp_path, [0.9], first=5)
    found = history([tmp_path], ["quality.score", "ttft.p95"])
    sizes = {each.metric: [] for each in found.series}
    for each in found.series:
        sizes[each.metric].append((len(each.nights), each.tonight))
    assert sizes == {"quality.score": [(6, True)], "ttft": [(4, True), (2, False)]}


def test_a_suite_that_no_longer_runs_has_no_say_tonight(tmp_path):
    nights(tmp_path / "old", [0.9] * 3 + [0.5])
    other = {"suite": "mine", "suite_spec": {"schema": 1, "name": "mine", "seed": 7}}
    nights(tmp_path / "new", [0.9] * 3, first=8, **other)
    found = history([tmp_path], ["quality.score"])
    assert any(night.alarm for each in found.series for night in each.nights)
    assert found.verdict == "pass"


def test_repeats_within_a_run_are_one_night(tmp_path):
    for number in range(3):
        run = records.header(run_id=f"n{number}", started_at=f"2026-01-0{number + 1}T02:00:00Z")
        rows = [
            sent(number, records.record(i, repeat=repeat, score=float(repeat < 2)))
            for i in range(30)
            for repeat in range(3)
        ]
        records.write(tmp_path / f"{number}" / "records.jsonl", rows, run=run)
    (series,) = history([tmp_path], ["quality.score"]).series
    assert [(each.n, each.clusters) for each in series.nights] == [(90, 30)] * 3
    assert [each.level for each in series.nights] == pytest.approx([2 / 3] * 3)
