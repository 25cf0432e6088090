"""Where an answer ends that was told to go on: ``ignore_eos`` fixes the load, not the answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

_CONTEXT: Final = 8
"""Tokens before a stretch that settle how its text begins (a blank, half a character)."""
_HALF: Final = "\N{REPLACEMENT CHARACTER}"
"""What the bytes of half a character decode to."""


class Ends:
    """The tokens with which a model ends an answer, and how to cut a text before one."""

    def __init__(self, tokens: frozenset[int], decode: Callable[[Sequence[int]], str]) -> None:
        """``decode`` gives the text of ids, special tokens left out as servers do."""
        self.tokens = tokens
        self._decode = decode

    def first(self, ids: Sequence[int]) -> int | None:
        """The place of the first of ``ids`` that ends an answer; None where none does."""
        return next((place for place, each in enumerate(ids) if each in self.tokens), None)

    def text(self, before: Sequence[int], ids: Sequence[int], text: str) -> str:
        """The part of ``text`` that is of ``ids``, its first tokens; ``before`` came before them.

        An engine that is read too seldom merges what it streams, so that the text of an
        output can go on behind the end.
        """
        if not ids:
            return ""
        context = list(before[-_CONTEXT:])
        known = self._decode(context).rstrip(_HALF)
        wanted = self._decode([*context, *ids])[len(known) :].rstrip(_HALF)
        blank = len(text) - len(text.lstrip())  # tokenizers may drop the one before a word
        for start in range(blank + 1):
            if text.startswith(wanted, start):
                return text[: start + len(wanted)]
        pairs = zip(text, wanted, strict=False)
        return text[: next((at for at, (a, b) in enumerate(pairs) if a != b), None)]


def decoder(tokenizer: Path) -> Callable[[Sequence[int]], str]:
    """Decodes with the ``tokenizer.json`` of a folder, which is read when it is first needed."""
    opened: list[Callable[[list[int]], str]] = []

    def decode(ids: Sequence[int]) -> str:
        if not opened:
            from tokenizers import Tokenizer

            opened.append(Tokenizer.from_file(str(tokenizer / "tokenizer.json")).decode)
        return opened[0](list(ids))

    return decode


def end_tokens(model: Path | None) -> frozenset[int]:
    """The tokens that end a model's answers, as its folder says."""
    found: set[int] = set()
    for name in ("config.json", "generation_config.json"):
        try:
            config = json.loads((model / name).read_bytes()) if model is not None else {}
        except (OSError, ValueError):
            continue
        given = config.get("eos_token_id")
        some = given if isinstance(given, list) else [given]
        found.update(each for each in some if type(each) is int)  # 0 is a token, too
    return frozenset(found)
