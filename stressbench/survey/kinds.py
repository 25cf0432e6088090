"""Kinds of content in a document, to show what its tokens are spent on.

Every character belongs to exactly one kind. Rules first find whole lines (code, tables, logs,
JSON), then runs inside them (base64, hex), then single characters that are rarely what they
look like. Later rules take precedence: base64 inside JSON is base64. The rules see one piece
of a document at a time and take time linear in its length.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Iterator
from typing import Final, Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from stressbench.survey.runs import (
    CharMask,
    CharSpan,
    CodePoints,
    ascii_class,
    code_points,
    in_ascii_class,
    in_class,
    matches,
    runs,
)
from stressbench.survey.structure import code_spans, json_like_spans, log_spans, table_spans

ContentKind: TypeAlias = Literal[
    "text",
    "space",
    "code",
    "table",
    "log",
    "json",
    "base64",
    "hex",
    "mixed_script",
    "styled",
    "combining",
    "hidden",
]
KINDS: Final[tuple[ContentKind, ...]] = get_args(ContentKind)
"""In order of precedence: later kinds replace earlier ones."""

DESCRIPTIONS: Final[dict[ContentKind, str]] = {
    "text": "prose, and everything that is none of the kinds below",
    "space": "runs of 8 or more spaces, or of 2 or more blank lines",
    "code": "source code",
    "table": "Markdown, CSV or tab-separated tables",
    "log": "log lines",
    "json": "JSON, also inside other text, escaped, or cut off",
    "base64": "base64 of 40 characters or more",
    "hex": "hexadecimal of 32 digits or more, or a dump",
    "mixed_script": "words that mix Latin with look-alike scripts",
    "styled": "fullwidth, mathematical and enclosed forms of ordinary letters",
    "combining": "three or more combining marks on one letter",
    "hidden": "invisible characters: zero-width, bidi, tags, controls",
}

KindArray: TypeAlias = npt.NDArray[np.uint8]
Finders: TypeAlias = tuple[tuple[ContentKind, Callable[[str], Iterator[CharSpan]]], ...]


DIACRITICS: Final = "\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
DEFAULT_IGNORABLE: Final = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""Unicode's Default_Ignorable_Code_Point (DerivedCoreProperties.txt, 16.0) as a regex class."""
_EMOJI: Final = "\u2190-\u2bff\u3030\u303d\u3297\u3299\ufe0f\U0001f000-\U0001faff"
_JOINTS: Final = frozenset("\ufe0f\u200d")
_JOINT_RUN: Final = re.compile("[\ufe0f\u200d]+")
_EMOJI_BEFORE: Final = re.compile(rf"[{_EMOJI}#*0-9]")

_CONTROLS: Final = "\x00-\x08\x0b\x0e-\x1f\x7f-\x9f"
_STYLED: Final = (
    "\u1d00-\u1dbf\u2102\u210a-\u2115\u2118-\u211d\u2124\u2128\u212c-\u2131\u2133-\u2134"
    "\u2460-\u24ff\u2776-\u2793\uff01-\uff5e\U0001d400-\U0001d7ff\U0001f100-\U0001f1ad"
)
_LATIN: Final = "A-Za-z\u00c0-\u024f"
_LOOKALIKE: Final = "\u0370-\u03ff\u0400-\u052f\u0531-\u0587\u13a0-\u13ff\u10a0-\u10ff\u2c80-\u2cff"
_MIXED: Final = re.compile(
    # Letters of both kinds next to each other; possessive, so a long word is read only once.
    rf"(?<![{_LATIN}{_LOOKALIKE}])(?:[{_LATIN}]++(?=[{_LOOKALIKE}])|[{_LOOKALIKE}]++(?=[{_LATIN}]))"
    rf"[{_LATIN}{_LOOKALIKE}]++"
)
_BLANK_LINES: Final = re.compile(r"\n(?:[ \t\r]*+\n){2,}+")
_WIDE_SPACE: Final = re.compile(r"[ \t\u00a0\u2000-\u200a\u3000]{8,}+")
_DUMP: Final = re.compile(r"(?:[0-9a-fA-F]{2}[ :]){15,}+(?:[0-9a-fA-F]{2})?")

_HEX_DIGITS: Final = ascii_class(string.hexdigits)
_DUMP_CHARS: Final = ascii_class(string.hexdigits + " :")
_BASE64_CHARS: Final = ascii_class(string.ascii_letters + string.digits + "+/_-")
_SPACES: Final = ascii_class(" \t")
_SHORTEST: Final[dict[ContentKind, int]] = {"space": 8, "base64": 40, "hex": 32, "combining": 3}
_SHORTEST_DUMP: Final = 45
_SAMPLE: Final = 4096
_PLACES: Final = 8
_CLASS_CHANGES: Final = 0.42
"""Smallest share of neighbouring characters that differ in class (upper, lower, digit, sign).

In base64 the mean is 64.5 % with a standard deviation of 7.7 points over 40 characters; words
in camel case stay below 35 %. Three deviations below the mean separates the two."""


