"""One row of a user's data, and where it stands."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from stressbench.errors import DataError

_HALF: Final = re.compile(r"[\ud800-\udfff]")
_TYPES: Final = (
    (str, "a text"),
    (int | float, "a number"),
    (bytes, "binary data that is no UTF-8"),
    (list, "a list"),
)


@dataclass(frozen=True, slots=True, eq=False)
class FileRow(Mapping[str, object]):
    """The cells of a row by the name of their column.

    A cell is what JSON has: a text, a number, true or false, null (``None``), a list or an
    object. Bytes that are no UTF-8 stay ``bytes``. NaN is null, in every format.
    """

    cells: Mapping[str, object]
    file: str
    number: int
    """Line on which the row begins, or number of the row; both count from 1."""
    unit: Literal["line", "row"] = "line"

    @property
    def place(self) -> str:
        """``traffic.jsonl:17``, or ``traffic.parquet: row 17`` for a file without lines."""
        return (
            f"{self.file}:{self.number}"
            if self.unit == "line"
            else f"{self.file}: row {self.number}"
        )

    def refusal(self, column: str, message: str, *, hint: str) -> DataError:
        """Return the error that names file, line and column: ``traffic.jsonl:17:prompt``."""
        mark = ":" if self.unit == "line" else ": "
        return DataError(message, where=f"{self.place}{mark}{column}", hint=hint)

    def text(self, column: str) -> str:
        """Return a text; a number is the text that spells it.

        Raises ``DataError`` for any other type, for a column that is not there and for half a
        surrogate pair, which no tokenizer can encode.
        """
        if column not in self.cells:
            raise DataError(
                f"the row has no {column!r}; it has {', '.join(self.cells) or 'nothing'}",
                where=self.place,
                hint="name the column with `field`",
            )
        value = self.cells[column]
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise self.refusal(
                column,
                f"{column!r} is {type_name(value)} where a text is expected",
                hint="write a text, remove the row, or name another column",
            )
        text = str(value)
        if half_of_pair(text):
            raise self.refusal(
                column,
                f"{column!r} holds one half of a surrogate pair, which is no character",
                hint="write both halves (\\ud83d\\ude00), or remove the one",
            )
        return text

    def __getitem__(self, column: str) -> object:
        return self.cells[column]

    def __iter__(self) -> Iterator[str]:
        return iter(self.cells)

    def __len__(self) -> int:
        return len(self.cells)


def half_of_pair(text: str) -> bool:
    """Whether a text holds half a surrogate pair, as JSON's escapes can spell it."""
    return not text.isascii() and _HALF.search(text) is not None


def type_name(value: object) -> str:
    """Return the name that JSON has for the type of ``value``, with its article."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return next((name for kind, name in _TYPES if isinstance(value, kind)), "an object")
