"""A run as columns: the fields that some metrics need, read once and kept as arrays.

A file of a million records becomes a few arrays of a million numbers. The decoder skips texts,
spans and all other fields that no metric reads.
"""

from __future__ import annotations

import gc
import multiprocessing
import pickle
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import cast

from stressbench import store
from stressbench.errors import ResultsError, StressbenchError
from stressbench.metrics import steadiness
from stressbench.metrics.families import known
from stressbench.metrics.read import wall_time
from stressbench.metrics.read.columns import Columns, Labels
from stressbench.metrics.read.fields import narrow_record
from stressbench.metrics.read.gather import Gather, Watch, case_digest
from stressbench.metrics.throughput import TIGHTEST
from stressbench.schema.case import AROUND
from stressbench.schema.metric import Metric
from stressbench.schema.results.record import CaseRecord
from stressbench.stats.arrays import Codes, Floats

__all__ = ["Codes", "Columns", "Floats", "Labels", "Watch", "case_digest", "read", "read_both"]

_WORTH_A_PROCESS_BYTES = 1 << 26  # a second process costs half a second to start


def read(  # noqa: PLR0913  what to read of the run
    path: Path,
    metrics: Iterable[Metric],
    progress: Callable[[int], None] | None = None,
    *,
    ids: bool = False,
    watch: Watch | None = None,
    settings: Mapping[str, object] | None = None,
    keys: Sequence[str] = (),
) -> Columns:
    """Read the columns that ``metrics`` need from a run directory or records file.

    ``progress`` is called with the number of records in each block read. ``ids`` also keeps the
    case ids as texts. ``watch`` sees every record. ``keys`` are parameters of prompt classes that
    become labels. ``settings`` is the suite whose ``slo`` and the like count; by default the run's
    own. Raises ``ResultsError``.
    """
    run = store.read_run(path)
    metrics = tuple(metrics)
    if any(path.startswith("timing.") for metric in metrics for path in metric.paths):
        metrics += steadiness.NEEDED  # whoever looks at latency must hear if it was unsteady
    if any(metric.setting == "slo" for metric in metrics):
        metrics += (TIGHTEST,)
    if any(metric.of_run for metric in metrics):
        metrics += wall_time.NEEDED
    suite = run.header.suite_spec if settings is None else settings
    gather = Gather(metrics, suite, ids=ids, watch=watch, keys=keys)
    narrow = narrow_record(metrics, watch.paths if watch else (), keys)
    with _no_collector():
        for batch in store.scan_batches(run.path, narrow):
            rows = [row for row in cast("list[CaseRecord]", batch) if row.pass_ not in AROUND]
            if not rows:
                continue
            try:
                gather.add(rows)
            except (ValueError, OverflowError, UnicodeEncodeError) as error:
                raise ResultsError(f"not a record: {error}", where=str(run.path)) from error
            if progress:
                progress(len(rows))
    return gather.columns(run)


@contextmanager
def _no_collector() -> Iterator[None]:
    """Pause the garbage collector, a tenth of the time here: records form no cycles."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def read_both(  # noqa: PLR0913  likewise
    base: Path,
    cand: Path,
    metrics: Iterable[Metric],
    progress: Callable[[int], None] | None = None,
    *,
    ids: bool = False,
    settings: Mapping[str, object] | None = None,
    keys: Sequence[str] = (),
) -> tuple[Columns, Columns]:
    """Read two runs; large ones at the same time, the second in another process.

    ``progress`` is called for the records of the first run only.
    """
    metrics = tuple(metrics)
    if min(_size(base), _size(cand)) < _WORTH_A_PROCESS_BYTES:
        first = read(base, metrics, progress, ids=ids, keys=keys, settings=settings)
        return first, read(cand, metrics, progress, ids=ids, keys=keys, settings=settings)
    names = tuple(metric.name for metric in metrics)
    # Spawn, not fork: threads, such as a progress bar, may be running here.
    processes = multiprocessing.get_context("spawn")
    here, there = processes.Pipe(duplex=False)
    wanted = (cand, names, ids, tuple(keys), settings, there)
    other = processes.Process(target=_read_and_send, args=wanted, daemon=True)
    other.start()
    there.close()
    try:
        first = read(base, metrics, progress, ids=ids, keys=keys, settings=settings)
        return first, _received(here, cand)
    finally:
        here.close()
        other.terminate()  # it has sent everything, or is no longer needed
        other.join()


def _read_and_send(
    path: Path,
    names: Sequence[str],
    ids: bool,  # noqa: FBT001  passed to the process by position
    keys: Sequence[str],
    settings: Mapping[str, object] | None,
    pipe: Connection[object, object],
) -> None:
    """Read in another process and send the arrays one by one, each copied only once."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C
    outcome: Columns | StressbenchError
    try:
        wanted = [known()[name] for name in names]
        outcome = read(path, wanted, ids=ids, keys=keys, settings=settings)
    except StressbenchError as error:
        outcome = error
    arrays: list[pickle.PickleBuffer] = []
    with suppress(BrokenPipeError):  # the parent failed on the other file and is gone
        pipe.send_bytes(pickle.dumps(outcome, 5, buffer_callback=arrays.append))
        pipe.send(len(arrays))
        for array in arrays:
            pipe.send_bytes(array.raw())


def _received(pipe: Connection[object, object], path: Path) -> Columns:
    try:
        document = pipe.recv_bytes()
        count = cast("int", pipe.recv())
        outcome = pickle.loads(document, buffers=[pipe.recv_bytes() for _ in range(count)])  # noqa: S301  our own
    except EOFError as error:
        raise ResultsError("the process that read this file died", where=str(path)) from error
    if isinstance(outcome, StressbenchError):
        raise outcome
    return cast("Columns", outcome)


def _size(path: Path) -> int:
    file = store.read_run(path).path
    return file.stat().st_size
