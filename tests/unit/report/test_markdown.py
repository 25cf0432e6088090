"""The step summary: the same story, and no markup from a file."""

from __future__ import annotations

import msgspec
import records as make

from stressbench.report.markdown.run import render
from stressbench.report.model.page.gather import page


def test_the_summary_tells_what_broke(tmp_path):
    records = [
        make.record(i, arm=arm, score=float(arm != "stress"))
        for i in range(9)
        for arm in ("stress", "isocontent")
    ]
    text = render(page([make.write(tmp_path / "records.jsonl", records)]))
    assert "❌ **niah on dense**: 0 % right" in text
    assert "| niah | isocontent | dense | 100 % |" in text


def test_names_from_a_file_stay_text(tmp_path):
    hostile = (
        "<img src=x onerror=alert(1)> [x](javascript:alert(1)) @team |`\x1b[31m https://a.example"
    )
    record = msgspec.structs.replace(make.record(0), prompt_class=hostile)
    text = render(page([make.write(tmp_path / "records.jsonl", [record])]))
    assert "<img" not in text
    assert "](javascript" not in text
    assert "@team" not in text
    assert "\x1b" not in text
    assert "https://" not in text


def test_the_verdict_comes_first(tmp_path):
    files = [
        make.write(tmp_path / name / "records.jsonl", [make.record(i, score=s) for i in range(40)])
        for name, s in (("base", 1.0), ("cand", 0.0))
    ]
    lines = render(page(files)).splitlines()
    assert lines[2] == "- ❌ **regression**: base → cand"


def test_runs_that_cannot_be_compared_say_so_first(tmp_path):
    files = [
        make.write(
            tmp_path / str(seed) / "records.jsonl", [make.record(0)], run=make.header(seed=seed)
        )
        for seed in (1, 2)
    ]
    assert "**not comparable**" in render(page(files)).splitlines()[2]


def test_each_class_stands_in_one_line_with_its_controls(tmp_path):
    records = [
        make.record(i, arm=arm, score=float(arm != "stress"))
        for i in range(9)
        for arm in ("stress", "isocontent")
    ]
    lines = render(page([make.write(tmp_path / "records.jsonl", records)])).splitlines()
    head = next(line for line in lines if line.startswith("| class | model |"))
    assert head == "| class | model | under stress | plain twin | n | inflation | most misses |"
    (row,) = [line for line in lines if line.startswith("| niah | dense |")]
    assert [cell.strip() for cell in row.split("|")[3:6]] == ["0 % [0, 30]", "100 % [70, 100]", "9"]
    assert row.rstrip(" |").endswith("9/9")
