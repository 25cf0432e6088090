"""Where a model goes on after its answer with an invented next turn of the conversation."""

from __future__ import annotations

import re
from bisect import bisect
from typing import Final

_SPEAKERS: Final = (
    "User|Human|Assistant|"
    "Benutzer|Nutzer|Mensch|Utilisateur|Humain|Usuario|Humano|Utente|Umano|Usu\u00e1rio|"
    "Gebruiker|Mens|U\u017cytkownik|Cz\u0142owiek|U\u017eivatel|\u010clov\u011bk|Anv\u00e4ndare|"
    "\u041f\u043e\u043b\u044c\u0437\u043e\u0432\u0430\u0442\u0435\u043b\u044c|"
    "\u0427\u0435\u043b\u043e\u0432\u0435\u043a|"
    "\u041a\u043e\u0440\u0438\u0441\u0442\u0443\u0432\u0430\u0447|Kullan\u0131c\u0131|"
    "\u0627\u0644\u0645\u0633\u062a\u062e\u062f\u0645|\u0645\u0633\u062a\u062e\u062f\u0645|"
    "\u05de\u05e9\u05ea\u05de\u05e9|\u06a9\u0627\u0631\u0628\u0631|"
    "\u0909\u092a\u092f\u094b\u0917\u0915\u0930\u094d\u0924\u093e|"
    "\u09ac\u09cd\u09af\u09ac\u09b9\u09be\u09b0\u0995\u09be\u09b0\u09c0|"
    "\u0e1c\u0e39\u0e49\u0e43\u0e0a\u0e49|Ng\u01b0\u1eddi d\u00f9ng|Pengguna|"
    "\u7528\u6237|\u7528\u6236|\u4eba\u7c7b|\u4eba\u985e|\u4eba\u9593|"
    "\u30e6\u30fc\u30b6\u30fc|\uc0ac\uc6a9\uc790|\u03a7\u03c1\u03ae\u03c3\u03c4\u03b7\u03c2"
)
_QUESTIONS: Final = (
    "Question|Q|Frage|Pregunta|Domanda|Pergunta|Vraag|Pytanie|Ot\u00e1zka|Fr\u00e5ga|"
    "\u0412\u043e\u043f\u0440\u043e\u0441|\u041f\u0438\u0442\u0430\u043d\u043d\u044f|Soru|"
    "\u0627\u0644\u0633\u0624\u0627\u0644|\u0633\u0624\u0627\u0644|\u05e9\u05d0\u05dc\u05d4|"
    "\u067e\u0631\u0633\u0634|\u0633\u0648\u0627\u0644|"
    "\u092a\u094d\u0930\u0936\u094d\u0928|\u09aa\u09cd\u09b0\u09b6\u09cd\u09a8|"
    "\u0e04\u0e33\u0e16\u0e32\u0e21|C\u00e2u h\u1ecfi|Pertanyaan|"
    "\u95ee\u9898|\u554f\u984c|\u95ee|\u554f|\u8cea\u554f|\uc9c8\ubb38|"
    "\u0395\u03c1\u03ce\u03c4\u03b7\u03c3\u03b7"
)
_LINE: Final = re.compile(
    rf"^(?:[*_]{{0,3}}(?P<name>{_SPEAKERS}|{_QUESTIONS})(?: ?\d{{1,4}})?[*_]{{0,3}} ?[:\uff1a]"
    r"|\#{2,4} ?(?:Instructions?|Input|User|Human|Assistant|Question|Response)\b)",
    re.MULTILINE,
)
_NAMED: Final = re.compile(r"^[*_\w][\w *-]{0,30}[:\uff1a]")
_ANSWERED: Final = re.compile(
    r"^[*_\s]{0,3}(?:(?:final |correct )?answer|a|antwort|r\u00e9ponse|respuesta|risposta|resposta"
    r"|antwoord|odpowied\u017a|odpov\u011b\u010f|svar|\u043e\u0442\u0432\u0435\u0442"
    r"|\u0432\u0456\u0434\u043f\u043e\u0432\u0456\u0434\u044c|cevap|\u0627\u0644\u062c\u0648\u0627\u0628"
    r"|\u0627\u0644\u0625\u062c\u0627\u0628\u0629|\u05ea\u05e9\u05d5\u05d1\u05d4|\u067e\u0627\u0633\u062e"
    r"|\u0909\u0924\u094d\u0924\u0930|\u0e04\u0e33\u0e15\u0e2d\u0e1a|tr\u1ea3 l\u1eddi|jawaban"
    r"|\u7b54\u6848|\u7b54|\u56de\u7b54|\u7b54\u3048|\ub2f5\ubcc0|\uc815\ub2f5|\ub2f5"
    r"|\u03b1\u03c0\u03ac\u03bd\u03c4\u03b7\u03c3\u03b7)[*_ ]{0,3}[:\uff1a]",
    re.IGNORECASE,
)
_THOUGHT: Final = re.compile(r"^<(?:think|thinking|thought|reasoning)>[ \t]*$", re.MULTILINE)
_MARKS: Final = re.compile(
    r"<\|(?:im_start|im_end|endoftext|end_of_text|eot_id|eom_id|end|return|start|call|user|system"
    r"|assistant|observation|start_header_id|END_OF_TURN_TOKEN|START_OF_TURN_TOKEN|eot|eos"
    r"|end_of_turn|end_of_solution|END_RESPONSE|role_start|role_end|im_user\w{0,4})\|>"
    r"|<(?:end|start)_of_turn>|<turn\|>|<\|turn>|<eos>|<bos>|<pad>|\[/?INST\]|<<SYS>>|<s>\[INST\]"
    r"|<\uff5c(?:User|Assistant|end\u2581of\u2581sentence|begin\u2581of\u2581sentence)\uff5c>"
    r"|\[END FINAL RESPONSE\]|\[e~\[|</s>"
)
"""Marks with which chat templates end a turn or begin the next one."""
_OWN: Final = re.compile(
    r"(?:\s|<\|im_start\|>(?:assistant\b|(?!\w))|<\|start_header_id\|>assistant<\|end_header_id\|>"
    r"|<\|start\|>(?:assistant\b|(?!\w))(?:<\|message\|>)?|<\|(?:assistant|im_end|end|eot_id|endoftext)\|>"
    r"|<\|START_OF_TURN_TOKEN\|>(?:<\|CHATBOT_TOKEN\|>)?|<start_of_turn>(?:model\b|(?!\w))|<bos>|<s>|</s>"
    r"|\[/INST\]|<\uff5cAssistant\uff5c>|<\|begin_of_text\|>)*"
)
"""Marks before the answer: they begin the model's own turn, or end the one before it."""
_FENCE: Final = re.compile(r"^[ \t]{0,3}(?:```|~~~)", re.MULTILINE)
_QUOTES: Final = frozenset("`'\"\u201c\u201d")


