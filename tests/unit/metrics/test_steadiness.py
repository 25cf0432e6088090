"""A run whose latency was unsteady says so in a report and in every comparison of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from msgspec.structs import replace

from stressbench.compare.comparison import Options, compare
from stressbench.metrics.base import read
from stressbench.metrics.families import known
from stressbench.metrics.steadiness import unsteady
from stressbench.report.model.run import reduce_run
from stressbench.schema.results.record import CaseRecord
from tests import records as make


def a_run(folder: Path, *, cold: float = 1.0, drift: float = 0.0, n: int = 96) -> Path:
    """One class, eight in flight; the first batch and the trend as planted."""
    found = []
    for item in range(n):
        wobble = 1 + 0.1 * ((item * 7919) % 11 - 5) / 5
        factor = wobble * (cold if item < 8 else 1.0) * (1 + drift * item / n)
        found.append(_timed(make.record(item=item), 1000 * factor, item))
    folder.mkdir()
    return make.write(folder / "records.jsonl", found)


def _timed(record: CaseRecord, e2el_ms: float, place: int) -> CaseRecord:
    timing = replace(record.timing, sent_ns=place * 10**9, e2el_ms=e2el_ms, ttft_ms=e2el_ms / 2)
    return replace(record, timing=timing)


@pytest.mark.parametrize(
    ("planted", "words"),
    [
        ({"cold": 12.0}, "first batch took 1[0-9.]+ times"),
        ({"drift": 0.6}, "slower over the run"),
        ({"drift": -0.4}, "faster over the run"),
    ],
)
def test_an_unsteady_run_is_said_to_be_one(
    planted: dict[str, float], words: str, tmp_path: Path
) -> None:
    steady, shaky = a_run(tmp_path / "steady"), a_run(tmp_path / "shaky", **planted)
    (found,) = unsteady(read(shaky, [known()["ttft"]]))
    assert found.role == "dense"
    report = reduce_run(shaky).report
    (line,) = [each for each in report.headlines if "Unsteady" in each.text]
    assert re.search(words, line.text)
    compared = compare(steady, shaky, Options(gates=("ttft.p50 rise < 10%",), gates_from="flags"))
    assert [each.side for each in compared.unsteady] == ["cand"]
    assert any("Unsteady" in note for note in compared.notes)


def test_a_steady_run_and_one_whose_latency_nobody_asks_for_say_nothing(tmp_path: Path) -> None:
    assert unsteady(read(a_run(tmp_path / "steady"), [known()["ttft"]])) == []
    cold = a_run(tmp_path / "cold", cold=12.0)
    assert unsteady(read(cold, [known()["quality.score"]])) == []
