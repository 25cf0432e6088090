"""Engines that take turns, on the simulated engine."""

from __future__ import annotations

import json
import math
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from stressbench.engines.base import EngineSetup
from stressbench.engines.simulated import engine as simulated
from stressbench.engines.simulated.args import SimulatedArgs
from stressbench.simulation.request import StepCost, StepLoad
from stressbench.store import RECORDS, Run, read_run
from tests.conftest import ROOT, Cli, Outcome

SUITE = """\
schema: 1
name: NAME
models: {dense: {model: reference-dense}}
engine: {max_model_len: 1024, kv_blocks: 256, args: {ARGS}}
load: {concurrency: 2}
repeats: 2
prompts:
  - {use: short_qa, items: 13, arms: [stress]}
  - {use: niah, items: 6, budgets: [256], depths: [0.5], arms: [stress]}
"""
VARIANTS = SUITE.replace(
    "engine: {max_model_len: 1024, kv_blocks: 256, args: {ARGS}}",
    """engine:
  - {name: old, max_model_len: 1024, kv_blocks: 256}
  - {name: new, max_model_len: 1024, kv_blocks: 256, args: {decode_tokens_per_s: 60}}""",
)
REQUESTS = 2 * (13 + 6)


def suite(
    folder: Path, file: str, text: str = SUITE, *, args: str = "", name: str = "same"
) -> Path:
    path = folder / file
    path.write_text(text.replace("NAME", name).replace("ARGS", args), "utf-8")
    return path


def interleaved(cli: Cli, *arguments: object, out: Path) -> Outcome:
    return cli("run", *arguments, "--interleave", "--engine", "simulated", "--out", out)


def runs(out: Path) -> list[Run]:
    """The runs in a folder, the one that had the first turn first."""
    found = [read_run(directory) for directory in out.iterdir()]
    return sorted(found, key=lambda run: run.models[0].t_ns if run.models else math.inf)


def turns(run: Run) -> dict[int, tuple[int, int]]:
    """When each block began and ended."""
    times: dict[int, list[int]] = defaultdict(list)
    for record in run.records():
        assert record.block is not None
        times[record.block] += [record.timing.scheduled_ns, record.timing.finish_ns or 0]
    return {block: (min(each), max(each)) for block, each in times.items()}


def pair(cli: Cli, folder: Path, *more: object, args: str = "") -> tuple[Outcome, list[Run]]:
    first, second = suite(folder, "a.yaml"), suite(folder, "b.yaml", args=args)
    left = interleaved(cli, first, second, *more, out=folder / "out")
    return left, runs(folder / "out")


def test_two_suites_take_turns_in_alternating_order(cli: Cli, tmp_path: Path) -> None:
    left, (one, other) = pair(cli, tmp_path)
    assert left.code == 0
    for run, partner in ((one, other), (other, one)):
        assert run.end is not None
        assert (run.end.status, run.end.counts) == ("complete", {"ok": REQUESTS})
        assert run.header.interleaved is not None
        assert run.header.interleaved.blocks == 8
        assert run.header.interleaved.with_ == partner.header.run_id == partner.directory.name
    began, then = turns(one), turns(other)
    order = [
        (each[block][0], block, name)
        for each, name in ((began, "a"), (then, "b"))
        for block in each
    ]
    assert "".join(name for _, _, name in sorted(order)) == "abba" * 4
    assert [block for _, block, _ in sorted(order)] == [k for k in range(8) for _ in "ab"]
    ends = sorted((*began.values(), *then.values()))
    assert all(end <= begin for (_, end), (begin, _) in pairwise(ends))


def test_block_k_has_the_same_cases_and_repeats_on_both_sides(cli: Cli, tmp_path: Path) -> None:
    _, (one, other) = pair(cli, tmp_path)
    sent = [{(r.block, r.case_id, r.repeat) for r in run.records()} for run in (one, other)]
    assert sent[0] == sent[1]
    blocks: dict[str, set[int | None]] = defaultdict(set)
    for block, case_id, _ in sent[0]:
        blocks[case_id].add(block)
    assert all(len(found) == 1 for found in blocks.values())


def test_the_plan_says_whose_turn_it_is_and_sends_nothing(cli: Cli, tmp_path: Path) -> None:
    first, second = suite(tmp_path, "a.yaml"), suite(tmp_path, "b.yaml", name="other")
    left = interleaved(cli, first, second, "--dry-run", "--blocks", 6, out=tmp_path / "out")
    assert left.code == 0
    assert "turns: 6 blocks of 3 to 4 items; dense of run 1 (same), dense of run 2 (other)" in (
        left.out
    )
    assert "engine starts" not in left.out  # simulated engines stay up
    assert not (tmp_path / "out").exists()


def test_an_engine_of_this_process_starts_anew_and_says_so(cli: Cli, tmp_path: Path) -> None:
    one = suite(tmp_path, "a.yaml")
    left = cli("run", one, one, "--interleave", "--dry-run", "--out", tmp_path / "out")
    assert left.code == 0
    assert "16 engine starts: after each block" in left.out


