"""Small plots: the shape of the numbers in one line."""

from __future__ import annotations

import records as make
from hypothesis import given
from hypothesis import strategies as st

from stressbench.report.model.run import reduce_run
from stressbench.report.terminal.layout import rendered
from stressbench.report.terminal.plots import sparkline
from stressbench.report.terminal.summary import summary


def summary_of(tmp_path, records) -> str:
    path = make.write(tmp_path / "records.jsonl", records)
    return rendered([summary(reduce_run(path).report)], columns=100)


def test_a_sparkline_rises_with_its_values():
    assert sparkline([0.0, 0.01, 0.5, 1.0, None], 1.0) == " ▁▄█·"


@given(st.lists(st.floats(0, 1) | st.none(), max_size=40))
def test_a_sparkline_has_one_character_a_value(values):
    assert len(sparkline(values, 1.0)) == len(values)


def test_the_summary_draws_quality_beside_the_twin(tmp_path):
    records = [
        make.record(i, arm=arm, score=float(arm != "stress"), ttft_ms=float(i + 1))
        for i in range(4)
        for arm in ("stress", "isocontent")
    ]
    shown = summary_of(tmp_path, records)
    (line,) = [line for line in shown.splitlines() if "niah dense" in line]
    assert line.split() == ["niah", "dense", "░" * 20, "0%", "█" * 20, "100%"]
    assert "1 to 4 ms, n 8" in shown


def test_the_telemetry_pass_is_in_no_figure_of_the_summary(tmp_path):
    records = [make.record(i, ttft_ms=float(i + 1)) for i in range(4)]
    again = [make.record(i, ttft_ms=9e5, score=0.0, pass_="telemetry") for i in range(4)]
    told = summary_of(tmp_path, [*records, *again])
    quality, cost = (line.split() for line in told.splitlines() if line.startswith("niah"))
    assert quality == ["niah", "dense", "100", "%", "[51,", "100]", "4", "none"]
    assert cost[:6] == ["niah", "dense", "512", "1.00x", "2", "4"]
    assert "1 to 4 ms, n 4" in told
    assert "complete, 8 of 8 requests in 60 s; 4 requests sent again for telemetry" in told
