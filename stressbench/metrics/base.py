"""Records as columns: the fields that some metrics need, read once and kept as arrays.

A file of a million records becomes a few arrays of a million numbers; texts, spans and
fields that no metric asks for are skipped by the decoder and never built.
"""

from __future__ import annotations

import gc
import multiprocessing
import pickle
import signal
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from hashlib import blake2b
from itertools import count
from multiprocessing.connection import Connection
from operator import attrgetter
from pathlib import Path
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from stressbench import store
from stressbench.errors import ResultsError, StressbenchError
from stressbench.metrics.read.columns import Codes, Columns, Floats, Growing, Labels, minus_partner
from stressbench.metrics.read.narrow import LEVEL, PARAMS, narrow_record, paths_of
from stressbench.metrics.read.values import column_of, fields_of, plausible, sizes_of, values_of
from stressbench.schema.axes import NONE, role_name, split_role
from stressbench.schema.case import AROUND
from stressbench.schema.metric import Metric, known
from stressbench.schema.suite.roles import check_role

__all__ = ["Codes", "Columns", "Floats", "Labels", "case_digest", "read", "read_both"]

_WORTH_A_PROCESS_BYTES = 1 << 26  # a second process costs half a second to start


def read(
    path: Path,
    metrics: Iterable[Metric],
    progress: Callable[[int], None] | None = None,
    *,
    ids: bool = False,
) -> Columns:
    """Read the columns that ``metrics`` need from a run directory or records file.

    ``progress`` is told the number of records as they are read; ``ids`` keeps the case
    ids as texts, too. Raises ``ResultsError``.
    """
    run = store.read_run(path)
    gather = _Gather(metrics := tuple(metrics), ids=ids)
    with _no_collector():
        for batch in store.scan_batches(run.path, narrow_record(metrics)):
            rows = [row for row in cast("list[_Identified]", batch) if row.pass_ not in AROUND]
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


class _Identified(Protocol):
    """What every narrow record has, whatever metrics were asked for."""

    case_id: str
    cluster_id: str
    content_sha256: str
    twin_of: str | None
    pass_: str


