"""KV pressure through the whole pipeline on the simulated engine, on devices that are not here."""

from __future__ import annotations

from pathlib import Path

import pytest

from stressbench.store import Run, read_run, readings
from tests.conftest import Cli

SUITE = """\
schema: 1
name: pressure
models: {dense: {model: reference-dense}}
engine: {max_model_len: 512, kv_blocks: 65, block_size: 32}
load: {arrival: sweep, concurrency_levels: [5, 6]}
prompts:
  - {use: kv_saturate, items: 8, budgets: [300], arms: [stress], max_tokens: 64, ignore_eos: true}
"""


def only_run(out: Path) -> Run:
    (directory,) = out.iterdir()
    return read_run(directory)


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    file = tmp_path / "pressure.yaml"
    file.write_text(SUITE, "utf-8")
    return file


def test_a_run_shows_the_predicted_onset_beside_the_measured(
    cli: Cli, suite: Path, tmp_path: Path
) -> None:
    left = cli("run", suite, "--engine", "simulated", "--out", tmp_path / "out")
    run = only_run(tmp_path / "out")
    kv = run.header.models["dense"].kv
    assert left.code == 0, left.err
    assert "no preemption up to 5 in flight, predicted from 6" in left.err
    assert "preemption predicted from 6 in flight; measured from 6, none at 5" in left.out
    assert kv is not None
    assert kv.predicted is not None
    assert [level.preemptions for level in kv.predicted.levels] == [0, 1]


def test_the_simulated_engine_does_what_was_predicted_of_it(
    cli: Cli, suite: Path, tmp_path: Path
) -> None:
    cli("run", suite, "--engine", "simulated", "--out", tmp_path / "out")
    run = only_run(tmp_path / "out")
    records = list(run.records())
    thrown = [record for record in records if record.kv and record.kv.preemptions]
    assert [record.load.concurrency for record in thrown if record.load] == [6]
    assert sum(line.values["preemptions"] or 0 for line in readings(run.directory)) == 1
    (victim,) = thrown
    assert victim.kv is not None
    assert victim.kv.recomputed_tokens == 192  # 320 tokens, less four blocks that the cache kept
    assert victim.timing.queue_ms is not None
    assert victim.timing.ttft_ms is not None
    assert 0 < victim.timing.queue_ms < victim.timing.ttft_ms  # until the step of the first is over


def test_without_a_prefix_cache_nothing_was_queried(cli: Cli, suite: Path, tmp_path: Path) -> None:
    cli(
        "run", suite, "--engine", "simulated", "--out", tmp_path / "out",
        "--set", "engine.enable_prefix_caching=false",
    )  # fmt: skip
    run = only_run(tmp_path / "out")
    for record in run.records():
        assert record.kv is not None
        assert record.kv.cached_tokens is None
        assert record.why_null["kv.cached_tokens"] == "prefix caching is off"
    assert {line.values["prefix_queries"] for line in readings(run.directory)} == {None}


def test_a_dry_run_shows_the_cache(cli: Cli, suite: Path) -> None:
    left = cli("run", suite, "--dry-run")
    assert "KV 64 blocks of 32 = 2,048 tokens, 46,080 bytes a token" in left.out
    assert "predicted from 6" in left.out


@pytest.mark.parametrize("where", ["engine.dtype", "engine.args.dtype", "models.dense.args.dtype"])
def test_a_dry_run_takes_the_dtype_that_the_suite_asks_for(
    cli: Cli, suite: Path, where: str
) -> None:
    left = cli("run", suite, "--dry-run", "--set", f"{where}=bfloat16")
    assert "23,040 bytes a token" in left.out


def test_a_simulated_dtype_is_the_devices_or_null_with_a_reason(
    cli: Cli, suite: Path, tmp_path: Path
) -> None:
    left = cli("run", suite, "--engine", "simulated", "--dry-run")
    assert "known when the engine has started" in left.out
    for name, settings in {
        "none": [],
        "own": ["--set", "engine.args.device=h100"],
        "set": ["--set", "engine.args.device=h100", "--set", "engine.dtype=float32"],
    }.items():
        out = tmp_path / name
        cli("run", suite, "--engine", "simulated", "--out", out, "--limit", 1, *settings)
        model = only_run(out).header.models["dense"]
        assert model.dtype == {"none": None, "own": "bfloat16", "set": "float32"}[name]
        assert ("dtype" in model.why_null) == (model.dtype is None)


@pytest.mark.parametrize(("device", "faster_than"), [("h100", "a100-80gb"), ("a100-80gb", "l4")])
def test_a_better_device_answers_sooner(
    cli: Cli, suite: Path, tmp_path: Path, device: str, faster_than: str
) -> None:
    e2el_ms = {}
    for name in (device, faster_than):
        cli(
            "run", suite, "--engine", "simulated", "--out", tmp_path / name, "--limit", 2,
            "--set", f"engine.args.device={name}",
        )  # fmt: skip
        run = only_run(tmp_path / name)
        assert run.header.simulated
        assert run.header.models["dense"].dtype == "bfloat16"
        assert "data sheet" in run.header.models["dense"].engine_args["device"]["source"]
        e2el_ms[name] = [record.timing.e2el_ms for record in run.records()]
    assert max(e2el_ms[device]) < min(e2el_ms[faster_than])


def test_the_cache_of_a_device_is_what_its_memory_leaves(
    cli: Cli, suite: Path, tmp_path: Path
) -> None:
    device = "{flop_per_s: 1.0e+12, bandwidth_bytes_per_s: 1.0e+11, memory_bytes: 400000000}"
    cli(
        "run", suite, "--engine", "simulated", "--out", tmp_path / "out", "--limit", 1,
        "--set", "engine.kv_blocks=null", "--set", f"engine.args.device={device}",
    )  # fmt: skip
    model = only_run(tmp_path / "out").header.models["dense"]
    weights = 134_515_008 * 2  # SmolLM2-135M in 16 bits
    assert model.kv_blocks == pytest.approx((360_000_000 - weights) / (32 * 23_040), rel=0.01)


@pytest.mark.parametrize(
    ("device", "why"),
    [
        ("h10", "did you mean 'h100'"),
        ("{flop_per_s: 1.0}", "bandwidth_bytes_per_s"),
        ("{flop_per_s: 1e12}", "write 1.0e+12"),
        (
            "{flop_per_s: 1.0e+12, bandwidth_bytes_per_s: 1.0e+11, memory_bytes: 1000}",
            "leaving no memory",
        ),
    ],
)
def test_a_device_that_cannot_be_is_refused(
    cli: Cli, suite: Path, tmp_path: Path, device: str, why: str
) -> None:
    left = cli(
        "run", suite, "--engine", "simulated", "--out", tmp_path / "out",
        "--set", "engine.kv_blocks=null", "--set", f"engine.args.device={device}",
    )  # fmt: skip
    assert left.code == 2
    assert why in left.err
    assert "Traceback" not in left.err
