"""JSON: one object a line, or a list of objects."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TextIO, cast

import msgspec

from stressbench.errors import DataError
from stressbench.prompts.material.formats.row import FileRow
from stressbench.prompts.material.formats.text import LONGEST, lines, open_text, too_long

_KEY: Final = re.compile(r'"[ \t\r\n]*:')
_BLANK: Final = re.compile(r"[ \t\r\n]*")
_CHUNK: Final = 2**20
_STARTS: Final = {'"': "a text", "[": "a list", "n": "null", "t": "true", "f": "false"}
_ONE_A_LINE: Final = "write one object on each line, or remove the line"


class SpelledFloat(float):
    """A number that Python would spell in another way than the file; ``str`` is the file's."""

    __slots__ = ("spelling",)
    spelling: str

    def __str__(self) -> str:
        return self.spelling


class _DoubledKeyError(ValueError):
    pass


def json_lines(file: Path) -> Iterator[FileRow]:
    """Yield the objects of JSON Lines; blank lines are nothing.

    Integers are exact at any length, and other numbers keep their spelling: ``str`` of 5.0 is
    5.0, of 0.10 it is 0.10. NaN is null.
    """
    for number, line in lines(file):
        if line.isspace():
            continue
        place = f"{file}:{number}"
        found = _object(line, place)
        if not isinstance(found, dict):
            if number == 1 and line.lstrip()[:1] == "[":
                hint = "a list of objects belongs into a file whose name ends in .json"
            else:
                hint = _ONE_A_LINE
            kind = _STARTS.get(line.lstrip()[:1], "a number")
            raise DataError(f"not a JSON object but {kind}", where=place, hint=hint)
        yield FileRow(found, str(file), number)


def json_list(file: Path) -> Iterator[FileRow]:
    """Yield the objects of a list, or objects one after another; the list is never held whole."""
    with open_text(file, newline=None) as text:
        source = _Objects(text, file)
        listed = source.peek() == "["
        if listed:
            source.skip()
        while char := source.peek():
            if listed and char == "]":
                source.skip()
                if source.peek():
                    raise source.refusal("something follows the end of the list")
                return
            line = source.line
            yield FileRow(source.take(), str(file), line)
            if listed and (after := source.peek()) != "]":
                if after != ",":
                    raise source.refusal(
                        "a comma or ] is missing after an object" if after else "the list is cut"
                    )
                source.skip()
                if source.peek() == "]":
                    raise source.refusal("a comma stands before the end of the list")
        if listed:
            raise source.refusal("the list is cut")


class _Objects:
    """JSON objects out of a stream, of which only the one at hand is in memory."""

    def __init__(self, text: TextIO, file: Path) -> None:
        self.line = 1
        self._text = text
        self._file = file
        self._held = ""
        self._at = 0
        self._ended = False

    def peek(self) -> str:
        """Pass over blanks and return the next character, "" at the end."""
        while True:
            blank = cast("re.Match[str]", _BLANK.match(self._held, self._at))
            self._advance(blank.end())
            if self._at < len(self._held) or not self._more(_CHUNK):
                return self._held[self._at : self._at + 1]

    def skip(self) -> None:
        self._at += 1

    def take(self) -> dict[str, object]:
        """Return the next object."""
        char = self.peek()
        if char != "{":
            kind = _STARTS.get(char, "a number" if char in "-0123456789" else repr(char))
            raise self.refusal(f"not a JSON object but {kind}")
        while True:
            try:
                found, end = _EXACT.raw_decode(self._held, self._at)
            except (ValueError, RecursionError) as error:
                # A text that was read in part fails as a broken one does: read on, then judge.
                held = len(self._held) - self._at
                if held > LONGEST:
                    raise too_long("JSON object", f"{self._file}:{self.line}") from error
                if isinstance(error, json.JSONDecodeError) and self._more(max(held, _CHUNK)):
                    continue
                line = self.line
                if isinstance(error, json.JSONDecodeError):
                    line += self._held.count("\n", self._at, error.pos)
                raise _refused(error, f"{self._file}:{line}", "mend the file") from error
            self._advance(end)
            return cast("dict[str, object]", found)

    def refusal(self, message: str) -> DataError:
        return DataError(
            message, where=f"{self._file}:{self.line}", hint="write a list of objects: [{...}, ...]"
        )

    def _advance(self, end: int) -> None:
        self.line += self._held.count("\n", self._at, end)
        self._at = end

    def _more(self, chars: int) -> bool:
        if self._ended:
            return False
        piece = self._text.read(chars)
        self._ended = not piece
        self._held, self._at = self._held[self._at :] + piece, 0
        return not self._ended


def _object(line: str, place: str) -> object:
    """Decode a line: fast, and once more with every check if there is anything to say."""
    try:
        found = _FAST.decode(line)
    except (msgspec.DecodeError, RecursionError):
        pass
    else:
        # Each key of the line has a quote and a colon after it; so may text inside a string.
        if _keys(found) == len(_KEY.findall(line)):
            return found
    try:
        return _EXACT.decode(line)
    except (ValueError, RecursionError) as error:
        cut = line.strip() in {"{", "["}
        hint = "is this one JSON text over several lines? then name it .json" if cut else ""
        raise _refused(error, place, hint or _ONE_A_LINE) from error


def _refused(error: Exception, place: str, hint: str) -> DataError:
    match error:
        case json.JSONDecodeError():
            why = f"not a JSON object: {error.msg[:1].lower()}{error.msg[1:]}, column {error.colno}"
        case _DoubledKeyError():
            why = f"the key {error.args[0]!r} stands twice in one object"
        case RecursionError():
            why = "lists or objects are nested too deeply"
        case _:  # sys.get_int_max_str_digits
            why = "an integer has more than 4,300 digits"
    return DataError(why, where=place, hint=hint)


def _keys(value: object) -> int:
    if isinstance(value, dict):
        return len(value) + sum(_keys(v) for v in value.values() if isinstance(v, dict | list))
    if isinstance(value, list):
        return sum(_keys(each) for each in value if isinstance(each, dict | list))
    return 0


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _DoubledKeyError(Counter(key for key, _ in pairs).most_common(1)[0][0])
    return found


def _number(spelling: str) -> float:
    value = float(spelling)
    if repr(value) == spelling:
        return value
    spelled = SpelledFloat(value)
    spelled.spelling = spelling
    return spelled


def _constant(name: str) -> float | None:
    return None if name == "NaN" else _number(name)


_FAST: Final = msgspec.json.Decoder(float_hook=_number)
_EXACT: Final = json.JSONDecoder(
    object_pairs_hook=_unique, parse_float=_number, parse_constant=_constant
)
