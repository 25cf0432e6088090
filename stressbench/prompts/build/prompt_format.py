"""Prompts of an exact number of tokens, built from pieces that are tokenized once.

A prompt is joined from encoded pieces instead of being encoded as a whole. That is
only right where the tokenizer would not merge over the seam, so every seam is looked
at: the pair (last id of the left piece, first id of the right one) is re-encoded with a
word of context on both sides the first time it is met, and remembered. For byte-pair
encodings this is sound: a sequence of tokens is the encoding of its text exactly when
each adjacent pair is the encoding of its own text. Where a seam is not safe the whole
text is encoded again: the price is then time, not exactness. A tokenizer that this
reasoning does not fit would show in every record, as ``retok_drift``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain
from operator import attrgetter
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from stressbench.prompts.build.filler import Encoded, Tape, Unreachable
from stressbench.tokens.tokenizer import Tokenizer

if TYPE_CHECKING:
    from stressbench.prompts.build.filler import Source
    from stressbench.tokens.template import ChatTemplate

_ATTEMPTS: Final = 64
"""Refits of one prompt before giving up; a tokenizer with safe seams needs one."""
_PROOF_TOKENS: Final = 8192
_MEMO_PIECES: Final = 65_536
_MEMO_CUTS: Final = 4096
_WINDOW_CHARS: Final = 24
_HEAD_CHARS: Final = 64
_BATCH_CHARS: Final = 65_536
"""Less text than this is encoded sooner than other cores are woken up for it."""
_LINE: Final = "\n"
_TEXT, _IDS, _SAFE = attrgetter("text"), attrgetter("ids"), attrgetter("safe")


@dataclass(frozen=True, slots=True)
class Joined:
    """A whole user message: ``ids == encode(text)``.

    ``starts`` is the index of each piece's first token (and, last, the length); None
    where a seam was not safe and the text was encoded as a whole.
    """

    text: str
    ids: list[int]
    starts: list[int] | None


class Sized(Protocol):
    """Anything with a token count that ``fit`` can make exact."""

    @property
    def content_tokens(self) -> int:
        """Tokens of the user message, template excluded."""
        ...


_T = TypeVar("_T", bound=Sized)


class PromptFormat:
    """What a tokenizer and a chat template leave for content, and how to fill it exactly."""

    def __init__(self, tokenizer: Tokenizer, template: ChatTemplate) -> None:
        self.tokenizer = tokenizer
        self.template = template
        self.template_tokens = len(template.prefix_ids) + len(template.suffix_ids)
        self._anchors: dict[str, list[int]] = {}
        self._seams: dict[tuple[int, int], bool] = {}
        self._first: dict[str, Encoded] = {}
        self._memo: dict[str, Encoded] = {}
        self._cut: dict[tuple[str, re.Pattern[str]], Sequence[Encoded]] = {}
        self._tapes: dict[str, Tape] = {}
        self._words_proven: int | None = 0

    def whole(self, text: str) -> Joined:
        """Encode a complete user message as it is."""
        return Joined(text, self.tokenizer.encode(text), None)

    def first(self, text: str) -> Encoded:
        """Encode the piece that a user message begins with; remembered if it is short."""
        found = self._first.get(text)
        if found is None:
            found = Encoded(text, self.tokenizer.encode(text))
            if len(text) <= _HEAD_CHARS:
                self._first[text] = found
        return found

    def pieces(self, texts: Sequence[str]) -> list[Encoded]:
        """Encode pieces as they stand after other text.

        Each is encoded behind an anchor whose ids are cut off again, because many
        tokenizers treat the start of a text apart (a dummy space, for one).
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
        """Encode one piece as it stands after other text; remembered."""
        return self.memoized([text])[0]

    def memoized(self, texts: Sequence[str]) -> list[Encoded]:
        """Encode pieces of which many are alike."""
        known = self._memo
        new = [text for text in dict.fromkeys(texts) if text not in known]
        if new:
            if len(known) + len(new) > _MEMO_PIECES:
                known.clear()
                new = list(dict.fromkeys(texts))
            known.update(zip(new, self.pieces(new), strict=True))
        return [known[text] for text in texts]

    def cut(self, text: str, unit: re.Pattern[str]) -> Sequence[Encoded]:
        """The matches of ``unit`` in ``text``, each encoded; remembered, as chunks come again."""
        key = (text, unit)
        found = self._cut.get(key)
        if found is None:
            if len(self._cut) >= _MEMO_CUTS:
                self._cut.clear()
            found = self._cut[key] = self.memoized(unit.findall(text))
        return found

    def stretch(self, parts: Sequence[Encoded]) -> Encoded:
        """Join pieces into a longer one."""
        solid = [part for part in parts if part.ids]
        safe = all(part.safe for part in parts) and all(map(self._seam, solid, solid[1:]))
        ids = list(chain.from_iterable(part.ids for part in solid))
        forced = any(part.forced for part in parts)
        return Encoded("".join([part.text for part in parts]), ids, safe, forced)

    def join(self, parts: Sequence[Encoded], *, words: bool = False) -> Joined:
        """Join pieces into a whole user message; the first must come from ``first``.

        ``words`` says that most pieces are single words in random order.
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

    def tape(self, source: Source) -> Tape:
        """The tokenized form of a source of filler, shared by all prompts of this room."""
        tape = self._tapes.get(source.name)
        if tape is None:
            tape = self._tapes[source.name] = Tape(self, source)
        return tape

    def _behind(self, anchor: str, text: str, ids: list[int]) -> Encoded:
        head = self._anchors.get(anchor)
        if head is None:
            head = self._anchors[anchor] = self.tokenizer.encode(anchor)
        if ids[: len(head)] == head:
            return Encoded(text, tuple(ids[len(head) :]))
        if anchor != _LINE:  # the piece merges with a full stop; a line break holds it off
            return self._behind(_LINE, text, self.tokenizer.encode(_LINE + text))
        return Encoded(text, tuple(self.tokenizer.encode(text)), safe=False)

    def _words_hold(self, text: str, ids: list[int]) -> bool:
        """Whether a text joined from single words is its own encoding.

        Too many different seams to look at one by one. The first texts are encoded as a
        whole and compared; after thousands of random neighbours without one merger the
        tokenizer is taken to split at words, as all pre-tokenizing ones do.
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
    """Return ``build(filler_tokens, attempt)`` of exactly ``tokens`` content tokens.

    ``build(0, 0)`` must give the content without filler, and every attempt other phrases.
    Raises ``Unreachable`` naming the smallest possible count where ``tokens`` is too small.
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
