"""How yes and no, true and false are said in many languages."""

# ruff: noqa: E501, SIM905 - word lists of many languages

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SPELLINGS: Final[Mapping[str, frozenset[str]]] = {
    "yes": frozenset(
        "yes|yeah|yep|yup|ja|oui|si|s\u00ed|s\u00ec|sim|da|\u0434\u0430|\u0442\u0430\u043a|tak|ano|\u00e1no|igen|kyll\u00e4|joo|jah|jo|jep|evet"
        "|\u03bd\u03b1\u03b9|\u05db\u05df|\u0646\u0639\u0645|\u0623\u062c\u0644|\u0628\u0644\u0647|\u0622\u0631\u06cc|\u06c1\u0627\u06ba|\u062c\u06cc \u06c1\u0627\u06ba|\u0939\u093e\u0901|\u0939\u093e\u0902|\u091c\u0940 \u0939\u093e\u0901"
        "|\u09b9\u09cd\u09af\u09be\u0981|\u0b86\u0bae\u0bcd|\u0b86\u0bae\u0bbe\u0bae\u0bcd|\u0c05\u0c35\u0c41\u0c28\u0c41|\u662f|\u662f\u7684|\u5bf9|\u5c0d|\u5bf9\u7684|\u5c0d\u7684|\u6709|\u53ef\u4ee5"
        "|\u306f\u3044|\u3048\u3048|\u305d\u3046\u3067\u3059|\ub124|\uc608|\uadf8\ub807\uc2b5\ub2c8\ub2e4|\u0e43\u0e0a\u0e48|\u0e04\u0e23\u0e31\u0e1a|ya|iya|c\u00f3|v\u00e2ng|\u0111\u00fang|oo|opo|ndiyo|\u10d3\u10d8\u10d0\u10ee|\u0561\u0575\u0578".split(
            "|"
        )
    ),
    "no": frozenset(
        "no|nope|nein|non|n\u00e3o|nee|nej|nei|\u043d\u0435\u0442|\u043d\u0456|\u043d\u0435|nie|ne|nem|ei|nu|hay\u0131r|\u03cc\u03c7\u03b9"
        "|\u05dc\u05d0|\u0644\u0627|\u0643\u0644\u0627|\u062e\u06cc\u0631|\u0646\u0647|\u0646\u06c1\u06cc\u06ba|\u062c\u06cc \u0646\u06c1\u06cc\u06ba|\u0928\u0939\u0940\u0902|\u091c\u0940 \u0928\u0939\u0940\u0902|\u09a8\u09be|\u0b87\u0bb2\u0bcd\u0bb2\u0bc8|\u0c15\u0c3e\u0c26\u0c41"
        "|\u5426|\u4e0d|\u4e0d\u662f|\u4e0d\u662f\u7684|\u4e0d\u5bf9|\u4e0d\u5c0d|\u6ca1\u6709|\u6c92\u6709|\u4e0d\u884c|\u4e0d\u53ef\u4ee5|\u3044\u3044\u3048|\u3044\u3048|\u9055\u3044\u307e\u3059|\uc544\ub2c8\uc694|\uc544\ub2c8\uc624|\uc544\ub1e8|\uc544\ub2d9\ub2c8\ub2e4"
        "|\u0e44\u0e21\u0e48|\u0e44\u0e21\u0e48\u0e43\u0e0a\u0e48|tidak|bukan|kh\u00f4ng|hindi|hapana|\u10d0\u10e0\u10d0|\u0578\u0579".split(
            "|"
        )
    ),
    "true": frozenset(
        "true|wahr|richtig|vrai|verdadero|cierto|verdadeiro|vero|waar|sant|sann|sand|prawda|pravda|\u043f\u0440\u0430\u0432\u0434\u0430"
        "|\u0432\u0435\u0440\u043d\u043e|\u0438\u0441\u0442\u0438\u043d\u0430|\u0635\u062d\u064a\u062d|\u0635\u062d|\u0938\u0939\u0940|\u0938\u0924\u094d\u092f|\u771f|\u6b63\u786e|\u6b63\u78ba|\u5bf9|\u5c0d|\u6b63\u3057\u3044|\ucc38|do\u011fru|adev\u0103rat|igaz|\u03b1\u03bb\u03b7\u03b8\u03ad\u03c2|\u05e0\u05db\u05d5\u05df|\u0111\u00fang|benar".split(
            "|"
        )
    ),
    "false": frozenset(
        "false|falsch|faux|falso|onwaar|falskt|falsk|fa\u0142sz|nepravda|\u043b\u043e\u0436\u044c|\u043d\u0435\u0432\u0435\u0440\u043d\u043e|\u043d\u0435\u043f\u0440\u0430\u0432\u0434\u0430"
        "|\u062e\u0637\u0623|\u062e\u0627\u0637\u0626|\u0917\u0932\u0924|\u0905\u0938\u0924\u094d\u092f|\u5047|\u9519\u8bef|\u932f\u8aa4|\u9519|\u932f|\u4e0d\u5bf9|\u4e0d\u5c0d|\u4e0d\u6b63\u786e|\u8aa4\u308a|\u9593\u9055\u3044|\uac70\uc9d3|yanl\u0131\u015f|fals|hamis|\u03c8\u03b5\u03c5\u03b4\u03ad\u03c2|\u05dc\u05d0 \u05e0\u05db\u05d5\u05df|sai|salah".split(
            "|"
        )
    ),
}
"""Each meaning with its spellings in lower case."""
FIRM: Final = frozenset(
    "yes yeah yep nope true false nein oui wahr vrai faux falsch \u306f\u3044 \u3044\u3044\u3048 \uc544\ub2c8\uc694 \uc544\ub2c8\uc624 verdadero "
    "verdadeiro evet hay\u0131r \u043b\u043e\u0436\u044c \u0646\u0639\u0645 \u662f\u7684 \u4e0d\u662f\u7684 s\u00ed n\u00e3o igen".split()
)
"""Spellings that mean nothing else in their language; they count anywhere in a sentence."""


def meaning(label: str) -> str | None:
    """Return ``yes``, ``no``, ``true`` or ``false`` for one of its spellings; None otherwise."""
    return next((name for name, known in SPELLINGS.items() if name == label), None) or next(
        (name for name, known in SPELLINGS.items() if label in known), None
    )
