"""Expected reasons for a null, which reports recognise and do not show as problems."""

from __future__ import annotations

from typing import Final

NOT_PROBED: Final = "the suite has no such probe"
LATER: Final = "measured in the telemetry pass"
