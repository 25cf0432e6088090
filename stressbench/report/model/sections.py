"""The sections of a record that a person is shown, in one order everywhere."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Final, cast

from msgspec import to_builtins

from stressbench.metrics.families import by_section
from stressbench.schema.metric import FIXED, Metric
from stressbench.schema.results.reasons import LATER, NOT_PROBED
from stressbench.schema.results.record import CaseRecord

ALWAYS: Final = ("attention", "routing")
"""Sections that every report mentions, if only to say that no probe measured them."""
_REASONS: Final = 20  # shown of a section; more are counted as "other reasons"
SECTIONS: Final = 64  # of one file; no real run has as many


class Seen:
    """Which sections records have, how many have them, and why the others do not.

    Sections that a metric reads are seen filled or null. Of any other section a record's
    reasons for null speak, and nothing else: ``Browser`` adds those that are filled.
    """

    def __init__(self) -> None:
        self.filled: Counter[str] = Counter()
        self.read = [*dict.fromkeys(m.section for m in section_metrics() if m.section)]
        self._null: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def add(self, record: CaseRecord) -> None:
        """Take note of a record's sections."""
        why = record.why_null
        for name in ("kv", *self.read):
            filled = getattr(record, name, None) is not None
            if filled or name in why or name in {"kv", *ALWAYS}:
                self._note(name, why, filled=filled)
        for name in why:
            if "." not in name and name not in FIXED and name not in self.read:
                self._note(name, why, filled=False)

    def _note(self, name: str, why: Mapping[str, str], *, filled: bool) -> None:
        if name not in self.filled and len(self.filled) >= SECTIONS:
            return
        self.filled[name] += filled
        if not filled:
            reason = why.get(name, "no reason was recorded")
            counter = self._null[name]
            known = reason in counter or len(counter) < _REASONS
            counter[reason if known else "other reasons"] += 1

    def names(self) -> list[str]:
        """Every section of a probe that was filled or null."""
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
        """Whether the suite asked a probe for it."""
        return bool(self.filled[section]) or bool(self._null[section].keys() - {NOT_PROBED})


def section_metrics() -> list[Metric]:
    """The metrics that reports show of sections."""
    return [metric for metrics in by_section().values() for metric in metrics]


def worth_reporting(filled: int, null: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    """The reasons for null that a short report names: not that no probe was asked for."""
    for reason, n in null.items():
        if reason != NOT_PROBED and not (filled and reason == LATER):
            yield reason, n


def title(section: str) -> str:
    """A section's name as a heading."""
    return _TITLES.get(section) or section.replace("_", " ").capitalize()


_TITLES: Final = {"gpu": "GPU"}


def sections(record: CaseRecord) -> Iterator[tuple[str, dict[str, object] | None]]:
    """Every section with its fields, None where it is null; sections of probes included."""
    for name in ("tokens", "timing", "kv"):
        yield name, _fields(getattr(record, name))
    for name, fields in record.sections.items():
        yield name, dict(fields) if fields is not None else None
    yield "confidence", _fields(record.confidence)


def _fields(section: object) -> dict[str, object] | None:
    return cast("dict[str, object] | None", to_builtins(section))
