"""Arrays of a run: appended one request at a time, read by place, lost only where they were cut."""

from __future__ import annotations

import os
import resource
import tracemalloc
import zlib
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of
from records import record
from safetensors.numpy import save

from stressbench.errors import ProbeError, ResultsError, SetupError
from stressbench.schema.results.arrays import ArraysAt
from stressbench.store import arrays as module
from stressbench.store.arrays import (
    ARRAYS,
    MOST_BYTES,
    ArrayReader,
    ArrayWriter,
    holds,
    is_whole,
    read,
)
from tests.conftest import examples

FIGURES = np.arange(6, dtype=np.float32).reshape(2, 3)
KINDS = st.one_of(
    arrays_of.boolean_dtypes(),
    arrays_of.integer_dtypes(endianness="?"),
    arrays_of.unsigned_integer_dtypes(endianness="?"),
    arrays_of.floating_dtypes(endianness="?", sizes=(16, 32, 64)),
)
SHAPES = arrays_of.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5)
SEEN = st.sampled_from([lambda a: a, lambda a: a.T, lambda a: a[..., ::-1] if a.ndim else a])
NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=9)
VIEWS = st.builds(lambda array, view: view(array), arrays_of.arrays(KINDS, SHAPES), SEEN)
SECTIONS = st.dictionaries(NAMES.filter(lambda name: name != "__metadata__"), VIEWS, max_size=4)


def write(directory: Path, *values: int, keep: int | None = None) -> list[ArraysAt]:
    writer = ArrayWriter(directory, keep=keep)
    try:
        return [writer.write({"figures": FIGURES + value}) for value in values]
    finally:
        writer.close()


def figures(directory: Path, at: ArraysAt) -> np.ndarray:
    return read(directory, at)["figures"]


def same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return one.keys() == other.keys() and all(
        one[name].shape == other[name].shape
        and one[name].dtype == other[name].dtype.newbyteorder("=")
        and one[name].tobytes() == other[name].astype(one[name].dtype).tobytes()
        for name in one
    )


@settings(deadline=None)
@given(sections=st.lists(SECTIONS, min_size=1, max_size=4))
def test_whatever_numbers_are_written_are_read_as_they_were(tmp_path_factory, sections) -> None:
    directory = tmp_path_factory.mktemp("run")
    writer = ArrayWriter(directory)
    places = [writer.write(section) for section in sections]
    writer.close()
    for at, section in zip(places, sections, strict=True):
        assert holds(directory, at)
        assert is_whole(directory, at)
        assert same(read(directory, at), section)
    assert (directory / ARRAYS).stat().st_size == places[-1].end


