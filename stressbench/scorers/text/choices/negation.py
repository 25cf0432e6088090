"""Whether a text denies a value that it names: "not B", "B is wrong"."""

# ruff: noqa: E501 - word lists of many languages

from __future__ import annotations

import re
from typing import Final

_REACH: Final = 48
"""Characters before and after a value in which a denial of it can stand."""
_BEFORE: Final = re.compile(
    r"(?:\b(?:not|never|neither|nor|cannot|(?:is|are|was|were|do|does|did|ca|could|would|should|wo)n't"
    r"|rather than|instead of|unlike|except|excluding|without|rules? out|ruled out|eliminates?"
    r"|eliminated|reject(?:s|ed)?|excludes?|other than|anything but|opposed to|far from"
    r"|nicht|kein\w*|statt|anstatt|weder|au\u00dfer|pas|plut\u00f4t que|au lieu (?:de|d')|sauf|jamais|ni"
    r"|no(?: (?:es|son|fue|era|est\u00e1|ser\u00eda|puede ser|\u00e9))|nunca|en (?:vez|lugar) de|n\u00e3o|em vez de"
    r"|non|invece (?:di|che)|piuttosto che|niet|geen|inte|ikke|nie|n\u00e3o \u00e9|ne|nu|de\u011fil"
    r"|\u043d\u0435|\u043d\u0438|\u0432\u043c\u0435\u0441\u0442\u043e|\u043a\u0440\u043e\u043c\u0435"
    r"|\u0644\u064a\u0633\u062a?|\u0644\u0627|\u05dc\u05d0|\u03b4\u03b5\u03bd(?: \u03b5\u03af\u03bd\u03b1\u03b9)?|\u03cc\u03c7\u03b9)"
    r"(?= |$|['\"(])|[\u4e0d\u975e\u5426](?:\u662f|\u9009|\u9078|\u5c6c\u4e8e|\u5c5e\u4e8e)?(?=\W*$|(?:\u9009\u9879|\u9078\u9805)$))"
    r"(?:[ '\"(\[]*(?:an?|the|be|been|really|actually|necessarily|clearly|at all|very|so|quite"
    r"|option|choice|answer|label|letter|to|it|is|say|die|der|das|eine?|la|le|les|l|d|el|il|lo|un|une"
    r"|una|um|uma|o|os|as|opci\u00f3n|op\u00e7\u00e3o|r\u00e9ponse|antwort|opzione"
    r"|\u0432\u0430\u0440\u0438\u0430\u043d\u0442|\u043e\u0442\u0432\u0435\u0442|\u9009\u9879|\u9078\u9805)\b)"
    r"{0,4}[ '\"(\[]*$",
    re.IGNORECASE,
)
_AFTER: Final = re.compile(
    r"[)\]\"']*(?: ?\?|"
    r" (?:(?:is|are|was|were|seems?|looks?|would be|must be|can be|option is|choice is|answer is)"
    r"(?: (?:also|clearly|therefore|definitely|obviously|simply|thus|just))*"
    r" (?:not|wrong|incorrect|false|out|excluded|eliminated|impossible|ruled out|untrue|invalid"
    r"|inaccurate|unlikely|no option|never)"
    r"|(?:is|are|was|were|does|do|did|ca|could|wo|would)n't|cannot|can not|does not|can be ruled out"
    r"|ist (?:nicht|falsch|ausgeschlossen)|n'est pas|est (?:faux|fausse|incorrecte?|exclue?)"
    r"|no es|es (?:fals[oa]|incorrect[oa])|n\u00e3o \u00e9|\u00e9 fals[oa]|est\u00e1 errad[oa]|\u00e9 incorret[oa]|non \u00e8"
    r"|\u00e8 (?:sbagliat[oa]|fals[oa]|errat[oa])|is niet|is fout|de\u011fil|yanl\u0131\u015f"
    r"|(?:- )?\u043d\u0435 ?(?:\u0432\u0435\u0440\u043d|\u043f\u043e\u0434\u0445\u043e\u0434|\u043f\u0440\u0430\u0432\u0438\u043b\u044c\u043d)"
    r"|(?:- )?\u043d\u0435\u0432\u0435\u0440\u043d|(?:- )?\u043d\u0435\u043f\u0440\u0430\u0432\u0438\u043b|\u0644\u064a\u0633|\u062e\u0637\u0623"
    r"|\u0928\u0939\u0940\u0902|\u0917\u0932\u0924)\w*(?!\w)"
    r"| ?(?:\u9009\u9879|\u9078\u9805|\u9879|\u9805)? ?(?:\u662f|\u5e76|\u4e26)?(?:\u9519|\u932f|\u4e0d\u5bf9|\u4e0d\u5c0d|\u4e0d\u6b63\u786e"
    r"|\u4e0d\u6b63\u78ba|\u4e0d\u662f|\u6709\u8bef|\u6392\u9664)"
    r"| ?(?:\u3067\u306f(?:\u306a|\u3042\u308a\u307e\u305b)|\u3058\u3083(?:\u306a|\u3042\u308a\u307e\u305b)|\u306f(?:\u9055|\u9593\u9055|\u8aa4|\u4e0d\u6b63))"
    r"| ?(?:\uc774|\uac00|\uc740|\ub294)? ?(?:\uc544\ub2c8|\uc544\ub2d9|\uc544\ub2cc|\ud2c0|\uc624\ub2f5))",
    re.IGNORECASE,
)
_OR: Final = re.compile(
    r"[)\]\"'. ]*,? ?(?:or|nor|neither|oder|noch|ou|ni|o|u|n\u00e9|e nem|nem|of|\u0438\u043b\u0438|\u043d\u0438|\u6216|\u4e5f\u4e0d\u662f)"
    r"(?: (?:option|choice))? ?[(\"'\[]*$",
    re.IGNORECASE,
)


def denied(text: str, start: int, end: int) -> bool:
    """Whether what stands directly around ``text[start:end]`` denies or questions it.

    A double negation is no denial and no assertion; it is read as a denial, so that nothing
    is taken to be said.
    """
    before = text[max(0, start - _REACH) : start]
    return _BEFORE.search(before) is not None or _AFTER.match(text, end, end + _REACH) is not None


def goes_on(between: str) -> bool:
    """Whether a denial goes on to the next value: "not A or B"."""
    return len(between) < _REACH and _OR.match(between) is not None
