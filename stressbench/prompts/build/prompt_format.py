"""Prompts of an exact number of tokens, built from pieces that are tokenized once.

A prompt is joined from encoded pieces instead of being encoded as a whole. That is only
correct if the tokenizer would not merge tokens across a seam, so every seam is checked: the
first time a pair (last id of the left piece, first id of the right piece) occurs, it is
encoded again with a word of context on both sides, and the result is remembered. For
byte-pair encodings this is sound: a sequence of tokens is the encoding of its text exactly
when each adjacent pair is the encoding of the pair's text. If a seam is not safe, the whole
text is encoded instead, which costs time but not exactness. If this reasoning did not hold
for a tokenizer, every record would show it as ``retok_drift``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain
from operator import attrgetter
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from stressbench.prompts.build.encoded import Encoded
from stressbench.prompts.build.filler import Filler, FillerSource, Unreachable
from stressbench.tokens.tokenizer import Tokenizer

if TYPE_CHECKING:
    from stressbench.tokens.template import ChatTemplate

_ATTEMPTS: Final = 64
"""Attempts to fit one prompt before giving up; a tokenizer with safe seams needs one."""
_PROOF_TOKENS: Final = 8192
_MEMO_PIECES: Final = 65_536
_MEMO_CUTS: Final = 4096
_WINDOW_CHARS: Final = 24
_HEAD_CHARS: Final = 64
_BATCH_CHARS: Final = 65_536
"""Below this, encoding on one core is faster than distributing the texts to all cores."""
_LINE: Final = "\n"
_TEXT, _IDS, _SAFE = attrgetter("text"), attrgetter("ids"), attrgetter("safe")


@dataclass(frozen=True, slots=True)
class Joined:
    """A whole user message: ``ids == encode(text)``.

    ``starts`` holds the index of each piece's first token, and at its end the length; None
    if a seam was not safe and the text was encoded as a whole.
    """

    text: str
    ids: list[int]
    starts: list[int] | None


class Sized(Protocol):
    """Has a number of tokens that ``fit`` can make exact."""

    @property
    def content_tokens(self) -> int:
        """Number of tokens of the user message, without the template."""
        ...


_T = TypeVar("_T", bound=Sized)


class PromptFormat:
    """A tokenizer and a chat template: encodes the content that goes into the template.

    It remembers encoded pieces, seams and filler for all prompts that are built with it.
    """

    def __init__(self, tokenizer: Tokenizer, template: ChatTemplate) -> None:
        self.tokenizer = tokenizer
        self.template = template
        self.template_tokens = len(template.prefix_ids) + len(template.suffix_ids)
        self._anchors: dict[str, list[int]] = {}
        self._seams: dict[tuple[int, int], bool] = {}
        self._first: dict[str, Encoded] = {}
        self._memo: dict[str, Encoded] = {}
        self._cut: dict[tuple[str, re.Pattern[str]], Sequence[Encoded]] = {}
        self._fillers: dict[str, Filler] = {}
        self._words_proven: int | None = 0

    def whole(self, text: str) -> Joined:
        """Encode a complete user message without joining pieces."""
        return Joined(text, self.tokenizer.encode(text), None)

    def first(self, text: str) -> Encoded:
        """Encode the piece that begins a user message; a short one is remembered."""
        found = self._first.get(text)
        if found is None:
            found = Encoded(text, self.tokenizer.encode(text))
            if len(text) <= _HEAD_CHARS:
                self._first[text] = found
        return found

    def pieces(self, texts: Sequence[str]) -> list[Encoded]:
        """Encode pieces as they are encoded after other text.

        Each piece is encoded after an anchor whose ids are then removed, because many
        tokenizers treat the start of a text specially (they add a space, for example).
        """
        anchors = [_LINE if text[:1].isalnum() else "." for text in texts]
        anchored = [anchor + text for anchor, text in zip(anchors, texts, strict=True)]
        if sum(map(len, anchored)) < _BATCH_CHARS:
            encoded = [self.tokenizer.encode(text) for text in anchored]
        else:
            encoded = self.tokenizer.encode_batch(anchored)
        return [
            self._behind(anchor, text, ids)
            for anchor, text, ids in zip(anchors, texts, encoded, strict=True)
        ]

    def piece(self, text: str) -> Encoded:
        """Encode one piece as it is encoded after other text, and remember it."""
        return self.memoized([text])[0]

    def memoized(self, texts: Sequence[str]) -> list[Encoded]:
        """Encode pieces many of which are equal, each text once."""
        known = self._memo
        new = [text for text in dict.fromkeys(texts) if text not in known]
        if new:
            if len(known) + len(new) > _MEMO_PIECES:
                known.clear()
                new = list(dict.fromkeys(texts))
            known.update(zip(new, self.pieces(new), strict=True))
        return [known[text] for text in texts]

    def cut(self, text: str, unit: re.Pattern[str]) -> Sequence[Encoded]:
        """Encode each match of ``unit`` in ``text``; remembered, because chunks are used again."""
        key = (text, unit)
        found = self._cut.get(key)
        if found is None:
            if len(self._cut) >= _MEMO_CUTS:
                self._cut.clear()
            found = self._cut[key] = self.memoized(unit.findall(text))
        return found

    def concatenate(self, parts: Sequence[Encoded]) -> Encoded:
        """Join pieces into a longer piece."""
        solid = [part for part in parts if part.ids]
        safe = all(part.safe for part in parts) and all(map(self._seam, solid, solid[1:]))
        ids = list(chain.from_iterable(part.ids for part in solid))
        forced = any(part.forced for part in parts)
        return Encoded("".join([part.text for part in parts]), ids, safe, forced)

    def join(self, parts: Sequence[Encoded], *, words: bool = False) -> Joined:
        """Join pieces into a whole user message; the first piece must come from ``first``.

        Set ``words`` if most pieces are single words in random order.
        """
        pieces = list(map(_IDS, parts))
        ids = list(chain.from_iterable(pieces))
        text = "".join(map(_TEXT, parts))
        starts = list(accumulate(map(len, pieces), initial=0))
        whole = all(map(_SAFE, parts))
        if whole and words:
            whole = self._words_hold(text, ids)
        elif whole:
            solid = [part for part in parts if part.ids]
            whole = all(map(self._seam, solid, solid[1:]))
        if whole or any(part.forced for part in parts):
            return Joined(text, ids, starts)
        return self.whole(text)

    def filler(self, source: FillerSource) -> Filler:
        """Return the encoded filler of a source; all prompts of this format share it."""
        found = self._fillers.get(source.name)
        if found is None:
            found = self._fillers[source.name] = Filler(self, source)
        return found

    def _behind(self, anchor: str, text: str, ids: list[int]) -> Encoded:
        head = self._anchors.get(anchor)
        if head is None:
            head = self._anchors[anchor] = self.tokenizer.encode(anchor)
        if ids[: len(head)] == head:
            return Encoded(text, tuple(ids[len(head) :]))
        if anchor != _LINE:  # the piece merges with a full stop; it does not with a line break
            return self._behind(_LINE, text, self.tokenizer.encode(_LINE + text))
        return Encoded(text, tuple(self.tokenizer.encode(text)), safe=False)

    def _words_hold(self, text: str, ids: list[int]) -> bool:
        """Whether the joined ids of single words are the encoding of their text.

        There are too many different seams to check one by one. The first texts are encoded as
        a whole and compared; after thousands of random neighbours without a merge, the
        tokenizer is assumed to split at words, as every tokenizer with a pre-tokenizer does.
        """
        if self._words_proven is None:
            return False
        if self._words_proven < _PROOF_TOKENS:
            same = self.tokenizer.encode(text) == ids
            self._words_proven = self._words_proven + len(ids) if same else None
            return same
        return True

    def _seam(self, left: Encoded, right: Encoded) -> bool:
        if left.forced or right.forced:
            return True
        key = (left.ids[-1], right.ids[0])
        safe = self._seams.get(key)
        if safe is None:
            safe = self._seams[key] = self._try_seam(left, right)
        return safe

    def _try_seam(self, left: Encoded, right: Encoded) -> bool:
        for tail in (_last_words(left.text), left.text):
            before = self.tokenizer.encode(tail)
            if before and before[-1] == left.ids[-1]:
                both = self.tokenizer.encode(tail + _first_words(right.text))
                return (
                    both[: len(before)] == before
                    and len(both) > len(before)
                    and both[len(before)] == right.ids[0]
                )
        return False


def fit(build: Callable[[int, int], _T], *, tokens: int) -> _T:
    """Return ``build(filler_tokens, attempt)`` with exactly ``tokens`` content tokens.

    ``build(0, 0)`` must return the content without filler; each attempt must use other
    phrases. Raises ``Unreachable`` with the smallest possible count if ``tokens`` is too small.
    """
    fixed = build(0, 0)
    filler = tokens - fixed.content_tokens
    if filler == 0:
        return fixed
    for attempt in range(_ATTEMPTS):
        try:
            built = build(filler, attempt)
        except Unreachable as error:
            least = None if error.smallest is None else fixed.content_tokens + error.smallest
            raise Unreachable(least) from None
        missing = tokens - built.content_tokens
        if missing == 0:
            return built
        filler += missing
    raise Unreachable(None)


def _last_words(text: str) -> str:
    cut = text.rfind(" ", 0, max(len(text) - _WINDOW_CHARS, 0)) if len(text) > _WINDOW_CHARS else -1
    return text[cut:] if cut > 0 else text


def _first_words(text: str) -> str:
    cut = text.find(" ", _WINDOW_CHARS)
    return text[:cut] if cut > 0 else text
