"""What the answer is in the text that a model wrote."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from stressbench.scorers.text.answer.announcing import announcement
from stressbench.scorers.text.answer.thoughts import without_thoughts
from stressbench.scorers.text.answer.turns import before_next_turn

_TAGGED: Final = re.compile(
    r"\s*(?:<answer>(?P<xml>(?:(?!</?answer>).)*)</answer>"
    r"|<\|begin_of_box\|>(?P<box>(?:(?!<\|).)*)<\|end_of_box\|>)\s*",
    re.IGNORECASE | re.DOTALL,
)
"""An answer that stands whole inside a pair of marks, as models with a thought write it."""
_TOKEN: Final = re.compile(
    r"<\|[^<>|\s]{1,40}\|>|<\uff5c[^<>\uff5c\s]{1,40}\uff5c>|</?s>|<(?:pad|eos|bos|unk|mask)>"
    r"|<(?:start|end)_of_turn>|\[/?INST\]|\[UNK\]|\[PAD\]"
)
_COPIED: Final = 48
"""Characters before an announced answer that are compared with the prompt."""
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp", "Cs", "Cn", "Co"})
_BLANK_LETTERS: Final = frozenset(
    "\ufffd\u2800\u3164\u115f\u1160\uffa0\u034f\ufe00\ufe01\ufe02\ufe0e\ufe0f"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalAnswer:
    """The answer of a text."""

    text: str
    """The answer without thoughts and without an invented next turn; "" if nothing is visible."""
    thought: bool
    """Whether the text held a thought."""
    cut: bool
    """Whether a thought began and never ended; then there is no text."""

    @property
    def announced(self) -> str | None:
        """What the text announces, as ``5`` in "The answer is 5"; None if it announces nothing."""
        return announcement(self.text)


def final_answer(text: str, *, expected: Sequence[str] = ()) -> FinalAnswer:
    """Find the answer in ``text``: after the thoughts, and before an invented next turn.

    If a text of ``expected`` itself has lines that look like a next turn, such as a dialogue to
    copy, nothing is cut at the end. Applying it again to the text that it found changes nothing.
    """
    parted = without_thoughts(text)
    rest, thought, cut = parted.rest, parted.thought, parted.cut
    turns = not any(before_next_turn(one) != one for one in expected)
    while True:
        said = before_next_turn(rest) if turns else rest
        tagged = _TAGGED.fullmatch(said)
        if tagged:
            said = tagged["xml"] if tagged["xml"] is not None else tagged["box"]
        again = without_thoughts(said)
        if again.rest == rest:
            break
        rest, thought, cut = again.rest, thought or again.thought, cut or again.cut
    if not visible(rest):
        rest = ""
    return FinalAnswer(text=rest, thought=thought, cut=cut)


def announced(text: str, *, prompt: str = "") -> str:
    """Return what ``text`` announces as its answer, or all of it if it announces nothing.

    An announcement that is copied from the ``prompt`` is none: an echo announces no answer.
    """
    found = announcement(text)
    if found is None:
        return text
    start = text.rfind(found)
    end = start + len(found)
    return text if text[max(start - _COPIED, 0) : end] in prompt else found


def visible(text: str) -> bool:
    """Whether a reader would see anything: no blanks, invisible characters or template marks."""
    shown = _TOKEN.sub("", text) if "<" in text or "[" in text else text
    return any(
        char not in _BLANK_LETTERS and unicodedata.category(char) not in _INVISIBLE
        for char in shown
    )
