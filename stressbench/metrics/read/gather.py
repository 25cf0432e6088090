"""Gathers the columns that some metrics need from batches of narrow records."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from itertools import count
from operator import attrgetter
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from stressbench import store
from stressbench.metrics.read.columns import Columns, Growing, Labels, minus_partner
from stressbench.metrics.read.fields import LEVEL, PARAMS, paths_of
from stressbench.metrics.read.values import column_of, fields_of, plausible, values_of, weighed
from stressbench.schema.axes import NONE, role_name, split_role
from stressbench.schema.key_values import text_of
from stressbench.schema.metric import Metric
from stressbench.schema.results.record import CaseRecord
from stressbench.schema.suite.entry import Entry, entry_of, repeated_classes
from stressbench.schema.suite.roles import check_role
from stressbench.stats.arrays import Codes, Floats


class Watch(Protocol):
    """Sees every record while its columns are read: for what is not one number per record."""

    paths: tuple[str, ...]
    """The dotted fields that it needs, besides those that every narrow record has."""

    def add(self, record: CaseRecord) -> None:
        """Take one record in; it has the fields of ``paths`` and those of the metrics read."""
        ...

    def condition(self, case_id: str) -> str:
        """The label ``condition`` of a record: what several records have in common."""
        ...


class Gather:
    """Appends batches of narrow records to growing columns."""

    def __init__(
        self,
        metrics: Sequence[Metric],
        settings: Mapping[str, object],
        *,
        ids: bool,
        watch: Watch | None = None,
        keys: Sequence[str] = (),
    ) -> None:
        self.metrics = metrics
        self.settings = settings
        self.key_codes: dict[str, defaultdict[str, int]] = {
            key: defaultdict(count().__next__) for key in keys
        }
        self.watch = watch
        self.conditions = Growing()
        self.condition_codes: defaultdict[str, int] = defaultdict(count().__next__)
        self.case_ids: list[str] | None = [] if ids else None
        self.paths = sorted({path for metric in metrics for path in paths_of(metric)})
        self.cases: list[bytes] = []
        self.contents: list[bytes] = []
        self.twins: list[bytes] | None = [] if any(m.against for m in metrics) else None
        self.numbers: defaultdict[str, Growing] = defaultdict(Growing)
        self.twin_digests = _TwinDigests()
        self.clusters = Growing()
        self.cluster_codes: defaultdict[str, int] = defaultdict(count().__next__)
        # Class, label, role, arm, ... have few combinations: one look-up per record finds all.
        self.kinds = Growing()
        self.kind_codes: defaultdict[tuple[str | None, ...], int] = defaultdict(count().__next__)

    def add(self, batch: Sequence[CaseRecord]) -> None:
        self.cases.append(b"".join([case_digest(row.case_id) for row in batch]))
        if self.case_ids is not None:
            self.case_ids += [row.case_id for row in batch]
        contents = bytes.fromhex("".join([row.content_sha256[:16] for row in batch]))
        if len(contents) != 8 * len(batch):
            raise ValueError("a content_sha256 is too short")
        self.contents.append(contents)
        if self.twins is not None:
            self.twins.append(b"".join([self.twin_digests[row.twin_of] for row in batch]))
        self.clusters.append(np.array([self.cluster_codes[row.cluster_id] for row in batch]))
        self.kinds.append(np.array([self.kind_codes[kind] for kind in _kinds(batch)]))
        if self.watch is not None:
            self._watched(self.watch, batch)
        self.numbers["repeat"].append(np.array([row.repeat for row in batch], np.float64))
        self.numbers["block"].append(np.array([row.block for row in batch], np.float64))
        for param in PARAMS:
            given = [*map(attrgetter(f"params.{param}"), batch)]
            self.numbers[f"params.{param}"].append(np.array(given, np.float64))
        for key, codes in self.key_codes.items():
            texts = map(text_of, map(attrgetter(f"params.{key}"), batch))
            self.numbers[f"key {key}"].append(np.array([codes[text] for text in texts]))
        fields = {path: column_of(list_, path) for path, list_ in fields_of(batch, self.paths)}
        failed = np.array([row.status != "ok" for row in batch])
        for metric in self.metrics:
            values = plausible(values_of(metric, fields, self.settings), metric)
            if metric.of == "ok":
                values = np.where(failed, np.nan, values)
            values, weights = weighed(metric, values, fields, failed)
            if weights is not None:
                self.numbers[f"weight {metric.name}"].append(weights)
            self.numbers[f"value {metric.name}"].append(values)

    def _watched(self, watch: Watch, batch: Sequence[CaseRecord]) -> None:
        codes = self.condition_codes
        self.conditions.append(np.array([codes[watch.condition(row.case_id)] for row in batch]))
        for row in batch:
            watch.add(row)

    def columns(self, run: store.Run) -> Columns:
        """Everything gathered, in canonical order. Frees the gathered data on the way."""
        cases = _words(self.cases).reshape(-1, 2)
        labels = self.labels()
        entries, labels["entry"] = self.entries(repeated_classes(run.header.suite_spec))
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
            entries=entries,
            params={name: ordered(f"params.{name}") for name in PARAMS},
            keys={
                key: Labels(each.codes[order], each.names)
                for key, codes in self.key_codes.items()
                for each in [_labels(codes, self.numbers[f"key {key}"].codes())]
            },
            repeats=repeats[order],
            values={m.name: ordered(f"value {m.name}") for m in self.metrics},
            weights={
                m.name: ordered(f"weight {m.name}") for m in self.metrics if m.weight or m.per
            },
            twins=_words(self.twins)[order] if self.twins is not None else _words([]),
            levels=run.levels,
            blocks=ordered("block"),
            places=order,
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
            found[name] = _labels(each_or_none, kinds)
        if self.watch is not None:
            found["condition"] = _labels(self.condition_codes, self.conditions.codes())
        return found

    def entries(self, repeated: frozenset[str]) -> tuple[tuple[Entry, ...], Labels]:
        """The suite's entries that occur, a class after the other, and each row's entry."""
        of_kinds = [entry_of(kind[0] or "", kind[1] or "", repeated) for kind in self.kind_codes]
        entries = tuple(sorted(set(of_kinds)))
        place = {each: index for index, each in enumerate(entries)}
        rank = np.array([place[each] for each in of_kinds], np.int64)
        return entries, Labels(rank[self.kinds.codes()], tuple(each.name for each in entries))


_KIND = ("prompt_class", "label", "role", "variant", "lever", "arm", LEVEL, "pass_", "status")


def _kinds(batch: Sequence[CaseRecord]) -> Iterator[tuple[str | None, ...]]:
    """The fields that ``_KIND`` names, of each record."""
    levels = map(attrgetter(f"params.{LEVEL}"), batch)  # of a Struct here, not of a dict
    for row, level in zip(batch, levels, strict=True):
        yield (
            row.prompt_class,
            row.label,
            row.role,
            row.variant,
            row.lever,
            row.arm,
            level,
            row.pass_,
            row.status,
        )


def _texts(texts: Sequence[str]) -> NDArray[np.object_]:
    found = np.empty(len(texts), object)
    found[:] = texts
    return found


def _words(parts: Iterable[bytes]) -> NDArray[np.uint64]:
    return np.frombuffer(b"".join(parts), ">u8").astype(np.uint64)


def _labels(texts: Iterable[str], codes: Codes) -> Labels:
    """Labels for codes into ``texts``, which may repeat, with sorted names."""
    texts = [*texts]
    names = tuple(sorted(set(texts)))
    place = {name: index for index, name in enumerate(names)}
    rank = np.array([place[text] for text in texts], np.int64)
    return Labels(rank[codes], names)


class _TwinDigests(dict[str | None, bytes]):
    """First word of the digest of each twin's case id, computed once; zeros for no twin."""

    def __missing__(self, case_id: str | None) -> bytes:
        self[case_id] = case_digest(case_id)[:8] if case_id else bytes(8)
        return self[case_id]


def case_digest(case_id: str) -> bytes:
    """128-bit digest of a case id."""
    return blake2b(case_id.encode("utf-8", "surrogatepass"), digest_size=16).digest()
