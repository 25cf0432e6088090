"""Where the arrays of a request are stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from stressbench.schema.base import Open

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Array: TypeAlias = npt.NDArray[np.float32] | npt.NDArray[np.int32]


class ArraysAt(Open, frozen=True, kw_only=True):
    """A blob in ``arrays.bin``: the arrays of one section of one request, as safetensors."""

    offset: int
    """Position of the first byte in the file."""
    bytes: int
    """Length in bytes."""
    crc32: int
    """CRC-32 of the blob, as in zip and gzip."""

    @property
    def end(self) -> int:
        """Position after the last byte."""
        return self.offset + self.bytes
