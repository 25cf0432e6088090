"""Looking up one cell of a long table, or one constant of a long program."""

from __future__ import annotations

import random
from collections.abc import Mapping

from stressbench.prompts.base import Condition, Param, Passage, PromptOutline, Traits
from stressbench.prompts.material.facts import NAMES, SURNAMES
from stressbench.prompts.material.wording import CONTEXT_ARMS, controls
from stressbench.schema.suite.suite import Arm

_COLUMNS = ("age", "score", "height")


class LongCodeTable:
    """One number from a table of people, or one constant from a program.

    All numbers are different, so reading the wrong row or column shows as a detached
    reference. The row that is asked for is at the depth.
    """

    traits = Traits(
        scorer="numeric",
        arms=CONTEXT_ARMS,
        params=(
            Param(
                name="rows",
                default=20,
                least=2,
                most=1900,
                doc="Rows of the table, or constants of the program.",
            ),
            Param(
                name="kind",
                default="table",
                choices=("table", "code"),
                doc="A Markdown table or a Python module.",
            ),
        ),
        deep=True,
        tiny={"rows": 3},
    )

    def outlines(self, condition: Condition) -> Mapping[Arm, PromptOutline]:
        """Outline all rows, no rows, and only the row that is asked for."""
        count = condition.params.count("rows")
        rng = condition.rng("rows")
        pairs = [(name, surname) for name in NAMES for surname in SURNAMES]
        people = rng.sample(pairs, count)
        numbers = rng.sample(range(1000, 10_000), count * len(_COLUMNS))
        gold = round((condition.depth or 0.0) * (count - 1))
        order = [*range(1, gold + 1), 0, *range(gold + 1, count)]
        make = _table if condition.params.text("kind") == "table" else _code
        return controls(make(rng, people, numbers, order))


def _table(
    rng: random.Random, people: list[tuple[str, str]], numbers: list[int], order: list[int]
) -> PromptOutline:
    column = rng.randrange(len(_COLUMNS))
    width = len(_COLUMNS)
    rows = {row: numbers[row * width : (row + 1) * width] for row in range(len(people))}
    head = "| name | " + " | ".join(_COLUMNS) + " |\n" + "|---" * (width + 1) + "|\n"
    return PromptOutline(
        head="Here is a table.\n" + head,
        passages=tuple(
            Passage(
                part="rival" if row else "needle",
                text=f"| {' '.join(people[row])} | {' | '.join(map(str, rows[row]))} |\n",
            )
            for row in order
        ),
        close="\n",
        question=f"What is the {_COLUMNS[column]} of {' '.join(people[0])}? "
        "Answer with the number only.",
        expected=(str(rows[0][column]),),
        values=tuple(str(number) for number in numbers if number != rows[0][column]),
    )


def _code(
    rng: random.Random, people: list[tuple[str, str]], numbers: list[int], order: list[int]
) -> PromptOutline:
    units = [rng.choice(("LIMIT", "DELAY", "SIZE")) for _ in people]
    names = ["_".join((*pair, unit)).upper() for pair, unit in zip(people, units, strict=True)]
    return PromptOutline(
        head="Here is a program.\n",
        passages=tuple(
            Passage(part="rival" if row else "needle", text=f"{names[row]} = {numbers[row]}\n")
            for row in order
        ),
        close="\n",
        question=f"What is the value of {names[0]}? Answer with the number only.",
        expected=(str(numbers[0]),),
        values=tuple(str(number) for number in numbers[1 : len(people)]),
    )


PLUGIN = LongCodeTable()
