"""Runs of version 1: their arrays are read as they were, and a hostile file is named as one."""

from __future__ import annotations

import io
import os
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from records import record

from stressbench.errors import ResultsError
from stressbench.store.arrays import ArrayReader
from stressbench.store.npz import ARRAYS_V1, NpzReader
from tests.conftest import examples

FIGURES = np.arange(6, dtype=np.float32).reshape(2, 3)
PREFIX = "dense/niah/stress/b512/d0.5/i{}/quality/0/attention"


def npy(array: np.ndarray) -> bytes:
    data = io.BytesIO()
    np.save(data, array)
    return data.getvalue()


def header(text: str, body: bytes = b"", version: bytes = b"\x01\x00") -> bytes:
    raw = text.encode()
    return b"\x93NUMPY" + version + len(raw).to_bytes(2, "little") + raw + body


def write(directory: Path, members: dict[str, bytes]) -> Path:
    """As version 1 wrote them."""
    with zipfile.ZipFile(directory / ARRAYS_V1, "a", zipfile.ZIP_STORED) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return directory


def run(directory: Path, *items: int) -> Path:
    members = {}
    for item in items:
        members[f"{PREFIX.format(item)}/figures.npy"] = npy(FIGURES + item)
        members[f"{PREFIX.format(item)}/rows.npy"] = npy(np.array(item, np.int32))
    return write(directory, members)


def read(directory: Path, item: int) -> dict[str, np.ndarray]:
    return ArrayReader(directory).read(record(item), "attention")


def test_arrays_of_an_old_run_are_read(tmp_path) -> None:
    run(tmp_path, 0, 1)
    found = read(tmp_path, 1)
    assert found.keys() == {"figures", "rows"}
    assert np.array_equal(found["figures"], FIGURES + 1)
    assert found["rows"] == 1
    assert ArrayReader(tmp_path).one(record(0), "attention", "rows") == 0
    assert ArrayReader(tmp_path).one(record(0), "routing", "rows") is None
    assert read(tmp_path, 7) == {}


@pytest.mark.parametrize(
    "array", [np.zeros((0, 3), np.int64), np.array(2.5), FIGURES.T, FIGURES > 2]
)
def test_shapes_and_orders_are_kept(tmp_path, array) -> None:
    write(tmp_path, {f"{PREFIX.format(0)}/a.npy": npy(array)})
    found = read(tmp_path, 0)["a"]
    assert (found.shape, found.dtype) == (array.shape, array.dtype)
    assert np.array_equal(found, array)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_the_last_of_two_writings_counts(tmp_path) -> None:
    run(tmp_path, 0)
    write(tmp_path, {f"{PREFIX.format(0)}/figures.npy": npy(FIGURES * 2)})
    assert np.array_equal(read(tmp_path, 0)["figures"], FIGURES * 2)


@settings(deadline=None, max_examples=examples(50))
@given(data=st.data())
def test_a_file_cut_anywhere_keeps_its_whole_members(tmp_path_factory, data) -> None:
    directory = run(tmp_path_factory.mktemp("run"), 0, 1)
    whole = (directory / ARRAYS_V1).read_bytes()
    (directory / ARRAYS_V1).write_bytes(whole[: data.draw(st.integers(0, len(whole)))])
    names = [name for item in (0, 1) for name in read(directory, item)]
    assert names == ["figures", "rows", "figures", "rows"][: len(names)]
    for item in (0, 1):
        assert np.array_equal(read(directory, item).get("figures", FIGURES + item), FIGURES + item)


def zipped() -> bytes:
    data = io.BytesIO()
    np.savez(data, a=FIGURES)
    return data.getvalue()


def head(descr: str, shape: str) -> str:
    return f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}"


