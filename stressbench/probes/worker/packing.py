"""Arrays on their way out of a worker, as what msgpack carries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from stressbench.probes.worker.capture import Arrays


def pack(arrays: Arrays) -> dict[str, object]:
    """Arrays as plain data for msgpack: ``{name: [dtype, shape, bytes]}``."""
    return {
        name: [array.dtype.str, list(array.shape), array.tobytes()]
        for name, array in arrays.items()
    }


def unpack(packed: Mapping[str, object]) -> Arrays:
    """The arrays that ``pack`` packed."""
    import numpy as np

    arrays: Arrays = {}
    for name, value in packed.items():
        dtype, shape, data = cast("tuple[str, list[int], bytes]", value)
        arrays[name] = np.frombuffer(data, np.dtype(dtype)).reshape(shape)
    return arrays
