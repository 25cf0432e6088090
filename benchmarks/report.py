"""The report of a large run: time, memory and size, against reading the file alone.

Prints the seconds and peak memory of ``stressbench report --html`` for 10,000 and 100,000
records, the size of the page, and the time over that of decoding every record once, the
least that any report could do. The page must stay within a few megabytes.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import msgspec

from benchmarks._spread import spread, verdict
from stressbench.store import RECORDS, TELEMETRY

REPEATS = 3
SMALL, LARGE = 10_000, 100_000
SIZE_TARGET_MB = 4.0
MEMORY_TARGET_KIB = 8.0  # a record, beyond what 10,000 take: columns of numbers, not texts

_SUITE = """
schema: 1
name: report
models:
  dense: {model: reference-dense}
  sparse: {model: reference-dense}
load: {arrival: closed, concurrency: 8}
probes: [kv]
prompts:
  - {use: niah, items: 60, budgets: [128, 256], depths: [0, 0.5, 1], arms: [stress]}
  - {use: base64_blob, items: 100, budgets: [512]}
  - {use: unicode_fullwidth, items: 60, budgets: [256]}
"""

# Peak memory is the kernel's figure for a process, so each report has one of its own.
_PROGRAM = """
import json, resource, sys, time
from pathlib import Path
from stressbench.report.model.page.gather import page
from stressbench.report.page.write import render
from stressbench.store import read_run

run, out = map(Path, sys.argv[1:3])
began = time.perf_counter()
if sys.argv[3] == "read":
    assert sum(1 for _ in read_run(run).records())
else:
    out.write_text(render(page([run])), "utf-8")
seconds = time.perf_counter() - began
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"seconds": seconds, "peak_bytes": peak}))
"""


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        seed_run = _simulated(Path(folder))
        small = _figures(_grown(seed_run, Path(folder) / "small", SMALL))
        large_run = _grown(seed_run, Path(folder) / "large", LARGE)
        large = _figures(large_run)
        read = [_measure(large_run, "read")[0] for _ in range(REPEATS)]
        size_mb = (large_run / "report.html").stat().st_size / 1e6
        file_mb = (large_run / RECORDS).stat().st_size / 1e6
    for name, runs in ((SMALL, small), (LARGE, large)):
        seconds, peaks = [s for s, _ in runs], [p / 2**20 for _, p in runs]
        print(
            f"{name:>7,} records     {spread(seconds, '{:.1f}')} s, {spread(peaks, '{:.0f}')} MiB"
        )
    ratios = [took / alone for (took, _), alone in zip(large, read, strict=True)]
    print(
        f"over reading once   {spread(ratios, '{:.1f}')}x, which takes {spread(read, '{:.1f}')} s"
    )
    growth = (median(p for _, p in large) - median(p for _, p in small)) / (LARGE - SMALL) / 1024
    memory = verdict(growth, MEMORY_TARGET_KIB, least=False)
    print(f"memory a record     {growth:.1f} KiB  {memory}")
    met = verdict(size_mb, SIZE_TARGET_MB, least=False)
    print(f"page                {size_mb:.2f} MB of {file_mb:.0f} MB of records  {met}")
    return int(size_mb > SIZE_TARGET_MB or growth > MEMORY_TARGET_KIB)


def _simulated(folder: Path) -> Path:
    suite = folder / "report.yaml"
    suite.write_text(_SUITE, "utf-8")
    command = ["-m", "stressbench", "run", str(suite), "--engine", "simulated", "--no-progress"]
    out = folder / "seed"
    subprocess.run([sys.executable, *command, "--out", str(out)], check=True, capture_output=True)
    return next(out.iterdir())


def _grown(run: Path, to: Path, count: int) -> Path:
    """The run's records over and over as so many repeats, each with an item of its own."""
    to.mkdir()
    first, *lines = (run / RECORDS).read_bytes().splitlines(keepends=True)
    cases = [msgspec.json.decode(line) for line in lines if line.startswith(b'{"type":"case"')]
    with (to / RECORDS).open("wb") as file:
        file.write(first)
        for index in range(count):
            turn, at = divmod(index, len(cases))
            file.write(msgspec.json.encode(_turned(cases[at], turn)) + b"\n")
    steps = (run / TELEMETRY).read_bytes()
    (to / TELEMETRY).write_bytes(steps)
    return to


def _turned(case: dict[str, object], turn: int) -> dict[str, object]:
    named = {name: case[name] for name in ("case_id", "item_id", "cluster_id", "twin_of")}
    return case | {name: value and f"{value}-{turn}" for name, value in named.items()}


def _figures(run: Path) -> list[tuple[float, int]]:
    return [_measure(run, "report") for _ in range(REPEATS)]


def _measure(run: Path, what: str) -> tuple[float, int]:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, str(run), str(run / "report.html"), what],
        check=True,
        capture_output=True,
        text=True,
    )
    figures = json.loads(done.stdout.splitlines()[-1])
    return figures["seconds"], figures["peak_bytes"]


if __name__ == "__main__":
    sys.exit(main())
