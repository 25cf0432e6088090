"""Removes the white space between JSON values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from stressbench.levers.base import Edit, Rewrite, apply_edits
from stressbench.survey.structure import json_spans


@dataclass(frozen=True, slots=True)
class MinifyJson:
    """Removes white space between JSON tokens, in whole documents and inside other text.

    The order of keys, duplicate keys, escapes and all digits stay, so nothing is lost.
    """

    def rewrite(self, text: str) -> Rewrite:
        return apply_edits(text, _edits(text))


def _edits(text: str) -> Iterator[Edit]:
    for start, end in json_spans(text):
        try:
            compact = msgspec.json.format(text[start:end], indent=-1)
        except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
            continue  # Python's parser accepts it, a strict parser does not
        yield Edit(start, end, compact, "none", "white space between JSON tokens")


PLUGIN = MinifyJson
