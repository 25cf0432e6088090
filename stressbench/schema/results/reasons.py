"""Reasons for a null that a report must recognise, because they are no news to its reader."""

from __future__ import annotations

from typing import Final

NOT_PROBED: Final = "the suite has no such probe"
LATER: Final = "measured in the telemetry pass"
