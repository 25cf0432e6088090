"""Which options of a multiple-choice question a text chooses."""

# ruff: noqa: E501 - word lists of many languages

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from string import ascii_uppercase
from typing import Final

from stressbench.scorers.text.choices.negation import denied, goes_on
from stressbench.scorers.text.choices.plain import announced, places, plain, trimmed

_NOUN: Final = (
    r"(?:option|choice|answer|letter|alternative|antwort|l\u00f6sung|r\u00e9ponse|opci\u00f3n|op\u00e7\u00e3o|opzione"
    r"|respuesta|resposta|risposta|\u0432\u0430\u0440\u0438\u0430\u043d\u0442|\u043e\u0442\u0432\u0435\u0442|\u9009\u9879|\u9078\u9805|\u9009|\u9078|\u9078\u629e\u80a2"
    r"|\u6b63\u89e3|\ubcf4\uae30|\uc815\ub2f5)"
)
_RINGED: Final = re.compile(r"[(\[] ?(?P<ringed>[A-Za-z1-9]) ?[)\]]")
_MARKED: Final = re.compile(r"(?P<marked>[A-Za-z1-9])\)(?<![\w'.(-]..)")
_CALLED: Final = re.compile(
    rf"(?i:(?<!\w){_NOUN}[:#]? ?)(?P<called>[A-Za-z1-9])(?![A-Za-z0-9_'\u00c0-\u024f])"
)
_NOUNS: Final = tuple(_NOUN[3:-1].split("|"))
_BARE: Final = re.compile(
    r"(?P<bare>[A-Z1-9])(?![A-Za-z0-9_'\u00c0-\u052f+#&-]|\.\w|[.,]\d)"
    r"(?<![A-Za-z0-9_'\u00c0-\u052f.&+-].)"
)
_IS_A_WORD: Final = frozenset("AEIOUYV")
"""Letters that are words of some language: "A banana", "I think", "E a resposta"."""
_LATIN: Final = re.compile(r" ?[A-Za-z0-9\u00c0-\u024f]")
"""A Latin word or number follows; in another script, a letter is no word."""
_VERB: Final = re.compile(
    r" ?(?:is|was|are|seems|looks|would|should|must|has|because|since|as|for|and|or|ist|und|oder|weil"
    r"|est|et|ou|car|es|y|porque|\u00e9|\u00e8|perch\u00e9|is|\u0438|\u0438\u043b\u0438|- \u044d\u0442\u043e|\u0432\u0435\u0440\u043d\w*)(?!\w)"
)
_STATED: Final = re.compile(
    r" ?(?:is|was|are|seems|looks|would|has|ist|est|es|\u00e9|\u00e8)(?!\w)"
)
_CONFIRMED: Final = re.compile(
    r"[)\]\"']*(?: [^\W\d_]+\)?)? ?(?:(?:is|must be|should be|would be|ist|est|es|\u00e9|\u00e8)"
    r"(?: (?:therefore|thus|clearly|also|indeed))?"
    r" (?:(?:the|die|la|le|a) )?(?:correct|right|true|best|most \w+|richtig\w*|korrekt|bonne"
    r"|correcte?|correct[ao]|corret[ao]|corrett[ao]|giust[ao])"
    r"|(?:- )?(?:\u0432\u0435\u0440\u043d|\u043f\u0440\u0430\u0432\u0438\u043b\u044c\u043d)\w+|(?:\u9009\u9879|\u9078\u9805|\u9879)?(?:\u662f)?(?:\u6b63\u786e|\u6b63\u78ba|\u5bf9\u7684|\u5c0d\u7684)"
    r"|\u304c\u6b63\u3057\u3044|\u304c\u6b63\u89e3|(?:\uc774|\uac00) ?(?:\uc815\ub2f5|\ub9de))",
    re.IGNORECASE,
)
_JOINED: Final = re.compile(
    r"[)\].:;,\"'/&|\s*-]*"
    r"(?:(?:and|or|und|oder|et|ou|y|o|e|\u0438|\u0438\u043b\u0438|both|perhaps|maybe|also|possibly|so|thus|hence"
    r"|therefore|that is|i\.e\.|also|donc|deshalb|\u548c|\u6216|\u53ca|\u3068|\u304b|\u6240\u4ee5|\u56e0\u6b64|\uacfc|\uc640)"
    rf"[\s,:]*)*{_NOUN}?[\s(\"'\[*:-]*",
    re.IGNORECASE,
)
_AND: Final = re.compile(
    r"(?<!\w)(?:and|or|und|oder|et|ou|y|o|e|\u0438|\u0438\u043b\u0438)(?!\w)|[&/\u548c\u6216\u53ca]",
    re.IGNORECASE,
)
_BEGINNING: Final = re.compile(
    rf"[\s(\[\"'*#>:-]*(?:(?:the|option|choice|answer|{_NOUN})[\s:]*)*[\s(\[\"'*]*", re.IGNORECASE
)
_FIRST_SENTENCE: Final = re.compile(r"[^\n]*?(?:[^\s.()A-Z]{2}[.!?](?=\s|$)|[\u3002]|\n|$)")
_APART: Final = 40
"""Characters between two options that belong together, at most."""
_AROUND: Final = " \t\n.,:;!?()[]{}\"'*`-\u3002"


