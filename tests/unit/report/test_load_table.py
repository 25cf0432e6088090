"""What the report says of a load: in words, in figures, and as a verdict."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from stressbench.report.markdown import run as markdown
from stressbench.report.model.engine.load import LoadTallies
from stressbench.report.model.page.gather import page
from stressbench.report.terminal.load import render
from stressbench.report.words.load import describe, load_table
from stressbench.schema.results.record import CaseRecord, Load
from stressbench.schema.suite.load import LoadSpec, Phase, Step
from tests import records


def placed(
    item: int, *, level: int, concurrency: int, due_s: float, ttft_s: float, late_s: float = 0
) -> CaseRecord:
    """A request of one level: due, sent, answered."""
    record = records.record(item, ttft_ms=1000 * (late_s + ttft_s))
    due_ns = round(due_s * 1e9)
    timing = msgspec.structs.replace(
        record.timing,
        scheduled_ns=due_ns,
        sent_ns=due_ns + round(late_s * 1e9),
        finish_ns=due_ns + round((late_s + ttft_s) * 1e9),
        ttft_ms=1000 * (late_s + ttft_s),
        e2el_ms=1000 * (late_s + ttft_s),
    )
    load = Load(level=level, rate=None, concurrency=concurrency, began_ns=0, held_ms=0.0)
    return msgspec.structs.replace(record, timing=timing, load=load)


def closed_loop(level: int, concurrency: int, service_s: float) -> list[CaseRecord]:
    """One server, so many clients: each waits for all the others."""
    return [
        placed(
            item,
            level=level,
            concurrency=concurrency,
            due_s=max(0, item - concurrency + 1) * service_s,
            ttft_s=min(item + 1, concurrency) * service_s,
        )
        for item in range(200)
    ]


def shown(rows: list[CaseRecord], load: LoadSpec) -> str:
    tallies = LoadTallies()
    for row in rows:
        tallies.add(row)
    header = records.header(suite_spec={"load": msgspec.to_builtins(load)})
    console = Console(file=StringIO(), width=200)
    report = tallies.report(header)
    for part in render(load_table(report)) if report else ():
        console.print(part)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert isinstance(text, str)
    return text


SWEEP = LoadSpec(arrival="sweep", concurrency_levels=[1, 2, 4])


def test_the_knee_is_named_with_what_it_costs() -> None:
    rows = [row for n, seats in enumerate((1, 2, 4), 1) for row in closed_loop(n, seats, 0.1)]
    text = shown(rows, SWEEP)
    assert "dense saturates at concurrency 2 (TTFT p95 2.0 times that at 1, throughput +" in text
    assert "less than 50%" in text


def test_a_sweep_with_room_left_asks_for_more() -> None:
    rows = [
        placed(item, level=level, concurrency=seats, due_s=item / seats, ttft_s=1)
        for level, seats in ((1, 1), (2, 2), (3, 4))
        for item in range(100)
    ]
    assert "dense is not saturated at 4: add a higher level" in shown(rows, SWEEP)


def test_a_client_that_sends_late_is_told_of_with_its_figures() -> None:
    rows = [
        placed(item, level=1, concurrency=1, due_s=item, ttft_s=0.1, late_s=0.02)
        for item in range(50)
    ]
    text = shown(rows, LoadSpec(arrival="constant", rate=1))
    assert "dense: the client was the bottleneck: it sent 20.0 ms late (p99)" in text
    assert "more than 5% of a median TTFT of 120.0 ms" in text


def test_a_plain_closed_loop_has_no_table() -> None:
    assert shown([records.record(item) for item in range(3)], LoadSpec()) == ""


@pytest.mark.parametrize(
    ("load", "words"),
    [
        (LoadSpec(), "closed, 8 in flight"),
        (
            LoadSpec(arrival="poisson", rate=0.5, concurrency=4, warmup=Phase(requests=3)),
            "poisson, 0.5 requests/s, at most 4 in flight; warm-up of 3 requests",
        ),
        (
            LoadSpec(arrival="gamma", rate=2, burstiness=0.25, cooldown=Phase(seconds=9)),
            "gamma, 2 requests/s, burstiness 0.25; cool-down of 9 s",
        ),
        (
            LoadSpec(arrival="ramp", rate=1, ramp_to=8, ramp_s=60),
            "ramp, 1 to 8 requests/s in 60 s",
        ),
        (
            LoadSpec(arrival="step", steps=[Step(rate=1, seconds=10), Step(rate=3, seconds=5)]),
            "step, 1 requests/s for 10 s, 3 requests/s for 5 s",
        ),
        (LoadSpec(arrival="trace", speed=2), "trace, 2 times as fast as recorded"),
        (SWEEP, "sweep, concurrency 1, 2, 4"),
        (
            LoadSpec(arrival="sweep", rate_levels=[0.5, 1], cache="shared"),
            "sweep, requests/s 0.5, 1; shared cache",
        ),
    ],
)
def test_a_load_in_words(load: LoadSpec, words: str) -> None:
    assert describe(load) == words


def test_the_page_and_the_markdown_have_the_same_figures(tmp_path: Path) -> None:
    rows = [row for n, seats in enumerate((1, 2, 4), 1) for row in closed_loop(n, seats, 0.1)]
    rows = [
        msgspec.structs.replace(row, case_id=f"{row.case_id}/{n}") for n, row in enumerate(rows)
    ]
    header = records.header(suite_spec={"load": msgspec.to_builtins(SWEEP)})
    path = records.write(tmp_path / "records.jsonl", rows, run=header)
    gathered = page([path])
    (run,) = gathered.runs
    (table,) = gathered.loads
    assert run.load is not None
    assert [(each.value, each.n) for each in run.load.levels] == [(1, 200), (2, 200), (4, 200)]
    assert table is not None
    assert [row[:3] for row in table.rows] == [
        ["dense", "1", "200"],
        ["dense", "2", "200"],
        ["dense", "4", "200"],
    ]
    text = markdown.render(gathered)
    assert "Load: sweep, concurrency 1, 2, 4" in text
    assert "**dense saturates at concurrency 2" in text