@pytest.mark.parametrize(
    "arrays",
    [
        {"a": np.zeros(2, np.complex128)},
        {"a": np.array(["text"])},
        {"a": np.array([object()])},
        {"a": np.zeros(2, "M8[s]")},
        {"a": np.zeros(2, np.longdouble)},
        {"a": np.zeros(2, [("x", "f4")])},
        {"__metadata__": FIGURES},
        {"\ud800": FIGURES},
        {"a": np.broadcast_to(np.float32(0), (MOST_BYTES // 4 + 1,))},
    ],
    ids=lambda arrays: ascii(next(iter(arrays))) + str(next(iter(arrays.values())).dtype),
)
def test_what_cannot_be_kept_is_refused_by_name_and_nothing_is_written(tmp_path, arrays) -> None:
    writer = ArrayWriter(tmp_path)
    first = writer.write({"figures": FIGURES})
    with pytest.raises(ProbeError):
        writer.write(arrays)
    second = writer.write({"figures": FIGURES + 1})
    writer.close()
    assert second.offset == first.end
    assert np.array_equal(figures(tmp_path, second), FIGURES + 1)


def test_the_file_appears_with_the_first_arrays_and_a_run_without_any_has_none(tmp_path) -> None:
    writer = ArrayWriter(tmp_path)
    writer.sync()
    writer.close()
    writer.close()
    assert not (tmp_path / ARRAYS).exists()
    row = record(0)
    assert ArrayReader(tmp_path).read(row, "attention") == {}
    (at,) = write(tmp_path, 0)
    row = msgspec.structs.replace(row, arrays={"attention": at})
    reader = ArrayReader(tmp_path)
    assert np.array_equal(reader.one(row, "attention", "figures"), FIGURES)
    assert reader.one(row, "attention", "other") is None
    assert reader.one(row, "routing", "figures") is None
    assert reader.read(record(7), "attention") == {}


def test_going_on_cuts_off_what_no_record_refers_to(tmp_path) -> None:
    first, second = write(tmp_path, 0, 1)
    (third,) = write(tmp_path, 2, keep=first.end)
    assert third == ArraysAt(offset=second.offset, bytes=second.bytes, crc32=third.crc32)
    assert (tmp_path / ARRAYS).stat().st_size == third.end
    assert np.array_equal(figures(tmp_path, first), FIGURES)
    assert np.array_equal(figures(tmp_path, third), FIGURES + 2)
    assert not is_whole(tmp_path, second)


def test_going_on_behind_a_cut_or_without_the_file_mixes_nothing_up(tmp_path) -> None:
    first, second = write(tmp_path, 0, 1)
    os.truncate(tmp_path / ARRAYS, second.end - 5)
    (third,) = write(tmp_path, 2, keep=second.end)
    assert np.array_equal(figures(tmp_path, third), FIGURES + 2)
    assert [is_whole(tmp_path, at) for at in (first, second)] == [True, False]
    (tmp_path / ARRAYS).unlink()
    (fourth,) = write(tmp_path, 3, keep=third.end)
    assert np.array_equal(figures(tmp_path, fourth), FIGURES + 3)
    assert not any(is_whole(tmp_path, at) for at in (first, second, third))


@settings(deadline=None)
@given(data=st.data())
def test_cut_zeroed_or_flipped_anywhere_each_is_read_exactly_or_said_to_be_lost(
    tmp_path_factory, data
) -> None:
    directory = tmp_path_factory.mktemp("run")
    places = write(directory, *range(4))
    whole = (directory / ARRAYS).read_bytes()
    byte = data.draw(st.integers(0, len(whole)))
    how = data.draw(st.sampled_from(["cut", "zeroed", "flipped"]))
    changed = bytearray(whole)
    if how == "cut":
        del changed[byte:]
    elif how == "zeroed":
        changed[byte:] = bytes(len(whole) - byte)
    else:
        for place in data.draw(st.lists(st.integers(0, len(whole) - 1), max_size=5)):
            changed[place] ^= data.draw(st.integers(1, 255))
    (directory / ARRAYS).write_bytes(changed)
    for value, at in enumerate(places):
        kept = changed[at.offset : at.end] == whole[at.offset : at.end]
        assert is_whole(directory, at) == kept
        assert holds(directory, at) == (at.end <= len(changed))
        if kept:
            assert np.array_equal(figures(directory, at), FIGURES + value)
        else:
            with pytest.raises(ResultsError, match=rf"{ARRAYS}.*lost.*byte {at.offset}:"):
                read(directory, at)


ANY_INT = st.one_of(st.integers(-3, 200), st.integers(), st.just(MOST_BYTES + 1))


@settings(deadline=None)
@given(offset=ANY_INT, size=ANY_INT, crc=ANY_INT)
def test_a_place_that_lies_is_lost_and_costs_no_memory(tmp_path_factory, offset, size, crc) -> None:
    directory = tmp_path_factory.mktemp("run")
    write(directory, 0)
    at = ArraysAt(offset=offset, bytes=size, crc32=crc)
    assert not is_whole(directory, at)
    assert isinstance(holds(directory, at), bool)
    with pytest.raises(ResultsError, match="lost"):
        read(directory, at)


def header(text: str, body: bytes = b"") -> bytes:
    raw = text.encode()
    return len(raw).to_bytes(8, "little") + raw + body


HOSTILE = st.one_of(
    st.binary(max_size=200),
    st.builds(
        lambda dtype, shape, start, end, body: header(
            f'{{"a":{{"dtype":"{dtype}","shape":{shape},"data_offsets":[{start},{end}]}}}}', body
        ),
        st.sampled_from(["F32", "BF16", "F8_E4M3", "F4", "C64", "BOOL", "O", ""]),
        st.lists(st.sampled_from([0, 1, 2, 10**12, 2**63, 2**64 - 1, -1]), max_size=4),
        st.sampled_from([0, 1, -1, 10**15]),
        st.sampled_from([0, 4, 8, 10**15, 2**64 - 1]),
        st.binary(max_size=16),
    ),
    st.integers(0, 2**64 - 1).map(lambda size: size.to_bytes(8, "little") + b"{}"),
    st.sampled_from(
        [header("[" * 5000), header('{"a":' * 3000), header("{}" + " " * 9), header("")]
    ),
)


def blobs_bent() -> st.SearchStrategy[bytes]:
    whole = save({"a": FIGURES, "b": np.zeros((0, 3), np.int32)})
    return st.lists(st.tuples(st.integers(0, len(whole) - 1), st.integers(0, 255)), max_size=6).map(
        lambda changes: bytes({**dict(enumerate(whole)), **dict(changes)}.values())
    )


@settings(deadline=None, max_examples=examples(400))
@given(blob=st.one_of(HOSTILE, blobs_bent()))
def test_bytes_with_a_right_checksum_are_arrays_or_damage(tmp_path_factory, blob) -> None:
    directory = tmp_path_factory.mktemp("run")
    (directory / ARRAYS).write_bytes(b"..." + blob)
    at = ArraysAt(offset=3, bytes=len(blob), crc32=zlib.crc32(blob))
    tracemalloc.start()
    try:
        arrays = read(directory, at)
    except ResultsError:
        pass
    else:
        assert sum(array.nbytes for array in arrays.values()) <= len(blob)
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 1 << 22


@pytest.mark.parametrize("kind", ["fifo", "device", "directory", "file as directory"])
def test_what_is_no_file_is_refused_at_once(tmp_path, kind) -> None:
    directory, path = tmp_path, tmp_path / ARRAYS
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "directory":
        path.mkdir()
    else:
        path.write_bytes(b"")
        directory = path
    at = ArraysAt(offset=0, bytes=10, crc32=0)
    for ask in (read, holds, is_whole):
        with pytest.raises(ResultsError, match="cannot read"):
            ask(directory, at)
    with pytest.raises(SetupError, match="cannot write here"):
        write(directory, 0)


def test_a_full_disk_leaves_no_part_of_a_blob_and_says_what_to_do(tmp_path) -> None:
    writer = ArrayWriter(tmp_path)
    first = writer.write({"figures": FIGURES})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (first.end + 20, hard))  # Python ignores SIGXFSZ
    try:
        with pytest.raises(SetupError, match="cannot write here") as refused:
            writer.write({"figures": FIGURES + 1})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "--resume" in refused.value.hint
    assert (tmp_path / ARRAYS).stat().st_size == first.end
    second = writer.write({"figures": FIGURES + 2})
    writer.close()
    assert np.array_equal(figures(tmp_path, first), FIGURES)
    assert np.array_equal(figures(tmp_path, second), FIGURES + 2)


def test_no_space_left_is_named(tmp_path, monkeypatch) -> None:
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.os, "write", full)
    with pytest.raises(SetupError, match="disk is full"):
        write(tmp_path, 0)


def test_memory_stays_the_same_however_many_are_written(tmp_path) -> None:
    writer = ArrayWriter(tmp_path)
    writer.write({"figures": FIGURES})
    tracemalloc.start()
    peaks = []
    for number in (100, 3000):
        tracemalloc.reset_peak()
        for _ in range(number):
            writer.write({"figures": FIGURES})
        peaks.append(tracemalloc.get_traced_memory()[1])
    tracemalloc.stop()
    writer.close()
    assert peaks[1] < peaks[0] + 4096
