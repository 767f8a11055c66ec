"""Times as the admin API writes them: ISO 8601 in UTC with milliseconds. The tables hold microseconds since 1970."""

from __future__ import annotations

import datetime
from typing import Final, overload

_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_MICROSECOND: Final = datetime.timedelta(microseconds=1)


@overload
def as_text(moment: int) -> str: ...


@overload
def as_text(moment: int | None) -> str | None: ...


def as_text(moment: int | None) -> str | None:
    """A moment in microseconds since 1970 as text such as ``2026-02-01T00:00:00.000Z``; None stays None."""
    if moment is None:
        return None
    when = _EPOCH + moment * _MICROSECOND
    return f"{when:%Y-%m-%dT%H:%M:%S}.{when.microsecond // 1000:03d}Z"


def parse(text: str) -> int:
    """The moment of a time with any offset (RFC 3339), UTC where it says none. Raises ValueError."""
    try:
        when = datetime.datetime.fromisoformat(text)
        if when.tzinfo is None:
            when = when.replace(tzinfo=datetime.UTC)
        return (when - _EPOCH) // _MICROSECOND
    except (TypeError, ValueError, OverflowError):
        raise ValueError("expected a time such as 2026-02-01T00:00:00Z") from None
