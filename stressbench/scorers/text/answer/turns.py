"""Where a model goes on after its answer with an invented next turn of the conversation."""

from __future__ import annotations

import re
from bisect import bisect
from functools import cache
from typing import Final

from stressbench.scorers.text.languages import any_of

_NAMED: Final = re.compile(r"^[*_\w][\w *-]{0,30}[:\uff1a]")
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
_CANDIDATE: Final = re.compile(r"\n(?=[^\n:\uff1a]{1,40}[:\uff1a]|##|<)")
_FENCE: Final = re.compile(r"^[ \t]{0,3}(?:```|~~~)", re.MULTILINE)
_QUOTES: Final = frozenset("`'\"\u201c\u201d")


@cache
def _line() -> re.Pattern[str]:
    """A line that begins a turn: a name and a colon, or a heading of instruction templates."""
    return re.compile(
        rf"^(?:[*_]{{0,3}}(?P<name>{any_of('speakers')}|{any_of('questions')})(?: ?\d{{1,4}})?"
        r"[*_]{0,3} ?[:\uff1a]"
        r"|\#{2,4} ?(?:Instructions?|Input|User|Human|Assistant|Question|Response)\b)",
        re.MULTILINE,
    )


@cache
def _answer_line() -> re.Pattern[str]:
    return re.compile(
        rf"[*_\s]{{0,3}}(?:final |correct )?(?:a|{any_of('labels')})[*_ ]{{0,3}}[:\uff1a]",
        re.IGNORECASE,
    )


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
    marked = "<" in text or "[" in text
    struck = text.find("<s>", start)  # strikes text out, in HTML
    for mark in _MARKS.finditer(text, start) if marked else ():
        if not _meant(text, struck, mark):
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


def _meant(text: str, struck: int, mark: re.Match[str]) -> bool:
    """Whether the answer shows this mark, as after a ``<s>`` at ``struck``, and goes on."""
    if mark[0] == "</s>" and 0 <= struck < mark.start():
        return True
    before, after = text[mark.start() - 1 : mark.start()], text[mark.end() : mark.end() + 1]
    return before in _QUOTES and after in _QUOTES


def _next_line(text: str, start: int, end: int) -> int | None:
    """Where the first line that begins an invented turn starts."""
    first = len(text) - len(text[start:].lstrip()) if text[start:end].strip() else end
    if first >= end or _is_turn(text[first:end]):
        return None
    fences = (
        [fence.start() for fence in _FENCE.finditer(text, start, end)]
        if "```" in text or "~~~" in text
        else []
    )
    for mark in _CANDIDATE.finditer(text, first, end):
        at = mark.start() + 1
        turn = _line().match(text, at, end) or _THOUGHT.match(text, at, end)
        if turn and bisect(fences, at) % 2 == 0 and not _wanted(text, start, at):
            return at
    return None


def _is_turn(text: str) -> bool:
    """Whether a text is a dialogue: its first line is a speaker's, and not a question's."""
    first = _line().match(text)
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
    return not gap and bool(_NAMED.match(line)) and not _answer_line().match(line)
