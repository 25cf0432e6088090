"""The drift between runs, measured over earlier runs of the same suite on the same machine."""

from __future__ import annotations

import math
import random
from pathlib import Path
from statistics import stdev

import msgspec
import pytest
import records

from stressbench.compare.analysis.spread import FEWEST_RUNS, between_runs
from stressbench.compare.comparison import Options, compare
from stressbench.compare.evaluate import Question
from stressbench.errors import ResultsError
from stressbench.metrics.families import known

TTFT = Question(known()["ttft"], "p50", relative=True)
QUALITY = Question(known()["quality.score"], "mean", relative=False)


def run(folder: Path, number: int, factor: float = 1.0, **changes: object) -> Path:
    rows = []
    for item in range(60):
        row = records.record(item, ttft_ms=factor * (100 + item))
        timing = msgspec.structs.replace(row.timing, sent_ns=row.timing.sent_ns + number)
        rows.append(msgspec.structs.replace(row, timing=timing))
    header = records.header(
        run_id=f"n{number}", started_at=f"2026-01-{number + 1:02}T02:00:00Z", **changes
    )
    return records.write(folder / f"{number:02}" / "records.jsonl", rows, run=header)


def spreads(folder: Path, *compared: int, questions: tuple[Question, ...] = (TTFT, QUALITY)):
    one, other = (records.header(run_id=f"n{number}") for number in compared)
    return between_runs([folder], (one, other), questions)


def test_it_is_the_spread_of_the_logarithm_over_the_other_runs(tmp_path: Path) -> None:
    factors = [1.0, 1.1, 0.95, 1.04, 0.9, 5.0]
    for number, factor in enumerate(factors):
        run(tmp_path, number, factor)
    found = spreads(tmp_path, 5, 99)
    assert {key[1] for key in found.levels} == {"ttft"}  # quality does not drift with the machine
    spread = found.levels["dense", "ttft", "p50"]
    assert spread.runs == 5
    assert spread.sd == pytest.approx(stdev(map(math.log, factors[:5])))
    drift = found.drift(("dense", "dense"), TTFT, whole=True)
    assert drift is not None
    assert (drift.se, drift.df) == (pytest.approx(spread.sd * math.sqrt(2)), 4)
    assert f"measured over 5 runs in {tmp_path}" in drift.source
    assert found.drift(("dense", "sparse"), TTFT, whole=True) is None


def test_runs_of_another_machine_or_suite_and_copies_do_not_count(tmp_path: Path) -> None:
    for number in range(FEWEST_RUNS):
        run(tmp_path, number, 1 + number / 50)
    machine = msgspec.structs.replace(records.header().machine, device_name="another CPU")
    run(tmp_path, 10, 9.0, machine=machine)
    run(tmp_path, 11, 9.0, seed=8)
    copy = tmp_path / "copy" / "records.jsonl"
    copy.parent.mkdir()
    copy.write_bytes((tmp_path / "00" / "records.jsonl").read_bytes())
    assert spreads(tmp_path, 98, 99).levels["dense", "ttft", "p50"].runs == FEWEST_RUNS


def test_with_too_few_runs_the_drift_stays_assumed_and_a_note_says_so(tmp_path: Path) -> None:
    base, cand = (run(tmp_path, number, 1 + number / 50) for number in range(2))
    found = compare(
        base,
        cand,
        Options(gates=("ttft.p50 rise < 10%",), gates_only=True, history=(tmp_path,)),
    )
    assert "assumed" in (found.gates[0].drift or "")
    assert any("models, engine and arguments: 0; 4 are needed" in note for note in found.notes)


@pytest.mark.parametrize(("sd", "verdict"), [(0.01, "regression"), (0.2, "inconclusive")])
def test_a_slower_run_is_a_regression_only_on_a_machine_that_is_steady(
    tmp_path: Path, sd: float, verdict: str
) -> None:
    rng = random.Random(1)
    for number in range(12):
        run(tmp_path, number, math.exp(rng.gauss(0, sd)))
    base, cand = run(tmp_path, 20), run(tmp_path, 21, 1.2)
    options = Options(gates=("ttft.p50 rise < 10%",), gates_only=True, history=(tmp_path,))
    found = compare(base, cand, options)
    assert found.verdict == verdict
    assert "measured over 12 runs" in (found.gates[0].drift or "")


def test_a_directory_without_runs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match=r"no records\.jsonl here"):
        spreads(tmp_path, 1, 2)
