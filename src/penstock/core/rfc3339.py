"""Times as wires and vendors write them (RFC 3339): ``2026-01-31T12:00:00.5Z``."""

from __future__ import annotations

from datetime import UTC, datetime


def unix_seconds(text: object) -> int:
    """A time in whole seconds since 1970, in UTC where it has no offset; 0 for what is no time, or is before 1970."""
    if not isinstance(text, str):
        return 0
    try:
        moment = datetime.fromisoformat(text)
        return max(int((moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()), 0)
    except (ValueError, OverflowError):
        return 0
