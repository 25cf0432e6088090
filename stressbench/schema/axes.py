"""The axes along which a case is asked, and how they are written in one word.

In records each axis is a separate field. The command line, tables and gates write a model and
its engine variant together as ``role@variant``.
"""

from __future__ import annotations

from typing import Final

NONE: Final = "none"
"""How null is written for an axis: the bare value."""
AXES: Final = ("role", "variant", "lever", "arm", "label", "load_level")
"""Axes on which two sides of a comparison may differ. ``label`` is the suite entry of a case, the
first part of its id. The pass is not among them: no figure mixes passes."""
BARE: Final = {"variant": NONE, "lever": NONE, "arm": "stress"}
"""The value of a side on an axis that only the other side names. Other axes have no default."""


def role_name(role: str, variant: str | None) -> str:
    """``role`` or ``role@variant``; version 1 of the result files has this name as the role."""
    return role if variant is None else f"{role}@{variant}"


def split_role(name: str) -> tuple[str, str | None]:
    """Role and variant of a name: the inverse of ``role_name``."""
    role, _, variant = name.partition("@")
    return role, variant or None
