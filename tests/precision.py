"""How far two programs that compute the same may part, by the dtype that they compute in."""

from __future__ import annotations

from typing import Final

EPSILON: Final = {"float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}
"""The gap between 1 and the next number; rounding is wrong by at most half of it."""
_ROUNDINGS: Final = 30 * 10
"""On the way through the reference pair: 30 layers that each store about ten intermediate results
(two norms, q, k, v and their rotation, scores, the attention's output, the MLP's three)."""
_TERMS: Final = 1536
"""Of the longest inner product; every dtype's kernels add it up in float32."""
_MARGIN: Final = 2.0


def tolerance(dtype: str, scale: float = 1.0) -> float:
    """Largest difference, where the values are about ``scale``, that rounding explains.

    Roundings are independent, so n of them add up to sqrt(n) of one: 8e-5 in float32, whose
    sums are rounded as coarsely as its results, and 0.14 in bfloat16.
    """
    one = EPSILON[dtype] / 2 + _TERMS**0.5 * EPSILON["float32"] / 2
    return _MARGIN * _ROUNDINGS**0.5 * one * scale