def kind_array(text: str) -> KindArray:
    """Return the kind of every character of ``text``, as indices into ``KINDS``."""
    kinds = np.zeros(len(text), np.uint8)
    jsons = list(json_like_spans(text))
    # Only the text outside JSON is searched, unless it is divided into too many parts.
    outside = list(_between(jsons, len(text)))
    for start, end in outside if len(outside) <= _PLACES else [CharSpan(0, len(text))]:
        _paint(kinds, text, CharSpan(start, end), _LINE_FINDERS)
    for start, end in jsons:
        kinds[start:end] = KINDS.index("json")
    _paint(kinds, text, CharSpan(0, len(text)), _RUN_FINDERS)
    codes = code_points(text)
    if not text.isascii():
        kinds[in_class(codes, _STYLED)] = KINDS.index("styled")
        for start, end in runs(in_class(codes, DIACRITICS), _SHORTEST["combining"]):
            kinds[start:end] = KINDS.index("combining")
    kinds[_hidden(text, codes)] = KINDS.index("hidden")
    return kinds


def _paint(kinds: KindArray, text: str, place: CharSpan, finders: Finders) -> None:
    part = text if place == (0, len(text)) else text[place.start : place.end]
    for kind, find in finders:
        index = KINDS.index(kind)
        for start, end in find(part):
            kinds[place.start + start : place.start + end] = index


def _between(spans: list[CharSpan], length: int) -> Iterator[CharSpan]:
    """Yield the parts of a text outside ``spans``, which may overlap."""
    position = 0
    for start, end in [*sorted(spans), CharSpan(length, length)]:
        if start > position:
            yield CharSpan(position, start)
        position = max(position, end)


def _hidden(text: str, codes: CodePoints) -> CharMask:
    hidden = in_class(codes, _CONTROLS)
    if not text.isascii():
        hidden |= in_class(codes, DEFAULT_IGNORABLE)
        for start, end in matches(_JOINT_RUN, text):
            if is_drawn(text, start, end):
                hidden[start:end] = False
    return hidden


def blob_spans(text: str) -> Iterator[tuple[CharSpan, ContentKind]]:
    """Yield every base64 and hex run of ``text`` in order; a run that is both is hex."""
    hexes = list(_hexes(text))
    taken = {span.start for span in hexes}
    found: list[tuple[CharSpan, ContentKind]] = [(span, "hex") for span in hexes]
    found += [(span, "base64") for span in _base64s(text) if span.start not in taken]
    end = 0
    for span, kind in sorted(found, key=lambda item: item[0].start):
        if span.start >= end:
            yield span, kind
            end = span.end


def _base64s(text: str) -> Iterator[CharSpan]:
    for start, end in runs(in_ascii_class(code_points(text), _BASE64_CHARS), _SHORTEST["base64"]):
        sample = text[start : min(end, start + _SAMPLE)]
        if _is_base64(sample) or text.endswith(";base64,", 0, start):
            padding = len(text[end : end + 2]) - len(text[end : end + 2].lstrip("="))
            yield CharSpan(start, end + padding)


def _is_base64(run: str) -> bool:
    codes = np.frombuffer(run.encode(), np.uint8)
    classes = _BASE64_CLASS[codes]
    changes = np.count_nonzero(classes[1:] != classes[:-1])
    return bool(changes >= _CLASS_CHANGES * (len(run) - 1))


def _hexes(text: str) -> Iterator[CharSpan]:
    codes = code_points(text)
    for start, end in runs(in_ascii_class(codes, _HEX_DIGITS), _SHORTEST["hex"]):
        prefixed = text.startswith(("0x", "0X"), max(start - 2, 0))
        attached = text[end : end + 1] + ("" if prefixed else text[start - 1 : start])
        if not any(char.isalnum() for char in attached):
            # Neither a long decimal number nor a word of the letters a to f is hexadecimal.
            sample = set(text[start : min(end, start + _SAMPLE)])
            if sample & set(string.digits) and sample - set(string.digits):
                yield CharSpan(start - 2 if prefixed else start, end)
    for run in runs(in_ascii_class(codes, _DUMP_CHARS), _SHORTEST_DUMP):
        for match in _DUMP.finditer(text, *run):
            yield CharSpan(*match.span())


def _spaces(text: str) -> Iterator[CharSpan]:
    if text.isascii():
        yield from runs(in_ascii_class(code_points(text), _SPACES), _SHORTEST["space"])
    else:
        yield from matches(_WIDE_SPACE, text)
    yield from matches(_BLANK_LINES, text)


def is_drawn(text: str, start: int, end: int) -> bool:
    """Whether hidden characters are part of an emoji, where they change how it looks."""
    return (
        start > 0
        and _JOINTS.issuperset(text[start:end])
        and _EMOJI_BEFORE.match(text, start - 1) is not None
    )


def _mixed_words(text: str) -> Iterator[CharSpan]:
    return iter(()) if text.isascii() else matches(_MIXED, text)


_BASE64_CLASS: Final = np.array(
    [
        0 if chr(c).isupper() else 1 if chr(c).islower() else 2 if chr(c).isdigit() else 3
        for c in range(128)
    ],
    np.uint8,
)
_LINE_FINDERS: Final[Finders] = (
    ("space", _spaces),
    ("code", code_spans),
    ("table", table_spans),
    ("log", log_spans),
)
_RUN_FINDERS: Final[Finders] = (
    ("base64", _base64s),
    ("hex", _hexes),
    ("mixed_script", _mixed_words),
)
