"""Values of columns, as JSON has them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal


def plain(value: object) -> object:
    """Return what JSON would hold for a value of Python, or of an array.

    Decimals keep their digits as text, times become ISO 8601, spans of time seconds, NaN null.
    Bytes become text if they are UTF-8, and stay as they are if not.
    """
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return None if math.isnan(value) else value
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    return _spelled(value)


def _spelled(value: object) -> object:
    match value:
        case bytes():
            try:
                return value.decode("utf-8")
            except UnicodeDecodeError:
                return value
        case Decimal():
            return format(value, "f")
        case datetime() | date() | time():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
    listed: Callable[[], object] | None = getattr(value, "tolist", None)  # numpy's arrays
    return plain(listed()) if listed is not None else str(value)
