"""Runs made of simulated values: what ``compare`` reads from two files, without the files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from benchmarks.compare import HEADER
from stressbench.compare.paired_runs import PairedRuns
from stressbench.compare.sides import Contrast
from stressbench.metrics.families import known
from stressbench.metrics.read.columns import Columns, Labels
from stressbench.schema.analysis.comparison import GateFinding
from stressbench.schema.results.run import RunEnd, RunHeader
from stressbench.schema.suite.gate import parse
from stressbench.stats.arrays import Codes, Floats

_ROLE: Final = "dense"
_HEADER: Final = msgspec.json.decode(HEADER, type=RunHeader)
_END: Final = RunEnd(
    run_id="", status="complete", finished_at="", elapsed_s=1.0, planned=0, counts={}
)


def run(
    path: str,
    values: Mapping[str, Floats],
    clusters: Codes,
    *,
    classes: Codes | None = None,
    repeats: Codes | None = None,
) -> Columns:
    """A run of one model. Rows are ordered by case; with ``repeats``, several are one case."""
    n = len(clusters)
    again = np.zeros(n, np.int64) if repeats is None else repeats
    cases = np.cumsum(again == 0)
    every = np.zeros(n, np.int64)
    codes = every if classes is None else classes
    labels = {
        "prompt_class": Labels(codes, tuple(f"class{c}" for c in range(int(codes.max()) + 1))),
        "cluster_id": Labels(clusters, tuple(map(str, range(int(clusters.max()) + 1)))),
        "role": Labels(every, (_ROLE,)),
        "model_role": Labels(every, (_ROLE,)),
        "arm": Labels(every, ("stress",)),
        "pass_": Labels(every, ("quality",)),
        **{name: Labels(every, ("none",)) for name in ("variant", "lever")},
        "load_level": Labels(every, ("",)),
    }
    return Columns(
        header=msgspec.structs.replace(_HEADER, models={_ROLE: _HEADER.models[_ROLE]}),
        end=_END,
        path=Path(path),
        cases=np.column_stack([cases, cases]).astype(np.uint64),
        contents=np.zeros(n, np.uint64),
        labels=labels,
        entries=(),
        params={},
        keys={},
        repeats=again,
        values=dict(values),
        weights={},
        twins=np.empty(0, np.uint64),
    )


def sides_of(drift: float) -> tuple[str, str]:
    """The paths of two files if the runs may drift apart, else one: two sides of one run."""
    return ("base", "cand") if drift else ("base", "base")


def verdicts(base: Columns, cand: Columns, gates: Sequence[str]) -> list[GateFinding]:
    """What ``compare`` would find. Runs with one path are sides of one run: nothing drifts."""
    paired = PairedRuns(base, cand, Contrast(), frozenset(), allow_partial=False)
    return paired.judge([parse(text, known()) for text in gates])