@dataclass(frozen=True, slots=True)
class Mention:
    """An option that a text names, and where."""

    start: int
    end: int
    index: int
    by_letter: bool = False


@dataclass(frozen=True, slots=True)
class OptionReading:
    """Which options a text chooses; ``alone`` if it says nothing else."""

    chosen: frozenset[int]
    alone: bool


@dataclass(frozen=True, slots=True)
class OptionList:
    """The options of a question, known by their texts or only by their letters."""

    texts: tuple[str, ...]
    folded: tuple[str, ...]
    numbered: bool
    """Whether the options are numbered 1 to 9 instead of lettered."""

    @classmethod
    def of(cls, texts: Sequence[str], expected: Sequence[str]) -> OptionList:
        """Make the options; they are numbered if a reference is a number and no text is."""
        folded = tuple(trimmed(_folded(plain(text, case=True))) for text in texts)
        bare = {trimmed(plain(text, case=True)) for text in expected}
        numbered = any(re.fullmatch("[1-9]", one) and one not in folded for one in bare)
        return cls(tuple(texts), folded, numbered)

    def index(self, reference: str) -> int | None:
        """Return which option a reference is; None if it is none."""
        text = trimmed(plain(reference, case=True))
        if _folded(text) in self.folded:
            return self.folded.index(_folded(text))
        if not re.fullmatch("[A-Za-z1-9]", text):
            return None
        if text.isdigit() != self.numbered and not self.texts:
            return None
        index = _index(text)
        return index if not self.texts or index < len(self.texts) else None

    def name(self, index: int) -> str:
        """Return the letter or number of an option."""
        return str(index + 1) if self.numbered else ascii_uppercase[index]

    def read(self, answer: str) -> OptionReading:
        """Read which options ``answer`` chooses: none, one or several."""
        text = plain(answer, case=True)
        whole = self.index(text)
        if whole is not None:
            return OptionReading(frozenset({whole}), alone=True)
        tail = announced(answer)
        if tail is not None:
            return OptionReading(self._announced(plain(tail, case=True)), alone=False)
        found = self._mentions(text)
        live = _asserted(text, found)
        confirmed = {m.index for m in live if m.by_letter and _CONFIRMED.match(text, m.end)}
        if len(confirmed) == 1:
            return OptionReading(frozenset(confirmed), alone=False)
        chosen = frozenset(mention.index for mention in live)
        if len(chosen) > 1 and _BEGINNING.fullmatch(text, 0, live[0].start):
            chosen = _cluster(text, live)
        return OptionReading(chosen, alone=self._says_only(text, chosen))

    def _announced(self, tail: str) -> frozenset[int]:
        """Return the options that an announcement names first."""
        whole = self.index(tail)
        if whole is not None:
            return frozenset({whole})
        first = _FIRST_SENTENCE.match(tail)
        lead = first.group().strip() if first else tail
        whole = self.index(lead)
        if whole is not None:
            return frozenset({whole})
        for part in (lead, tail):
            live = _asserted(part, self._mentions(part, lower=True))
            if live:
                return _cluster(part, live)
        return frozenset()

    def _mentions(self, text: str, *, lower: bool = False) -> list[Mention]:
        """Return every option that the text names, in order; texts before letters."""
        folded = _folded(text)
        taken = bytearray(len(text))
        found: list[Mention] = []
        for index in sorted(range(len(self.folded)), key=lambda one: -len(self.folded[one])):
            value = self.folded[index]
            if len(value) == 1 and value.isascii() and value.isalpha():
                continue
            for start in places(folded, value):
                end = start + len(value)
                if not any(taken[start:end]):
                    taken[start:end] = b"\x01" * (end - start)
                    found.append(Mention(start, end, index))
        for match in _letters(text, folded):
            mention = self._letter(match, first=lower and not text[: match.start()].strip(_AROUND))
            if mention is not None and not taken[mention.start]:
                found.append(mention)
        return sorted(found, key=lambda mention: mention.start)

    def _letter(self, match: re.Match[str], *, first: bool) -> Mention | None:
        """Return the option whose letter or number this is; None if it is a word or a count."""
        kind = match.lastgroup or ""
        letter = match[kind]
        start, end = match.span(kind)
        following = match.string[match.end() :][:24]
        if letter.isdigit() != self.numbered and not (kind in "ringed marked" and self.numbered):
            return None
        if letter.isdigit() and any(text.isdigit() for text in self.folded):
            return None
        if kind == "called" and letter.islower() and re.match(r" ?\w", following):
            return None
        if kind == "bare" and _LATIN.match(following) and not _VERB.match(following):
            is_word = letter in _IS_A_WORD or letter.isdigit()
            if is_word and not (first and letter not in "AI"):
                return None
        own = _folded(letter) in self.folded
        index = self.folded.index(_folded(letter)) if own else _index(letter)
        return Mention(start, end, index, by_letter=True)

    def _says_only(self, text: str, chosen: Iterable[int]) -> bool:
        """Whether the text is a letter with its option's text, and nothing else."""
        rest = _folded(text)
        for index in chosen:
            rest = rest.replace(self.folded[index] if index < len(self.folded) else "\0", "")
            rest = re.sub(rf"(?<!\w){self.name(index).casefold()}(?!\w)", "", rest)
        return not rest.strip(_AROUND)


