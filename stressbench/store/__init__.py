"""Reads and writes result files; no other package does.

A run is a directory. ``records.jsonl`` is append-only: a ``run`` line, a ``model`` line
whenever an engine is ready or has failed, a ``case`` line per request, a ``level`` line when a
load is over, an ``end`` line when the process ends. That file is all that ``compare`` needs.
``telemetry.jsonl`` has the probes' readings, ``arrays.bin`` their arrays.
"""

from stressbench.store.narrow import records
from stressbench.store.read import (
    RECORDS,
    TELEMETRY,
    Run,
    read_run,
    readings,
    scan,
    scan_batches,
    torn_line,
)
from stressbench.store.write import RunWriter

__all__ = [
    "RECORDS",
    "TELEMETRY",
    "Run",
    "RunWriter",
    "read_run",
    "readings",
    "records",
    "scan",
    "scan_batches",
    "torn_line",
]