def compared(cli: Cli, *arguments: object) -> tuple[int, dict[str, object]]:
    left = cli("compare", *arguments, "--gate", "e2el.mean rise < 5%", "--format", "json")
    gates = json.loads(left.out)["gates"]
    return left.code, gates[0]


def test_an_engine_that_hardly_changed_passes_and_a_slow_one_fails(
    cli: Cli, tmp_path: Path
) -> None:
    for name, speed, code in (("equal", "99", 0), ("slower", "60", 1)):
        folder = tmp_path / name
        folder.mkdir()
        _, (one, other) = pair(cli, folder, args=f"decode_tokens_per_s: {speed}")
        left, gate = compared(cli, one.directory, other.directory, "--treat", "engine.args")
        assert left == code
        assert "measured over 8 blocks" in str(gate["drift"])


def test_the_variants_of_one_suite_take_turns_too(cli: Cli, tmp_path: Path) -> None:
    left = interleaved(cli, suite(tmp_path, "v.yaml", VARIANTS), out=tmp_path / "out")
    (run,) = runs(tmp_path / "out")
    assert left.code == 0
    assert run.header.interleaved is not None
    assert run.header.interleaved.with_ is None
    code, gate = compared(cli, run.directory, "--by", "variant=old,new")
    assert code == 1
    assert "measured over 8 blocks" in str(gate["drift"])


# ---------------------------------------------------------------- drift


class Drifting:
    """A machine whose speed wanders in the course of the run, the same for every engine."""

    def __init__(self, inner: StepCost, setup: EngineSetup, walk: Callable[[float], float]) -> None:
        self._inner, self._setup, self._walk = inner, setup, walk

    def seconds(self, load: StepLoad) -> float:
        now_s = self._setup.clock.now_ns() / 1e9
        return self._inner.seconds(load) * math.exp(self._walk(now_s))


def wandering(seed: int, sd: float) -> Callable[[float], float]:
    """A random walk that reaches a standard deviation of ``sd`` in ten seconds."""
    rng = random.Random(seed)
    steps = [0.0]
    for _ in range(1000):
        steps.append(steps[-1] + rng.gauss(0, sd / math.sqrt(100)))
    return lambda now_s: steps[min(1000, int(now_s * 10))]