HOSTILE = {
    "a zip": zipped(),
    "huge": header(head("'<f4'", "(10**12,)")),
    "very huge": header(head("'<f4'", "(1000000000000,)")),
    "beyond any": header(head("'<f4'", f"({10**30},)")),
    "huge and nothing": header(head("'<f4'", f"(0, {10**30})")),
    "below nothing": header(head("'<f4'", "(-1,)"), bytes(4)),
    "twice below nothing": header(head("'<f4'", "(-1, -1)"), bytes(4)),
    "an open bracket": header("{'descr': ("),
    "open brackets": header("(" * 5000),
    "an escape": header(head(r"'\d'", "(1,)")),
    "no dictionary": header("7"),
    "a pickle": header(head("'|O'", "(1,)"), bytes(8)),
    "a structure": header(head("[('a', '<f4')]", "(1,)"), bytes(4)),
    "no type": header(head("'<f4f'", "(1,)")),
    "text": header(head("'<U1'", "(1,)"), bytes(4)),
    "many dimensions": header(head("'<f4'", "(1,) * 99")),
    "too many dimensions": header(head("'<f4'", f"({'1,' * 99})"), bytes(4)),
    "another version": header(head("'<f4'", "(1,)"), bytes(4), b"\x07\x00"),
    "nothing": b"",
    "a part of the magic": b"\x93NUM",
    "no header": b"\x93NUMPY\x01\x00\xff\xff",
    "a body too long": npy(FIGURES) + b"\0",
    "a body too short": npy(FIGURES)[:-1],
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_member_is_damage_and_its_neighbours_are_read(tmp_path, data) -> None:
    write(tmp_path, {f"{PREFIX.format(0)}/bad.npy": data})
    run(tmp_path, 1)
    with pytest.raises(ResultsError, match=r"bad\.npy' is damaged"):
        read(tmp_path, 0)
    assert np.array_equal(read(tmp_path, 1)["figures"], FIGURES + 1)


def bent(whole: bytes) -> st.SearchStrategy[bytes]:
    places = st.integers(0, len(whole) - 1)
    return st.lists(st.tuples(places, st.integers(0, 255)), max_size=8).map(
        lambda changes: bytes({**dict(enumerate(whole)), **dict(changes)}.values())
    )


@settings(deadline=None, max_examples=examples(300))
@given(data=st.one_of(bent(npy(FIGURES)), st.text(max_size=99).map(header), st.binary()))
def test_any_member_with_a_right_checksum_is_an_array_or_damage(tmp_path_factory, data) -> None:
    directory = write(tmp_path_factory.mktemp("run"), {f"{PREFIX.format(0)}/a.npy": data})
    tracemalloc.start()
    try:
        read(directory, 0)
    except ResultsError:
        pass
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 1 << 22


@settings(deadline=None, max_examples=examples(200))
@given(data=st.data())
def test_any_file_is_read_or_damage(tmp_path_factory, data) -> None:
    directory = run(tmp_path_factory.mktemp("run"), 0)
    file = directory / ARRAYS_V1
    file.write_bytes(data.draw(bent(file.read_bytes()) | st.binary()))
    reader = NpzReader(directory)
    try:
        reader.read(PREFIX.format(0))
    except ResultsError as error:
        assert "damaged" in str(error)  # noqa: PT017 - most of them are read


@pytest.mark.parametrize("kind", ["fifo", "device", "directory"])
def test_what_is_no_file_is_refused_at_once(tmp_path, kind) -> None:
    path = tmp_path / ARRAYS_V1
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        path.mkdir()
    with pytest.raises(ResultsError, match="cannot read"):
        ArrayReader(tmp_path)


def test_damage_is_named(tmp_path) -> None:
    run(tmp_path, 0)
    file = tmp_path / ARRAYS_V1
    data = bytearray(file.read_bytes())
    data[data.index(FIGURES.tobytes()) + 2] ^= 1
    file.write_bytes(data)
    with pytest.raises(ResultsError, match=r"figures\.npy' is damaged: the checksum is wrong"):
        read(tmp_path, 0)
