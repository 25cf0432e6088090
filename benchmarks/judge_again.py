"""Judges the answers of recorded runs again, with today's scorers.

``python -m benchmarks.judge_again [--write FOLDER] RUN...``

Prints how many verdicts moved, from which outcome to which, with three examples of each. With
``--write`` each run is written into ``FOLDER`` under its own name, with the new ``quality``; all
else in it stays byte for byte. The runs themselves are never changed. A section of figures that a
third party's scorer fills is left as it was recorded.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import msgspec

from benchmarks._recorded_cases import recorded_answers
from benchmarks.answers_drawn import BASELINES, RESULTS
from stressbench.errors import ResultsError, StressbenchError
from stressbench.schema.results.record import CaseRecord, Quality
from stressbench.scorers.base import judge
from stressbench.store import RECORDS

EXAMPLES: Final = 3
_FIGURES: Final = ("score", "em", "precision", "recall", "answer")
_SHOWN: Final = 100
"""Characters of an answer that an example shows."""

Key: TypeAlias = tuple[str, str | None, str | None, str, str, int, int | None]


@dataclass(frozen=True, slots=True)
class JudgedAgain:
    """One answer with its recorded quality and today's."""

    record: CaseRecord
    now: Quality
    unjudged: str | None
    """Why today's scorer could not judge it."""

    @property
    def was(self) -> Quality:
        """The recorded quality."""
        return self.record.quality

    @property
    def moved(self) -> bool:
        """Whether the score or the outcome changed."""
        return (self.was.score, self.was.outcome) != (self.now.score, self.now.outcome)


def judged_again(run: Path) -> Iterator[JudgedAgain]:
    """Judge every recorded answer of a run. Raises ``ResultsError``, as ``recorded_answers``."""
    for answered in recorded_answers(run):
        finish_reason = answered.record.output.finish_reason
        now, unjudged = judge(answered.text, answered.case, finish_reason=finish_reason)
        yield JudgedAgain(answered.record, now, unjudged)


def summary(run: Path, verdicts: Sequence[JudgedAgain]) -> str:
    """Say which verdicts of a run moved, most frequent first."""
    moved: dict[tuple[str, str], list[JudgedAgain]] = defaultdict(list)
    for each in verdicts:
        if each.moved:
            moved[each.was.outcome, each.now.outcome].append(each)
    number = sum(map(len, moved.values()))
    scores = " -> ".join(_mean([q.score for q in side]) for side in _sides(verdicts))
    lines = [f"{run.name}: {number} of {len(verdicts)} verdicts moved; mean score {scores}"]
    for (was, now), cases in sorted(moved.items(), key=lambda pair: -len(pair[1])):
        lines.append(f"  {was} -> {now}: {len(cases)}")
        examples = {_example(each): None for each in cases}
        lines += [f"    {example}" for example in list(examples)[:EXAMPLES]]
    return "\n".join(lines)


def write(run: Path, verdicts: Sequence[JudgedAgain], folder: Path) -> Path:
    """Write the run with its new qualities into ``folder / run.name``, and return that path.

    Raises ``ResultsError`` if it exists, so no run is overwritten.
    """
    target = folder / run.name
    if target.exists():
        raise ResultsError(
            "the folder exists, and no run is overwritten",
            where=str(target),
            hint="name another folder",
        )
    renewed = {_key(each.record): each for each in verdicts}
    shutil.copytree(run, target, ignore=shutil.ignore_patterns(RECORDS))
    with (run / RECORDS).open("rb") as source, (target / RECORDS).open("wb") as copy:
        for line in source:
            copy.write(_renewed(line, renewed))
    return target


def _renewed(line: bytes, renewed: Mapping[Key, JudgedAgain]) -> bytes:
    """The line with its new quality; unchanged if it is no case line or was not judged again."""
    fields = msgspec.json.decode(line, type=dict[str, msgspec.Raw])
    if msgspec.json.decode(fields["type"]) != "case":
        return line
    record = msgspec.json.decode(line, type=CaseRecord)
    verdict = renewed.get(_key(record))
    if verdict is None or verdict.now == verdict.was:
        return line
    why = {
        name: reason
        for name, reason in record.why_null.items()
        if name not in {f"quality.{figure}" for figure in _FIGURES}
    }
    for figure in _FIGURES:
        if getattr(verdict.now, figure) is None:
            why[f"quality.{figure}"] = verdict.unjudged or "the scorer has no such figure"
    fields["quality"] = msgspec.Raw(msgspec.json.encode(verdict.now))
    fields["why_null"] = msgspec.Raw(msgspec.json.encode(dict(sorted(why.items()))))
    return msgspec.json.encode(fields) + b"\n"


def _key(record: CaseRecord) -> Key:
    """What tells the requests of a run apart."""
    return (
        record.role,
        record.variant,
        record.lever,
        record.case_id,
        record.pass_,
        record.repeat,
        record.block,
    )


def _sides(verdicts: Sequence[JudgedAgain]) -> tuple[list[Quality], list[Quality]]:
    return [each.was for each in verdicts], [each.now for each in verdicts]


def _mean(scores: Sequence[float | None]) -> str:
    known = [score for score in scores if score is not None]
    return f"{sum(known) / len(known):.3f}" if known else "unknown"


def _example(each: JudgedAgain) -> str:
    """One line: what was expected, and the beginning of the answer."""
    text = each.record.output.text or ""
    shown = ascii(text[:_SHOWN]) + ("..." if len(text) > _SHOWN else "")
    expected = " or ".join(each.was.expected)
    return f"{each.record.case_id}: expected {expected!a}, answer {shown}"


def main(arguments: Sequence[str] = ()) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.judge_again")
    parser.add_argument("runs", nargs="*", type=Path, metavar="RUN")
    parser.add_argument("--write", type=Path, metavar="FOLDER")
    given = parser.parse_args(arguments)
    total: Counter[str] = Counter()
    try:
        for run in given.runs or [RESULTS / f"{name}-baseline" for name in BASELINES]:
            verdicts = list(judged_again(run))
            total.update("moved" if each.moved else "same" for each in verdicts)
            print(summary(run, verdicts))
            if given.write is not None:
                print(f"  written: {write(run, verdicts, given.write)}")
    except StressbenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return int(error.exit_code)
    print(f"in all: {total['moved']} of {total.total()} verdicts moved")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