@pytest.mark.parametrize("seed", range(3))
def test_drift_that_meets_both_sides_is_no_change(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    step_cost, walk = simulated.step_cost, wandering(seed, sd=0.2)

    def drifting(setup: EngineSetup, args: SimulatedArgs) -> tuple[StepCost, int]:
        cost, blocks = step_cost(setup, args)
        return Drifting(cost, setup, walk), blocks

    monkeypatch.setattr(simulated, "step_cost", drifting)
    _, (one, other) = pair(cli, tmp_path)
    by_block = [
        [
            sum(r.timing.e2el_ms or 0.0 for r in run.records() if r.block == block)
            for block in range(8)
        ]
        for run in (one, other)
    ]
    assert max(by_block[0]) > 1.05 * min(by_block[0])  # the machine did drift
    code, gate = compared(cli, one.directory, other.directory)
    assert code != 1
    assert abs(float(str(gate["delta"]))) < 0.04


# ---------------------------------------------------------------- what goes wrong


def cut(run: Run, keep: int) -> None:
    """Leave the first lines only, as a kill would."""
    lines = run.path.read_bytes().splitlines(keepends=True)
    run.path.write_bytes(b"".join(lines[:keep]))


def keys(run: Run) -> list[tuple[str, int, int | None]]:
    return sorted((r.case_id, r.repeat, r.block) for r in run.records())


@pytest.mark.parametrize("keep", [(2, 2), (12, 9), (26, 39), (39, 40)])
def test_resuming_one_run_continues_both(cli: Cli, tmp_path: Path, keep: tuple[int, int]) -> None:
    _, before = pair(cli, tmp_path)
    whole = [keys(run) for run in before]
    for run, lines in zip(before, keep, strict=True):
        cut(run, lines)
    left = cli("run", "--resume", before[1].directory)
    after = [read_run(run.directory) for run in before]
    assert left.code == 0
    assert [keys(run) for run in after] == whole
    assert {run.end.status for run in after if run.end} == {"complete"}
    assert [run.header.interleaved for run in after] == [run.header.interleaved for run in before]
    again = cli("run", "--resume", before[0].directory)
    assert again.code == 4
    assert "complete" in again.err


def test_a_run_whose_partner_is_complete_is_finished_alone(cli: Cli, tmp_path: Path) -> None:
    _, (one, other) = pair(cli, tmp_path)
    whole, kept = keys(one), other.path.read_bytes()
    cut(one, 20)
    assert cli("run", "--resume", one.directory).code == 0
    assert keys(read_run(one.directory)) == whole
    assert other.path.read_bytes() == kept


def test_a_run_without_its_partner_is_not_continued(cli: Cli, tmp_path: Path) -> None:
    _, (one, other) = pair(cli, tmp_path)
    cut(one, 20)
    shutil.rmtree(other.directory)
    left = cli("run", "--resume", one.directory)
    assert left.code == 4
    assert f"took turns with {other.directory.name}, which is not next to it" in left.err


def test_ctrl_c_ends_both_runs_and_both_can_be_continued(tmp_path: Path) -> None:
    file = suite(tmp_path, "long.yaml", SUITE.replace("items: 13", "items: 3000"))
    command = [sys.executable, "-m", "stressbench", "run", file, file, "--interleave"]
    out = tmp_path / "out"
    with subprocess.Popen(
        [*map(str, command), "--engine", "simulated", "--out", str(out)],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        while sum(each.stat().st_size > 100_000 for each in out.glob(f"*/{RECORDS}")) < 2:
            assert process.poll() is None, process.communicate()
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()
        assert process.returncode == 130
    for run in runs(out):
        assert run.end is not None
        assert run.end.status == "interrupted"
        assert sum(run.end.counts.values()) == len(keys(run)) < run.end.planned
        assert f"--resume {run.directory}" in err.decode()


def test_if_one_engine_dies_the_other_stops_and_nothing_is_lost(cli: Cli, tmp_path: Path) -> None:
    left, (one, other) = pair(cli, tmp_path, args="die_after: 12")
    assert left.code == 3
    assert "the simulated engine died" in left.err
    assert other.end is not None
    assert one.end is not None
    assert (one.end.status, other.end.status) == ("interrupted", "failed")
    assert one.end.error == "left out, with requests left: dense"
    assert all(0 < len(keys(run)) < REQUESTS for run in (one, other))


def test_if_one_engine_is_overloaded_both_stop(cli: Cli, tmp_path: Path) -> None:
    load = "load: {arrival: constant, rate: 40, timeout_s: 1}"
    text = SUITE.replace("load: {concurrency: 2}", load).replace("items: 13", "items: 400")
    fast = suite(tmp_path, "a.yaml", text, args="decode_tokens_per_s: 10000")
    slow = suite(tmp_path, "b.yaml", text, args="decode_tokens_per_s: 1")
    left = interleaved(cli, fast, slow, out=tmp_path / "out")
    one, other = runs(tmp_path / "out")
    assert left.code == 5
    assert one.end is not None
    assert other.end is not None
    assert (one.end.status, other.end.status) == ("interrupted", "inconclusive")


def test_a_full_disk_of_one_run_ends_both(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stressbench.store import write
    from stressbench.store.trouble import unwritable

    append, failing = write._LineFile.append, []

    def full(self: write._LineFile, line: bytes) -> None:
        directories = sorted(each.name for each in (tmp_path / "out").iterdir())
        path = self._path
        if failing or (b'"block":3' in line and path.parent.name == directories[0]):
            failing[:] = failing or [path]
            if path == failing[0]:
                raise unwritable(OSError(28, "No space left on device"), path)
        append(self, line)

    monkeypatch.setattr(write._LineFile, "append", full)
    left, found = pair(cli, tmp_path)
    assert left.code == 3
    assert "the disk is full; everything recorded so far is safe" in left.err
    (written,) = (run for run in found if run.end is not None)
    assert written.end is not None
    assert written.end.status == "interrupted"
    assert all(keys(run) for run in found)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("a.yaml", "b.yaml", "--interleave", "--blocks", 5), 2, "--blocks: must be at least 6"),
        (("a.yaml", "b.yaml", "--interleave", "--blocks", 20), 2, "20 blocks need 20 items"),
        (("a.yaml", "b.yaml", "--blocks", 6), 2, "--blocks is for --interleave"),
        (("a.yaml", "--interleave"), 2, "one engine cannot take turns"),
        (("a.yaml", "a.yaml", "a.yaml", "--interleave"), 2, "one suite or two"),
        (("a.yaml", "c.yaml", "--interleave"), 2, "differ in prompts"),
        (("sweep.yaml", "a.yaml", "--interleave"), 2, "a sweep cannot be cut into blocks"),
        (("--resume", "a", "--interleave"), 2, "--resume without --interleave"),
    ],
)  # fmt: skip
def test_what_cannot_take_turns_is_refused_before_anything_runs(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[object, ...], code: int, words: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    for file in ("a.yaml", "b.yaml"):
        suite(tmp_path, file)
    suite(tmp_path, "c.yaml", SUITE.replace("items: 13", "items: 14"))
    sweep = "load: {arrival: sweep, concurrency_levels: [1, 2]}"
    suite(tmp_path, "sweep.yaml", SUITE.replace("load: {concurrency: 2}", sweep))
    left = cli("run", *arguments, "--engine", "simulated", "--out", tmp_path / "out")
    assert left.code == code
    assert words in " ".join(left.err.split())
    assert not [*(tmp_path / "out").glob("*")]
