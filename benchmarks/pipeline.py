"""The harness alone: requests through the simulated engine and the store.

Prints the time per request of everything but the model (prompt, scoring, probes,
record, file), and peak memory at 10,000 and 100,000 requests: it must not grow.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from benchmarks._spread import spread, verdict

REPEATS = 3
SMALL, LARGE = 10_000, 100_000
MEMORY_TARGET = 1.1

_SUITE = """
schema: 1
name: pipeline
models:
  dense: {model: reference-dense}
load: {arrival: closed, concurrency: 64}
prompts:
  - {use: niah, items: %d, budgets: [256], arms: [stress]}
"""

# Peak memory is the kernel's figure for a process, so each run has one of its own.
_PROGRAM = """
import json, resource, sys, tempfile, time
from pathlib import Path
from stressbench.cli.watch.live import SilentView
from stressbench.runner.plan.prepare import prepare
from stressbench.runner.run import new_directory, run
from stressbench.runner.send.virtual_time import in_its_time
from stressbench.schema.suite.parse import load_suite

suite = load_suite(Path(sys.argv[1]))
prepared = prepare(suite, engine="simulated", limit=None, progress=lambda *_: None)
directory = new_directory(Path(sys.argv[2]), "pipeline")
began = time.perf_counter()
result = in_its_time(run(prepared, directory, SilentView()), virtual=True)
seconds = time.perf_counter() - began
assert result.status == "complete", result.error
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"seconds": seconds, "peak_bytes": peak}))
"""


def main() -> int:
    small = [_measure(SMALL) for _ in range(REPEATS)]
    large = [_measure(LARGE) for _ in range(REPEATS)]
    costs = [seconds / LARGE * 1e6 for seconds, _ in large]
    growth = [big / little for (_, big), (_, little) in zip(large, small, strict=True)]
    print(f"cost per request      {spread(costs, '{:.0f}')} us at {LARGE:,} requests")
    for name, runs in ((SMALL, small), (LARGE, large)):
        peaks = [peak / 2**20 for _, peak in runs]
        print(f"peak memory           {spread(peaks, '{:.0f}')} MiB at {name:,} requests")
    met = verdict(median(growth), MEMORY_TARGET, least=False)
    print(f"memory, {LARGE // SMALL}x requests  {spread(growth)}x  {met}")
    return int(median(growth) > MEMORY_TARGET)


def _measure(items: int) -> tuple[float, int]:
    with tempfile.TemporaryDirectory() as folder:
        suite = Path(folder) / "pipeline.yaml"
        suite.write_text(_SUITE % items, "utf-8")
        done = subprocess.run(
            [sys.executable, "-c", _PROGRAM, str(suite), folder],
            check=True,
            capture_output=True,
            text=True,
        )
    figures = json.loads(done.stdout.splitlines()[-1])
    return figures["seconds"], figures["peak_bytes"]


if __name__ == "__main__":
    sys.exit(main())
