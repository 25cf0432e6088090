"""What a normaliser has to provide: the cheaper text, and what the rewrite has lost."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal, NamedTuple, Protocol, TypeAlias, runtime_checkable

import msgspec

RewriteLoss: TypeAlias = Literal["none", "appearance", "content"]
"""What a rewrite has lost.

``none``        nothing: identical text, canonically equivalent text (Unicode, section 3.7), or
                JSON that parses to the same value
``appearance``  only how the text looks: width, font, spacing
``content``     a difference that a reader could have noticed

A rewrite is lossy if its loss is not ``none``.
"""

SEVERITY: Final[dict[RewriteLoss, int]] = {"none": 0, "appearance": 1, "content": 2}
"""Compares losses: the larger number is the worse loss."""
_EXCERPT_CHARS: Final = 40


class FirstDifference(msgspec.Struct, frozen=True):
    """The first place where a rewrite has its worst loss."""

    line: int
    column: int
    """Both count from 1, in characters."""
    before: str
    after: str
    why: str


class Rewrite(msgspec.Struct, frozen=True):
    """A rewritten text, and what the rewrite has changed and lost."""

    text: str
    loss: RewriteLoss
    changes: int
    first_difference: FirstDifference | None
    skipped: list[str]
    """Why parts that could have been rewritten were not."""

    @property
    def lossy(self) -> bool:
        """Whether appearance or content was lost; see ``RewriteLoss``."""
        return self.loss != "none"


@runtime_checkable
class Normaliser(Protocol):
    """Rewrites text so that it means the same and costs fewer tokens.

    It is deterministic and idempotent: rewriting a rewrite changes nothing. It accepts any
    string, including lone surrogates and NULs, and takes time linear in its length.
    """

    def rewrite(self, text: str) -> Rewrite:
        """Return the cheaper text."""
        ...


class Edit(NamedTuple):
    """``text[start:end]`` becomes ``replacement``."""

    start: int
    end: int
    replacement: str
    loss: RewriteLoss
    why: str


def apply_edits(text: str, edits: Iterable[Edit], skipped: Iterable[str] = ()) -> Rewrite:
    """Apply ``edits``, which are in order and do not overlap.

    Edits that change nothing are not counted. ``skipped`` is read after ``edits``.
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
