"""One line of the ledger as a value."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from penstock.core.usage import Usage
from penstock.limits.limit import BucketKey


class LedgerEntry(msgspec.Struct, frozen=True):
    """One attempt. ``at`` is in microseconds since 1970; ``nanos`` in nanodollars, None if the price is unknown. Ids of
    workspace and key are those of their rows. ``units`` are what the attempt used beside tokens, by name. ``budgets``
    are the buckets of budgets in dollars that it was charged to."""

    request_id: str
    attempt: int
    at: int
    provider: str
    usage: Usage
    nanos: int | None
    price_version: str | None = None
    price_match: str = "none"
    is_estimated: bool = False
    is_cached: bool = False
    status: int = 0
    error: str | None = None
    model: str | None = None
    operation: str | None = None
    virtual_key: str | None = None
    config: str | None = None
    workspace_id: str | None = None
    key_id: str | None = None
    key_name: str | None = None
    trace_id: str = ""
    labels: Mapping[str, str] = {}
    units: Mapping[str, int] = {}
    mode: str | None = None
    budgets: tuple[BucketKey, ...] = ()
