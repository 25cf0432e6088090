"""The sections of a record that a person is shown, in one order everywhere."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, cast

from msgspec import to_builtins

from stressbench.metrics.families import by_section
from stressbench.schema.metric import Metric
from stressbench.schema.results.reasons import LATER, NOT_PROBED
from stressbench.schema.results.record import CaseRecord

ALWAYS: Final = ("attention", "routing")
"""Sections that are spoken of in every report, if only to say that no probe looked."""
_REASONS: Final = 20  # shown of a section; more are counted as "other reasons"
_SECTIONS: Final = 64  # of one file; a file that has more was not written by probes


class Seen:
    """Which sections records have, how many have them, and why the others do not."""

    def __init__(self) -> None:
        self.filled: Counter[str] = Counter()
        self._null: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def watch(self, records: Iterable[CaseRecord]) -> Iterator[CaseRecord]:
        """Pass records on, each taken note of."""
        for record in records:
            self.add(record)
            yield record

    def add(self, record: CaseRecord) -> None:
        """Take note of a record's sections."""
        for name, found in {**dict.fromkeys(ALWAYS), **record.sections, "kv": record.kv}.items():
            if name not in self.filled and len(self.filled) >= _SECTIONS:
                continue
            self.filled[name] += found is not None
            if found is None:
                self.null(name, record.why_null.get(name, "no reason was recorded"))

    def null(self, section: str, reason: str) -> None:
        """Count a reason why something of a section is not there."""
        counter = self._null[section]
        known = reason in counter or len(counter) < _REASONS
        counter[reason if known else "other reasons"] += 1

    def names(self) -> list[str]:
        """Every section that probes name, filled or null."""
        return [name for name in self.filled if name != "kv"]

    def reasons(self, section: str) -> dict[str, int]:
        """How many records lack it for each reason, the most frequent first."""
        return dict(self._null[section].most_common())

    def shown(self) -> dict[str, list[Metric]]:
        """The metrics that have something to show here, by section."""
        return {
            name: metrics
            for name, metrics in by_section().items()
            if self.filled[name] or any(metric.section is None for metric in metrics)
        }

    def asked(self, section: str) -> bool:
        """Whether a probe looked for it, in vain or not."""
        return bool(self.filled[section]) or bool(self._null[section].keys() - {NOT_PROBED})


def worth_telling(filled: int, null: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    """Those reasons for null that a short report names: neither no probe nor another pass."""
    for reason, n in null.items():
        if reason != NOT_PROBED and not (filled and reason == LATER):
            yield reason, n


def title(section: str) -> str:
    """A section's name as a heading."""
    return _TITLES.get(section) or section.replace("_", " ").capitalize()


_TITLES: Final = {"gpu": "GPU"}


def sections(record: CaseRecord) -> Iterator[tuple[str, dict[str, object] | None]]:
    """Every section with its fields, None where it is null; what probes name comes by itself."""
    for name in ("tokens", "timing", "kv"):
        yield name, _fields(getattr(record, name))
    for name, fields in record.sections.items():
        yield name, dict(fields) if fields is not None else None
    yield "confidence", _fields(record.confidence)


def _fields(section: object) -> dict[str, object] | None:
    return cast("dict[str, object] | None", to_builtins(section))
