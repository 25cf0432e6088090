"""A long run, watched: 100,000 requests through the simulated engine, and what they keep.

One process, one model, the KV probe on, records written as in any run. Memory and live Python
objects are read when 10,000, 70,000 and 100,000 requests are over. Up to 65,536 encoded pieces of
prompts are remembered; by 70,000 of these requests that memory is full, and what lies between the
last two is what requests leave behind. Under an open load 24 bytes a request are kept by design, by
which the run knows whether the load is hopeless. After that, reading: the peak of a process that
opens the run and walks over its records, against one that opens the first tenth of them.
"""

from __future__ import annotations

import asyncio
import gc
import json
import resource
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import Final

import msgspec

from benchmarks._spread import verdict
from stressbench.cli.watch.live import SilentView
from stressbench.runner.plan.prepare import prepare
from stressbench.runner.run import run
from stressbench.runner.send.virtual_time import VirtualTimeLoop
from stressbench.schema.results.record import CaseRecord
from stressbench.schema.suite.parse import parse_suite
from stressbench.store import RECORDS, read_run

FEW, FULL, MANY = 10_000, 70_000, 100_000
LOADS: Final = {
    "closed": {"arrival": "closed", "concurrency": 8},
    "open": {"arrival": "poisson", "rate": 20},
}
BYTES_TARGET: Final = 50.0
"""Bytes a request: two orders of magnitude under the least record of one."""
OBJECTS_TARGET: Final = 1000.0
"""More live objects after ten times the requests, what is remembered of prompts included."""
READING_TARGET: Final = 1.1
"""Peak memory of reading all, in times of reading a tenth."""


class Watched(msgspec.Struct):
    """What one process found at one moment."""

    requests: int
    mib: float
    objects: int
    seconds: float


class _View(SilentView):
    """Looks at the process itself at two moments."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Watched] = []
        self._over = 0
        self._began_s = time.monotonic()

    def recorded(self, record: CaseRecord) -> None:
        super().recorded(record)
        self._over += 1
        if self._over in {FEW, FULL, MANY}:
            gc.collect()
            seconds = time.monotonic() - self._began_s
            objects = len(gc.get_objects())
            self.found.append(Watched(self._over, _resident_mib(), objects, seconds))


def watched(directory: Path, load: str) -> list[Watched]:
    """Run it, in this process."""
    spec = {
        "schema": 1,
        "name": "long-run",
        "seed": 1,
        "models": {"dense": {"model": "reference-dense"}},
        "engine": {"max_model_len": 1024, "kv_blocks": 256, "block_size": 16},
        "load": LOADS[load],
        "prompts": [{"use": "kv_json", "items": MANY, "params": {"pairs": 2}, "arms": ["stress"]}],
    }
    suite = parse_suite(json.dumps(spec).encode(), source="here")
    prepared = prepare(suite, engine="simulated", limit=None, progress=lambda *_: None)
    view = _View()
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(run(prepared, directory, view))
    return view.found


def peak(file: Path) -> float:
    """Peak memory of a process that walks over the records of a file, MiB."""
    assert sum(1 for _ in read_run(file).records()) > 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> int:
    missed = False
    for load in LOADS:
        with tempfile.TemporaryDirectory() as folder:
            directory = Path(folder) / "run"
            found = msgspec.json.decode(_apart(load, directory), type=list[Watched])
            missed |= _told(load, found)
            missed |= _reading(directory / RECORDS)
    return int(missed)


def _told(load: str, found: list[Watched]) -> bool:
    few, full, many = found
    rate = MANY / many.seconds
    print(f"{load}: {MANY:,} requests, {rate:,.0f} a second (n=1)")
    for each in found:
        print(f"  {each.requests:>7,} over   {each.mib:7.1f} MiB   {each.objects:>8,} live objects")
    each_bytes = (many.mib - full.mib) * 2**20 / (MANY - FULL)
    objects = float(many.objects - few.objects)
    print(f"  {each_bytes:.1f} bytes a request, {verdict(each_bytes, BYTES_TARGET, least=False)}")
    print(f"  {objects:+,.0f} objects, {verdict(objects, OBJECTS_TARGET, least=False)}")
    return each_bytes > BYTES_TARGET or objects > OBJECTS_TARGET


def _reading(file: Path) -> bool:
    tenth = file.parent / "tenth.jsonl"
    with file.open("rb") as lines, tenth.open("wb") as some:
        some.writelines(islice(lines, MANY // 10))
    whole, part = (float(_apart("peak", each)) for each in (file, tenth))
    ratio = whole / part
    size = file.stat().st_size / 2**20
    print(f"  reading {size:.0f} MiB: peak {whole:.0f} MiB, a tenth of it: {part:.0f} MiB", end="")
    print(f", {ratio:.2f}x, {verdict(ratio, READING_TARGET, least=False)}")
    return ratio > READING_TARGET


def _apart(step: str, path: Path) -> bytes:
    """Run one step in a process of its own."""
    line = [sys.executable, "-m", "benchmarks.long_run", step, str(path)]
    return subprocess.run(line, check=True, capture_output=True).stdout


def _resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * 4096 / 2**20


if __name__ == "__main__":
    STEP, PATH = sys.argv[1:]
    FOUND: object = peak(Path(PATH)) if STEP == "peak" else watched(Path(PATH), STEP)
    sys.stdout.buffer.write(msgspec.json.encode(FOUND))
