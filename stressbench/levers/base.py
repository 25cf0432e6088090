"""The normaliser seam: text in, cheaper text out, and an honest word on what was lost."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal, NamedTuple, Protocol, TypeAlias, runtime_checkable

import msgspec

RewriteLoss: TypeAlias = Literal["none", "appearance", "content"]
"""What a rewrite cost, apart from tokens.

``none``        the same information: identical text, canonically equivalent text
                (Unicode, section 3.7), or JSON that parses to the same value
``appearance``  only how it is drawn or laid out changed: width, font, spacing
``content``     something that a reader could have told apart is gone

A rewrite is lossy when it is not ``none``.
"""

SEVERITY: Final[dict[RewriteLoss, int]] = {"none": 0, "appearance": 1, "content": 2}
"""Compares losses: the larger number is the worse loss."""
_EXCERPT_CHARS: Final = 40


class FirstDifference(msgspec.Struct, frozen=True):
    """Where a rewrite first differs from its input in the way that weighs most."""

    line: int
    column: int
    """Both count from 1, in characters."""
    before: str
    after: str
    why: str


class Rewrite(msgspec.Struct, frozen=True):
    """What a normaliser made of a text."""

    text: str
    loss: RewriteLoss
    changes: int
    first_difference: FirstDifference | None
    skipped: list[str]
    """Reasons why parts that were in scope were left alone."""

    @property
    def lossy(self) -> bool:
        """Whether information was lost; what counts as information says ``RewriteLoss``."""
        return self.loss != "none"


@runtime_checkable
class Normaliser(Protocol):
    """Rewrites text to mean the same and cost less.

    Deterministic, and idempotent: rewriting a rewrite changes nothing. Takes any string,
    lone surrogates and NULs included, in time linear in its length.
    """

    def rewrite(self, text: str) -> Rewrite:
        """The cheaper text."""
        ...


class Edit(NamedTuple):
    """``text[start:end]`` becomes ``replacement``."""

    start: int
    end: int
    replacement: str
    loss: RewriteLoss
    why: str


def apply_edits(text: str, edits: Iterable[Edit], skipped: Iterable[str] = ()) -> Rewrite:
    """Make ``edits``, which come in order and do not overlap; those that change nothing count not.

    ``skipped`` is read after ``edits``.
    """
    parts: list[str] = []
    position = changes = 0
    worst: Edit | None = None
    for edit in edits:
        if text[edit.start : edit.end] == edit.replacement:
            continue
        parts += (text[position : edit.start], edit.replacement)
        position = edit.end
        changes += 1
        if worst is None or SEVERITY[edit.loss] > SEVERITY[worst.loss]:
            worst = edit
    parts.append(text[position:])
    return Rewrite(
        text="".join(parts),
        loss=worst.loss if worst else "none",
        changes=changes,
        first_difference=_difference(text, worst) if worst else None,
        skipped=sorted(set(skipped)),
    )


def _difference(text: str, edit: Edit) -> FirstDifference:
    before = text[edit.start : edit.end]
    pairs = enumerate(zip(before, edit.replacement, strict=False))
    shorter = min(len(before), len(edit.replacement))
    common = next((index for index, (old, new) in pairs if old != new), shorter)
    at = edit.start + common
    return FirstDifference(
        line=text.count("\n", 0, at) + 1,
        column=at - text.rfind("\n", 0, at),
        before=text[at : min(edit.end, at + _EXCERPT_CHARS)],
        after=edit.replacement[common : common + _EXCERPT_CHARS],
        why=edit.why,
    )
