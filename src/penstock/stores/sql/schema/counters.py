"""What limits have counted, and reservations of requests under way (docs/limits.md#where-the-counters-live).

Amounts are in the limit's unit, times microseconds since 1970. Four columns name a bucket, as ``BucketKey`` does. No
row refers to the row of a limit: counters outlive its edits.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Integer, LargeBinary, Table, Text, text

from penstock.stores.sql.schema.columns import metadata


def _key(*, is_primary: bool = True) -> tuple[Column[Any], ...]:
    return (
        Column("limit_id", Text, primary_key=is_primary, nullable=False),
        Column("value", LargeBinary(32), primary_key=is_primary, nullable=False),
        Column("epoch", Integer, primary_key=is_primary, nullable=False),
        Column("window_start", BigInteger, primary_key=is_primary, nullable=False),
    )


bucket: Final = Table(
    "bucket",
    metadata,
    *_key(),
    Column("value_key", Text, nullable=False),
    Column("settled", BigInteger, nullable=False, server_default=text("0")),
    Column("reserved", BigInteger, nullable=False, server_default=text("0")),
    Column("alert_state", Integer, nullable=False, server_default=text("0")),
    Column("ends", BigInteger),
    Column("touched_at", BigInteger, nullable=False),
    CheckConstraint("reserved >= 0", name="reserved"),
    Index(None, "limit_id", "touched_at"),
    Index(None, "touched_at"),
)
"""One counter. ``reserved`` of a concurrency limit is the number of requests under way; a rate's amounts are in
``rate_part``. ``ends`` is the end of a budget's window."""

rate_part: Final = Table(
    "rate_part",
    metadata,
    *_key(),
    Column("number", BigInteger, primary_key=True, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("ends", BigInteger, nullable=False),
)
"""What was counted in one sub-bucket of a rate's window, and when it leaves the window."""

bucket_count: Final = Table(
    "bucket_count",
    metadata,
    Column("limit_id", Text, primary_key=True, nullable=False),
    Column("epoch", Integer, primary_key=True, nullable=False),
    Column("window_start", BigInteger, primary_key=True, nullable=False),
    Column("live", BigInteger, nullable=False),
)
"""How many buckets a limit has for the values that it is divided by."""

reservation: Final = Table(
    "reservation",
    metadata,
    Column("request_id", Text, primary_key=True, nullable=False),
    Column("attempt", Integer, primary_key=True, nullable=False, autoincrement=False),
    Column("worker_id", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("opened_at", BigInteger, nullable=False),
    Column("closed_at", BigInteger),
    Index(None, "state", "opened_at"),
    Index(None, "state", "closed_at"),
)
"""``state``: ``open``, ``closed`` or ``lost``; a lost one has no ``closed_at`` until the ledger is told of it."""

reservation_item: Final = Table(
    "reservation_item",
    metadata,
    Column("request_id", Text, primary_key=True, nullable=False),
    Column("attempt", Integer, primary_key=True, nullable=False, autoincrement=False),
    *_key(),
    Column("counter_value", LargeBinary(32), nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("mark", BigInteger),
    Column("charged", BigInteger, nullable=False, server_default=text("0")),
    Column("definition", Text, nullable=False),
    Index(None, "limit_id", "counter_value", "epoch", "window_start"),
)
"""What a reservation holds in a bucket. ``counter_value`` is the value of the bucket that counts it: another than
``value`` in the overflow. ``mark`` is the number of the ``rate_part``. ``definition`` is the limit in JSON."""

worker: Final = Table(
    "worker",
    metadata,
    Column("id", Text, primary_key=True, nullable=False),
    Column("host", Text, nullable=False),
    Column("lease_until", BigInteger, nullable=False),
)
"""A process that reserves. When its lease has ended, its open reservations are lost."""
