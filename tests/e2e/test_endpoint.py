"""The openai engine against vLLM's own server: the same answers as from vLLM in process."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from engines import BLOCK_SIZE, BLOCKS, CACHE, PROMPTS, WINDOW
from precision import tolerance
from prometheus_client.parser import text_string_to_metric_families

from stressbench.engines.openai.metrics import NAMES, names_of, read_sample
from stressbench.engines.openai.request import OPTIONAL
from stressbench.models.reference.pair import DENSE, DTYPES, obtain
from stressbench.schema.results.record import CaseRecord
from stressbench.store import Run, read_run, readings
from tests.conftest import ROOT, Golden

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

SUITE = f"""\
schema: 1
name: endpoint
seed: 7
models: {{dense: {{model: reference-dense}}}}
engine: {{{CACHE}}}
{PROMPTS}"""


@dataclass(frozen=True)
class Served:
    """vLLM's server, running."""

    url: str
    pid: int

    def page(self, path: str) -> bytes:
        with urllib.request.urlopen(f"{self.url}{path}") as response:
            return bytes(response.read())


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


@pytest.fixture(scope="module")
def server(dense_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    path, _ = obtain(DENSE, lambda *_: None)
    port = free_port()
    log = tmp_path_factory.mktemp("server") / "server.log"
    arguments = {
        "--model": path,
        "--served-model-name": "reference-dense",
        "--port": port,
        "--dtype": dense_run.header.models["dense@own"].dtype,
        "--max-model-len": WINDOW,
        "--num-gpu-blocks-override": BLOCKS,
        "--block-size": BLOCK_SIZE,
        "--max-num-seqs": 4,
        # Without it vLLM asks for nine tenths of the machine's memory, and to find them free.
        "--kv-cache-memory-bytes": 1 << 29,
    }
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--enforce-eager"]
    command += ["--enable-prompt-tokens-details", "--enable-per-request-metrics"]
    command += [str(part) for pair in arguments.items() for part in pair]
    environment = {**os.environ, "VLLM_NO_USAGE_STATS": "1", "VLLM_CPU_NUM_OF_RESERVED_CPU": "0"}
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, stdout=out, stderr=out, env=environment, start_new_session=True
        )
    served = Served(f"http://127.0.0.1:{port}", process.pid)
    try:
        while not healthy(served):
            assert process.poll() is None, log.read_text("utf-8")[-3000:]
            time.sleep(0.5)
        yield served
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def healthy(served: Served) -> bool:
    try:
        served.page("/health")
    except (urllib.error.URLError, ConnectionError):
        return False
    return True


def stressbench(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "stressbench", *map(str, arguments), "--no-progress"]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)


def run_of(out: Path, *arguments: object) -> Run:
    suite = out / "suite.yaml"
    suite.write_text(SUITE, "utf-8")
    done = stressbench("run", suite, "--out", out / "runs", *arguments)
    assert done.returncode == 0, done.stderr
    (directory,) = (out / "runs").iterdir()
    return read_run(directory)


@pytest.fixture(scope="module")
def in_process(dense_run: Run) -> dict[str, CaseRecord]:
    return {r.case_id: r for r in dense_run.records() if r.variant == "own"}


@pytest.fixture(scope="module")
def run(server: Served, tmp_path_factory: pytest.TempPathFactory) -> Run:
    probes = f"probes=[kv, gpu, {{use: process, params: {{pids: [{server.pid}]}}}}]"
    return run_of(tmp_path_factory.mktemp("server"), "--base-url", server.url, "--set", probes)


def test_the_server_is_asked_with_token_ids_and_everything_it_takes(run: Run) -> None:
    model = run.header.models["dense"]
    assert model.engine_args["api"] == "completions"
    assert model.engine_args["accepted"] == sorted(OPTIONAL)
    assert str(model.engine_args["server"]).startswith("vLLM 0.")
    assert (model.kv_blocks, model.block_size) == (BLOCKS, BLOCK_SIZE)
    assert model.max_model_len == WINDOW


