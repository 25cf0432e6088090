"""Replaces base64 and hex by what a reader can use: their size and their hash."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from stressbench.errors import UsageError
from stressbench.levers.base import Edit, Rewrite, apply_edits
from stressbench.survey.kinds import blob_spans


@dataclass(frozen=True, slots=True)
class ElideBlobs:
    """Replaces base64 and hex of ``characters`` or more by a label with size and SHA-256.

    Equal blobs get equal labels, so a model can still tell blobs apart and a person can find
    the original. The blob itself is lost content.
    """

    characters: int = 96

    def __post_init__(self) -> None:
        if self.characters < 1:
            raise UsageError(f"elide_blobs: characters must be 1 or more, not {self.characters}")

    def rewrite(self, text: str) -> Rewrite:
        return apply_edits(text, self._edits(text))

    def _edits(self, text: str) -> Iterator[Edit]:
        for (start, end), kind in blob_spans(text):
            if end - start >= self.characters:
                digest = hashlib.sha256(text[start:end].encode()).hexdigest()[:12]
                label = f"[{kind} {end - start} characters sha256 {digest}]"
                yield Edit(start, end, label, "content", f"{kind} of {end - start:,} characters")


PLUGIN = ElideBlobs
