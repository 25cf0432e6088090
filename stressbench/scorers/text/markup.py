"""Markup is no text: Markdown, LaTeX and simple HTML."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

_MARKS: Final = "*_`$<&\\#[{"
_DEEPEST: Final = 16
"""Marks inside marks that are taken off; deeper ones stay, so that the time is linear."""
_BULLETS: Final = ("- ", "+ ", "\u2022 ", "-\t")
_FENCE: Final = re.compile(r"^[ \t]*(?:```|~~~)[\w+.#-]*[ \t]*$", re.MULTILINE)
_LINE_MARKS: Final = re.compile(
    r"^[ \t]*(?:(?:#{1,6}|[*\u2022]|[-+](?=\s+[^\s\d]))[ \t]+)+(?=\S)", re.MULTILINE
)
_ENTITY: Final = re.compile(r"&(amp|lt|gt|quot|apos|nbsp|#39|#x27);", re.IGNORECASE)
_ENTITIES: Final = {
    "amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'", "nbsp": " ", "#39": "'",
    "#x27": "'",
}  # fmt: skip
_BREAK: Final = re.compile(r"<(?:br|hr|p)\s*/?>", re.IGNORECASE)
# Struck-out text, powers and indices are no mere emphasis.
_TAGS: Final = re.compile(
    r"<(?!(?:su[bp]|s|del|strike)\b)([a-z][\w.-]*)(?:\s[^<>]*)?>([^<>]*)</\1\s*>", re.IGNORECASE
)
_LATEX: Final = re.compile(
    r"\\(?:text(?:bf|it|rm|tt|sf|sc|normal)?|math(?:rm|bf|it|sf|tt|normal)|boxed|fbox|mbox|emph"
    r"|underline|operatorname|boldsymbol|bm)\s*\{([^{}]*)\}"
)
_FORMULA: Final = re.compile(
    r"\\\(\s*((?:(?!\\[()]).)+?)\s*\\\)|\\\[\s*((?:(?!\\[\[\]]).)+?)\s*\\\]"
)
# An amount is no formula: the second sign of `$5 and $10` has a blank before it, and a digit after.
_MATH: Final = re.compile(
    r"\$(?<![\w$\\]\$)(?:\$\s*([^$]+?)\s*\$\$|(?=[^\s$])([^$]+)(?<=[^\s\\])\$)(?![\w$])"
)
_ESCAPE: Final = re.compile(r"\\([_*$#%&{}`~<>|+.!-])|\{(,)\}")
_LINK: Final = re.compile(r"\[(?<!\w\[)([^\[\]]*)\]\([^()\s]*\)")
_CODE: Final = re.compile(r"(`(?<!``)`{0,2})(?!`)\s?([^`]+?)\s?\1(?!`)")
# Stars next to a digit or a Latin letter are an operator or a footnote: `2*3*4`, `C*`. Before
# or after punctuation they are emphasis, whatever stands outside: `**Answer:**Paris`.
_STARS: Final = re.compile(
    r"(\*(?<![*\\]\*)(?:(?<![0-9A-Za-z]\*)\*{0,2}|\*{0,2}(?=[^\w\s*])))(?![*\s])"
    r"([^*]+)(?<![\s\\])\1(?!\*)(?:(?![0-9A-Za-z])|(?<=[^\w\s*]\*)|(?<=[^\w\s*]\*\*))"
)
_UNDERSCORES: Final = re.compile(
    r"(_(?<![\w\\]_)_{0,2})(?![_\s])((?:[^_]++|(?<=[^\W_])_++(?=[^\W_]))++)(?<![\s_\\])\1(?!\w)"
)


def without_markup(text: str) -> str:
    """Return ``text`` without Markdown, LaTeX and HTML marks; the words stay.

    Identifiers (``snake_case``), operators (``2*3*4``), amounts (``$5 to $10``), powers and
    single stars stay too. Blanks are collapsed if there was any markup.
    """
    if not any(mark in text for mark in _MARKS) and not (
        any(bullet in text for bullet in _BULLETS) and _LINE_MARKS.search(text)
    ):
        return text
    text = " ".join(_LINE_MARKS.sub("", _FENCE.sub("", text)).split())
    for _ in range(_DEEPEST):
        bare = _LINE_MARKS.sub("", _peeled(text)).strip()
        if bare == text:
            break
        text = bare
    return text


def _peeled(text: str) -> str:
    """Take the innermost marks off."""
    for mark, pattern, inside in _PATTERNS:
        if mark in text:
            text = pattern.sub(inside, text)
    return text


def _inner(found: re.Match[str]) -> str:
    return next((group for group in found.groups()[1:] if group is not None), "")


def _any(found: re.Match[str]) -> str:
    return next((group for group in found.groups() if group is not None), " ")


def _character(found: re.Match[str]) -> str:
    return _ENTITIES[found[1].lower()]


_PATTERNS: Final[tuple[tuple[str, re.Pattern[str], Callable[[re.Match[str]], str]], ...]] = (
    ("`", _CODE, _inner),
    ("<", _BREAK, lambda _: " "),
    ("<", _TAGS, _inner),
    ("\\", _LATEX, _any),
    ("$", _MATH, _any),
    ("\\", _FORMULA, _any),
    ("]", _LINK, _any),
    ("*", _STARS, _inner),
    ("_", _UNDERSCORES, _inner),
    ("\\", _ESCAPE, _any),
    ("{", _ESCAPE, _any),
    ("&", _ENTITY, _character),
)
