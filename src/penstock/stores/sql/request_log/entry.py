"""Rows of the request log as values: one by itself, and several that have most columns in common."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import starmap
from typing import Final

import msgspec

from penstock.stores.sql.shared_values import whole_rows

GATEWAY: Final = "gateway"
"""The source of rows of requests that passed through the gateway."""


class LogEntry(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A finished request, under the names of the columns of ``request_log`` and in their order. ``at`` is in
    microseconds since 1970, and ``id`` is made of it; durations are microseconds, ``amount`` and ``saved`` nanodollars.
    ``workspace_id`` None stands for the default workspace. ``details`` is JSON. ``content`` are headers and
    bodies as ``log_content.packed`` makes them.

    The spool of the request log holds it as an array: a new member comes last, with a default."""

    at: int
    id: str
    workspace_id: str | None = None
    key_id: str | None = None
    key_name: str | None = None
    trace_id: str = ""
    span_id: str | None = None
    parent_span_id: str | None = None
    span_name: str | None = None
    source: str = GATEWAY
    method: str = ""
    path: str = ""
    operation: str | None = None
    provider: str | None = None
    model: str | None = None
    virtual_key: str | None = None
    config: str | None = None
    status: int = 0
    error: str | None = None
    message: str | None = None
    is_stream: bool = False
    cache: str | None = None
    latency: int = 0
    first_token: int | None = None
    upstream: int | None = None
    attempts: int = 0
    retries: int = 0
    is_fallback: bool = False
    target: str | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    total_tokens: int = 0
    amount: int | None = None
    saved: int = 0
    metadata: Mapping[str, str] = {}
    details: str = "{}"
    content: bytes | None = None


OWN: Final = (
    "at", "id", "trace_id", "latency", "first_token", "upstream", "input_tokens", "output_tokens", "cached_tokens",
    "reasoning_tokens", "total_tokens", "amount", "saved", "details",
)  # fmt: skip
"""The columns in which rows of ``AlikeEntries`` differ, in their order."""
OWN_PLACES: Final = tuple(map(LogEntry.__struct_fields__.index, OWN))
"""Their places among all columns."""
OwnValues = tuple[
    int, str, str, int, int | None, int | None, int, int, int, int, int, int | None, int, str
]  # fmt: skip
"""The values of one row in those columns."""


class AlikeEntries(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """Rows that differ in the columns of ``OWN`` alone: what they have there, and a row with all that they share. They
    have no metadata and no content."""

    own: list[OwnValues]
    common: LogEntry

    def __len__(self) -> int:
        return len(self.own)

    def __iter__(self) -> Iterator[LogEntry]:
        """The rows, each by itself."""
        shared = msgspec.structs.astuple(self.common)
        return starmap(LogEntry, whole_rows(shared, OWN_PLACES, self.own))


Entries = LogEntry | AlikeEntries
"""A row, or several."""


def one_by_one(several: Iterable[Entries]) -> list[LogEntry]:
    """All rows, each by itself."""
    rows: list[LogEntry] = []
    for each in several:
        if isinstance(each, LogEntry):
            rows.append(each)
        else:
            rows += each
    return rows
