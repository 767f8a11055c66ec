"""Times as the admin API writes them: ISO 8601 in UTC with milliseconds. The tables hold microseconds since 1970."""

from __future__ import annotations

from typing import overload

from penstock.core.rfc3339 import EPOCH, MICROSECOND


@overload
def as_text(moment: int) -> str: ...


@overload
def as_text(moment: int | None) -> str | None: ...


def as_text(moment: int | None) -> str | None:
    """A moment in microseconds since 1970 as text such as ``2026-02-01T00:00:00.000Z``; None stays None."""
    if moment is None:
        return None
    return (EPOCH + moment * MICROSECOND).isoformat(timespec="milliseconds").replace("+00:00", "Z")
