"""Records as columns: the fields that some metrics need, read once and kept as arrays.

A file of a million records becomes a few arrays of a million numbers; texts, spans and
fields that no metric asks for are skipped by the decoder and never built.
"""

from __future__ import annotations

import gc
import multiprocessing
import pickle
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import cast

from stressbench import store
from stressbench.errors import ResultsError, StressbenchError
from stressbench.metrics.read.columns import Codes, Columns, Floats, Labels
from stressbench.metrics.read.gather import Gather, Identified, Watch, case_digest
from stressbench.metrics.read.narrow import narrow_record
from stressbench.schema.case import AROUND
from stressbench.schema.metric import Metric, known

__all__ = ["Codes", "Columns", "Floats", "Labels", "Watch", "case_digest", "read", "read_both"]

_WORTH_A_PROCESS_BYTES = 1 << 26  # a second process costs half a second to start


def read(
    path: Path,
    metrics: Iterable[Metric],
    progress: Callable[[int], None] | None = None,
    *,
    ids: bool = False,
    watch: Watch | None = None,
) -> Columns:
    """Read the columns that ``metrics`` need from a run directory or records file.

    ``progress`` receives the number of records as they are read; ``ids`` keeps the case
    ids as texts, too; ``watch`` sees every record on the way. Raises ``ResultsError``.
    """
    run = store.read_run(path)
    gather = Gather(metrics := tuple(metrics), ids=ids, watch=watch)
    narrow = narrow_record(metrics, watch.paths if watch else ())
    with _no_collector():
        for batch in store.scan_batches(run.path, narrow):
            rows = [row for row in cast("list[Identified]", batch) if row.pass_ not in AROUND]
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
    """Records make no cycles: looking for them would be a tenth of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def read_both(
    base: Path,
    cand: Path,
    metrics: Iterable[Metric],
    progress: Callable[[int], None] | None = None,
    *,
    ids: bool = False,
) -> tuple[Columns, Columns]:
    """Read two runs, side by side in two processes where they are large.

    ``progress`` hears of the records read here; the other process reads as many meanwhile.
    """
    metrics = tuple(metrics)
    if min(_size(base), _size(cand)) < _WORTH_A_PROCESS_BYTES:
        return read(base, metrics, progress, ids=ids), read(cand, metrics, progress, ids=ids)
    names = tuple(metric.name for metric in metrics)
    # Spawned, not forked: threads (a progress bar) may be running here.
    processes = multiprocessing.get_context("spawn")
    here, there = processes.Pipe(duplex=False)
    other = processes.Process(target=_read_and_send, args=(cand, names, ids, there), daemon=True)
    other.start()
    there.close()
    try:
        return read(base, metrics, progress, ids=ids), _received(here, cand)
    finally:
        here.close()
        other.terminate()  # it has sent all it had, or is no longer wanted
        other.join()


def _read_and_send(
    path: Path,
    names: Sequence[str],
    ids: bool,  # noqa: FBT001  handed over to the process by position
    pipe: Connection[object, object],
) -> None:
    """Read in a process of its own; the arrays go over one by one, copied once each."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    outcome: Columns | StressbenchError
    try:
        outcome = read(path, [known()[name] for name in names], ids=ids)
    except StressbenchError as error:
        outcome = error
    arrays: list[pickle.PickleBuffer] = []
    with suppress(BrokenPipeError):  # the reader of the other file failed and is gone
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
        raise ResultsError("the process that reads this file died", where=str(path)) from error
    if isinstance(outcome, StressbenchError):
        raise outcome
    return cast("Columns", outcome)


def _size(path: Path) -> int:
    file = store.read_run(path).path
    return file.stat().st_size
