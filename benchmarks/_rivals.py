"""Rival clients, each as its own documentation starts it: guidellm and `vllm bench serve`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import tempfile
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import platformdirs

GUIDELLM: Final = "0.8.1"
_VLLM_BENCH_SERVE: Final = """
from vllm.benchmarks.serve import add_cli_args, main
from vllm.utils.argparse_utils import FlexibleArgumentParser
parser = FlexibleArgumentParser()
add_cli_args(parser)
main(parser.parse_args())
"""
"""What the `vllm` script does for `bench serve`; the script itself asks for a distribution named
`vllm`, and the CPU build's has another name."""
_INSTALL_S: Final = 900
_RUN_S: Final = 600


@dataclass(frozen=True, kw_only=True)
class Offered:
    """What is asked of a client: so many requests at a rate, or so many in flight at once."""

    url: str
    """Without ``/v1``."""
    model: str
    tokenizer: Path
    requests: int
    prompt_tokens: int
    output_tokens: int
    concurrency: int
    rate: float | None
    """Requests a second, evenly; None for a closed loop of ``concurrency``."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of it."""

    requests_per_s: float
    failed: int
    delays_ms: Sequence[float]
    """From when a request was due to when it was sent; empty where the client does not tell."""


def vllm_bench(offered: Offered) -> Outcome | str:
    """`vllm bench serve`, of the vLLM that is installed; or why it cannot run."""
    load = ["--max-concurrency", str(offered.concurrency)]
    if offered.rate is not None:
        load = ["--request-rate", str(offered.rate), "--burstiness", "inf"]
    with tempfile.TemporaryDirectory() as folder:
        command = [
            *(sys.executable, "-c", _VLLM_BENCH_SERVE),
            *("--backend", "openai", "--base-url", offered.url, "--endpoint", "/v1/completions"),
            *("--model", offered.model, "--tokenizer", str(offered.tokenizer)),
            *("--dataset-name", "random", "--random-input-len", str(offered.prompt_tokens)),
            *("--random-output-len", str(offered.output_tokens), "--ignore-eos", *load),
            *("--num-prompts", str(offered.requests), "--disable-tqdm", "--save-result"),
            *("--save-detailed", "--result-dir", folder, "--result-filename", "result.json"),
        ]
        if reason := _run(command):
            return reason
        result = json.loads((Path(folder) / "result.json").read_text("utf-8"))
    return Outcome(
        requests_per_s=result["request_throughput"],
        failed=offered.requests - result["completed"],
        delays_ms=_late_ms(result["start_times"], offered.rate),
    )


def _late_ms(started_s: Sequence[float], rate: float | None) -> list[float]:
    """Delays against an even schedule that begins with the first request."""
    if rate is None:
        return []
    first_s, *_ = ordered = sorted(started_s)
    return [(at - first_s - n / rate) * 1e3 for n, at in enumerate(ordered)]


def guidellm(offered: Offered) -> Outcome | str:
    """guidellm, in an environment of its own that is made on first use; or why not."""
    python = _guidellm_python()
    if isinstance(python, str):
        return python
    profile = f"kind=concurrent,streams={offered.concurrency}"
    if offered.rate is not None:
        profile = f"kind=constant,rate={offered.rate}"
    backend = f"target={offered.url},model={offered.model},request_format=/v1/completions"
    data = f"prompt_tokens={offered.prompt_tokens},output_tokens={offered.output_tokens}"
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "result.json"
        command = [
            *(str(python), "-m", "guidellm", "run", "--disable-console"),
            *("--backend", f"kind=openai_http,{backend}", "--profile", profile),
            *("--constraint", f"kind=max_requests,count={offered.requests}"),
            *("--tokenizer", f"kind=huggingface_auto,model={offered.tokenizer}"),
            *("--data", f"kind=synthetic_text,{data}"),
            *("--output", f"kind=json,path={file}"),
        ]
        if reason := _run(command):
            return reason
        (benchmark,) = json.loads(file.read_text("utf-8"))["benchmarks"]
    metrics, done = benchmark["metrics"], benchmark["requests"]["successful"]
    delays_s = [each["request_dispatch_delay"] for each in done] if offered.rate else []
    return Outcome(
        requests_per_s=metrics["requests_per_second"]["successful"]["mean"],
        failed=offered.requests - len(done),
        delays_ms=[delay_s * 1e3 for delay_s in delays_s],
    )


def _guidellm_python() -> Path | str:
    """The interpreter of an environment with guidellm, kept in the user's cache.

    It sees the packages of this environment, so that torch is not installed twice.
    """
    home = Path(platformdirs.user_cache_dir("stressbench")) / "rivals" / f"guidellm-{GUIDELLM}"
    python, ready = home / "bin" / "python", home / ".ready"
    if ready.exists():
        return python
    venv.create(home, with_pip=True, clear=True)
    site = home / "lib" / f"python{sysconfig.get_python_version()}" / "site-packages"
    (site / "stressbench.pth").write_text(sysconfig.get_path("purelib") + "\n", "utf-8")
    command = [str(python), "-m", "pip", "install", "--quiet", f"guidellm=={GUIDELLM}"]
    if reason := _run(command, timeout_s=_INSTALL_S):
        return f"not installable: {reason}"
    ready.touch()
    return python


def _run(command: Sequence[str], *, timeout_s: float = _RUN_S) -> str | None:
    """Run to the end; the reason if it failed."""
    # A hub that cannot be reached costs a minute of retries.
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout_s,
            env=environment,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode == 0:
        return None
    said = (done.stderr or done.stdout).strip().splitlines()
    return said[-1] if said else f"exit code {done.returncode}"
