"""Where an answer ends under ``ignore_eos``, which makes the engine generate past the end."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

_CONTEXT: Final = 8
"""Tokens of context that decide how the text after them begins (a blank, half a character)."""
_HALF: Final = "\N{REPLACEMENT CHARACTER}"
"""The bytes of half a character decode to this."""


class Ends:
    """The tokens that end a model's answer, and how to cut a text before one."""

    def __init__(self, tokens: frozenset[int], decode: Callable[[Sequence[int]], str]) -> None:
        """``decode`` turns ids into text without special tokens, as servers do."""
        self.tokens = tokens
        self._decode = decode

    def first(self, ids: Sequence[int]) -> int | None:
        """Index of the first of ``ids`` that ends an answer; None if none does."""
        return next((place for place, each in enumerate(ids) if each in self.tokens), None)

    def text(self, before: Sequence[int], ids: Sequence[int], text: str) -> str:
        """The part of ``text`` that its first tokens, ``ids``, spell; ``before`` preceded them.

        A stream that is read slowly has its outputs merged, so one output's text can
        continue past the end of the answer.
        """
        if not ids:
            return ""
        context = list(before[-_CONTEXT:])
        known = self._decode(context).rstrip(_HALF)
        wanted = self._decode([*context, *ids])[len(known) :].rstrip(_HALF)
        blank = len(text) - len(text.lstrip())  # tokenizers may drop the blank before a word
        for start in range(blank + 1):
            if text.startswith(wanted, start):
                return text[: start + len(wanted)]
        pairs = zip(text, wanted, strict=False)
        return text[: next((at for at, (a, b) in enumerate(pairs) if a != b), None)]


def decoder(tokenizer: Path) -> Callable[[Sequence[int]], str]:
    """A function that decodes with a folder's ``tokenizer.json``, read when it is first needed."""
    opened: list[Callable[[list[int]], str]] = []

    def decode(ids: Sequence[int]) -> str:
        if not opened:
            from tokenizers import Tokenizer

            opened.append(Tokenizer.from_file(str(tokenizer / "tokenizer.json")).decode)
        return opened[0](list(ids))

    return decode


def end_tokens(model: Path | None) -> frozenset[int]:
    """The tokens that end a model's answers, from the configuration files in its folder."""
    found: set[int] = set()
    for name in ("config.json", "generation_config.json"):
        try:
            config = json.loads((model / name).read_bytes()) if model is not None else {}
        except (OSError, ValueError):
            continue
        given = config.get("eos_token_id")
        some = given if isinstance(given, list) else [given]
        found.update(each for each in some if type(each) is int)  # 0 is a token id, too
    return frozenset(found)
