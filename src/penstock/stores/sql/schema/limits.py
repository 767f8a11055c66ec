"""What limits usage, what was used, and what it cost."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, Table, Text, UniqueConstraint, text

from penstock.stores.sql.schema.columns import changes, id_column, json_column, metadata, reference

limit: Final = Table(
    "limit",
    metadata,
    id_column(),
    Column("level", Text, nullable=False),
    Column("owner_id", Text, nullable=False),
    json_column("definition", "{}"),
    Column("epoch", Integer, nullable=False, server_default=text("0")),
    Column("last_reset_at", BigInteger),
    *changes(),
    UniqueConstraint("level", "owner_id"),
)
"""The limits of one owner. ``level`` is one of limits.limit.Level but ``policy``. ``definition`` holds the members
``usage_limits``, ``rate_limits`` and ``concurrency_limit`` as callers wrote them. ``created_at`` is the anchor of
windows of N days; a reset raises ``epoch``."""

policy: Final = Table(
    "policy",
    metadata,
    id_column(),
    reference("workspace", "workspace_id", optional=True),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False, server_default=text("''")),
    json_column("definition", "{}"),
    Column("status", Text, nullable=False, server_default=text("'active'")),
    Column("epoch", Integer, nullable=False, server_default=text("0")),
    Column("last_reset_at", BigInteger),
    *changes(),
    Index(None, "workspace_id", "kind", "status", "created_at", "id"),
)
"""``kind``: ``usage`` or ``rate``. ``definition`` holds conditions, groups and the limit's members as callers wrote
them. Without a workspace the policy is for all."""

balance: Final = Table(
    "balance",
    metadata,
    Column("limit_id", Text, nullable=False, primary_key=True),
    Column("value", LargeBinary, nullable=False, primary_key=True),
    Column("epoch", Integer, nullable=False, primary_key=True),
    Column("window_start", BigInteger, nullable=False, primary_key=True),
    Column("value_key", Text, nullable=False),
    Column("settled", BigInteger, nullable=False),
    Column("ends_at", BigInteger),
    Column("touched_at", BigInteger, nullable=False),
    Index(None, "limit_id", "touched_at"),
    Index(None, "ends_at"),
)
"""What is settled in each bucket of a budget, as the counters in memory last wrote it down. The primary key is a
limits.limit.BucketKey; ``settled`` is in the limit's unit."""

open_hold: Final = Table(
    "open_hold",
    metadata,
    Column("request_id", Text, nullable=False, primary_key=True),
    Column("attempt", Integer, nullable=False, primary_key=True),
    Column("limit_id", Text, nullable=False, primary_key=True),
    Column("value", LargeBinary, nullable=False, primary_key=True),
    Column("epoch", Integer, nullable=False, primary_key=True),
    Column("window_start", BigInteger, nullable=False, primary_key=True),
    Column("value_key", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("ends_at", BigInteger),
    Column("on_loss", Text, nullable=False),
)
"""What requests that are under way hold of budgets. Rows that are there when a gateway starts are those of a process
that was killed: they are charged, or dropped, as ``on_loss`` says."""

ledger: Final = Table(
    "ledger",
    metadata,
    Column("request_id", Text, nullable=False, primary_key=True),
    Column("attempt", Integer, nullable=False, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("day", Integer, nullable=False),
    Column("workspace_id", Text),
    Column("key_id", Text),
    Column("key_name", Text),
    Column("provider", Text, nullable=False),
    Column("virtual_key", Text),
    Column("config", Text),
    Column("operation", Text),
    Column("model", Text),
    Column("trace_id", Text, nullable=False),
    Column("input_tokens", BigInteger, nullable=False),
    Column("output_tokens", BigInteger, nullable=False),
    Column("cached_tokens", BigInteger, nullable=False),
    Column("cache_written_tokens", BigInteger, nullable=False),
    Column("cache_written_1h_tokens", BigInteger, nullable=False),
    Column("reasoning_tokens", BigInteger, nullable=False),
    Column("audio_input_tokens", BigInteger, nullable=False),
    Column("audio_output_tokens", BigInteger, nullable=False),
    json_column("units", "{}"),
    Column("amount", BigInteger),
    Column("price_version", Text),
    Column("price_match", Text, nullable=False, server_default=text("'none'")),
    Column("is_estimated", Boolean, nullable=False),
    Column("is_cached", Boolean, nullable=False),
    Column("status", Integer, nullable=False),
    Column("error", Text),
    json_column("labels", "{}"),
    Column("mode", Text),
    Column("budgets", Text),
    Column("region", Text),
    Column("first_amount", BigInteger),
    Column("first_price_version", Text),
    Column("repriced_at", BigInteger),
    Index(None, "at"),
    Index(None, "workspace_id", "at"),
    Index(None, "key_id", "at"),
)
"""One row for each attempt. ``amount`` is in nanodollars, NULL if the price is unknown; ``day`` counts from 1970.
Tokens are counted as core.usage.Usage counts them. ``is_estimated``: the provider told no usage. ``mode`` is the mode
of the prices (standard, batch), ``budgets`` JSON of the buckets of budgets in dollars that were charged, ``[[limit,
value in hexadecimal, epoch, window_start]]``; both NULL in rows of earlier releases. ``region`` is the
provider's region that the target names, by which prices may differ. ``repriced_at`` is when the cost
was last computed again, and ``first_amount`` and ``first_price_version`` are then what the row said before the first
time."""

balance_change: Final = Table(
    "balance_change",
    metadata,
    Column("id", Text, nullable=False, primary_key=True),
    Column("limit_id", Text, nullable=False),
    Column("value", LargeBinary, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("window_start", BigInteger, nullable=False),
    Column("value_key", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("ends_at", BigInteger),
    Column("source", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("claimed_at", BigInteger),
    Column("applied_at", BigInteger),
    Index(None, "applied_at"),
)
"""What was settled in budgets outside a gateway: an import's opening balance, the difference of a repricing. Whichever
gateway counts applies it: ``claimed_at`` is when one began to, ``applied_at`` when it was done. ``amount`` is in the
limit's unit, below 0 for what comes back. ``source`` is ``import`` or ``reprice``."""