def _letters(text: str, folded: str) -> list[re.Match[str]]:
    """Return where a single letter or digit stands, by the surest sign that it is a label."""
    found = [*_RINGED.finditer(text)] if "(" in text or "[" in text else []
    found += _MARKED.finditer(text) if ")" in text else ()
    found += _CALLED.finditer(text) if any(noun in folded for noun in _NOUNS) else ()
    found += _BARE.finditer(text)
    surest: dict[int, re.Match[str]] = {}
    for match in found:
        surest.setdefault(match.start(match.lastgroup or ""), match)
    return [*surest.values()]


def _index(letter: str) -> int:
    return int(letter) - 1 if letter.isdigit() else ascii_uppercase.index(letter.upper())


def _folded(text: str) -> str:
    """Return the text in lower case, of the same length."""
    lower = text.lower() if text.isascii() else text.casefold()
    if len(lower) == len(text):
        return lower
    return "".join(low if len(low := char.casefold()) == 1 else char for char in text)


def _asserted(text: str, mentions: Sequence[Mention]) -> list[Mention]:
    """Leave out the mentions that the text denies."""
    live: list[Mention] = []
    last: Mention | None = None
    for mention in mentions:
        on = last is not None and goes_on(text[last.end : mention.start])
        if denied(text, mention.start, mention.end) or on:
            last = mention
        else:
            last = None
            live.append(mention)
    return live


def _cluster(text: str, live: Sequence[Mention]) -> frozenset[int]:
    """Return the first mention and those joined to it: "A, B or C", "B) London"."""
    chosen = {live[0].index}
    for last, following in pairwise(live):
        between = text[last.end : following.start]
        stated = _STATED.match(text, following.end) and not _AND.search(between)
        if len(between) > _APART or stated or not _JOINED.fullmatch(between):
            break
        chosen.add(following.index)
    return frozenset(chosen)
