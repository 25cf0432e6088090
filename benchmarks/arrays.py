"""Arrays of a long run: what writing keeps in memory, and what one request costs to read.

A thousand and a hundred thousand requests, each with five arrays of float32 (2.4 kB), written by
the run's writer and, beside it, as members of an ``.npz`` that stays open, as `numpy.savez` makes
one. Every figure is of a fresh process: what its memory grew by between the first request and the
last, time a request, and the time from nothing to the arrays of one request in the middle, as
`stressbench show` needs it. The file is in the page cache.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from benchmarks._spread import spread, verdict
from stressbench.schema.results.arrays import ArraysAt
from stressbench.store.arrays import ArrayWriter, read

NUMBERS: Final = (1_000, 100_000)
ROUNDS: Final = 5
REPEATS: Final = 25
"""Readings in one process, where one takes a tenth of a millisecond; their median counts."""
MEMORY_TARGET_MIB: Final = 1.0
"""More growth for the greater number than for the lesser."""
READING_TARGET: Final = 1.5
"""Time to read one request from the longer file, in times of the shorter."""
_NPZ: Final = "arrays.npz"
_NAMES: Final = ("prompt_figures", "answer_figures", "role_mass", "retrieval", "token_starts")

Arrays = dict[str, NDArray[np.float32]]


class Measured(msgspec.Struct):
    """What one process found."""

    grew_mib: float = 0.0
    write_us: float = 0.0
    read_ms: float = 0.0
    at: ArraysAt | None = None
    """Where the request in the middle lies."""


def arrays(index: int) -> Arrays:
    return {name: np.full((4, 30), index, np.float32) for name in _NAMES}


def ours(directory: Path, number: int) -> Measured:
    """Write with the run's writer."""
    writer = ArrayWriter(directory)
    found = _written(number, lambda index: writer.write(arrays(index)))
    writer.close()
    return found


def npz(directory: Path, number: int) -> Measured:
    """Write members of a zip."""
    with zipfile.ZipFile(directory / _NPZ, "w", zipfile.ZIP_STORED) as archive:

        def write(index: int) -> None:
            for name, array in arrays(index).items():
                data = io.BytesIO()
                np.save(data, array, allow_pickle=False)
                archive.writestr(f"{index}/{name}.npy", data.getvalue())

        return _written(number, write)


def _written(number: int, write: Callable[[int], ArraysAt | None]) -> Measured:
    middle = write(0)
    before, began_ns = _resident_mib(), time.perf_counter_ns()
    for index in range(1, number):
        at = write(index)
        middle = at if index == number // 2 else middle
    taken_ns = time.perf_counter_ns() - began_ns
    return Measured(grew_mib=_resident_mib() - before, write_us=taken_ns / number / 1e3, at=middle)


def ours_read(directory: Path, number: int) -> Measured:
    """Read the request in the middle from where its record says that it lies."""
    at = msgspec.json.decode((directory / "at.json").read_bytes(), type=ArraysAt)
    times_ms = []
    for _ in range(REPEATS):
        began_ns = time.perf_counter_ns()
        found = read(directory, at)
        times_ms.append((time.perf_counter_ns() - began_ns) / 1e6)
        assert (found[_NAMES[0]] == number // 2).all()
    return Measured(read_ms=median(times_ms))


def npz_read(directory: Path, number: int) -> Measured:
    """Read the same from the zip, whose directory comes first."""
    began_ns = time.perf_counter_ns()
    with np.load(directory / _NPZ) as archive:
        found = {name: archive[f"{number // 2}/{name}"] for name in _NAMES}
    taken_ns = time.perf_counter_ns() - began_ns
    assert (found[_NAMES[0]] == number // 2).all()
    return Measured(read_ms=taken_ns / 1e6)


STEPS: Final = {step.__name__: step for step in (ours, npz, ours_read, npz_read)}


def main() -> int:
    missed = False
    for name in ("ours", "npz"):
        found: dict[int, list[Measured]] = {number: [] for number in NUMBERS}
        with tempfile.TemporaryDirectory() as folder:
            for number in NUMBERS:
                directory = Path(folder) / str(number)
                directory.mkdir()
                found[number].append(_measured(name, directory, number))
            reads: dict[int, list[float]] = {number: [] for number in NUMBERS}
            for _ in range(ROUNDS):
                for number, times in reads.items():
                    times.append(
                        _measured(f"{name}_read", Path(folder) / str(number), number).read_ms
                    )
        missed |= _told(name, {number: each[0] for number, each in found.items()}, reads)
    return int(missed)


def _told(name: str, found: dict[int, Measured], reads: dict[int, list[float]]) -> bool:
    print("arrays.bin" if name == "ours" else "arrays.npz, a zip of .npy members")
    for number, each in found.items():
        print(
            f"  {number:>7} requests   memory grew by {each.grew_mib:7.1f} MiB"
            f"   {each.write_us:6.1f} us to write one"
            f"   {spread(reads[number], '{:.2f}')} ms to read one"
        )
    few, many = NUMBERS
    grew = found[many].grew_mib - found[few].grew_mib
    ratio = median(reads[many]) / median(reads[few])
    print(
        f"  {many // few} times the requests: {grew:.1f} MiB more, {ratio:.2f}x to read one", end=""
    )
    if name != "ours":
        print()
        return False
    memory = verdict(grew, MEMORY_TARGET_MIB, least=False)
    print(f"   memory {memory}, reading {verdict(ratio, READING_TARGET, least=False)}")
    return grew > MEMORY_TARGET_MIB or ratio > READING_TARGET


def _measured(step: str, directory: Path, number: int) -> Measured:
    """Run one step in a process of its own."""
    line = [sys.executable, "-m", "benchmarks.arrays", step, str(directory), str(number)]
    printed = subprocess.run(line, check=True, capture_output=True).stdout
    found = msgspec.json.decode(printed, type=Measured)
    if found.at is not None:
        (directory / "at.json").write_bytes(msgspec.json.encode(found.at))
    return found


def _resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * 4096 / 2**20


if __name__ == "__main__":
    STEP, DIRECTORY, NUMBER = sys.argv[1:]
    sys.stdout.buffer.write(msgspec.json.encode(STEPS[STEP](Path(DIRECTORY), int(NUMBER))))
