"""The step summary: the same story, and no markup from a file."""

from __future__ import annotations

import msgspec
import records as make

from stressbench.report.html.gather import page
from stressbench.report.markdown import render


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
