"""A base64 blob beside the fact, or as the thing to decode."""

from __future__ import annotations

import base64
from collections.abc import Mapping

from stressbench.prompts._facts import CITIES, draw_value
from stressbench.prompts._outline import END, HEAD, QUESTION_VALUE, VALUE_PARAM, needle
from stressbench.prompts.base import Cell, Draft, Param, Piece, Traits
from stressbench.prompts.haystacks.prose import PROSE, paragraph
from stressbench.schema.suite import Arm


class Base64Blob:
    """Dense, meaningless-looking data that shares the context with one fact.

    ``irrelevant``: the blob is base64 of prose and stands beside the fact in prose; the
    question is about the fact. ``decode``: the fact itself is the blob. The isocontent
    twin carries the same prose in plain text, so inflation compares parallel content.
    """

    traits = Traits(
        scorer="exact_match",
        arms=("stress", "isocontent", "isotoken"),
        params=(
            Param(
                name="bytes",
                default=300,
                doc="Bytes of prose inside the blob.",
                least=8,
                most=50_000_000,
            ),
            Param(
                name="mode",
                default="irrelevant",
                choices=("irrelevant", "decode"),
                doc="Whether the blob stands beside the fact or holds it.",
            ),
            Param(
                name="position",
                default="before",
                choices=("before", "after", "around"),
                doc="Where the blob stands, seen from the fact (mode irrelevant).",
            ),
            VALUE_PARAM,
        ),
        sized=True,
        deep=True,
    )

    def drafts(self, cell: Cell) -> Mapping[Arm, Draft]:
        """The fact beside a blob, beside the blob's own prose, and in prose of equal length."""
        city = CITIES[cell.pick("city", len(CITIES))]
        value = draw_value(cell.rng("value"), cell.params.text("value"))
        fact = needle(city, value)
        prose = paragraph(cell.rng("blob"), length_bytes=cell.params.count("bytes"))
        decode = cell.params.text("mode") == "decode"
        shown = (
            [_blob(f"{prose}{fact}")] if decode else [_blob(half) for half in _halves(prose, cell)]
        )
        plain = [f" {prose}.{fact}"] if decode else [f" {half}." for half in _halves(prose, cell)]
        ask = "Decode the data. " if decode else ""

        def draft(*pieces: Piece) -> Draft:
            return Draft(
                head=HEAD,
                pieces=pieces,
                filler=PROSE,
                close=END,
                question=(ask if decode else "") + QUESTION_VALUE.format(city=city),
                expected=(value,),
            )

        depth = cell.depth or 0.0
        return {
            "stress": draft(*_order(shown, None if decode else fact, cell, depth)),
            "isocontent": draft(*_order(plain, None if decode else fact, cell, depth)),
            "isotoken": draft(Piece(role="needle", text=fact, depth=depth)),
        }


def _blob(text: str) -> str:
    encoded = base64.b64encode(text.encode()).decode("ascii")
    return f" Data: {encoded} (end of data)."


def _halves(prose: str, cell: Cell) -> list[str]:
    if cell.params.text("position") != "around":
        return [prose]
    middle = max(prose.rfind(" ", 0, len(prose) // 2), 1)
    return [prose[:middle].rstrip("."), prose[middle:].lstrip()]


def _order(blobs: list[str], fact: str | None, cell: Cell, depth: float) -> list[Piece]:
    pieces = [Piece(role="blob", text=text, depth=depth) for text in blobs]
    if fact is None:
        return pieces
    found = Piece(role="needle", text=fact, depth=depth)
    place = {"before": len(pieces), "after": 0, "around": 1}[cell.params.text("position")]
    return [*pieces[:place], found, *pieces[place:]]


PLUGIN = Base64Blob()
