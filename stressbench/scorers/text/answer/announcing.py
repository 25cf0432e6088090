"""What a text announces as its answer, such as "The answer is 5", "Answer: 5" or "#### 5"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Final

from stressbench.scorers.text.languages import any_of, expressions

_LEAD: Final = (
    r"(?:final|correct|short|endg\u00fcltige|finale|richtige|la|die|the|my|\u6700\u7ec8|\u6700\u7d42"
    r"|\u6b63\u786e|\u6b63\u78ba|\u6700\u7d42\u7684\u306a|\ucd5c\uc885|\u0438\u0442\u043e\u0433\u043e\u0432\u044b\u0439)"
)
_AROUND: Final = 80
_BOX: Final = re.compile(r"\\(?:boxed|fbox)\s?\{")
_TAG: Final = re.compile(r"<answer>((?:(?!</?answer>).)*)</answer>", re.IGNORECASE | re.DOTALL)
_HASHES: Final = re.compile(r"####[ \t]?(?=[^#\s])")
_STOP: Final = re.compile(r"(?<=[^\s.])[.!?](?=[*_\"')\]]{0,3}\s+[\"'(*]?\S)|[\u3002\uff01\uff1f]")
_SHORT: Final = re.compile(r"(?:^|[\s(\"'*])[^\W\d_]{1,3}\Z")
_FILLER: Final = {
    *("", "correct", "right", "wrong", "incorrect", "clear", "simple", "obvious", "easy", "it"),
    *("below", "above", "unclear", "follows", "here", "richtig", "falsch", "klar", "correcte"),
    *("incorrecte", "claire", "correcta", "incorrecta", "corretta", "correta"),
}
"""What "the answer is ..." goes on with when it announces nothing."""
_EMPHASIS: Final = re.compile(r"[*_]{1,3}\Z")
_SENTENCE_WORDS: Final = 4


@cache
def _announces() -> re.Pattern[str]:
    """What stands before an announced answer: a sentence's beginning, a label or a heading."""
    labels = rf"(?:{_LEAD} ?){{0,2}}{any_of('labels')}"
    return re.compile(
        rf"(?<!\w){any_of('announces')}[*_]{{0,3}} ?[:\uff1a]?(?![.,;!?\w]) ?"
        rf"|(?:(?<=[.!?] )|(?<=\u3002)|^[ \t>#*_-]{{0,8}}){labels}"
        r" ?[*_]{0,3} ?[:\uff1a][*_]{0,3} ?"
        rf"|^[ \t]{{0,3}}\#{{1,6}} ?{labels}[ *_]{{0,4}}$"
        rf"|{any_of('announces_unspaced')}[:\uff1a]? ?",
        re.IGNORECASE | re.MULTILINE,
    )


@cache
def _word() -> re.Pattern[str]:
    """A word for "answer"; the first letters differ, so that a search is fast."""
    return re.compile("|".join(sorted(expressions("keys"))), re.IGNORECASE)


def announcement(text: str) -> str | None:
    """Return what the last announcement of ``text`` announces; None if there is none.

    It runs to the end of its sentence, and keeps the stop. A stop inside a value, after an
    abbreviation, or before fewer than four words ends no sentence: rather too much than a value
    cut in two. If nothing follows on its line, it is all that follows.
    """
    found = [
        *((_start(text, mark), _to_sentence_end) for mark in _announcements(text)),
        *((mark.end(), _braced) for mark in _BOX.finditer(text)),
        *((mark.start(1), _tagged) for mark in (_TAG.finditer(text) if "<" in text else ())),
    ]
    hashes = text.rfind("\n####") + 1 if "\n####" in text else 0
    last = _HASHES.match(text, hashes)
    if last and "\n" not in text[last.end() :].strip():
        found.append((last.end(), _to_sentence_end))
    for start, read in sorted(found, key=lambda each: each[0], reverse=True):
        said = read(text, start)
        if said.strip(" \t\n.,;:!?*_\"'").casefold() not in _FILLER:
            return said
    return None


def _announcements(text: str) -> Iterator[re.Match[str]]:
    """The announcements in words: looked for only around words for "answer"."""
    lowered = text.casefold()
    if not any(key in lowered for key in expressions("keys")):
        return
    searched = 0
    for word in _word().finditer(text):
        if word.start() >= searched:
            start = max(searched, word.start() - _AROUND)
            searched = word.end() + _AROUND
            yield from _announces().finditer(text, start, searched)


def _start(text: str, mark: re.Match[str]) -> int:
    """Where an announced answer starts: with the emphasis that opens there, ``は**5**です``."""
    opened = _EMPHASIS.search(mark[0])
    line = text[mark.end() :].split("\n", 1)[0]
    if opened and line.count(opened[0]) % 2:
        return mark.end() - len(opened[0])
    return mark.end()


def _tagged(text: str, start: int) -> str:
    return text[start : text.lower().find("</answer>", start)].strip()


def _braced(text: str, start: int) -> str:
    """What stands in the braces that opened before ``start``; to the line's end without end."""
    depth = 1
    for brace in re.compile(r"\\.|[{}]", re.DOTALL).finditer(text, start):
        depth += {"{": 1, "}": -1}.get(brace[0], 0)
        if not depth:
            return text[start : brace.start()].strip()
    return text[start:].split("\n", 1)[0].strip()


def _to_sentence_end(text: str, start: int) -> str:
    end = text.find("\n", start)
    line = text[start : len(text) if end < 0 else end]
    if not line.strip(" \t*_:\uff1a") or line.rstrip(" *_").endswith((":", "\uff1a")):
        return text[start:].strip()
    for stop in _STOP.finditer(line):
        rest = line[stop.end() :]
        if stop[0] in "\u3002\uff01\uff1f":
            return line[: stop.end()].strip()
        if _SHORT.search(line, max(0, stop.start() - 5), stop.start()):
            continue
        if len(rest.split(None, _SENTENCE_WORDS)) >= _SENTENCE_WORDS:
            return line[: stop.end()].strip()
    return line.strip()
