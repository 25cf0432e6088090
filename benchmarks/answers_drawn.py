"""Draws recorded answers of real models, to be labelled by a person.

``python -m benchmarks.answers_drawn [--rows N] [--write FILE] RUN...``

``tests/data/answers/recorded-*.jsonl`` were drawn so and labelled by reading. A row has the
reference, the values of the prompt and the answer, but no verdict. Equal rows count once. The
strata are prompt class, scorer, recorded outcome, arm and model; the draw takes one row of each
in turn, in an order given by the seed, so rare outcomes are in it more often than in the runs.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, TypeAlias

import msgspec

from benchmarks._recorded_cases import Answered, recorded_answers
from stressbench.seeds import derive_seed

SEED: Final = 7
ROWS: Final = 480
BASELINES: Final = ("smoke", "core", "tokenization", "device")
"""The runs in ``results/`` that are drawn from if none is named."""

Stratum: TypeAlias = tuple[str, str, str, str, str]
Row: TypeAlias = dict[str, object]


def draw(answers: Iterable[tuple[str, Answered]], rows: int, *, seed: int = SEED) -> list[Row]:
    """Draw ``rows`` distinct rows, or all if there are fewer, from answers and their runs."""
    random_order = random.Random(derive_seed(seed, "answers_drawn", 0))
    strata: dict[Stratum, list[Row]] = defaultdict(list)
    seen: set[bytes] = set()
    for run, answered in answers:
        row = row_of(answered, run)
        key = msgspec.json.encode([row["scorer"], row["params"], row["expected"], row["answer"]])
        if key not in seen:
            seen.add(key)
            strata[_stratum(answered)].append(row)
    for each in strata.values():
        random_order.shuffle(each)
    drawn = list(_in_turn([strata[name] for name in sorted(strata)]))[:rows]
    return sorted(drawn, key=lambda row: str(row["id"]))


def row_of(answered: Answered, run: str) -> Row:
    """Return the unlabelled row of one answer; ``run`` is where it was recorded."""
    record, case = answered.record, answered.case
    kind = case.prompt_class if case.arm == "stress" else f"{case.prompt_class}/{case.arm}"
    return {
        "id": f"{run}/{record.role_name}/{record.case_id}/r{record.repeat}",
        "kind": kind,
        "language": "en",
        "script": "Latn",
        "scorer": case.scorer,
        "params": case.scorer_params,
        "expected": list(case.expected),
        "values": list(case.values),
        "answer": answered.text,
        "finish_reason": record.output.finish_reason,
        "run": run,
        "source": "recorded",
    }


def _stratum(answered: Answered) -> Stratum:
    record = answered.record
    quality = record.quality
    return (record.prompt_class, quality.scorer, quality.outcome, record.arm, record.role_name)


def _in_turn(lists: Sequence[Sequence[Row]]) -> Iterator[Row]:
    """Yield the first row of every list, then the second, and so on."""
    for place in range(max(map(len, lists), default=0)):
        yield from (rows[place] for rows in lists if place < len(rows))


def _all_answers(runs: Sequence[Path]) -> Iterator[tuple[str, Answered]]:
    for run in runs:
        for answered in recorded_answers(run):
            yield run.name, answered


def main(arguments: Sequence[str] = ()) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.answers_drawn")
    parser.add_argument("runs", nargs="*", type=Path, metavar="RUN")
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--write", type=Path, metavar="FILE")
    given = parser.parse_args(arguments)
    results = Path(__file__).parents[1] / "results"
    runs = given.runs or [results / f"{name}-baseline" for name in BASELINES]
    rows = draw(_all_answers(runs), given.rows, seed=given.seed)
    if given.write is None:
        print(f"{len(rows)} distinct rows; --write FILE writes them")
    else:
        given.write.write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
