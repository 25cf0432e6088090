"""Reads logged prompts, with their references and times, from the rows of a data set."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from stressbench.catalog import nearest
from stressbench.errors import DataError, SuiteError
from stressbench.prompts.material.cell import columns_of, filled, references_of
from stressbench.prompts.material.conversation import asked_of, check_turns, messages_of
from stressbench.prompts.material.rows import FileRow, read_rows
from stressbench.prompts.material.times import time_s
from stressbench.schema.message import Message, characters

_NEEDED: Final = re.compile(
    r"(context|passage|document|article|paragraph|evidence|choice|option|instruction|system"
    r"|tool|function|image|audio|history)s?(_prompt|_message|_text)?",
    re.IGNORECASE,
)
"""Columns without which a prompt can hardly be answered."""
_ANSWERS: Final = re.compile(
    r"(answer|reference|target|label|gold|expected|solution|completion|response|output|truth)s?"
    r"|gold_answers?|expected_(answer|output)s?|ground_truths?",
    re.IGNORECASE,
)
"""Columns that look like references, if the one that is looked for is missing."""
_TABLES: Final = frozenset({".csv", ".tsv"})
"""Formats whose cells hold only text, so lists are written as JSON."""
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class LogColumns:
    """Which columns hold what. An empty name is no column."""

    field: str
    answer: str
    time: str
    options: str
    prompt: str
    """A text with columns in braces, instead of ``field``."""
    system: str
    """The same for a system turn, which comes first."""
    required: tuple[str, ...]
    """Parameters that a person named, so some row must have their columns."""
    delimiter: str = ""
    """What is between the cells of a CSV file; empty for what its ending says."""

    def named(self) -> dict[str, str]:
        """The columns by the parameter that names them."""
        return {
            "answer_field": self.answer,
            "time_field": self.time,
            "options_field": self.options,
        }

    def used(self) -> set[str]:
        """Every column that is read."""
        texts = columns_of(self.prompt) + columns_of(self.system)
        return {*texts, *self.named().values(), *([] if self.prompt else [self.field])}


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedPrompt:
    """One prompt of a log."""

    row: int
    messages: tuple[Message, ...]
    answers: tuple[str, ...]
    options: tuple[str, ...]
    time_s: float | None

    @property
    def characters(self) -> int:
        """Length of all turns."""
        return characters(self.messages)


class LogReader:
    """Reads the prompts of a log in one pass, and remembers what it saw on the way."""

    def __init__(self, path: str, columns: LogColumns, *, where: str) -> None:
        self._path = path
        self._columns = columns
        self._where = where
        self._table = Path(path.lower().removesuffix(".gz")).suffix in _TABLES
        self._used = columns.used()
        self._seen: Counter[str] = Counter()
        """In how many rows each column has a value."""
        self._present: set[str] = set()
        self._answered = 0
        """Prompts whose reference is the last turn of the log."""
        self._turns = False
        """Whether some prompt is a conversation, not a text."""

    def prompts(self) -> Iterator[LoggedPrompt]:
        """Yield every prompt that is not blank. Raises ``SuiteError`` naming row and column."""
        columns = self._columns
        rows = read_rows(
            self._path,
            where=self._where,
            text_field=columns.field,
            delimiter=columns.delimiter,
        )
        for number, row in enumerate(rows):
            self._present.update(row)
            self._seen.update(name for name, value in row.items() if value not in (None, "", []))
            messages = self._messages(row)
            if not any(each.content.strip() or each.tool_calls for each in messages):
                continue
            answers = self._references(row, columns.answer)
            sent, answer = asked_of(messages)
            self._check(row, sent)
            if not answers and answer and columns.answer:
                answers = (answer,)
                self._answered += 1
            yield LoggedPrompt(
                row=number,
                messages=sent,
                answers=answers,
                options=self._references(row, columns.options),
                time_s=self._time(row),
            )

    def check(self) -> None:
        """Refuse a column that a person named and no row has. Call after the pass."""
        for name, column in self._columns.named().items():
            if name in self._columns.required and column and column not in self._present:
                raise SuiteError(
                    f"no row of {self._path!r} has {column!r}; the rows have "
                    f"{', '.join(sorted(self._present)) or 'no columns'}"
                    f"{nearest(column, self._present)}",
                    where=self._where.removesuffix("path") + name,
                    hint=f"name a column that is there, or leave {name} out",
                )

    def notes(self) -> tuple[str, ...]:
        """What a person should know about these data. Call after the pass."""
        found = []
        ignored = [
            name
            for name in sorted(self._seen)
            if name not in self._used and _NEEDED.fullmatch(name)
        ]
        if ignored:
            named = "}\\n\\n{".join(ignored if self._turns else [*ignored, self._columns.field])
            param = "system" if self._turns else "prompt"
            found.append(
                f"{self._path}: {_listed('column', ignored)} not sent; to send what is there: "
                f'{param}: "{{{named}}}"'
            )
        answer = self._columns.answer
        if answer and answer not in self._present and not self._answered:
            near = [
                name
                for name in sorted(self._seen)
                if name not in self._used and _ANSWERS.fullmatch(name)
            ]
            if near:
                found.append(
                    f"{self._path}: no row has {answer!r}, so only the form of the answers is "
                    f"judged; for references: answer_field: {near[0]}"
                )
        if self._answered:
            found.append(
                f"{self._path}: the last assistant turn is the reference of {self._answered} "
                f'prompts and is not sent; to judge only the form: answer_field: ""'
            )
        return tuple(found)

    def _messages(self, row: FileRow) -> tuple[Message, ...]:
        columns = self._columns
        self._turns |= not columns.prompt and not isinstance(row.get(columns.field), str)
        if columns.prompt:
            text = _read(row, "prompt", lambda: filled(columns.prompt, row))
            messages = messages_of(text)
        elif columns.field in row:
            value = self._cell(row[columns.field])
            messages = _read(row, columns.field, lambda: messages_of(value))
        else:
            raise DataError(
                f"the row has no {columns.field!r}; it has {', '.join(row) or 'nothing'}",
                where=row.place,
                hint="name the column with `field`, or several columns with `prompt`",
            )
        if not columns.system:
            return messages
        system = _read(row, "system", lambda: filled(columns.system, row))
        if any(each.role == "system" for each in messages):
            raise row.refusal(
                columns.field,
                "the conversation has a system turn of its own, and `system` adds another",
                hint="leave `system` out, or remove the row",
            )
        return (Message(role="system", content=system), *messages) if messages else ()

    def _time(self, row: FileRow) -> float | None:
        column = self._columns.time
        try:
            return time_s(row.get(column))
        except ValueError as error:
            if "time_field" in self._columns.required:
                raise row.refusal(
                    column, str(error), hint="write seconds, or name another column"
                ) from error
            return None

    def _check(self, row: FileRow, sent: tuple[Message, ...]) -> None:
        _read(row, self._columns.field, lambda: check_turns(sent))

    def _references(self, row: FileRow, column: str) -> tuple[str, ...]:
        value = self._cell(row.get(column))
        return _read(row, column, lambda: references_of(value))

    def _cell(self, value: object) -> object:
        """A value; of a table, a JSON list or object that is written as text."""
        if not self._table or not isinstance(value, str) or value[:1] not in {"[", "{"}:
            return value
        try:
            found = msgspec.json.decode(value)
        except msgspec.DecodeError:
            return value
        whole = isinstance(found, Mapping) or all(isinstance(each, str | dict) for each in found)
        return found if whole and found else value


def _read(row: FileRow, column: str, read: Callable[[], _T]) -> _T:
    """What ``read`` returns. Raises ``DataError`` naming the row for what it cannot read."""
    try:
        return read()
    except SuiteError as error:
        raise row.refusal(column, error.message, hint=error.hint or "remove the row") from error


def _listed(noun: str, names: list[str]) -> str:
    shown = ", ".join(map(repr, names))
    return f"{noun} {shown} is" if len(names) == 1 else f"{noun}s {shown} are"
