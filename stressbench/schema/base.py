"""Base types of the schema: frozen, and strict or lenient about unknown keys."""

from __future__ import annotations

import msgspec

SUITE_VERSION = 1
"""Version of the suite format."""

COMPARISON_VERSION = 1
"""Version of the JSON that ``compare`` prints."""

RESULTS_VERSION = 2
"""Version of the result files; readers accept this version and the previous one."""


class Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Input written by a person: an unknown key is an error."""


class Open(msgspec.Struct, frozen=True):
    """Data written by a program: unknown keys, from a newer version, are skipped."""
