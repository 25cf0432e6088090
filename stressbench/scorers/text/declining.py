"""Whether an answer declines to answer: it says that it cannot tell, and states no value."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Final

from stressbench.scorers.text.answer.announcing import announcement
from stressbench.scorers.text.languages import by_language, expressions

_FOLDS: Final = {
    **dict.fromkeys(map(ord, "\u2018\u2019\u201b\u02bc\u02b9\u00b4`\uff07\u2032"), "'"),
    **dict.fromkeys(map(ord, "\u201c\u201d\u201e\u201f\u00ab\u00bb\u2033"), '"'),
    **dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2212"), "-"),
    **dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff*_"), None),
    ord("\u0307"): None,  # what Turkish I with its dot leaves behind in lower case
}
_EDGES: Final = (
    " \t\n.,;:!?'\"()[]{}<>#-=~|/\\\u3002\uff01\uff1f\u3001\uff0c\u0964\u0965\u060c\u061f\u2026"
    "\u06d4\u0589\u1362\u17d4\u104a\u104b"
)
_SENTENCE: Final = re.compile(
    r"(?<=[.!?])[\"')]{0,2}\s+|[\u3002\uff01\uff1f\u0964\u06d4\u0589\u1362\u17d4\u104b\n]+"
)
_OPENS: Final = re.compile(
    r"(none|nothing|unknown|n/a|not applicable|not (?:mentioned|specified|stated|given|found))"
    r"\s*[.,;:!(-](?! other than)"
)
_TURNS: Final = re.compile(
    r"\b(?:but|however|still|yet|though|although|aber|jedoch|trotzdem|mais|pero|ma|per\u00f2|mas"
    r"|por\u00e9m|maar|ale|men|\u043d\u043e|\u0430\u043b\u0435|ama|fakat|\u03b1\u03bb\u03bb\u03ac"
    r"|nh\u01b0ng|tapi|tetapi)\b|, (?:who|which|whose)\b|;"
    r"|\u4f46\u662f?|\u3067\u3059\u304c|\u3057\u304b\u3057|\ud558\uc9c0\ub9cc"
    r"|\u0644\u0643\u0646|\u05d0\u05d1\u05dc|\u0644\u06cc\u06a9\u0646|\u0932\u0947\u0915\u093f\u0928"
    r"|\u0995\u09bf\u09a8\u09cd\u09a4\u09c1|\u0e41\u0e15\u0e48"
)
"""Words for "but" and marks after which a part of a sentence says something else."""
_SUBJECTS: Final = (
    "it|this|that|he|she|they|answer|code|value|name|number|one|guess|es|das|er|sie|antwort|c|ce"
    "|il|elle|r\u00e9ponse|lo|respuesta|risposta|resposta|het|dat"
)
_VERBS: Final = (
    "is|was|are|would be|might be|may be|could be|must be|should be|has to be|implies|suggests"
    "|ist|war|est|es|era|\u00e8|\u00e9|jest|to|\u00e4r|er|adalah|l\u00e0"
)
_STATES: Final = re.compile(
    rf"\b(?i:{_SUBJECTS})(?:'s| (?i:{_VERBS}))?"
    r"(?i: (?:probably|likely|indeed|perhaps|maybe|called|named|the|a|an|in|wohl|vielleicht))?"
    r"[:]? [\"']?(?:[A-Z][^\s.,;!?']*|\d\S*)"
)
"""A clause that states a value: a name or a number after a form of "to be"."""
_HEDGES: Final = (
    "(?:my|best|educated|a) guess|i(?:'d| would)? guess|i (?:think|believe|suppose|suspect)|maybe"
    "|perhaps|probably|possibly|most likely|vermutlich|wahrscheinlich|vielleicht|peut-\u00eatre"
    "|probablement|quiz\u00e1s?|tal vez|probablemente|forse|probabilmente|talvez|provavelmente"
    "|misschien|waarschijnlijk"
)
_GUESSES: Final = re.compile(
    rf"\b(?i:{_HEDGES})\b(?i:[ ,:]{{0,3}}(?:it|that|this|he|she|they|is|was|would|be|'s|the|in|es"
    r"|das|ist|c'est|\u00e8|\u00e9|het|code|answer)\b){0,5}[ ,:]{0,3} [\"']?(?:[A-Z][a-z]|\d)"
)
"""A guess at a value, which counts even where the same clause declines."""
LONGEST: Final = 1500
"""Characters of the longest answer that declines; a longer one says something."""
_FEW_WORDS: Final = 6
_NUMBER: Final = re.compile(r"\d")


@cache
def _whole() -> frozenset[str]:
    return frozenset(expressions("declines_whole"))


def abstains(answer: str) -> bool:
    """Whether the answer declines, in one of the languages of ``languages.toml``.

    It declines if it says that it does not know, cannot say or does not find the answer, or is
    one word such as "none" or "unknown"; and if no other part of it states a value: an announced
    answer, a guess, a sentence of a few words with a number, or a name after "it is".
    An answer of more than 1500 characters does not decline.
    """
    if len(answer) > LONGEST:
        return False
    text = unicodedata.normalize("NFC", answer).translate(_FOLDS).strip()
    return _declines(text) and not _states_value(text)


def _declines(text: str) -> bool:
    """Whether a text, or a part of one, says that it declines."""
    folded = unicodedata.normalize("NFC", text.casefold().translate(_FOLDS))
    said = " ".join(folded.split()).strip(_EDGES)
    return (
        said in _whole()
        or _OPENS.match(said + ".") is not None
        or any(
            any(word in said for word in words) and sentence.search(said)
            for words, sentence in by_language()
        )
    )


def _states_value(text: str) -> bool:
    """Whether a part of ``text`` that does not decline states a value."""
    found = announcement(text)
    if found is not None and not _declines(found) and not _declines(f"it is {found}"):
        return True
    for sentence in _SENTENCE.split(text):
        if _GUESSES.search(sentence):
            return True
        for part in _clauses(sentence):
            if not part.strip(_EDGES) or _declines(part):
                continue
            few = len(part.split()) <= _FEW_WORDS
            if _STATES.search(part) or (few and _NUMBER.search(part)):
                return True
    return False


def _clauses(sentence: str) -> list[str]:
    """The sentence, parted at words such as "but"."""
    return _TURNS.split(sentence)