def test_answers_are_those_of_vllm_in_process(
    run: Run, dense_run: Run, in_process: dict[str, CaseRecord]
) -> None:
    dtype = dense_run.header.models["dense@own"].dtype
    assert dtype == DTYPES[DENSE]
    assert run.header.models["dense"].dtype is None
    records = list(run.records())
    assert len(records) == len(in_process)
    for record in records:
        twin = in_process[record.case_id]
        assert record.status == "ok", record.error
        assert record.output == twin.output
        assert record.tokens == twin.tokens
        assert record.prompt_sha256 == twin.prompt_sha256
        assert record.confidence is not None
        assert twin.confidence is not None
        mean = twin.confidence.mean_logprob
        assert record.confidence.mean_logprob == pytest.approx(mean, abs=tolerance(dtype))


def test_what_the_server_tells_of_each_request_is_recorded(run: Run) -> None:
    for record in run.records():
        assert record.kv is not None
        assert record.kv.cached_tokens == 0
        assert record.kv.preemptions is None
        assert "single request" in record.why_null["kv.preemptions"]
        assert record.timing.queue_ms is not None
        assert record.timing.ttft_ms is not None
        assert record.retries == []


def test_the_metrics_are_joined_and_add_up(run: Run) -> None:
    records = list(run.records())
    seen = [reading.values for reading in readings(run.directory) if reading.probe == "kv"]
    assert max(values["running"] or 0 for values in seen) == 1
    peaks = [record.kv.usage_peak for record in records if record.kv and record.kv.usage_peak]
    assert peaks
    assert all(0 < peak <= 1 for peak in peaks)
    assert sum(values["output_tokens"] or 0 for values in seen) == sum(
        record.tokens.output or 0 for record in records
    )
    assert sum(values["prompt_tokens"] or 0 for values in seen) == sum(
        record.tokens.prompt or 0 for record in records
    )


def test_the_servers_processes_are_watched(run: Run) -> None:
    seen = [reading.values for reading in readings(run.directory) if reading.probe == "process"]
    assert max(values["processes"] or 0 for values in seen) >= 2
    assert max(values["rss_bytes"] or 0 for values in seen) > 500 << 20
    found = [record.sections["process"] for record in run.records()]
    assert any(each and each["cpu_cores_mean"] for each in found)
    for record in run.records():
        if record.sections["gpu"] is None:
            assert "no GPU" in record.why_null["gpu"]


def test_by_chat_the_server_applies_its_own_template(
    server: Served, in_process: dict[str, CaseRecord], tmp_path: Path
) -> None:
    arguments = ("--base-url", server.url, "--set", "engine.args.api=chat", "--limit", 1)
    for record in run_of(tmp_path, *arguments).records():
        assert record.status == "ok", record.error
        assert record.tokens.template is None
        # The server has the model's template too, and the texts encode as they decode.
        assert record.tokens.prompt == in_process[record.case_id].tokens.prompt
        assert record.output.text == in_process[record.case_id].output.text


def test_the_metric_names_are_those_on_record(server: Served, golden: Golden) -> None:
    page = server.page("/metrics")
    families = text_string_to_metric_families(page.decode())
    ours = sorted(family.name for family in families if family.name.startswith("vllm:"))
    golden.check("metrics/vllm-0.32.txt", "\n".join(ours) + "\n")


def test_a_page_is_read_as_prometheus_own_parser_reads_it(server: Served) -> None:
    page = server.page("/metrics")
    sample = read_sample(page, names_of("0.32.0"), "0.32.0")
    totals: dict[str, float] = {}
    for family in text_string_to_metric_families(page.decode()):
        for line in family.samples:
            if line.labels.get("source") in {None, "local_compute"}:
                totals[line.name] = totals.get(line.name, 0.0) + line.value
    for field in NAMES[max(NAMES)].__dataclass_fields__:
        name = getattr(NAMES[max(NAMES)], field).partition("{")[0]
        assert getattr(sample, field) == totals[name], name


def test_the_wrong_name_of_a_model_names_the_right_one(server: Served, tmp_path: Path) -> None:
    suite = tmp_path / "suite.yaml"
    suite.write_text(SUITE, "utf-8")
    wrong = ("--set", "engine.args.model=reference-dens")
    done = stressbench("run", suite, "--base-url", server.url, "--out", tmp_path, *wrong)
    assert done.returncode == 3
    assert "did you mean 'reference-dense'" in done.stderr
    assert "Traceback" not in done.stderr
