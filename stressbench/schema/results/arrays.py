"""Where the arrays of a request lie."""

from __future__ import annotations

from stressbench.schema.base import Open


class ArraysAt(Open, frozen=True, kw_only=True):
    """A blob in ``arrays.bin``: the arrays of one section of one request, as safetensors."""

    offset: int
    """Its first byte, from the beginning of the file."""
    bytes: int
    """Its length."""
    crc32: int
    """Of its bytes, as in zip and gzip."""

    @property
    def end(self) -> int:
        """The first byte behind it."""
        return self.offset + self.bytes
