"""What the client costs: a server that does nothing, driven as fast as each client can.

The server (benchmarks/_endpoint.py) answers at once, from a process of its own. Side by side,
in turn, on the same requests (128 tokens in, 16 out, streamed): `stressbench run` as a user
runs it, with the KV probe, scoring and result files; `vllm bench serve`; guidellm. First in a
closed loop of 64, for the most requests a second; then at rising rates, for how late requests
go out: the 99th percentile of the time between when one was due and when it was sent.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Final

import numpy as np

from benchmarks._endpoint import MODEL, endpoint
from benchmarks._rivals import Offered, Outcome, guidellm, vllm_bench
from benchmarks._spread import spread, verdict
from stressbench.models.reference.pair import DENSE, obtain_small_files
from stressbench.stats.quantiles import percentile
from stressbench.store import read_run

ROUNDS: Final = 3
CONCURRENCY: Final = 64
REQUESTS: Final = 3000
RATES: Final = (100, 400, 800)
RATE_S: Final = 6
TARGET: Final = 1.0
PROMPT_TOKENS, OUTPUT_TOKENS = 128, 16

_SUITE = """
schema: 1
name: client
models:
  dense: {{model: reference-dense}}
load: {load}
prompts:
  - {{use: niah, items: {requests}, budgets: [{prompt}], arms: [stress], max_tokens: {output}}}
"""

Client = Callable[[Offered], Outcome | str]


def main() -> int:
    clients: dict[str, Client] = {
        "stressbench run": stressbench,
        "vllm bench serve": vllm_bench,
        "guidellm": guidellm,
    }
    with endpoint() as url:
        missed = _closed(url, clients)
        _open(url, clients)
    return int(missed)


def _closed(url: str, clients: dict[str, Client]) -> bool:
    """The most requests a second; whether a rival was faster."""
    rates: dict[str, list[float]] = {name: [] for name in clients}
    for turn in range(ROUNDS):
        names = list(clients) if turn % 2 == 0 else list(clients)[::-1]
        for name in names:
            outcome = clients[name](_offered(url, REQUESTS, rate=None))
            if isinstance(outcome, str):
                print(f"{name:17} cannot run: {outcome}")
                continue
            assert not outcome.failed, f"{name}: {outcome.failed} requests failed"
            rates[name].append(outcome.requests_per_s)
    missed = False
    ours = rates["stressbench run"]
    print(f"closed loop of {CONCURRENCY}, {REQUESTS} requests")
    for name, found in rates.items():
        print(f"  {name:17} {spread(found, '{:.0f}') if found else '-':>24} requests/s", end="")
        if name != "stressbench run" and found:
            ratio = median(ours) / median(found)
            missed |= ratio < TARGET
            print(f"   we are {ratio:.2f}x  {verdict(ratio, TARGET, least=True)}", end="")
        print()
    return missed


def _open(url: str, clients: dict[str, Client]) -> None:
    """How late requests go out at rising rates; one run each."""
    print(f"requests due at a constant rate for {RATE_S} s: sent a second, delay p99")
    for rate in RATES:
        print(f"  {rate:>4}/s", end="", flush=True)
        for name, client in clients.items():
            outcome = client(_offered(url, rate * RATE_S, rate=rate))
            shown = outcome if isinstance(outcome, str) else _shown(outcome)
            print(f"   {name}: {shown}", end="", flush=True)
        print()


def _shown(outcome: Outcome) -> str:
    return f"{outcome.requests_per_s:.0f}/s {_p99(outcome.delays_ms)}"


def _p99(delays_ms: Sequence[float]) -> str:
    return f"{percentile(np.asarray(delays_ms), 0.99):.1f} ms" if delays_ms else "-"


def _offered(url: str, requests: int, *, rate: float | None) -> Offered:
    return Offered(
        url=url,
        model=MODEL,
        tokenizer=obtain_small_files(DENSE, lambda *_: None),
        requests=requests,
        prompt_tokens=PROMPT_TOKENS,
        output_tokens=OUTPUT_TOKENS,
        concurrency=CONCURRENCY,
        rate=rate,
    )


def stressbench(offered: Offered) -> Outcome:
    """`stressbench run`, as a user runs it; the figures are those of its records."""
    load = f"{{concurrency: {offered.concurrency}}}"
    if offered.rate is not None:
        load = f"{{arrival: constant, rate: {offered.rate}}}"
    suite = _SUITE.format(
        load=load,
        requests=offered.requests,
        prompt=offered.prompt_tokens,
        output=offered.output_tokens,
    )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "client.yaml"
        file.write_text(suite, "utf-8")
        command = [sys.executable, "-m", "stressbench", "run", str(file), "--no-progress"]
        out = Path(folder) / "runs"
        subprocess.run(
            [*command, "--base-url", offered.url, "--out", str(out)],
            check=True,
            capture_output=True,
        )
        (directory,) = out.iterdir()
        records = list(read_run(directory).records())
    times = [record.timing for record in records if record.status == "ok"]
    sent_ns = [each.sent_ns for each in times if each.sent_ns is not None]
    finished_ns = [each.finish_ns for each in times if each.finish_ns is not None]
    return Outcome(
        requests_per_s=len(times) / ((max(finished_ns) - min(sent_ns)) / 1e9),
        failed=offered.requests - len(times),
        delays_ms=[(t.sent_ns - t.scheduled_ns) / 1e6 for t in times if t.sent_ns is not None],
    )


if __name__ == "__main__":
    raise SystemExit(main())
