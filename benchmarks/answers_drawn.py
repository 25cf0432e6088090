"""Draws recorded answers of real models, to be labelled by a person.

``python -m benchmarks.answers_drawn [--rows N] [--known FILE] [--write FILE] RUN...``

``tests/data/answers/recorded-*.jsonl`` were drawn with it and labelled by reading. A row has the
reference, the values of the prompt and the answer, but no verdict. Equal rows count once, and
those in a ``--known`` file are left out. The strata are prompt class, scorer, recorded outcome,
arm and model; the draw takes one row of each in turn, in an order given by the seed, so rare
outcomes are more frequent in it than in the runs.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Final, TypeAlias

import msgspec

from benchmarks._recorded_cases import Answered, recorded_answers
from stressbench.seeds import derive_seed

SEED: Final = 7
ROWS: Final = 480
RESULTS: Final = Path(__file__).parents[1] / "results"
BASELINES: Final = ("smoke", "core", "tokenization", "device")
"""The runs in ``results/`` that are drawn from if none is named."""

Stratum: TypeAlias = tuple[str, str, str, str, str]
Row: TypeAlias = dict[str, object]


def draw(
    answers: Iterable[Answered], rows: int, *, known: Iterable[Row] = (), seed: int = SEED
) -> list[Row]:
    """Draw ``rows`` distinct rows, or all if there are fewer, without the ``known`` ones."""
    random_order = random.Random(derive_seed(seed, "answers_drawn", 0))
    strata: dict[Stratum, list[Row]] = defaultdict(list)
    seen = {content(row) for row in known}
    for answered in answers:
        row = row_of(answered)
        if answered.record.pass_ == "quality" and content(row) not in seen:
            seen.add(content(row))
            strata[_stratum(answered)].append(row)
    for each in strata.values():
        random_order.shuffle(each)
    drawn = list(_in_turn([strata[name] for name in sorted(strata)]))[:rows]
    return sorted(drawn, key=lambda row: str(row["id"]))


def row_of(answered: Answered) -> Row:
    """Return the unlabelled row of one answer; ``run`` is the id of its run."""
    record, case = answered.record, answered.case
    kind = case.prompt_class if case.arm == "stress" else f"{case.prompt_class}/{case.arm}"
    return {
        "id": f"{record.run_id}/{record.role_name}/{record.case_id}/r{record.repeat}",
        "kind": kind,
        "language": "en",
        "script": "Latn",
        "scorer": case.scorer,
        "params": dict(case.scorer_params),
        "expected": list(case.expected),
        "values": list(case.values),
        "answer": answered.text,
        "finish_reason": record.output.finish_reason,
        "run": record.run_id,
        "source": "recorded",
    }


def content(row: Row) -> bytes:
    """What makes two rows equal."""
    wanted = [row["scorer"], row.get("params", {}), row["expected"], row["answer"]]
    return msgspec.json.encode(wanted)


def _stratum(answered: Answered) -> Stratum:
    record = answered.record
    quality = record.quality
    return (record.prompt_class, quality.scorer, quality.outcome, record.arm, record.role_name)


def _in_turn(lists: Sequence[Sequence[Row]]) -> Iterator[Row]:
    """Yield the first row of every list, then the second, and so on."""
    for place in range(max(map(len, lists), default=0)):
        yield from (rows[place] for rows in lists if place < len(rows))


def rows_of(file: Path) -> list[Row]:
    """Read a file of rows, labelled or not."""
    return msgspec.json.Decoder(Row).decode_lines(file.read_bytes())


def main(arguments: Sequence[str] = ()) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.answers_drawn")
    parser.add_argument("runs", nargs="*", type=Path, metavar="RUN")
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--known", type=Path, metavar="FILE", action="append", default=[])
    parser.add_argument("--write", type=Path, metavar="FILE")
    given = parser.parse_args(arguments)
    runs = given.runs or [RESULTS / f"{name}-baseline" for name in BASELINES]
    answers = chain.from_iterable(map(recorded_answers, runs))
    known = chain.from_iterable(map(rows_of, given.known))
    rows = draw(answers, given.rows, known=known, seed=given.seed)
    if given.write is None:
        print(f"{len(rows)} distinct rows; --write FILE writes them")
    else:
        given.write.write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
