"""The haystacks that a class can offer, by their names in a suite."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from stressbench.prompts.build.conditions import Condition
from stressbench.prompts.build.filler import FillerSource
from stressbench.prompts.build.params import Param
from stressbench.prompts.material.haystacks.corpus import open_corpus
from stressbench.prompts.material.haystacks.near_duplicates import NearDuplicates
from stressbench.prompts.material.haystacks.prose import PROSE
from stressbench.prompts.material.haystacks.records import RECORD_KINDS, Records
from stressbench.prompts.material.wording import END, HEAD

HAYSTACK_PARAMS: Final = (
    Param(
        name="haystack",
        default="prose",
        choices=("prose", "near_duplicates", *RECORD_KINDS, "corpus"),
        doc="The text in which the fact is hidden.",
    ),
    Param(
        name="corpus",
        default="",
        doc="For haystack corpus: a text, JSONL or CSV file, or the folder or id of a Hugging "
        "Face data set.",
    ),
    Param(
        name="field",
        default="text",
        doc="For haystack corpus: the column or key of its text.",
    ),
)


@dataclass(frozen=True, slots=True)
class Haystack:
    """A source of filler, and the wording around it."""

    source: FillerSource
    head: str
    close: str
    by_lines: bool

    def fits(self, sentence: str) -> str:
        """Give a needle the form of the haystack's phrases."""
        return sentence.strip() + "\n" if self.by_lines else sentence


def open_haystack(condition: Condition) -> Haystack:
    """Open the haystack that the parameters name. Raises ``SuiteError`` for a bad corpus."""
    kind = condition.params.text("haystack")
    if kind == "prose":
        return Haystack(PROSE, HEAD, END, by_lines=False)
    if kind == "near_duplicates":
        return Haystack(NearDuplicates(), HEAD, END, by_lines=False)
    if kind == "corpus":
        where = f"prompts.{condition.spec.name}.params.corpus"
        source = open_corpus(
            condition.params.text("corpus"), condition.params.text("field"), where=where
        )
        return Haystack(source, HEAD, END, by_lines=False)
    return Haystack(
        Records(kind), "Here are some records.\n", "End of the records.\n\n", by_lines=True
    )
