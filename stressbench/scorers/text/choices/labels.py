"""Which label of a closed set a text gives."""

# ruff: noqa: E501 - word lists of many languages

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from stressbench.scorers.text.choices.negation import denied, goes_on
from stressbench.scorers.text.choices.plain import announced, places, plain, trimmed
from stressbench.scorers.text.choices.yes_no import FIRM, SPELLINGS, meaning

_REACH: Final = 24
_AROUND: Final = " \t\n.,:;!?()[]{}\"'*`-\u3002\uff61\u061f"
_DIVIDED: Final = re.compile(r"[ _-]+")
_DENIAL: Final = re.compile(r"(?:not|non|no)(?=[ _-])[ _-]+")
_STOPS: Final = r"[.,:;!?\n()\"'\[\]/\u3001\u3002\uff61\u060c\u061f-]"
_CLOSED: Final = re.compile(
    rf" ?(?:{_STOPS}|$|(?:or|and|und|et|e|y|i|en|og|och|ve|\u03ba\u03b1\u03b9|because|since|as|but|if|oder|weil|denn|ou|car|mais|o|porque|perch\u00e9"
    r"|\u043f\u043e\u0442\u043e\u043c\u0443|\u0438\u043b\u0438|\u0438|\u548c|\u6216|\u56e0\u4e3a|\u56e0\u70ba)(?!\w))"
)
_OPEN: Final = re.compile(
    rf"(?:^|{_STOPS}) ?$|(?:^|\W)(?:or|and|und|et|e|y|i|en|og|och|ve|\u03ba\u03b1\u03b9|\u0438|\u548c|oder|ou|o|\u0438\u043b\u0438|\u6216|is|be|ist|est|es|say|yes|no|true|false) $"
)
_GOES_ON: Final = re.compile(
    r" (?:it|it's|he|she|they|this|that|there|the|we|i|you|its|not|these|those)(?!\w)"
)
_FIRST: Final = re.compile(r"[^\n]*?(?:[.!?](?=\s|$)|\u3002|\n|$)")


@dataclass(frozen=True, slots=True)
class _Mention:
    """A label that a text names, and where."""

    start: int
    end: int
    index: int
    spelling: str


@dataclass(frozen=True, slots=True)
class LabelSet:
    """A closed set of labels, and how each is spelled."""

    names: tuple[str, ...]
    spellings: tuple[tuple[str, int], ...]
    """Each spelling with the index of its label, the longest first."""
    short: frozenset[str]
    """Spellings of yes, no, true and false; most are other words too."""

    @classmethod
    @lru_cache(maxsize=64)
    def of(cls, names: tuple[str, ...]) -> LabelSet:
        """Make the set, with the spellings of yes and no in other languages."""
        found: dict[str, int] = {}
        own = [_spelled(name) for name in names]
        short: set[str] = set()
        for index, name in enumerate(own):
            means = meaning(name)
            for spelling in sorted({_spelled(one) for one in SPELLINGS.get(means or "", ())}):
                if spelling not in own:
                    found.setdefault(spelling, index)
                    short.add(spelling)
            if means:
                short.add(name)
            for variant in _variants(name, own):
                found.setdefault(variant, index)
        found |= {name: own.index(name) for name in own}
        longest = sorted(found.items(), key=lambda pair: (-len(pair[0]), pair[0]))
        return cls(names, tuple(longest), frozenset(short))

    def alike(self) -> str | None:
        """Return a label that means the same as one before it; None if all differ."""
        seen: set[str] = set()
        for name in self.names:
            means = meaning(_spelled(name))
            if means in seen:
                return name
            if means:
                seen.add(means)
        return None

    def index(self, text: str) -> int | None:
        """Return which label the whole text is; None if it is none."""
        return dict(self.spellings).get(_spelled(text))

    def read(self, answer: str) -> tuple[int | None, bool]:
        """Return the label that ``answer`` gives, and whether it says nothing else."""
        whole = self.index(answer)
        if whole is not None:
            return whole, True
        tail = announced(answer)
        if tail is not None:
            tail = plain(tail)
            first = _FIRST.match(tail)
            for part in (first.group() if first else tail, tail):
                label = self.index(part)
                label = self._only(part) if label is None else label
                if label is not None:
                    return label, False
        return self._only(plain(answer)), False

    def _only(self, text: str) -> int | None:
        """Return the only label that is named and not denied, or a yes or no at the beginning."""
        live = self._asserted(text)
        found = {mention.index for mention in live}
        if len(found) == 1:
            return found.pop()
        if found and self._leads(text, live):
            return live[0].index
        return None

    def _leads(self, text: str, live: Sequence[_Mention]) -> bool:
        """Whether a yes or no begins the text, and no other stands alone after it."""
        first = live[0]
        if first.spelling not in self.short or text[: first.start].strip(_AROUND):
            return False
        return not any(other.index != first.index and _opens(text, other.start) for other in live)

    def _asserted(self, text: str) -> list[_Mention]:
        """Return the labels that the text names and does not deny, in order."""
        live: list[_Mention] = []
        last: _Mention | None = None
        for mention in self._mentions(text):
            on = last is not None and goes_on(text[last.end : mention.start])
            if on or denied(text, mention.start, mention.end):
                last = mention
            else:
                last = None
                live.append(mention)
        return live

    def _mentions(self, text: str) -> list[_Mention]:
        """Return every label that the text names, the longest first, in order."""
        taken = bytearray(len(text))
        found: list[_Mention] = []
        for spelling, index in self.spellings:
            for start in places(text, spelling):
                end = start + len(spelling)
                if any(taken[start:end]):
                    continue
                if spelling in self.short and not self._said(text, start, end):
                    continue
                taken[start:end] = b"\x01" * (end - start)
                found.append(_Mention(start, end, index, spelling))
        return sorted(found, key=lambda mention: mention.start)

    def _said(self, text: str, start: int, end: int) -> bool:
        """Whether a short word is a yes or no here, and not another word: "no other"."""
        leading = not text[:start].strip(_AROUND)
        closed = _CLOSED.match(text, end) is not None
        if text[start:end] in FIRM:
            return True
        if leading and (closed or (text[start:end] == "no" and _GOES_ON.match(text, end))):
            return True
        return closed and _opens(text, start)


def _opens(text: str, start: int) -> bool:
    """Whether a word that begins at ``start`` stands alone, as far as what is before it."""
    before = text[max(0, start - _REACH) : start]
    return _OPEN.search("x" * (start > _REACH) + before) is not None


def _spelled(text: str) -> str:
    return trimmed(plain(text))


def _variants(name: str, names: Sequence[str]) -> list[str]:
    """Return other spellings of a label: with a blank, hyphen or underline inside.

    ``not entailment`` is ``non-entailment`` if ``entailment`` is a label as well.
    """
    forms = {mark.join(_DIVIDED.split(name)) for mark in " -_"}
    rest = _DENIAL.sub("", name, count=1)
    if rest != name and rest in names:
        forms |= {f"{word}{mark}{rest}" for word in ("not", "non", "no") for mark in " -_"}
    return sorted(forms)
