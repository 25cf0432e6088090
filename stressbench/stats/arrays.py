"""Names for the arrays that statistics work on."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Codes: TypeAlias = NDArray[np.int64]
"""Indices: of the cluster, case or label that a row belongs to."""
Mask: TypeAlias = NDArray[np.bool_]
