"""Sweeps that settled at different levels, set side by side: suite to verdict, simulated engine."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from stressbench.schema.analysis.comparison import Comparison
from stressbench.store import read_run
from tests.conftest import Cli

SUITE = """\
schema: 1
name: swept
models: {dense: {model: reference-dense}}
engine: ENGINE
load: {arrival: sweep, concurrency_levels: [1, 2, 4, 8, 16, 32, 64, 128]}
prompts:
  - {use: niah, items: 12, budgets: [256], depths: [0, 1], arms: [stress]}
"""
GATE = ("--gate", "quality.score drop < 5pt", "--gates-only")


class Sweeps:
    """Runs one sweep with other engines."""

    def __init__(self, cli: Cli, folder: Path) -> None:
        self._cli, self._folder = cli, folder

    def run(self, name: str, engine: str) -> Path:
        file = self._folder / f"{name}.yaml"
        file.write_text(SUITE.replace("ENGINE", engine), "utf-8")
        out = self._folder / name
        left = self._cli("run", file, "--engine", "simulated", "--out", out, "--no-progress")
        assert left.code == 0, left.err
        (directory,) = out.iterdir()
        return directory

    def compare(self, *arguments: object) -> Comparison:
        done = self._cli("compare", *arguments, *GATE, "--format", "json")
        assert done.code in {0, 1, 5}, done.err
        return msgspec.json.decode(done.out, type=Comparison)


def engine(**args: object) -> str:
    every = {"answers": "oracle", **args}
    return json.dumps({"max_model_len": 1024, "block_size": 32, "args": every})


@pytest.fixture
def sweeps(cli: Cli, tmp_path: Path) -> Sweeps:
    return Sweeps(cli, tmp_path)


def levels_of(directory: Path) -> list[str]:
    run = read_run(directory)
    assert run.end is not None
    assert run.end.status == "complete"
    return [line.level for line in run.levels]


def test_sweeps_that_settled_at_different_levels_are_compared_on_those_of_both(
    sweeps: Sweeps,
) -> None:
    early = sweeps.run("early", engine(prefill_tokens_per_s=2000, decode_tokens_per_s=100))
    late = sweeps.run("late", engine(prefill_tokens_per_s=200_000, decode_tokens_per_s=100))
    few, many = levels_of(early), levels_of(late)
    assert few == many[: len(few)]
    assert len(few) < len(many)
    found = sweeps.compare(late, early, "--treat", "engine.args")
    (gate,) = found.gates
    assert (gate.n, gate.clusters) == (24 * len(few), 12)
    assert any(f"{', '.join(many[len(few) :])} only in base" in note for note in found.notes)
    (knees,) = found.knees
    assert (knees.base.levels, knees.cand.levels) == (many, few)
    assert knees.base.load is not None
    assert knees.cand.load is not None
    assert knees.base.load > knees.cand.load
    assert knees.cand.level == few[-2]
    (back,) = sweeps.compare(early, late, "--treat", "engine.args").knees
    assert (back.base, back.cand) == (knees.cand, knees.base)


def test_set_ups_of_one_sweep_are_compared_like_two_sweeps(sweeps: Sweeps) -> None:
    speeds = {"early": 2000, "late": 200_000}
    setups = [
        {"name": name, **json.loads(engine(prefill_tokens_per_s=speed, decode_tokens_per_s=100))}
        for name, speed in speeds.items()
    ]
    both = sweeps.run("both", json.dumps(setups))
    within = sweeps.compare(both, "--by", "variant=late,early")
    apart = [sweeps.run(name, json.dumps(setups)) for name in ("one", "two")]
    across = sweeps.compare(*apart, "--by", "variant=late,early")
    assert within.gates == across.gates
    assert within.knees == across.knees
    assert within.notes == across.notes != []
    assert (within.base_side, within.cand_side) == ("variant=late", "variant=early")


def test_a_sweep_that_was_cut_is_still_refused(sweeps: Sweeps, cli: Cli) -> None:
    whole = sweeps.run("whole", engine())
    cut = sweeps.run("cut", engine())
    file = cut / "records.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines[:-1]))
    refused = cli("compare", whole, cut)
    assert refused.code == 4
    assert "has no end line" in refused.err
    assert sweeps.compare(whole, cut, "--allow-partial").verdict == "inconclusive"


def test_a_level_that_is_named_is_compared_with_another_one(sweeps: Sweeps) -> None:
    run = sweeps.run("one", engine())
    found = sweeps.compare(run, "--by", "load_level=concurrency-1,concurrency-4")
    (gate,) = found.gates
    assert (gate.n, gate.scope["load_level"]) == (24, "concurrency-1->concurrency-4")
    assert found.knees == []
