"""The streaming safetensors writer, read back with the safetensors library."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import load_file

from stressbench.models.reference.router import round_to_bfloat16
from stressbench.models.reference.safetensors_file import Slot, to_bfloat16, write_safetensors


def test_the_library_reads_back_what_was_written(tmp_path):
    path = tmp_path / "w.safetensors"
    tensors = {
        "a": np.arange(6, dtype=np.float32).reshape(2, 3),
        "transposed": np.arange(6, dtype=np.float32).reshape(2, 3).T,
        "empty": np.zeros((0, 4), dtype=np.float32),
    }
    slots = {name: Slot("F32", values.shape) for name, values in tensors.items()}
    write_safetensors(path, slots, tensors.items())
    loaded = load_file(path)
    assert loaded.keys() == tensors.keys()
    for name, values in tensors.items():
        np.testing.assert_array_equal(loaded[name], values)
    with safe_open(path, framework="numpy") as file:
        assert file.metadata() == {"format": "pt"}


@pytest.mark.parametrize(
    "tensors",
    [
        [("b", np.zeros((2,), dtype=np.float32))],
        [("a", np.zeros((3,), dtype=np.float32))],
        [],
    ],
)
def test_tensors_that_differ_from_the_header_are_refused(tmp_path, tensors):
    with pytest.raises(ValueError):  # noqa: PT011 - the order and the count have two messages
        write_safetensors(tmp_path / "w", {"a": Slot("F32", (2,))}, tensors)


@given(st.floats(width=32, min_value=-(2.0**100), max_value=2.0**100))
def test_bfloat16_is_the_nearest(value):
    if 0 < abs(value) < 2.0**-100:
        return
    bits = to_bfloat16(np.array([value], dtype=np.float32))
    widened = (bits.astype(np.uint32) << 16).view(np.float32)
    assert widened[0] == round_to_bfloat16(np.array([value], dtype=np.float64))[0]
