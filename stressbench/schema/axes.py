"""Axes along which a case is asked, and how a person writes them in one word.

In records each axis is a field of its own. Where a model and its set-up are named
together, on the command line, in tables and gates, that is ``role@variant``.
"""

from __future__ import annotations

from typing import Final

NONE: Final = "none"
"""How the null of an axis is written: the bare value."""
AXES: Final = ("role", "variant", "lever", "arm", "label", "load_level")
"""Axes whose values can be set side by side. ``label`` is the suite entry that a case is of,
the first part of its id. Passes are none of them: no figure mixes passes."""
BARE: Final = {"variant": NONE, "lever": NONE, "arm": "stress"}
"""What a side has on an axis that only the other side names; the other axes have no such value."""


def role_name(role: str, variant: str | None) -> str:
    """``role``, or ``role@variant``. Version 1 of the result files has this as its role."""
    return role if variant is None else f"{role}@{variant}"


def split_role(name: str) -> tuple[str, str | None]:
    """Role and variant of a name: the inverse of ``role_name``."""
    role, _, variant = name.partition("@")
    return role, variant or None
