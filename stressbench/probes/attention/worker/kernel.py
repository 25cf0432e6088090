"""The sums of attention rows in one pass, for float32 on a CPU.

numba, which vLLM itself depends on, compiles these loops for this machine. A row is read from
memory once and finished while it is in the nearest cache (16 KiB for 4,096 keys); a sequence of
torch operations reads and writes it eight times. The loops use one thread: numba's threads
would have to share OpenMP's, whose settings belong to vLLM. The compiler must not assume that
NaN and infinity do not occur: a row that contains one must stay NaN, so that it is detected.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, ParamSpec, TypeAlias, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

from stressbench.probes.attention.worker.row_sums import SUMS, RowSums, ScoredRows

Floats: TypeAlias = NDArray[np.float32]
Ints: TypeAlias = NDArray[np.int64]
P = ParamSpec("P")
R = TypeVar("R")

_FLAGS: Final = {"reassoc", "contract", "arcp", "nsz"}
"""What vectorised sums need: order and rounding may change, nothing else."""
_LEAST: Final = np.float32(-126)
"""Exponent of the smallest normal float32: smaller powers are 0."""
_ONE_HALF: Final = np.float32(0.5)
_BIAS: Final = np.int32(127)
_MANTISSA_BITS: Final = np.int32(23)
_SIGN_SHIFT: Final = np.int32(31)
_ALL_BUT_SIGN: Final = np.int32(2**31 - 1)
_C: Final = tuple(
    np.float32(each)
    for each in np.polynomial.Chebyshev.interpolate(np.exp2, 6, domain=[-0.5, 0.5])
    .convert(kind=np.polynomial.Polynomial)
    .coef
)
"""Coefficients of a polynomial for 2^f, f in [-0.5, 0.5], with a relative error of at most 2e-8."""


def reduce(lines: ScoredRows) -> RowSums:
    """The sums of all rows, for float32 scores on the CPU."""
    import torch

    scores = lines.scores
    heads, rows, keys = scores.shape
    sums = scores.new_empty(SUMS, heads, rows)
    received = scores.new_zeros(keys)
    learned = scores.new_empty(0) if lines.learned is None else lines.learned
    _lines(
        scores.view(heads * rows, keys).numpy(),
        torch.stack((lines.begins, lines.ends)).numpy(),
        (lines.sink, lines.recent),
        learned.numpy(),
        sums.view(SUMS, heads * rows).numpy(),
        received.numpy(),
    )
    return RowSums(sums, scores, received)


def _jit(function: Callable[P, R]) -> Callable[P, R]:
    jitted = numba.njit(fastmath=_FLAGS, error_model="numpy", nogil=True)(function)
    return cast("Callable[P, R]", jitted)


@_jit
def _exp2(x: np.float32) -> np.float32:
    """2^x for x <= 0, relative error 2e-7: a polynomial of the distance to the nearest integer."""
    y = max(x, _LEAST)  # in this order a NaN stays
    whole = np.floor(y + _ONE_HALF)
    f = y - whole
    p = _C[6]
    p = p * f + _C[5]
    p = p * f + _C[4]
    p = p * f + _C[3]
    p = p * f + _C[2]
    p = p * f + _C[1]
    p = p * f + _C[0]
    bits = (np.int32(whole) + _BIAS) << _MANTISSA_BITS
    power: np.float32 = p * np.int32(bits).view(np.float32)
    return np.float32(0) if x < _LEAST else power


@_jit
def _greatest(row: Floats) -> np.float32:
    """The greatest score.

    Scores are compared as integers in the same order, which the compiler vectorises eight at a
    time. It does not vectorise the comparison of floats, because NaN has no order. As an
    integer, a NaN comes first or last by its sign, and the sums of its row show it either way.
    """
    bits = row.view(np.int32)
    top = np.int32(-(2**31))
    for j in range(bits.shape[0]):
        top = max(top, bits[j] ^ ((bits[j] >> _SIGN_SHIFT) & _ALL_BUT_SIGN))
    return np.int32(top ^ ((top >> _SIGN_SHIFT) & _ALL_BUT_SIGN)).view(np.float32)


@_jit
def _powers(row: Floats, greatest: np.float32) -> tuple[np.float32, np.float32, np.float32]:
    """Turn scores into powers; return their sum, sum weighted by score, and sum of squares."""
    z = w = q = np.float32(0)
    for j in range(row.shape[0]):
        score = row[j] - greatest
        power = _exp2(score)
        row[j] = power
        z += power
        w += power * score
        q += power * power
    return z, w, q


@_jit
def _sum(row: Floats) -> np.float32:
    z = np.float32(0)
    for power in row:
        z += power
    return z


@_jit
def _add(row: Floats, times: np.float32, received: Floats) -> None:
    for j in range(row.shape[0]):
        received[j] += row[j] * times


@_jit
def _row(
    row: Floats,
    seen: tuple[int, int],
    marks: tuple[int, int],
    learned: Floats,
    sums: Floats,
    received: Floats,
) -> None:
    begin, end = seen
    sink = min(max(marks[0], begin), end)
    recent = max(end - marks[1], begin)
    greatest = _greatest(row[begin:end])
    if learned.shape[0]:
        greatest = max(greatest, learned[0])
    row[:begin] = np.float32(0)
    row[end:] = np.float32(0)
    sums[3], sums[4], sums[5] = _powers(row[begin:sink], greatest)
    sums[0], sums[1], sums[2] = _powers(row[sink:end], greatest)
    sums[6] = _sum(row[recent:end])
    sums[7] = np.float32(0)
    if learned.shape[0]:
        score = learned[0] - greatest
        power = _exp2(score)
        sums[3] += power
        sums[4] += power * score
        sums[5] += power * power
        sums[7] = power
    _add(row[begin:end], np.float32(1) / (sums[0] + sums[3]), received[begin:end])


@_jit
def _lines(
    scores: Floats,
    seen: Ints,
    marks: tuple[int, int],
    learned: Floats,
    sums: Floats,
    received: Floats,
) -> None:
    """Every row of every head, (heads x rows, keys); ``seen`` (2, rows): begins and ends."""
    for line in range(scores.shape[0]):
        head, row = divmod(line, seen.shape[1])
        _row(
            scores[line],
            (seen[0, row], seen[1, row]),
            marks,
            learned[head : head + 1],
            sums[:, line],
            received,
        )
