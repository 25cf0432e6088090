"""How far goodput moves if the machine drifts between two runs.

All latencies then change together, and goodput by the share of requests that this carries past
their limits: by nothing if every request keeps well within them.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from stressbench.compare.pair import Pairing
from stressbench.metrics.throughput import TIGHTEST
from stressbench.schema.metric import Metric
from stressbench.stats.drift import Drift


def of_goodput(pairing: Pairing, metric: Metric, drift: Drift) -> Drift:
    """The drift of latency as a drift of goodput, relative to the level of goodput.

    A slower machine also answers fewer requests, which counts for goodput per second.
    """
    shares = []
    for side in (pairing.base, pairing.cand):
        rows = side.rows[side.quality_pass]
        tightest = side.columns.values[TIGHTEST.name][rows]
        known = tightest[~np.isnan(tightest)]
        if not len(known):
            return drift
        level = float((known <= 1).mean())
        moved = (known <= math.exp(drift.se)).mean() - (known <= math.exp(-drift.se)).mean()
        shares.append((moved / 2, level))
    moved, level = (sum(each) / len(shares) for each in zip(*shares, strict=True))
    slower = drift.se if metric.of_run else 0.0
    return replace(drift, se=slower + (float(moved / level) if level else 0.0))
