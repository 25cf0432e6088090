"""The result of an analysis as JSON: one indented document, null where there is no number."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from stressbench.schema.base import Open


def render(found: Open | Sequence[Open]) -> str:
    """A comparison, a history, predictions or routing overlaps."""
    return msgspec.json.format(msgspec.json.encode(found), indent=2).decode() + "\n"
