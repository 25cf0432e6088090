"""How scorers agree with labels that a person gave, beside the matching rules of other harnesses.

The answers are in tests/data/answers. One half is for tuning, the other for testing; which row
is in which half is computed (``half`` in benchmarks/_answers/corpus.py). To print the tables, and
to renew those of docs/scorers.md, in about a minute:

    make bench-scorers
    python -m benchmarks.scorers --write

``--failures`` names the rows that a scorer judges wrongly, ``--format json`` prints the figures.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from benchmarks._answers.agreement import (
    Agreement,
    Verdict,
    agreement,
    beside,
    confusion,
    outcome_figures,
    verdicts,
)
from benchmarks._answers.corpus import OUTCOMES, Answer, load, split_by_scorer
from benchmarks._answers.timing import LENGTH, timed
from benchmarks._spread import spread

TARGET: Final = 0.995
"""The least share of the test half on which scorer and label agree."""
_COUNTS: Final = "n | agreement | right, partly, wrong | false right | false wrong |"
PAGE: Final = Path(__file__).parents[1] / "docs" / "scorers.md"


def report(rows: Sequence[Answer], missing: Sequence[str]) -> Iterator[str]:
    """The tables, in Markdown."""
    found = verdicts(rows)
    test = [each for each in found if each.row.half == "test"]
    if missing:
        yield f"Left out, because there is no such scorer here: {', '.join(missing)}."
        yield ""
    yield from _agreements(found)
    yield from _beside([each.row for each in test])
    yield from _by_scorer(found)
    yield from _outcomes(test)
    yield from _times(rows)


def _agreements(found: Sequence[Verdict]) -> Iterator[str]:
    yield f"| Answers | {_COUNTS}"
    yield "|---|---:|---:|---:|---:|---:|"
    for half in ("tune", "test"):
        for source in ("written", "recorded"):
            part = [e for e in found if e.row.half == half and e.row.source == source]
            if part:
                yield _agreement_row(f"{half} half, {source}", agreement(part))
    for half in ("tune", "test"):
        yield _agreement_row(
            f"{half} half", agreement([each for each in found if each.row.half == half])
        )
    yield ""


def _agreement_row(name: str, counted: Agreement) -> str:
    same = counted.same_label / counted.n if counted.n else 1.0
    return _row(
        name,
        str(counted.n),
        _share(counted),
        f"{100 * same:.1f} %",
        str(len(counted.false_right)),
        str(len(counted.false_wrong)),
    )


def _beside(test: Sequence[Answer]) -> Iterator[str]:
    yield "| Test half, rows of | rule | n | agreement | false right | false wrong |"
    yield "|---|---|---:|---:|---:|---:|"
    for scorers, name, counted in beside(test):
        yield _row(
            scorers,
            name,
            str(counted.n),
            _share(counted),
            str(len(counted.false_right)),
            str(len(counted.false_wrong)),
        )
    yield ""


def _by_scorer(found: Sequence[Verdict]) -> Iterator[str]:
    yield f"| Scorer, both halves | {_COUNTS}"
    yield "|---|---:|---:|---:|---:|---:|"
    for name in sorted({each.row.scorer for each in found}):
        yield _agreement_row(name, agreement([e for e in found if e.row.scorer == name]))
    yield ""


def _outcomes(test: Sequence[Verdict]) -> Iterator[str]:
    yield "| Outcome, test half | labelled | precision | recall | otherwise given as |"
    yield "|---|---:|---:|---:|---|"
    pairs = confusion(test)
    for figures in outcome_figures(test):
        other = [
            f"{given} {n}"
            for (label, given), n in pairs.most_common()
            if label == figures.outcome and given != label
        ]
        yield _row(
            figures.outcome,
            str(figures.labelled),
            _percent(figures.precision),
            _percent(figures.recall),
            ", ".join(other) or "-",
        )
    yield ""


def _times(rows: Sequence[Answer]) -> Iterator[str]:
    yield f"| Scorer | CPU microseconds for {LENGTH:,} characters: median (range) |"
    yield "|---|---:|"
    for name, taken in timed(rows).items():
        yield _row(name, spread(taken, "{:,.0f}"))


def failures(found: Sequence[Verdict]) -> Iterator[str]:
    """A line for each row on which scorer and label disagree, and each that was not judged."""
    for each in found:
        if each.said == each.row.label and each.reason is None:
            continue
        name = "FALSE RIGHT" if each.false_right else "FALSE WRONG" if each.false_wrong else "grade"
        row = each.row
        yield (
            f"{name}: {row.id} ({row.half}, {row.scorer}, {row.language}): "
            f"expected {row.expected}, answer {row.answer[:80]!r} "
            f"is {row.label}, judged {each.said}" + (f" ({each.reason})" if each.reason else "")
        )


def by_kind(found: Sequence[Verdict]) -> Iterator[str]:
    """The agreement of each kind, the least first."""
    yield f"| Kind | {_COUNTS}"
    yield "|---|---:|---:|---:|---:|---:|"
    kinds = {
        kind: agreement([each for each in found if each.row.kind == kind])
        for kind in sorted({each.row.kind for each in found})
    }
    for kind, counted in sorted(kinds.items(), key=lambda item: item[1].share):
        yield _agreement_row(kind, counted)
    yield ""


def as_json(rows: Sequence[Answer], missing: Sequence[str]) -> str:
    """The figures of both halves, of each kind and of each outcome, as JSON."""
    found = verdicts(rows)
    parts = {half: [each for each in found if each.row.half == half] for half in ("tune", "test")}
    parts |= {
        f"kind {kind}": [each for each in found if each.row.kind == kind]
        for kind in sorted({each.row.kind for each in found})
    }
    return json.dumps(
        {
            "left_out": list(missing),
            "agreement": {name: _figures(agreement(part)) for name, part in parts.items()},
            "test_half_by_rule": [
                {"rows_of": scorers, "rule": name, **_figures(counted)}
                for scorers, name, counted in beside([each.row for each in parts["test"]])
            ],
            "outcomes": {
                each.outcome: {
                    "labelled": each.labelled,
                    "precision": each.precision,
                    "recall": each.recall,
                }
                for each in outcome_figures(parts["test"])
            },
            "confusion": [
                {"labelled": label, "given": given, "n": n}
                for (label, given), n in sorted(confusion(parts["test"]).items())
                if label in OUTCOMES
            ],
        },
        indent=1,
    )


def _figures(counted: Agreement) -> dict[str, object]:
    return {
        "n": counted.n,
        "agreement": counted.share,
        "interval_95": list(counted.interval),
        "same_label": counted.same_label,
        "false_right": list(counted.false_right),
        "false_wrong": list(counted.false_wrong),
    }


def _share(counted: Agreement) -> str:
    low, high = counted.interval
    return f"{100 * counted.share:.1f} % [{100 * low:.1f}, {100 * high:.1f}]"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f} %"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def main() -> int:
    """Print the tables; 1 if the test half misses its target or a wrong answer is called right."""
    rows, missing = split_by_scorer(load())
    print("\n".join(report(rows, missing)))
    counted = agreement(verdicts([row for row in rows if row.half == "test"]))
    missed = counted.share < TARGET or bool(counted.wrong_called_right)
    print(f"\ntarget {TARGET:g} on the test half, no wrong answer right: ", end="")
    print("MISSED" if missed else "met")
    return int(missed)


def _write(lines: Sequence[str]) -> None:
    """Renew the tables in the docs, between their markers."""
    begin, end = "<!-- scorers:begin -->", "<!-- scorers:end -->"
    before, _, rest = PAGE.read_text("utf-8").partition(begin)
    _, _, after = rest.partition(end)
    shown = "\n".join(lines).rstrip()
    PAGE.write_text(f"{before}{begin}\n{shown}\n{end}{after}", "utf-8")


def _run(options: argparse.Namespace) -> None:
    rows, missing = split_by_scorer(load())
    if options.format == "json":
        print(as_json(rows, missing))
        return
    lines = list(report(rows, missing))
    print("\n".join(lines))
    if options.failures:
        found = verdicts(rows)
        print("\n".join(["", *by_kind(found), *failures(found)]))
    if options.write:
        _write(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="renew docs/scorers.md")
    parser.add_argument("--failures", action="store_true", help="name the rows judged wrongly")
    parser.add_argument("--format", choices=("table", "json"), default="table")
    _run(parser.parse_args())
