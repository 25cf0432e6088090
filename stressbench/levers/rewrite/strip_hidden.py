"""Removes characters that are not displayed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from stressbench.levers.base import Edit, Rewrite, RewriteLoss, apply_edits
from stressbench.survey.kinds import DEFAULT_IGNORABLE, is_drawn

_HIDDEN: Final = re.compile(f"[{DEFAULT_IGNORABLE}]+")
_SPACERS: Final = frozenset("\u00ad\u034f\u200b\u2060\ufeff")
"""Soft hyphen, grapheme joiner, zero-width space, word joiner, byte order mark: layout only."""
_JOINERS: Final = frozenset("\u200c\u200d")
_JOINTS: Final = _JOINERS | {"\ufe0f"}
_JOINING_SCRIPT: Final = re.compile("[\u0600-\u08ff\u0900-\u0dff\u0f00-\u109f\u1780-\u18af]")
"""Arabic, Syriac, Indic, Tibetan, Myanmar, Khmer, Mongolian: their spelling uses joiners."""


@dataclass(frozen=True, slots=True)
class StripHidden:
    """Removes default-ignorable characters: zero-width, bidi controls, tags, variation selectors.

    Joiners are kept in scripts whose spelling uses them, and selectors are kept in emoji.
    Layout characters count as appearance; all others can carry a message and count as content.
    """

    def rewrite(self, text: str) -> Rewrite:
        return apply_edits(text, _edits(text))


def _edits(text: str) -> Iterator[Edit]:
    if text.isascii():
        return
    for match in _HIDDEN.finditer(text):
        run, (start, end) = match[0], match.span()
        if _JOINTS.issuperset(run) and start:
            spelled = _JOINERS.issuperset(run) and _JOINING_SCRIPT.match(text, start - 1)
            if spelled or is_drawn(text, start, end):
                continue
        yield Edit(start, end, "", *_loss(run))


@lru_cache(maxsize=1 << 12)
def _loss(run: str) -> tuple[RewriteLoss, str]:
    speaking = next((char for char in run if char not in _SPACERS), None)
    if speaking is None:
        return "appearance", f"U+{ord(run[0]):04X} only affects layout"
    return "content", f"U+{ord(speaking):04X} can carry meaning"


PLUGIN = StripHidden
