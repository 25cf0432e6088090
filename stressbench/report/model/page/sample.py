"""One pass over a run's whole records: a bounded sample of cases, their timeline, matrices.

Every role and run gets the same sample: of each entry, arm and outcome, the cases whose ids
have the lowest hashes. Two models' answers to one case are therefore both in it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from hashlib import blake2b
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stressbench.errors import ResultsError
from stressbench.metrics.families import matrices
from stressbench.report.model.engine.view import Sent
from stressbench.report.model.page.facts import sampled
from stressbench.report.model.page.view import SampledCase
from stressbench.report.model.section_view import Grid
from stressbench.report.model.sections import SECTIONS
from stressbench.schema.metric import Matrix
from stressbench.schema.results.record import CaseRecord
from stressbench.schema.suite.entry import Entry, entry_of, repeated_classes
from stressbench.store import Run
from stressbench.store.arrays import ArrayReader

REQUESTS: Final = 700
"""Requests on a role's timeline that were not preempted, and as many that were."""
_CELLS: Final = 1 << 16  # of a matrix: 128 layers of 512 experts
LOST: Final = "its arrays are lost or damaged; its numbers are not"

_Stratum = tuple[str, Entry, str, str]


class Sample:
    """Cases by stratum, those with the lowest hashes; never more than twice ``cases``."""

    def __init__(self, run: int, cases: int) -> None:
        self.run, self.cases = run, cases
        self._kept: defaultdict[_Stratum, list[tuple[int, SampledCase]]] = defaultdict(list)
        self._count = 0
        self._bound: dict[_Stratum, int] = {}

    def add(self, record: CaseRecord, entry: Entry, rank: int) -> None:
        """Take the record in if its stratum has room for it."""
        quality = record.quality
        stratum = (record.role_name, entry, record.arm, quality.outcome)
        if rank >= self._bound.get(stratum, 1 << 64):
            return
        self._kept[stratum].append((rank, sampled(self.run, entry, record)))
        self._count += 1
        if self._count > 2 * self.cases:
            self._prune()

    def _prune(self) -> None:
        """Keep the lowest hash of every stratum in turn, until ``cases`` are kept."""
        ranked = []
        for stratum, some in self._kept.items():
            some.sort(key=lambda each: each[0])
            ranked += [(turn, rank, stratum, case) for turn, (rank, case) in enumerate(some)]
        ranked.sort(key=lambda each: each[:2])
        lost = ranked[self.cases :]
        for _, rank, stratum, _ in lost:
            self._bound[stratum] = min(rank, self._bound.get(stratum, rank))
        self._kept.clear()
        for _, rank, stratum, case in ranked[: self.cases]:
            self._kept[stratum].append((rank, case))
        self._count = min(self._count, self.cases)

    def chosen(self) -> list[SampledCase]:
        """At most ``cases`` cases; stressed ones that went wrong first, then by entry and id."""
        if self._count > self.cases:
            self._prune()
        cases = [case for some in self._kept.values() for _, case in some]
        return sorted(cases, key=_order)


def _order(case: SampledCase) -> tuple[bool, bool, Entry, str, str]:
    return (
        case.arm != "stress",
        case.score is not None and case.score >= 1,
        case.entry,
        case.case_id,
        case.role,
    )


class Requests:
    """A bounded sample of one role's requests; preempted requests are sampled separately."""

    def __init__(self) -> None:
        self.total = 0
        self._calm: list[tuple[int, Sent]] = []
        self._hit: list[tuple[int, Sent]] = []

    def add(self, record: CaseRecord, entry: Entry, rank: int) -> None:
        """Count one request in; without an end-to-end latency it cannot be drawn."""
        self.total += 1
        timing = record.timing
        if timing.e2el_ms is None:
            return
        preemptions = record.kv.preemptions if record.kv else None
        kept = self._hit if preemptions else self._calm
        sent = Sent(
            case_id=record.case_id,
            entry=entry,
            t_s=timing.scheduled_ns / 1e9,
            e2el_ms=timing.e2el_ms,
            preemptions=preemptions,
        )
        kept.append((rank, sent))
        if len(kept) > 2 * REQUESTS:
            _lowest(kept)

    def chosen(self) -> list[Sent]:
        """At most twice ``REQUESTS``, in order of time."""
        for kept in (self._calm, self._hit):
            _lowest(kept)
        return sorted((sent for _, sent in (*self._calm, *self._hit)), key=lambda each: each.t_s)


def _lowest(kept: list[tuple[int, Sent]]) -> None:
    kept.sort(key=lambda each: each[0])
    del kept[REQUESTS:]


class Browser:
    """What needs whole records: sampled cases with their texts, the timeline, mean matrices."""

    def __init__(self, index: int, cases: int, run: Run) -> None:
        self._run = run
        self._arrays = ArrayReader(run.directory)
        self._repeated = repeated_classes(run.header.suite_spec)
        self.sample = Sample(index, cases)
        self.requests: defaultdict[str, Requests] = defaultdict(Requests)
        self.filled: Counter[str] = Counter()
        """Records that have a section, for the sections that they have."""
        self.lost: Counter[str] = Counter()
        """Matrices by section whose arrays could not be read."""
        self._matrices = matrices()
        self._grids: dict[tuple[str, str, Entry], tuple[int, NDArray[np.float64]]] = {}

    def read(self) -> None:
        """Take every record of the run in."""
        for record in self._run.records():
            rank = _rank(record.case_id)
            of = entry_of(record.prompt_class, record.label, self._repeated)
            self.sample.add(record, of, rank)
            self.requests[record.role_name].add(record, of, rank)
            for name, found in record.sections.items():
                if found is not None and (name in self.filled or len(self.filled) < SECTIONS):
                    self.filled[name] += 1
            for matrix in self._matrices:
                self._matrix(record, of, matrix)

    def _matrix(self, record: CaseRecord, entry: Entry, matrix: Matrix) -> None:
        section, _, field = matrix.path.partition(".")
        values = record.sections.get(section)
        if not values or record.arm != "stress":
            return
        found = values.get(field)
        if found is None:
            try:
                found = self._arrays.one(record, section, field)
            except ResultsError:
                self.lost[section] += 1
        if not isinstance(found, list | np.ndarray):
            return
        try:
            cells = np.asarray(found, np.float64)
        except (TypeError, ValueError):
            return
        key = (matrix.path, record.role_name, entry)
        n, sums = self._grids.get(key, (0, np.zeros(cells.shape)))
        fits = cells.ndim == 2 and cells.size <= _CELLS and cells.shape == sums.shape  # noqa: PLR2004
        if fits and np.isfinite(cells).all():
            self._grids[key] = n + 1, sums + cells

    def grids(self, section: str) -> list[Grid]:
        """Mean matrices of a section, by role and entry."""
        return [
            Grid(
                field=matrix.path,
                title=matrix.title,
                summary=matrix.summary,
                down=matrix.down,
                across=matrix.across,
                role=role,
                entry=entry,
                n=n,
                cells=[[float(f"{cell:.4g}") for cell in row] for row in (sums / n).tolist()],
            )
            for matrix in self._matrices
            for (path, role, entry), (n, sums) in sorted(self._grids.items())
            if path == matrix.path and path.partition(".")[0] == section
        ]


def _rank(case_id: str) -> int:
    """The same for a case in every run and role."""
    digest = blake2b(case_id.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big")
