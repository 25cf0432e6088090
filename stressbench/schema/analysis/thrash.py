"""Routing instability: what ``stressbench thrash --format json`` prints."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from stressbench.schema.base import Open

Between: TypeAlias = Literal["set-ups", "runs", "suffixes"]


class Overlap(Open, frozen=True, kw_only=True):
    """The routing of the same tokens, computed twice.

    A row is one token in one layer. Rows computed on both sides are compared; a row flips if its
    k experts are not the same set. For one request sent twice, the prompt is compared, and the
    answer too if both sides gave the same one. For two requests, their common prefix is
    compared.
    """

    between: Between
    base: str
    """The base: a role, with its run if there are several runs."""
    cand: str
    """The candidate, named like the base."""
    same_set_up: bool | None
    """True if weights, engine arguments, load and packages are the same: an A/A pair, whose flips
    are the noise floor. Null for two requests of one run."""
    n: int
    """Number of request pairs."""
    items: int
    """Number of independent items among them."""
    rows: int
    """Number of rows compared."""
    overlap: float | None
    """Mean share of the k experts that both sides chose, 0 to 1; null without routing."""
    overlap_by_chance: float | None
    """k / E: the overlap of two random choices of k of E experts."""
    flipped: float | None
    """Share of rows that flipped, 0 to 1, as the mean over items; null without routing."""
    flipped_ci: tuple[float, float] | None
    """95 % interval of ``flipped``, by item; null if no row flipped."""
    items_flipped: int | None
    """Items with a flip in any row; null without routing."""
    items_flipped_ci: tuple[float, float] | None
    """Exact 95 % interval of the share of those items: for 0 of 12 it ends at 0.26."""
    tokens_flipped: float | None
    """Share of tokens with a flip in at least one layer, 0 to 1."""
    margin_flipped: float | None
    """Median router margin (a probability) of the rows that flipped, on the base side; null if
    none did."""
    margin: float | None
    """Median router margin of all rows, on the base side."""
    flipped_by_layer: list[float]
    """Share of rows that flipped in each layer, 0 to 1."""
    answers: int
    """Number of pairs with the same prompt."""
    answers_changed: int | None
    """Pairs with different answers, or with an answer on one side only; null if the files do not
    contain the answers' texts."""
    failed: int = 0
    """Pairs with a failed request on one side or both. A failed request scores 0, so it can also
    count as lost or gained."""
    lost: int
    """Right on the base side, wrong on the candidate side."""
    gained: int
    """Wrong on the base side, right on the candidate side."""


class Thrash(Open, frozen=True, kw_only=True):
    """All pairs, and the roles that could not be paired."""

    overlaps: list[Overlap]
    why_null: dict[str, str]
    """Why the routing of a role could not be compared, by role."""


def to_json(thrash: Thrash) -> bytes:
    """Indented JSON."""
    return msgspec.json.format(msgspec.json.encode(thrash), indent=2) + b"\n"
