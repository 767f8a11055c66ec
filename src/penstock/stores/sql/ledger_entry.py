"""One row of the ledger as a value, and as a file keeps it until the database has it (stores/kept_entries.py)."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from penstock.core.usage import Usage
from penstock.limits.limit import BucketKey

_LOG: Final = logging.getLogger("penstock")


class LedgerEntry(msgspec.Struct, frozen=True):
    """One attempt. ``at`` is in microseconds since 1970; ``nanos`` in nanodollars, None if the price is unknown. Ids of
    workspace and key are those of their rows. ``units`` are what the attempt used beside tokens, by name. ``budgets``
    are the buckets of budgets in dollars that it was charged to. ``region`` is the one that its target names."""

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
    region: str | None = None


LOST: Final = "lost"
"""The error of an entry of a request whose worker was killed. Better news of the same attempt takes its place."""
LEDGER_FILES: Final = "ledger"
"""How the files are called in which entries wait for the ledger."""


def encode_entry(entry: LedgerEntry) -> bytes | None:
    """An entry as such a file holds it, without what the ledger doesn't; None for texts that no file holds."""
    if entry.usage.native:
        entry = msgspec.structs.replace(entry, usage=msgspec.structs.replace(entry.usage, native={}))
    try:
        return _ENCODER.encode(entry)
    except (UnicodeError, OverflowError):
        return None


def decode_entries(kept: Iterable[bytes]) -> list[LedgerEntry]:
    """The entries of such a file, without those that can't be read: of another release, or damaged."""
    entries: list[LedgerEntry] = []
    for data in kept:
        try:
            entries.append(_DECODER.decode(data))
        except msgspec.MsgspecError:
            _LOG.error("an entry of the ledger that a killed worker has left can't be read")
    return entries


_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(LedgerEntry)
