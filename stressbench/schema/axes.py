"""Axes along which a case is asked, and how a person writes them in one word.

In records each axis is a field of its own. Where a model and its set-up are named
together, on the command line, in tables and gates, that is ``role@variant``.
"""

from __future__ import annotations


def role_name(role: str, variant: str | None) -> str:
    """``role``, or ``role@variant``. Version 1 of the result files has this as its role."""
    return role if variant is None else f"{role}@{variant}"


def split_role(name: str) -> tuple[str, str | None]:
    """Role and variant of a name: the inverse of ``role_name``."""
    role, _, variant = name.partition("@")
    return role, variant or None
