"""Routing set side by side: what ``stressbench thrash --format json`` prints."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from stressbench.schema.base import Open

Between: TypeAlias = Literal["set-ups", "runs", "suffixes"]


class Overlap(Open, frozen=True, kw_only=True):
    """Routing of the same tokens, run twice.

    Rows (a token in a layer) that ran on both sides are compared; a row flips where its k
    experts are not the same set. Of one request the prompt is compared, and the answer too
    where both sides gave the same; of two requests the tokens that their prompts begin with
    in common.
    """

    between: Between
    base: str
    """A role, and its run where there are several."""
    cand: str
    same_set_up: bool | None
    """Weights, engine arguments, load and packages are alike: an A/A pair, the noise floor."""
    n: int
    """Pairs of requests."""
    items: int
    rows: int
    overlap: float | None
    """Mean share of the k experts that both sides chose, 0 to 1; null without routing."""
    overlap_by_chance: float | None
    """k / E, of a router that knows nothing."""
    flipped: float | None
    """Share of rows, mean over items."""
    flipped_ci: tuple[float, float] | None
    """95 %, by item; null without a flip, which has no spread."""
    items_flipped: int | None
    """Items with a flip in any row; null without routing."""
    items_flipped_ci: tuple[float, float] | None
    """95 % of their share, exact: with 0 of 12 it ends at 0.26."""
    tokens_flipped: float | None
    """Share of tokens with a flip in at least one layer."""
    margin_flipped: float | None
    """Median margin (probability) of rows that flipped, on the base side; null for none."""
    margin: float | None
    """Median margin of all rows."""
    flipped_by_layer: list[float]
    answers: int
    """Pairs that asked the same."""
    answers_changed: int | None
    """Pairs with two texts, or with an answer on one side alone; null where texts were kept out
    of the files."""
    failed: int = 0
    """Pairs with a request that failed on either side; it scores 0, and was lost or gained."""
    lost: int
    """Right before, wrong after."""
    gained: int


class Thrash(Open, frozen=True, kw_only=True):
    """Everything that could be paired, and what could not."""

    overlaps: list[Overlap]
    why_null: dict[str, str]
    """Roles whose routing could not be compared, and why."""


def to_json(thrash: Thrash) -> bytes:
    """Indented JSON."""
    return msgspec.json.format(msgspec.json.encode(thrash), indent=2) + b"\n"
