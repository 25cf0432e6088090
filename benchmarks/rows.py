"""Rows of a large file of prompts: how fast they are read, and in how much memory.

A generated file of JSON Lines, a gigabyte unless ``ROWS_MIB`` says otherwise, is read four ways,
each in a fresh process: its lines as bytes (what ``wc -l`` does), its lines decoded by
``json.loads`` and by ``msgspec``, and its rows as stressbench reads them, with every check. The
file is in the page cache, and time is CPU time of the process, so other work on the machine does
not count. Targets: not slower than ``json.loads`` on every line, and no more
than 64 MiB of memory above a process that reads the first rows only.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from benchmarks._spread import verdict

SIZE_MIB: Final = int(os.environ.get("ROWS_MIB", "1024"))
SPEED_TARGET: Final = 1.0
"""Speed of stressbench in times of ``json.loads`` on every line."""
MEMORY_TARGET_MIB: Final = 64.0
_WORDS: Final = (
    "the",
    "cache",
    "of",
    "Besançon",
    "holds:",
    '"nine"',
    "blocks,",
    "東京",
    "\n",
    "and",
)


class Measured(msgspec.Struct):
    """What one process found."""

    rows: int
    taken_s: float
    peak_mib: float


def by_lines(file: str) -> int:
    with Path(file).open("rb") as lines:
        return sum(1 for _ in lines)


def by_json(file: str) -> int:
    with Path(file).open("rb") as lines:
        return sum(1 for line in lines if json.loads(line))


def by_msgspec(file: str) -> int:
    decode = msgspec.json.Decoder().decode
    with Path(file).open("rb") as lines:
        return sum(1 for line in lines if decode(line))


def by_stressbench(file: str) -> int:
    from stressbench.prompts.material.rows import read_rows

    return sum(1 for _ in read_rows(file, where="", text_field="prompt"))


def first_rows(file: str) -> int:
    from stressbench.prompts.material.rows import read_rows

    rows = read_rows(file, where="", text_field="prompt")
    return sum(1 for _ in zip(range(100), rows, strict=False))


WAYS: Final[dict[str, Callable[[str], int]]] = {
    way.__name__: way for way in (by_lines, by_json, by_msgspec, by_stressbench, first_rows)
}


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "traffic.jsonl"
        size_mib = _write(file)
        by_lines(str(file))
        found = {name: _measured(name, file) for name in WAYS}
    print(f"{size_mib:.0f} MiB of JSON Lines, {found['by_lines'].rows} rows; one reading each")
    for name, each in found.items():
        if name != "first_rows":
            print(
                f"  {name:<15} {size_mib / each.taken_s:7.1f} MiB/s"
                f"   peak memory {each.peak_mib:6.1f} MiB"
            )
    ours = found["by_stressbench"]
    assert ours.rows == found["by_json"].rows
    speed = found["by_json"].taken_s / ours.taken_s
    memory = ours.peak_mib - found["first_rows"].peak_mib
    print(f"  {found['by_lines'].taken_s / ours.taken_s:.3f} times the speed of reading lines")
    print(
        f"  {speed:.2f} times the speed of json.loads   {verdict(speed, SPEED_TARGET, least=True)}"
    )
    print(
        f"  {memory:.1f} MiB more than for the first rows   "
        f"{verdict(memory, MEMORY_TARGET_MIB, least=False)}"
    )
    return int(speed < SPEED_TARGET or memory > MEMORY_TARGET_MIB)


def _write(file: Path) -> float:
    """Write a block of rows again and again, and return the size in MiB."""
    rng = random.Random(1)
    rows = [
        {
            "id": rng.getrandbits(70),
            "timestamp": round(rng.uniform(0, 1e6), 3),
            "prompt": " ".join(rng.choices(_WORDS, k=rng.randrange(5, 200))),
            "answer": rng.choice(_WORDS),
            "meta": {"user": rng.randrange(1000), "tags": ["a", "b"]},
        }
        for _ in range(2000)
    ]
    block = "".join(json.dumps(row, ensure_ascii=n % 2 == 0) + "\n" for n, row in enumerate(rows))
    data = block.encode()
    with file.open("wb") as out:
        for _ in range(-(-SIZE_MIB * 2**20 // len(data))):
            out.write(data)
    return file.stat().st_size / 2**20


def _measured(way: str, file: Path) -> Measured:
    line = [sys.executable, "-m", "benchmarks.rows", way, str(file)]
    printed = subprocess.run(line, check=True, capture_output=True).stdout
    return msgspec.json.decode(printed, type=Measured)


if __name__ == "__main__":
    BEGAN_S = time.process_time()
    ROWS = WAYS[sys.argv[1]](sys.argv[2])
    TAKEN_S = time.process_time() - BEGAN_S
    STATUS = Path("/proc/self/status").read_text("ascii")  # getrusage's peak may be the parent's
    PEAK_MIB = int(STATUS.partition("VmHWM:")[2].split()[0]) / 1024
    sys.stdout.buffer.write(msgspec.json.encode(Measured(ROWS, TAKEN_S, PEAK_MIB)))