def before_next_turn(text: str) -> str:
    """Return ``text`` up to where an invented next turn begins, without marks around it.

    A next turn begins with a mark of a chat template, or with a line such as ``User:`` or
    ``Question:``. Such a line ends the answer only after some text, not where that text is
    itself a dialogue, a list of names and values, or announces the line with a colon, and not
    in a code block. The text is returned as it is if there is nothing to cut.
    """
    own = _OWN.match(text)
    start = own.end() if own else 0
    if not text[:start].strip():
        start = 0
    end = len(text)
    for mark in _MARKS.finditer(text, start):
        if not _meant(text, start, mark):
            end = mark.start()
            break
    line = _next_line(text, start, end)
    if line is not None:
        end = line
    if start == 0 and end == len(text):
        return text
    said = text[start:end].strip()
    return said if line is None else said[: _tail(said)].rstrip() or said


def _tail(said: str) -> int:
    """Where the rulers and heading marks at the end of ``said`` begin."""
    last = said.rfind("\n") + 1
    return last if last and not said[last:].strip(" \t#=-*_") else len(said)


def _meant(text: str, start: int, mark: re.Match[str]) -> bool:
    """Whether the answer shows this mark rather than being ended by it."""
    if mark[0] == "</s>" and "<s>" in text[start : mark.start()]:
        return True  # strikes text out, in HTML
    return text[mark.start() - 1 : mark.start()] in _QUOTES and text[
        mark.end() : mark.end() + 1
    ] in (_QUOTES)


def _next_line(text: str, start: int, end: int) -> int | None:
    """Where the first line that begins an invented turn starts."""
    first = len(text) - len(text[start:].lstrip()) if text[start:end].strip() else end
    if first >= end or _is_turn(text[first:end]):
        return None
    fences = [fence.start() for fence in _FENCE.finditer(text, start, end)]
    found = [mark for pattern in (_LINE, _THOUGHT) for mark in pattern.finditer(text, first, end)]
    for mark in sorted(found, key=re.Match.start):
        at = mark.start()
        if at > first and bisect(fences, at) % 2 == 0 and not _wanted(text, start, at):
            return at
    return None


def _is_turn(text: str) -> bool:
    """Whether a text is a dialogue: its first line is a speaker's, and not a question's."""
    first = _LINE.match(text)
    return first is not None and first["name"] is not None


def _wanted(text: str, start: int, at: int) -> bool:
    """Whether the line before the turn's line at ``at`` says that it belongs to the answer."""
    last = at
    while last > start and text[last - 1].isspace():
        last -= 1
    if text[last - 1] in ":\uff1a":
        return True
    line = text[max(start, text.rfind("\n", start, last) + 1) : last]
    gap = text.count("\n", last, at) > 1
    return not gap and bool(_NAMED.match(line)) and not _ANSWERED.match(line)
