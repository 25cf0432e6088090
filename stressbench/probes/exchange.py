"""What a probe and its capture in vLLM's workers send each other, and how it is packed.

Both sides import this module: the probe in the main process, the capture in the worker.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, TypeAlias, cast

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array: TypeAlias = (
        NDArray[np.float16] | NDArray[np.float32] | NDArray[np.int16] | NDArray[np.int32]
    )

Arrays: TypeAlias = "dict[str, Array]"
Plain: TypeAlias = Mapping[str, object]
"""What msgpack carries: text, numbers, lists, dictionaries."""

UNSEEN: Final = "no token of this request was run"
"""The reason for an expected request of which this worker got no row."""


class Unsupported(Exception):  # noqa: N818 - a finding, not a fault
    """A capture does not understand the model or the request; the message says why."""


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
