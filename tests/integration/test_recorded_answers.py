"""The recorded half of tests/data/answers, how it is drawn, and how a run is judged again."""

from __future__ import annotations

from collections import Counter
from functools import cache

import msgspec
import pytest
from msgspec.structs import replace

from benchmarks import answers_drawn, judge_again
from benchmarks._recorded_cases import recorded_answers
from stressbench.errors import ResultsError
from stressbench.store import RECORDS, read_run
from tests.conftest import ROOT

FILES = sorted((ROOT / "tests" / "data" / "answers").glob("recorded-*.jsonl"))
ROWS = [row for file in FILES for row in answers_drawn.rows_of(file)]
SMOKE = ROOT / "results" / "smoke-baseline"


@cache
def shipped():
    """Every record in results/, by the id that a row of it has."""
    found = {}
    for run in map(read_run, sorted((ROOT / "results").glob("*-baseline"))):
        for record in run.records():
            where = f"{record.run_id}/{record.role_name}/{record.case_id}/r{record.repeat}"
            if record.pass_ == "quality":
                found[where] = record
    return found


def test_every_row_of_a_shipped_run_has_the_answer_that_the_run_has():
    runs = {record.run_id for record in shipped().values()}
    rows = [row for row in ROWS if row["run"] in runs]
    assert len(rows) > 400
    for row in rows:
        record = shipped()[row["id"]]
        assert row["answer"] == record.output.text
        assert row["finish_reason"] == record.output.finish_reason
        assert row["expected"] == record.quality.expected
        assert row["scorer"] == record.quality.scorer


def test_no_row_is_there_twice():
    assert Counter(map(answers_drawn.content, ROWS)).most_common(1)[0][1] == 1
    assert Counter(row["id"] for row in ROWS).most_common(1)[0][1] == 1


@pytest.fixture(scope="module")
def answers():
    return list(recorded_answers(SMOKE))


def test_a_draw_is_the_same_every_time_and_has_no_verdict(answers):
    drawn = answers_drawn.draw(answers, 30)
    assert drawn == answers_drawn.draw(answers, 30)
    assert len({answers_drawn.content(row) for row in drawn}) == 30
    assert not {"label", "outcome"} & drawn[0].keys()
    assert any(row["values"] for row in drawn)  # which no record has


def test_a_draw_takes_rare_outcomes_before_more_of_a_frequent_one(answers):
    frequent = next(each for each in answers if each.record.quality.outcome == "correct")
    rare = next(each for each in answers if each.record.quality.outcome == "invented")
    many = [
        replace(frequent.record, output=replace(frequent.record.output, text=f"answer {n}"))
        for n in range(50)
    ]
    drawn = answers_drawn.draw(
        [*(type(frequent)(record, frequent.case) for record in many), rare], 4
    )
    assert rare.text in {row["answer"] for row in drawn}


def test_known_rows_are_not_drawn_again(answers):
    known = answers_drawn.draw(answers, 30)
    more = answers_drawn.draw(answers, 1000, known=known)
    assert not {*map(answers_drawn.content, known)} & {*map(answers_drawn.content, more)}


def test_a_run_is_written_with_its_new_verdicts_and_nothing_else(tmp_path):
    verdicts = [judge_again.JudgedAgain(r, r.quality, None) for r in read_run(SMOKE).records()]
    was = verdicts[5].was
    verdicts[5] = judge_again.JudgedAgain(
        verdicts[5].record, replace(was, score=0.25, outcome="partial", precision=None), None
    )
    out = judge_again.write(SMOKE, verdicts, tmp_path)

    old = (SMOKE / RECORDS).read_bytes().splitlines()
    new = (out / RECORDS).read_bytes().splitlines()
    changed = [pair for pair in zip(old, new, strict=True) if pair[0] != pair[1]]
    assert len(changed) == 1
    before, after = map(msgspec.json.decode, changed[0])
    assert after["quality"] == before["quality"] | {
        "score": 0.25,
        "outcome": "partial",
        "precision": None,
    }
    assert after["why_null"]["quality.precision"] == "the scorer has no such figure"
    assert {name for name in before if before[name] != after[name]} == {"quality", "why_null"}
    for file in SMOKE.iterdir():
        assert file.name == RECORDS or (out / file.name).read_bytes() == file.read_bytes()


def test_no_run_is_overwritten(tmp_path):
    (tmp_path / SMOKE.name).mkdir()
    with pytest.raises(ResultsError, match="no run is overwritten"):
        judge_again.write(SMOKE, [], tmp_path)


def test_the_summary_says_what_moved_with_examples():
    records = list(read_run(SMOKE).records())
    verdicts = [judge_again.JudgedAgain(r, r.quality, None) for r in records]
    right = [each for each in verdicts if each.was.outcome == "correct"][:9]
    moved = {id(each.record) for each in right}
    verdicts = [
        judge_again.JudgedAgain(each.record, replace(each.was, score=0.0, outcome="invented"), None)
        if id(each.record) in moved
        else each
        for each in verdicts
    ]
    said = judge_again.summary(SMOKE, verdicts)
    assert f"9 of {len(records)} verdicts moved" in said
    assert "correct -> invented: 9" in said
    assert 1 <= said.count("expected") <= judge_again.EXAMPLES


def test_a_case_that_is_generated_otherwise_today_is_refused(tmp_path):
    text = (SMOKE / RECORDS).read_text("utf-8")
    header = text.splitlines()[0]
    assert '"seed":7' in header
    other = header.replace('"seed":7', '"seed":8') + text[len(header) :]
    (tmp_path / RECORDS).write_text(other, "utf-8")
    with pytest.raises(ResultsError, match="no longer generated as it was recorded"):
        list(recorded_answers(tmp_path))
