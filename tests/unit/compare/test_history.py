import random

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


def test_a_lasting_loss_is_an_alarm_once_and_a_change_point(tmp_path):
    found = history([nights(tmp_path, [0.9] * 8 + [0.7] * 6)])
    series = only(found, "quality.score")
    assert len(series.nights) == 14
    assert [night.run_id for night in series.nights if night.alarm] == ["night08"]
    assert series.change_points == ["night08"]
    assert not any(night.alarm for night in only(found, "failures.rate").nights)


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
    assert last.changed == ["vllm: 0.32.0 against 0.33.0"]


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
