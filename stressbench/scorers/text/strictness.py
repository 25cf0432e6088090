"""How exactly a reference has to be met: the scorer parameters ``case`` and ``strict``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from stressbench.catalog import nearest
from stressbench.errors import SuiteError
from stressbench.scorers.text import phrases
from stressbench.scorers.text.spelling import parted


@dataclass(frozen=True, slots=True, kw_only=True)
class Strictness:
    """Which differences of spelling count.

    ``case``: letter case counts. ``strict``: every character counts, apart from the blanks,
    quotation marks and full stop around the whole; for codes and identifiers.
    """

    case: bool = False
    strict: bool = False

    def text(self, answer: str) -> str:
        """Return an answer in the spelling to search."""
        return " ".join(answer.split()) if self.strict else parted(answer, case=self.case)

    def phrase(self, value: str) -> str:
        """Return a value in the spelling to look for."""
        if self.strict:
            return phrases.bare(self.text(value))
        return phrases.phrase(value, case=self.case)


def of(params: Mapping[str, object], *, case: bool = False) -> Strictness:
    """Return the strictness that scorer parameters ask for; ``case`` unless they say otherwise."""
    return Strictness(
        case=params.get("case", case) is True, strict=params.get("strict", False) is True
    )


def check(scorer: str, params: Mapping[str, object]) -> None:
    """Raise ``SuiteError`` for an unknown parameter, and for one that is not true or false."""
    for name, value in params.items():
        if name not in {"case", "strict"}:
            raise SuiteError(
                f"the {scorer} scorer has no parameter {name!r}{nearest(name, ['case', 'strict'])}",
                hint="it has `case` (letter case counts) and `strict` (every character counts)",
            )
        if not isinstance(value, bool):
            raise SuiteError(
                f"the parameter {name} of the {scorer} scorer must be true or false, not {value!r}"
            )