class _Gather:
    """Appends batches of narrow records to growing columns."""

    def __init__(self, metrics: Sequence[Metric], *, ids: bool) -> None:
        self.metrics = metrics
        self.case_ids: list[str] | None = [] if ids else None
        self.paths = sorted({path for metric in metrics for path in paths_of(metric)})
        self.cases: list[bytes] = []
        self.contents: list[bytes] = []
        self.twins: list[bytes] | None = [] if any(m.against for m in metrics) else None
        self.numbers: defaultdict[str, Growing] = defaultdict(Growing)
        self.twin_digests = _TwinDigests()
        self.clusters = Growing()
        self.cluster_codes: defaultdict[str, int] = defaultdict(count().__next__)
        # Class, role, arm, pass and so on take few combinations: one look-up finds them all.
        self.kinds = Growing()
        self.kind_codes: defaultdict[tuple[str | None, ...], int] = defaultdict(count().__next__)

    def add(self, batch: Sequence[_Identified]) -> None:
        self.cases.append(b"".join([case_digest(row.case_id) for row in batch]))
        if self.case_ids is not None:
            self.case_ids += [row.case_id for row in batch]
        contents = bytes.fromhex("".join([row.content_sha256[:16] for row in batch]))
        if len(contents) != 8 * len(batch):
            raise ValueError("a content_sha256 is too short")
        self.contents.append(contents)
        if self.twins is not None:
            twins = map(self.twin_digests.__getitem__, map(attrgetter("twin_of"), batch))
            self.twins.append(b"".join(twins))
        self.clusters.append(np.array([self.cluster_codes[row.cluster_id] for row in batch]))
        kinds = np.array([*map(self.kind_codes.__getitem__, map(attrgetter(*_KIND), batch))])
        self.kinds.append(kinds)
        for name in (*(f"params.{param}" for param in PARAMS), "repeat"):
            self.numbers[name].append(np.array([*map(attrgetter(name), batch)], np.float64))
        fields = {path: column_of(list_, path) for path, list_ in fields_of(batch, self.paths)}
        failed = np.array([kind[-1] != "ok" for kind in self.kind_codes])[kinds]
        for metric in self.metrics:
            values = plausible(values_of(metric, fields), metric)
            if metric.of == "ok":
                values = np.where(failed, np.nan, values)
            if metric.weight:
                weights = sizes_of(fields[metric.weight])
                there = np.isnan(values) | np.isnan(weights)
                values, weights = (np.where(there, np.nan, each) for each in (values, weights))
                self.numbers[f"weight {metric.name}"].append(weights)
            self.numbers[f"value {metric.name}"].append(values)

    def columns(self, run: store.Run) -> Columns:
        """Everything gathered, in canonical order; what was gathered is given up on the way."""
        cases = _words(self.cases).reshape(-1, 2)
        labels = self.labels()
        for role in labels["role"].names:
            check_role(role, run.header.models, run.path)
        repeats = self.numbers["repeat"].codes()
        order = np.lexsort(
            [repeats, labels["pass_"].codes, labels["role"].codes, cases[:, 1], cases[:, 0]]
        )

        def ordered(name: str) -> Floats:
            return self.numbers[name].ordered(order)

        columns = Columns(
            header=run.header,
            end=run.end,
            path=run.path,
            cases=cases[order],
            contents=_words(self.contents)[order],
            labels={name: Labels(each.codes[order], each.names) for name, each in labels.items()},
            params={name: ordered(f"params.{name}") for name in PARAMS},
            repeats=repeats[order],
            values={m.name: ordered(f"value {m.name}") for m in self.metrics},
            weights={m.name: ordered(f"weight {m.name}") for m in self.metrics if m.weight},
            twins=_words(self.twins)[order] if self.twins is not None else _words([]),
            levels=run.levels,
            case_ids=_texts(self.case_ids)[order] if self.case_ids else _texts([]),
        )
        for metric in self.metrics:
            if metric.against:
                taken = minus_partner(columns, columns.values[metric.name], metric.against)
                columns.values[metric.name] = taken
        return columns

    def labels(self) -> dict[str, Labels]:
        kinds = self.kinds.codes()
        columns = zip(*self.kind_codes, strict=True) if self.kind_codes else [()] * len(_KIND)
        found = {"cluster_id": _labels(self.cluster_codes, self.clusters.codes())}
        texts: dict[str, list[str | None]] = dict(zip(_KIND, map(list, columns), strict=True))
        pairs = zip(texts["role"], texts["variant"], strict=True)
        texts["role"] = [role_name(role or "", variant) for role, variant in pairs]
        apart = [split_role(name or "") for name in texts["role"]]  # version 1 had them in one
        texts["model_role"] = [role for role, _ in apart]
        texts["variant"] = [variant for _, variant in apart]
        for name, values in texts.items():
            each_or_none = [NONE if each is None else each for each in values]
            found[name.rpartition(".")[2]] = _labels(each_or_none, kinds)
        if self.case_ids is not None:
            entries: defaultdict[str, int] = defaultdict(count().__next__)
            codes = np.array([entries[each.partition("/")[0]] for each in self.case_ids], np.int64)
            found["label"] = _labels(entries, codes)
        return found


_KIND = ("prompt_class", "role", "variant", "lever", "arm", f"params.{LEVEL}", "pass_", "status")


def _texts(texts: Sequence[str]) -> NDArray[np.object_]:
    found = np.empty(len(texts), object)
    found[:] = texts
    return found


def _words(parts: Iterable[bytes]) -> NDArray[np.uint64]:
    return np.frombuffer(b"".join(parts), ">u8").astype(np.uint64)


def _labels(texts: Iterable[str], codes: Codes) -> Labels:
    """Labels of codes into ``texts``, which may repeat, as codes into sorted names."""
    texts = [*texts]
    names = tuple(sorted(set(texts)))
    place = {name: index for index, name in enumerate(names)}
    rank = np.array([place[text] for text in texts], np.int64)
    return Labels(rank[codes], names)


class _TwinDigests(dict[str | None, bytes]):
    """First word of the digest of each twin's case id, made once; zeros for no twin."""

    def __missing__(self, case_id: str | None) -> bytes:
        self[case_id] = case_digest(case_id)[:8] if case_id else bytes(8)
        return self[case_id]


def case_digest(case_id: str) -> bytes:
    """128 bits that stand for a case id."""
    return blake2b(case_id.encode("utf-8", "surrogatepass"), digest_size=16).digest()
