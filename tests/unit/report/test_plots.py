"""Small plots: the shape of the numbers in one line."""

from __future__ import annotations

import records as make
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from stressbench.report.terminal.plots import sparkline
from stressbench.report.terminal.summary import summary
from stressbench.store import read_run


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
    run = read_run(make.write(tmp_path / "records.jsonl", records))
    console = Console(width=120, force_terminal=False)
    with console.capture() as captured:
        console.print(summary(run))
    (line,) = [line for line in captured.get().splitlines() if "niah dense" in line]
    assert line.split() == ["niah", "dense", "░" * 20, "0%", "█" * 20, "100%"]
    assert "1 to 4 ms, n 8" in captured.get()


def test_the_telemetry_pass_is_in_no_figure_of_the_summary(tmp_path):
    records = [make.record(i, ttft_ms=float(i + 1)) for i in range(4)]
    again = [make.record(i, ttft_ms=9e5, score=0.0, pass_="telemetry") for i in range(4)]
    run = read_run(make.write(tmp_path / "records.jsonl", [*records, *again]))
    console = Console(width=160, force_terminal=False)
    with console.capture() as captured:
        console.print(summary(run))
    told = captured.get()
    (row,) = [line.split() for line in told.splitlines() if line.startswith("niah")]
    assert row[:5] == ["niah", "stress", "dense", "4", "1.00"]
    assert "1 to 4 ms, n 4" in told
    assert "4 requests, 4 of them sent again for telemetry" in told
