"""What a text announces as its answer: ``\\boxed{5}``, "The answer is 5", "Answer: 5", "#### 5"."""

from __future__ import annotations

import re
from typing import Final

_ADJECTIVE: Final = "(?:(?:final|correct|right|best|exact|short|overall)[ ,]{1,2}){0,2}"
_SENTENCES: Final = (
    # English, German, Dutch, Swedish, Danish and Norwegian
    rf"(?:(?:the|my|our|so|thus|hence|therefore)[ ,]{{1,2}}){{1,2}}{_ADJECTIVE}answer"
    r"(?: to (?:the|this|your) question)? (?:is|would be|should be|must be|equals)",
    r"(?:final|correct) answer is",
    r"(?:die|meine) (?:(?:richtige|korrekte|endg\u00fcltige|finale) )?(?:antwort|l\u00f6sung)"
    r" (?:ist|lautet|w\u00e4re)",
    r"(?:het|mijn) (?:(?:juiste|correcte|uiteindelijke) )?antwoord (?:is|luidt)",
    r"(?:det (?:r\u00e4tta|rette|riktige) )?svaret (?:\u00e4r|er)",
    # Romance languages
    r"(?:la|ma) (?:bonne )?r\u00e9ponse (?:(?:finale|correcte|exacte) )?est",
    r"(?:la|mi) respuesta (?:(?:final|correcta|exacta) )?es",
    r"la (?:mia )?risposta (?:(?:finale|corretta|giusta|esatta) )?(?:\u00e8|e')",
    r"a (?:minha )?resposta (?:(?:final|correta|certa|exata) )?\u00e9",
    r"r\u0103spunsul (?:(?:final|corect) )?este",
    # Slavic languages
    r"(?:(?:prawid\u0142owa|poprawna|ostateczna) )?odpowied\u017a (?:ko\u0144cowa )?(?:to|brzmi|jest)",
    r"(?:spr\u00e1vn\u00e1 )?odpov\u011b\u010f (?:je|zn\u00ed)",
    r"(?:(?:\u043f\u0440\u0430\u0432\u0438\u043b\u044c\u043d\u044b\u0439|\u0432\u0435\u0440\u043d\u044b\u0439"
    r"|\u043e\u043a\u043e\u043d\u0447\u0430\u0442\u0435\u043b\u044c\u043d\u044b\u0439) )?"
    r"\u043e\u0442\u0432\u0435\u0442 ?(?:[\u2014\u2013-]|\u044d\u0442\u043e\b)",
    r"(?:\u043f\u0440\u0430\u0432\u0438\u043b\u044c\u043d\u0430 )?"
    r"\u0432\u0456\u0434\u043f\u043e\u0432\u0456\u0434\u044c ?(?:[\u2014\u2013-]|\u0446\u0435\b)",
    # Greek, Arabic, Hebrew
    r"\u03b7 (?:(?:\u03c3\u03c9\u03c3\u03c4\u03ae|\u03c4\u03b5\u03bb\u03b9\u03ba\u03ae) )?"
    r"\u03b1\u03c0\u03ac\u03bd\u03c4\u03b7\u03c3\u03b7 \u03b5\u03af\u03bd\u03b1\u03b9",
    r"(?:\u0627\u0644\u0625\u062c\u0627\u0628\u0629|\u0627\u0644\u062c\u0648\u0627\u0628)"
    r"(?: (?:\u0627\u0644\u0635\u062d\u064a\u062d\u0629|\u0627\u0644\u0646\u0647\u0627\u0626\u064a\u0629"
    r"|\u0627\u0644\u0635\u062d\u064a\u062d))? (?:\u0647\u064a|\u0647\u0648)\b",
    r"\u05d4\u05ea\u05e9\u05d5\u05d1\u05d4"
    r"(?: (?:\u05d4\u05e0\u05db\u05d5\u05e0\u05d4|\u05d4\u05e1\u05d5\u05e4\u05d9\u05ea))? \u05d4\u05d9\u05d0\b",
    # Chinese, Japanese, Korean, Thai, Vietnamese, Indonesian
    r"(?:\u6700\u7ec8|\u6700\u7d42|\u6b63\u786e|\u6b63\u78ba)?(?:\u7684)?\u7b54\u6848(?:\u662f|\u4e3a|\u70ba)",
    r"(?:\u7b54\u3048|\u6b63\u89e3|\u56de\u7b54|\u89e3\u7b54)\u306f",
    r"(?:\uc815\ub2f5|\ub2f5\ubcc0|\ub2f5)(?:\uc740|\ub294)",
    r"\u0e04\u0e33\u0e15\u0e2d\u0e1a(?:\u0e17\u0e35\u0e48\u0e16\u0e39\u0e01\u0e15\u0e49\u0e2d\u0e07)?"
    r"(?:\u0e04\u0e37\u0e2d|\u0e40\u0e1b\u0e47\u0e19)",
    r"(?:c\u00e2u tr\u1ea3 l\u1eddi|\u0111\u00e1p \u00e1n)(?: (?:cu\u1ed1i c\u00f9ng|\u0111\u00fang))? l\u00e0",
    r"jawaban(?:nya)?(?: (?:akhir|akhirnya|yang benar))? adalah",
)
_LABELS: Final = (
    "answer|antwort|l\u00f6sung|r\u00e9ponse|respuesta|risposta|resposta|antwoord|odpowied\u017a"
    "|odpov\u011b\u010f|r\u0103spuns|v\u00e1lasz|vastaus|svar|cevap|yan\u0131t|jawaban|\u0111\u00e1p \u00e1n"
    "|tr\u1ea3 l\u1eddi|c\u00e2u tr\u1ea3 l\u1eddi|\u043e\u0442\u0432\u0435\u0442"
    "|\u0432\u0456\u0434\u043f\u043e\u0432\u0456\u0434\u044c|\u03b1\u03c0\u03ac\u03bd\u03c4\u03b7\u03c3\u03b7"
    "|\u0627\u0644\u0625\u062c\u0627\u0628\u0629|\u0625\u062c\u0627\u0628\u0629|\u0627\u0644\u062c\u0648\u0627\u0628"
    "|\u05ea\u05e9\u05d5\u05d1\u05d4|\u05d4\u05ea\u05e9\u05d5\u05d1\u05d4|\u067e\u0627\u0633\u062e|\u062c\u0648\u0627\u0628"
    "|\u0909\u0924\u094d\u0924\u0930|\u091c\u0935\u093e\u092c|\u0989\u09a4\u09cd\u09a4\u09b0"
    "|\u0e04\u0e33\u0e15\u0e2d\u0e1a|\u7b54\u6848|\u56de\u7b54|\u7b54\u3048|\u6b63\u89e3|\u7b54"
    "|\uc815\ub2f5|\ub2f5\ubcc0|\ub2f5"
)
_LEAD: Final = (
    r"(?:final|correct|short|endg\u00fcltige|finale|richtige|la|die|the|my|\u6700\u7ec8|\u6700\u7d42"
    r"|\u6b63\u786e|\u6b63\u78ba|\u6700\u7d42\u7684\u306a|\ucd5c\uc885|\u0438\u0442\u043e\u0433\u043e\u0432\u044b\u0439)"
)
_ANNOUNCES: Final = re.compile(
    rf"(?<!\w)(?:{'|'.join(_SENTENCES)})[*_]{{0,3}}[ ]?[:\uff1a]?(?![.,;!?\w])[ ]?"
    rf"|(?:(?<=[.!?\u3002] )|(?<=\u3002)|^[ \t>#*_-]{{0,8}})(?:{_LEAD} ?){{0,2}}(?:{_LABELS})"
    r"[ ]?[*_]{0,3}[ ]?[:\uff1a][*_]{0,3}[ ]?"
    rf"|^[ \t]{{0,3}}\#{{1,6}} ?(?:{_LEAD} ?){{0,2}}(?:{_LABELS})[ *_]{{0,4}}$"
    r"|(?<=\uff0c)(?:\u6240\u4ee5|\u56e0\u6b64)?\u7b54\u6848(?:\u662f|\u4e3a)[:\uff1a]?",
    re.IGNORECASE | re.MULTILINE,
)
_UNSPACED: Final = re.compile(
    r"(?:\u7b54\u6848(?:\u662f|\u4e3a|\u70ba)|(?:\u7b54\u3048|\u6b63\u89e3)\u306f|(?:\uc815\ub2f5|\ub2f5)(?:\uc740|\ub294)"
    r"|\u0e04\u0e33\u0e15\u0e2d\u0e1a\u0e04\u0e37\u0e2d)[:\uff1a]? ?"
)
"""Announcements that need no blank before and after them."""
_BOX: Final = re.compile(r"\\(?:boxed|fbox)\s?\{")
_TAG: Final = re.compile(r"<answer>((?:(?!</?answer>).)*)</answer>", re.IGNORECASE | re.DOTALL)
_HASHES: Final = re.compile(r"####[ \t]?(?=[^#\s])")
_STOP: Final = re.compile(r"(?<=[^\s.])[.!?](?=[*_\"')\]]{0,3}\s+[\"'(*]?\S)|[\u3002\uff01\uff1f]")
_SHORT: Final = re.compile(r"(?:^|[\s(\"'*])[^\W\d_]{1,3}\Z")
_FILLER: Final = frozenset(
    "correct right wrong incorrect clear simple obvious easy below above unclear follows here it "
    "richtig falsch klar correcte incorrecte claire correcta incorrecta corretta correta".split()
) | {""}
_SENTENCE_WORDS: Final = 4


def announcement(text: str) -> str | None:
    """Return what the last announcement of ``text`` announces; None if there is none.

    It runs to the end of its sentence, and keeps the stop. A stop inside a value, after an
    abbreviation, or before fewer than four words ends no sentence: rather too much than a value
    cut in two. If nothing follows on its line, it is all that follows.
    """
    found = [
        *((mark.end(), _to_sentence_end) for mark in _ANNOUNCES.finditer(text)),
        *((mark.end(), _to_sentence_end) for mark in _UNSPACED.finditer(text)),
        *((mark.end(), _braced) for mark in _BOX.finditer(text)),
        *((mark.start(1), _tagged) for mark in _TAG.finditer(text)),
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
