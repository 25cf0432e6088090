"""Times of arrival as logs write them."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import Final

_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def time_s(value: object) -> float | None:
    """Return a time in seconds: a number is seconds, a text may be ISO 8601.

    ISO times count from 1970 in UTC; one without a time zone is taken as UTC. Null and a blank
    text have no time. Raises ``ValueError`` for anything else, in words.
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("it is no number of seconds and no ISO 8601 time")  # noqa: TRY004 - said
    text = str(value).strip()
    try:
        if _NUMBER.fullmatch(text):
            seconds = float(text)
        else:
            found = datetime.fromisoformat(re.sub(r" ?(UTC|GMT)$", "Z", text))
            seconds = (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text!r} is no number of seconds and no ISO 8601 time") from error
    if not math.isfinite(seconds):
        raise ValueError(f"{text!r} is no finite time")
    return seconds
