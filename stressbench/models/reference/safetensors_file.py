"""Write a safetensors file tensor by tensor, with one tensor in memory at a time.

The safetensors library needs all tensors of a file at once, and another package for bfloat16.
The format is small: eight bytes with the header's length (little endian), a JSON header padded
with spaces to a multiple of eight bytes, then the raw data.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Final, Literal, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

DType: TypeAlias = Literal["F32", "BF16"]
Array: TypeAlias = npt.NDArray[np.float32] | npt.NDArray[np.uint16]
_STORED: Final[dict[DType, str]] = {"F32": "<f4", "BF16": "<u2"}


@dataclass(frozen=True, slots=True)
class Slot:
    """Type and shape of one tensor. bfloat16 data is given as its 16 bits in ``uint16``."""

    dtype: DType
    shape: tuple[int, ...]

    @property
    def size_bytes(self) -> int:
        """The size of the raw data."""
        return np.dtype(_STORED[self.dtype]).itemsize * prod(self.shape)


def write_safetensors(
    path: Path, slots: Mapping[str, Slot], tensors: Iterable[tuple[str, Array]]
) -> None:
    """Write ``tensors``, which must have the order, types and shapes of ``slots``."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for name, slot in slots.items():
        end = offset + slot.size_bytes
        header[name] = {"dtype": slot.dtype, "shape": slot.shape, "data_offsets": [offset, end]}
        offset = end
    encoded = msgspec.json.encode(header)
    encoded += b" " * (-len(encoded) % 8)
    with path.open("wb") as file:
        file.write(len(encoded).to_bytes(8, "little"))
        file.write(encoded)
        for (expected, slot), (name, values) in zip(slots.items(), tensors, strict=True):
            if name != expected or values.shape != slot.shape:
                raise ValueError(f"expected {expected} {slot.shape}, not {name} {values.shape}")
            data = np.ascontiguousarray(values, dtype=_STORED[slot.dtype])
            file.write(data.data)


def to_bfloat16(values: npt.NDArray[np.float32]) -> npt.NDArray[np.uint16]:
    """The bits of the nearest bfloat16, ties to even. ``values`` must be finite."""
    bits = np.ascontiguousarray(values).view(np.uint32)
    rounded = bits + np.uint32(0x7FFF)
    rounded += (bits >> np.uint32(16)) & np.uint32(1)
    rounded >>= np.uint32(16)
    return rounded.astype(np.uint16)
