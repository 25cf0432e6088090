"""Finds code, tables, log lines and JSON in a text. Every rule takes linear time."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Final, Never

import msgspec
import numpy as np
import numpy.typing as npt

from stressbench.survey.runs import CharSpan, code_points, matches

_LOG: Final = re.compile(
    r"^(?:\[?\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d|\[?\d\d:\d\d:\d\d[.,\d]*\]? "
    r"|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d "
    r"|\d{1,3}(?:\.\d{1,3}){3} \S+ \S+ \[|[IWEF]\d{4} \d\d:\d\d:\d\d"
    r"|\[?(?:TRACE|DEBUG|INFO|WARN(?:ING)?|ERROR|FATAL|CRITICAL)\b[\]: ])[^\n]*\n?",
    re.MULTILINE,
)
_PIPES: Final = re.compile(r"^[ \t]*\|[^\n]*\|[ \t]*(?:\n|\Z)", re.MULTILINE)
_CODE: Final = re.compile(
    r"^[ \t]*+(?:"
    r"(?:async )?def \w+\(|class \w+[(:{]|(?:import|from) [\w.]+(?:$| import | as )"
    r"|(?:if|elif|for|while|with|try|except|else)\b[^\n]*:[ \t]*$|return\b[^\n]{0,80}$"
    r"|(?:public|private|protected|static|const|let|var|function|func|fn|struct|enum|impl|use"
    r"|package|namespace|template|export|type|interface|pub|mut)\b[^\n]*[;{(=][^\n]*$"
    r"|\#(?:include|define|ifdef|endif|pragma)\b|@\w+[\w.]*(?:\(|$)|//|/\*|\*/|\#!/"
    r"|[\w.\[\]]+[ ]?(?:[-+*/|&]?=|:=|<-)[ ]?[^=\s][^\n]*$|[}\])]+[;,]?[ \t]*$"
    r"|[^\n]{0,300}[;{][ \t]*$|[\w.]+\([^\n]*\)[;:,]?[ \t]*$|</?[a-zA-Z][^>\n]*>"
    r"|(?:SELECT|INSERT INTO|UPDATE|DELETE FROM|CREATE|ALTER|DROP)\b[^\n]*$)",
    re.MULTILINE,
)
_FENCE: Final = re.compile(r"^```[^\n]*\n(?:(?!```)[^\n]*\n)*+(?:```|\Z)", re.MULTILINE)
_JSON_START: Final = re.compile(r"\{(?=\s*+[\"}])|\[(?=\s*+[\[{\"\d-])")
_JSON_LINE: Final = re.compile(
    r'^[ \t]*+(?:"(?:[^"\\\n]|\\.)*+"[ \t]*:[^\n]*|[\]}{\[][\]}{\[, \t]*|"(?:[^"\\\n]|\\.)*+",?'
    r"|-?\d[\d.eE+-]*,?)[ \t\r]*$",
    re.MULTILINE,
)
_JSON_JOINT: Final = re.compile(r'(?<!\\)\\*+"[ \t]*(?::|,[ \t]*\\*"|\}|\]\})')

_OBJECTS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_BEFORE_JSON: Final = frozenset(" \t\r\n(=:>`'\"")
_SHORTEST_JSON: Final = 12
_SLACK: Final = 4096
_BETWEEN_VALUES: Final = " \t\r\n,[]{}"
_TABLE_LINES: Final = 3
_TABLE_SEPARATORS: Final = 2
_LONG_LINE: Final = 600
_JOINT_EVERY_CHARS: Final = 60
_PIPE_TABLE: Final = re.compile(rf"(?:{_PIPES.pattern}){{2,}}", re.MULTILINE)


def json_spans(text: str) -> Iterator[CharSpan]:
    """Yield the outermost complete JSON objects and arrays in ``text``, in order."""
    decoder = json.JSONDecoder(parse_int=len, parse_float=len, parse_constant=_refuse)
    wasted, position = 0, 0
    while start := _JSON_START.search(text, position):
        at = position = start.start()
        if at and text[at - 1] not in _BEFORE_JSON:  # an index or a call, not a value
            position = at + 1
            continue
        try:
            _, end = decoder.raw_decode(text, at)
        except json.JSONDecodeError as error:
            unterminated = error.msg.startswith("Unterminated")
            wasted += (len(text) if unterminated else error.pos) - at
            position = at + 1
        except ValueError:  # NaN and Infinity are not JSON
            position = at + 1
        except RecursionError:
            return  # nested too deep for any reader
        else:
            if end - at >= _SHORTEST_JSON:
                yield CharSpan(at, end)
            position = end
        if wasted > 4 * len(text) + _SLACK:
            return  # hostile text: every attempt reads far ahead and fails


def _refuse(constant: str) -> Never:
    raise ValueError(constant)


def log_spans(text: str) -> Iterator[CharSpan]:
    """Yield lines that begin with a time stamp or a severity."""
    return matches(_LOG, text)


def code_spans(text: str) -> Iterator[CharSpan]:
    """Yield fenced blocks, and runs of code-like lines with at most two other lines between."""
    if "```" in text:
        yield from matches(_FENCE, text)
    block: list[CharSpan] = []
    for match in _CODE.finditer(text):
        end = text.find("\n", match.end())
        line = CharSpan(match.start(), len(text) if end < 0 else end + 1)
        if block and text.count("\n", block[-1].end, line.start) > 2:  # noqa: PLR2004 - two lines
            yield from _block(block, text)
            block = []
        block.append(line)
    yield from _block(block, text)


def _block(lines: list[CharSpan], text: str) -> Iterator[CharSpan]:
    # A single line that ends with a semicolon is prose.
    if len(lines) > 1 and 2 * len(lines) >= text.count("\n", lines[0].start, lines[-1].end):
        yield CharSpan(lines[0].start, lines[-1].end)


def table_spans(text: str) -> Iterator[CharSpan]:
    """Yield pipe tables, and three or more lines in a row with the same number of separators."""
    if "|" in text:
        yield from matches(_PIPE_TABLE, text)
    codes = code_points(text)
    feeds = np.flatnonzero(codes == ord("\n"))
    lines = len(feeds) + 1
    if lines < _TABLE_LINES:
        return
    bounds = np.concatenate(([0], feeds + 1, [len(codes)]))
    for separator in "\t,;|":
        here = np.flatnonzero(codes == ord(separator))
        columns = np.bincount(np.searchsorted(feeds, here), minlength=lines)
        regular = columns >= _TABLE_SEPARATORS
        if separator in ",;":  # prose has a space after them, tables do not
            spaced = here[:-1][codes[here[:-1] + 1] == ord(" ")]
            regular &= np.bincount(np.searchsorted(feeds, spaced), minlength=lines) == 0
        yield from _regular_runs(columns, regular, bounds)


def _regular_runs(
    columns: npt.NDArray[np.int64], regular: npt.NDArray[np.bool_], bounds: npt.NDArray[np.int64]
) -> Iterator[CharSpan]:
    same = regular[1:] & regular[:-1] & (columns[1:] == columns[:-1])
    edges = np.flatnonzero(np.diff(np.concatenate(([0], same.astype(np.int8), [0]))))
    for first, last in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        if last - first >= _TABLE_LINES - 1:
            yield CharSpan(int(bounds[first]), int(bounds[last + 1]))


def json_like_spans(text: str) -> Iterator[CharSpan]:
    """Yield complete JSON, and between it fragments of JSON that is cut off or spans pieces."""
    lines = _json_lines(text)
    if lines is None:
        yield from _complete_and_fragments(text)
        return
    yield lines
    for start, end in ((0, lines.start), (lines.end, len(text))):
        for span in _complete_and_fragments(text[start:end]):
            yield CharSpan(start + span.start, start + span.end)


def _json_lines(text: str) -> CharSpan | None:
    """Return the lines of ``text`` if each is a JSON object: a fast path for the common case."""
    start = 0 if text.startswith("{") else text.find("\n{") + 1
    end = text.rfind("}\n") + 1
    if end <= start or text[start : start + 1] != "{":
        return None
    try:
        _OBJECTS.decode_lines(text[start:end])
    except (msgspec.MsgspecError, RecursionError, UnicodeEncodeError):
        return None
    return CharSpan(start, end)


def _complete_and_fragments(text: str) -> Iterator[CharSpan]:
    end = 0
    for span in [*json_spans(text), CharSpan(len(text), len(text))]:
        gap = CharSpan(end, span.start)
        if end and not text[gap.start : gap.end].strip(_BETWEEN_VALUES):
            yield gap  # between values of one array whose rest is in another piece
        elif text.find('"', *gap) >= 0:
            yield from _fragments(text, gap)
        yield span
        end = span.end


def _fragments(text: str, gap: CharSpan) -> Iterator[CharSpan]:
    """Yield lines of pretty-printed JSON, and compact JSON, that are not complete."""
    run: list[CharSpan] = []
    for match in _JSON_LINE.finditer(text, *gap):
        if run and match.start() > run[-1].end + 1:
            yield from _json_run(run, text)
            run = []
        run.append(CharSpan(*match.span()))
    yield from _json_run(run, text)
    if gap.end - gap.start >= _LONG_LINE:
        yield from _joined(text, gap)


def _json_run(lines: list[CharSpan], text: str) -> Iterator[CharSpan]:
    start, end = (lines[0].start, lines[-1].end) if lines else (0, 0)
    if len(lines) > 2 and '"' in text[start:end]:  # noqa: PLR2004 - three lines make a run
        yield CharSpan(start, end)


def _joined(text: str, gap: CharSpan) -> Iterator[CharSpan]:
    """Yield long text with many quotes next to colons, commas and braces."""
    first = last = count = 0
    for match in _JSON_JOINT.finditer(text, *gap):
        if count and match.start() - last > 4 * _JOINT_EVERY_CHARS:
            yield from _dense(CharSpan(first, last), count)
            count = 0
        first = first if count else match.start()
        last, count = match.end(), count + 1
    yield from _dense(CharSpan(first, last), count)


def _dense(span: CharSpan, joints: int) -> Iterator[CharSpan]:
    if _LONG_LINE <= span.end - span.start <= joints * _JOINT_EVERY_CHARS:
        yield span
