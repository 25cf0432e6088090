"""Whether an answer claims the value that it names: negations, and "this or that"."""

# ruff: noqa: RUF001 - words of many languages

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

_NEAR: Final = 48
_ARTICLE: Final = (
    r"(?:(?:the|an?|in|at|on|called|der|die|das|ein|eine|einen|le|la|les|un|une|de|el|los|las|una"
    r"|o|os|il|lo|gli|het|een|en|ett|det|là) |l')?"
)
_NOT_BEFORE: Final = re.compile(
    r"(?:(?<![^\W_])(?:not|never|neither|nor|cannot be"
    r"|(?:is|was|are|were|do|does|did|would|could|can|wo)n't"
    r"|rather than|instead of|other than|anything but"
    r"|nicht|kein|keine|keinen|niemals"
    r"|pas|jamais|no es|no era|no son|no está en|nunca|não é|não|nem"
    r"|non è|non|не|нет|ні|nie jest|nie|není|nem|nu este|nu e|niet|geen|inte|ikke|ei ole"
    r"|bukan|không phải|không|δεν είναι|όχι|ليس|ليست|لا|לא|אינה|אינו|no)"
    rf"(?: (?:be|been|is|it is|it's|jest|là))? {_ARTICLE}[\"'(]*"
    r"|(?:不是|并非|並非|并不是|並不是|而非|不叫|不为|不為|没有|沒有|不选|不選|不在|(?<![^\W\d_])非"
    r"|ไม่ใช่|ບໍ່ແມ່ນ|មិនមែន)[\"'( ]*)$"
)
_NOT_AFTER: Final = re.compile(
    r"[\"')]*(?: ?(?:では|じゃ)(?:な[いくか]|ありません)|(?:이|가|은|는)? ?아(?:니|닙|닌)"
    r"| (?:नहीं|নয়|değil|नहीं|نیست|မဟုတ်)|မဟုတ်|'?(?: ?de)? değil"
    r"|不是(?:答案|正确|正確)|不对|不對"
    r"| (?:is|was) (?:wrong|incorrect|false|not (?:the )?(?:answer|correct|right))"
    r"|,? ?(?:isn't|is not) (?:the )?(?:answer|correct|right))"
)
# "Neither" where it stands twice, or after another negation; "is" in Swahili.
_NI_BEFORE: Final = re.compile(rf"(?<![^\W_])ni {_ARTICLE}[\"'(]*$")
_NI_NEAR: Final = re.compile(r"(?<![^\W_])(?:ni|no|ne|nunca|jamais|pas|nem)(?![^\W_])|n'")
_OR_WORDS: Final = (
    r",? (?:or|oder|ou|oppure|или|або|чи|lub|albo|nebo|vagy|sau|eller|veya|ya da|yoksa|atau|hoặc|या"
    r"|অথবা|أو|یا|או|ή|tai)(?= )|(?<=[^\W_]) o(?= )"
    r"| ?(?:或者|或是|或|还是|還是|または|あるいは|もしくは|또는|혹은|หรือ|ຫຼື|ឬ|သို့မဟုတ်)"
    r"|(?<=[\u3041-\u9fff])か(?=[\u30a1-\u30fa\u4e00-\u9fff])"
)
_OR: Final = re.compile(_OR_WORDS)
_PARTS: Final = re.compile(rf"({_OR_WORDS}|[,\u3001])")
_STOP: Final = re.compile(r"[.;!?\u3002\u2014:()]")
_LABEL: Final = re.compile(
    r".*(?<![^\W_])(?:is|are|be|either|it's|ist|sind|est|es|é|è|это|entweder|soit"
    r"|maybe|perhaps)(?![^\W_])"
    r"|.*(?:是|は|คือ)"
)
_FILLER: Final = re.compile(
    r"[\"'( ]*(?:(?:the|an?|in|le|la|der|die|das|el|either|maybe|perhaps) )?[\"'(]*"
)
_EDGES: Final = "\"'() "
_SENTENCE: Final = 400
"""Characters on each side of a value in which its alternatives are looked for."""
_CHOICE_WORDS: Final = 4
"""Words of an alternative at most: ``Paris or I am wrong`` names one."""


def denied(text: str, start: int, end: int) -> bool:
    """Whether a negation stands directly beside ``text[start:end]``: ``not Paris``."""
    before = text[max(start - _NEAR, 0) : start]
    neither = _NI_BEFORE.search(before)
    return (
        _NOT_BEFORE.search(before) is not None
        or (
            neither is not None
            and _NI_NEAR.search(before[: neither.start()] + " " + text[end : end + _NEAR])
            is not None
        )
        or _NOT_AFTER.match(text[end : end + _NEAR]) is not None
    )


def alternatives(text: str, start: int, end: int, same: Callable[[str], bool]) -> int:
    """Return how many other values are offered with ``text[start:end]``: ``Paris or Rome``.

    They are the items of the list that the value is in, if "or" joins its items. An item for
    which ``same`` holds is another name of the value, and not counted.
    """
    before = _STOP.split(text[max(start - _SENTENCE, 0) : start])[-1]
    after = _STOP.split(text[end : end + _SENTENCE], maxsplit=1)[0]
    if not (_OR.search(before + " ") or _OR.search(after)):
        return 0
    items = [*_items_before(before), *_items_after(after)]
    if not any(choice for _, choice in items):
        return 0
    return len({item for item, _ in items if not same(item)})


def _items_before(text: str) -> Iterator[tuple[str, bool]]:
    """Yield the items that lead up to a value, the nearest first, and whether "or" follows each."""
    *pieces, beside = _PARTS.split(text)
    if _FILLER.fullmatch(beside) is None:
        return
    while pieces:
        separator = pieces.pop()
        item = pieces.pop()
        named = _LABEL.sub("", item).strip(_EDGES)
        if not named or len(named.split()) > _CHOICE_WORDS:
            return
        yield named, separator.strip(" ") not in {",", "\u3001"}
        if _LABEL.match(item):
            return


def _items_after(text: str) -> Iterator[tuple[str, bool]]:
    """Yield the items that follow a value, and whether "or" stands before each."""
    beside, *pieces = _PARTS.split(text)
    if beside.strip(_EDGES):
        return
    for separator, item in zip(pieces[::2], pieces[1::2], strict=True):
        named = item.strip(_EDGES)
        if not named or len(named.split()) > _CHOICE_WORDS:
            return
        yield named, separator.strip(" ") not in {",", "\u3001"}
