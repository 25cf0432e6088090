"""Arrays of a run: written one case at a time, read without the writer's help."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stressbench.errors import ResultsError
from stressbench.sidecar import ARRAYS, ArrayReader, ArrayWriter, prefix_of
from tests.records import record

FIGURES = np.arange(6, dtype=np.float32).reshape(2, 3)


def write(directory: Path, *items: int, close: bool = True) -> ArrayWriter:
    writer = ArrayWriter(directory)
    for item in items:
        prefix = prefix_of(record(item), "attention")
        writer.write(prefix, {"figures": FIGURES + item, "rows": np.array(item, np.int32)})
    if close:
        writer.close()
    return writer


def read(directory: Path, item: int) -> dict[str, np.ndarray]:
    return ArrayReader(directory).read(record(item), "attention")


def test_what_was_written_is_read_and_numpy_opens_it(tmp_path: Path) -> None:
    write(tmp_path, 0, 1)
    assert np.array_equal(read(tmp_path, 1)["figures"], FIGURES + 1)
    assert read(tmp_path, 1)["rows"] == 1
    with np.load(tmp_path / ARRAYS) as archive:
        assert np.array_equal(archive[f"{prefix_of(record(0), 'attention')}figures"], FIGURES)


def test_a_case_without_arrays_has_none_and_a_run_without_any_has_no_file(tmp_path: Path) -> None:
    ArrayWriter(tmp_path).close()
    assert not (tmp_path / ARRAYS).exists()
    assert read(tmp_path, 0) == {}
    write(tmp_path, 0)
    assert read(tmp_path, 7) == {}
    assert ArrayReader(tmp_path).one(record(0), "attention", "rows") == 0
    assert ArrayReader(tmp_path).one(record(0), "routing", "rows") is None


def test_a_killed_run_keeps_whole_arrays_and_can_be_gone_on_with(tmp_path: Path) -> None:
    left_open = write(tmp_path, 0, 1, close=False)
    file = tmp_path / ARRAYS
    file.write_bytes(file.read_bytes()[:-3])  # killed in the middle of the last member
    assert np.array_equal(read(tmp_path, 0)["figures"], FIGURES)
    assert "rows" not in read(tmp_path, 1)
    write(tmp_path, 1, 2)
    for item in (0, 1, 2):
        assert np.array_equal(read(tmp_path, item)["figures"], FIGURES + item)
    del left_open


def test_the_last_of_two_writings_counts(tmp_path: Path) -> None:
    write(tmp_path, 0)
    writer = ArrayWriter(tmp_path)
    writer.write(prefix_of(record(0), "attention"), {"figures": FIGURES * 2})
    writer.close()
    assert np.array_equal(read(tmp_path, 0)["figures"], FIGURES * 2)


def test_damage_is_named(tmp_path: Path) -> None:
    write(tmp_path, 0)
    file = tmp_path / ARRAYS
    data = bytearray(file.read_bytes())
    data[data.index(FIGURES.tobytes()) + 2] ^= 1
    file.write_bytes(data)
    with pytest.raises(ResultsError, match=r"figures\.npy is damaged"):
        read(tmp_path, 0)
