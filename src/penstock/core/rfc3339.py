"""Times as wires, vendors and people write them (RFC 3339), in UTC without an offset: ``2026-01-31T12:00:00.5Z``."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)


def unix_seconds(text: object) -> int:
    """A time in whole seconds since 1970; 0 for what is no time, or is before 1970."""
    try:
        return max((_moment(text) - EPOCH) // timedelta(seconds=1), 0)
    except (TypeError, ValueError):
        return 0


def unix_microseconds(text: object) -> int:
    """A time in microseconds since 1970. Raises ValueError for what is no time, and for a time that its offset moves
    out of the years 1 to 9999: nothing could write that as a date again."""
    try:
        return (_moment(text).astimezone(UTC) - EPOCH) // MICROSECOND
    except (TypeError, ValueError, OverflowError):
        raise ValueError("expected a time such as 2026-02-01T00:00:00Z") from None


def _moment(text: object) -> datetime:
    if not isinstance(text, str):
        raise TypeError
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
