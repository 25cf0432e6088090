"""Where a value begins and ends: whether its neighbours leave it whole.

All functions read spelled text (``spelling.parted``).
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from stressbench.scorers.text.particles import PARTICLES, script_of

_OPERATORS: Final = frozenset("-+<>=*#%^~$€£¥₹₽₩&@!\\≤≥≠≈±")
_COMPARING: Final = re.compile(r"(?:(?<![-=>])>|<|[<>!~=]=|(?<!~)~|[≤≥≠≈±√¬])\s?$")
_SIGNED: Final = re.compile(r"[-+±](?:[$€£¥₹₽₩] ?)?$")
_BEFORE_DIGITS: Final = re.compile(
    r"(?:负|負|マイナス|零下|마이너스|영하|[十百千万萬億亿兆点點]|분의|分之"
    r"|\b(?:minus|negative|moins|menos|meno|minus|минус|eksi|min)\s)$"
)
_AFTER_DIGITS: Final = re.compile(
    r"\s?(?:[十百千万萬億亿兆割折半点點십백천만억조]|成(?!为|為)|分の|分之|분의|퍼센트|パーセント|[%‰‱٪])"
    r"|[ -](?:percent|per cent|prozent|pour cent|por ciento|por cento|per cento|процент|yüzde"
    r"|hundred|thousand|million|billion|trillion|dozen|tausend|million|milliard|milliarden|mille"
    r"|mil|mill[oó]n|milh|milioni|millones|тысяч|миллион|миллиард|млн|млрд|тыс|lakh|crore|half\b"
    r"|k\b|bn\b|squared|cubed)"
    r"| ?[\u00d7x\u00b7*] ?10(?:\^|[⁰¹²³⁴-⁹⁻])"
)
_GROUP_AFTER: Final = re.compile(r"[ ]\d{3}(?!\d)")
_GROUP_BEFORE: Final = re.compile(r"(?<![\w.,])\d{1,3}[ ]$")
_SIZE: Final = re.compile(r"\d{1,3}(?!\d)")
_ELIDED: Final = re.compile(r"(?<![^\W_])(?:l|qu|dell|all|nell|sull|dall|un)'$")
_TURKISH: Final = re.compile(
    r"'(?:[dt][\u0131iu\u00fc]r|[dt][ae]n?|y[ae]|[\u0131iu\u00fc]n|n[\u0131iu\u00fc]n|[ae])(?![^\W_])"
)
_SHORT: Final = 2
"""A sign after a word this short belongs to it: ``O-``, ``A+``, ``Na-``; ``Paris-`` is a dash."""


def is_letter(char: str) -> bool:
    """Whether a character belongs to a word: a letter, a mark on one, a digit or a low line."""
    return (
        char.isalnum() or char == "_" or (char > "\u02ff" and unicodedata.category(char)[0] == "M")
    )


def whole(text: str, start: int, end: int) -> bool:
    """Whether ``text[start:end]`` is a whole value, and no part of a longer one."""
    return _begins(text, start, end) and _ends(text, start, end)


def _begins(text: str, start: int, end: int) -> bool:  # noqa: PLR0911 - one rule a line
    first = text[start]
    if first.isdecimal() and not _digits_begin(text, start):
        return False
    if start == 0:
        return True
    before = text[start - 1]
    if not is_letter(first):
        return _sign_begins(text, start)
    if is_letter(before):
        return _script_begins(text, start, end)
    further = start > 1 and is_letter(text[start - 2])
    if before == "'":
        quoted = text[end : end + 1] == "'" and not is_letter(text[end + 1 : end + 2] or " ")
        return not further or quoted or _ELIDED.search(text[max(start - 6, 0) : start]) is not None
    if before == ".":
        return start > 1 and text[start - 2] in ".!?"
    if before in ":/,":
        return not (first.isdecimal() and further and text[start - 2].isdecimal())
    if before in "-+@&*^":
        return not further
    return before != "$" or first.isdecimal()


def _sign_begins(text: str, start: int) -> bool:
    """Whether a value begins with a sign that is not part of a longer operator or number."""
    first, before = text[start], text[start - 1]
    if first == "." and text[start + 1 : start + 2].isdecimal():
        return not is_letter(before) and before != "." and _digits_begin(text, start)
    if not _is_sign(first):
        return True
    if is_letter(before):
        script = script_of(before)
        if script is None or first in "$€£¥₹₽₩":
            return script is not None
        return PARTICLES[script].before.search(text, max(start - 8, 0), start) is not None
    return before not in _OPERATORS or (before == "=" and first in "-+$€£¥₹₽₩")


def _digits_begin(text: str, start: int) -> bool:
    """Whether no sign, operator, group of digits or numeral before a digit changes its value."""
    if start == 0:
        return True
    near = text[max(start - 12, 0) : start]
    before = near[-1]
    if before == "#" and near[-2:-1] != "#":
        return False
    return not (
        before == "^"
        or _SIGNED.search(near)
        or _COMPARING.search(near)
        or _BEFORE_DIGITS.search(near)
        or (before == " " and _GROUP_BEFORE.search(near) and _group(text, start))
    )


def _group(text: str, start: int) -> bool:
    found = _SIZE.match(text, start)
    return found is not None and len(found[0]) == 3  # noqa: PLR2004 - a group of three digits


def _script_begins(text: str, start: int, end: int) -> bool:
    """Whether a value begins directly after a letter: at a change of script, after a particle."""
    first, before = script_of(text[start]), script_of(text[start - 1])
    if first is None:
        return before is not None and is_letter(text[start]) and not _is_mark(text[start])
    if before is None:
        return not text[start - 1].isdecimal()
    if not _touch(first, before):
        return True
    table = PARTICLES[first]
    pattern = table.before_short if end - start == 1 else table.before
    return pattern.search(text, max(start - 8, 0), start) is not None


def _ends(text: str, start: int, end: int) -> bool:  # noqa: PLR0911 - one rule a line
    last = text[end - 1]
    if end == len(text):
        return True
    after = text[end]
    if last.isdecimal() and not _digits_end(text, end):
        return False
    if not is_letter(last):
        if not _is_sign(last):
            return True
        return not (is_letter(after) or after in _OPERATORS or _is_modifier(after))
    if is_letter(after):
        return _script_ends(text, start, end)
    further = end + 1 < len(text) and is_letter(text[end + 1])
    short = end - start <= _SHORT or not is_letter(text[end - 1 - _SHORT])
    quoted = (
        start > 0 and text[start - 1] == "'" and not is_letter(text[start - 2 : start - 1] or " ")
    )
    tied = {
        "'": further
        and not quoted
        and script_of(text[end + 1]) is None
        and _TURKISH.match(text, end) is None,
        "-": further or (short and not last.isdecimal()),
        "+": True,
        "#": True,
        "*": further or short,
        "^": True,
        "\u00d7": further,
        "\u00f7": further,
        "\u00b7": further,
        "@": further,
        "&": further,
        ".": further,
    }
    if after in ":/,":
        return not (last.isdecimal() and further and text[end + 1].isdecimal())
    return not tied.get(after, False)


def _digits_end(text: str, end: int) -> bool:
    """Whether no percent sign, numeral or group of digits after a digit changes its value."""
    if _AFTER_DIGITS.match(text, end):
        return False
    if text[end] == " " and _GROUP_AFTER.match(text, end):
        run = re.search(r"\d+$", text[max(end - 4, 0) : end])
        return run is None or len(run[0]) > 3  # noqa: PLR2004 - a group of three digits
    return True


def _script_ends(text: str, start: int, end: int) -> bool:
    """Whether a value ends directly before a letter: at a change of script, before a particle."""
    if _is_mark(text[end]):
        return False
    last, after = script_of(text[end - 1]), script_of(text[end])
    if last is None:
        return after is not None
    if after is None:
        return not text[end].isdecimal()
    if not _touch(last, after):
        return True
    table = PARTICLES[last]
    pattern = table.after_short if end - start == 1 else table.after
    return pattern.match(text, end) is not None


def _touch(one: str, other: str) -> bool:
    """Whether letters of two scripts make one word: Japanese writes words in Han and kana."""
    return one == other or {one, other} == {"han", "kana"}


def _is_mark(char: str) -> bool:
    return unicodedata.category(char)[0] == "M"


def _is_sign(char: str) -> bool:
    return char in _OPERATORS or unicodedata.category(char)[0] == "S"


def _is_modifier(char: str) -> bool:
    return char == "\u200d" or unicodedata.category(char) in {"Sk", "Me"}
