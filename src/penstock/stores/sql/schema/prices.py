"""What prices the control plane keeps: every price table that was ever loaded."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, Table, Text, text

from penstock.stores.sql.schema.columns import metadata

price_book: Final = Table(
    "price_book",
    metadata,
    Column("version", Text, primary_key=True),
    Column("source", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("models", Integer, nullable=False),
    Column("loaded_at", BigInteger, nullable=False),
    Column("is_active", Boolean, nullable=False, server_default=text("false")),
    Column("body", LargeBinary, nullable=False),
    Index(
        "uq_price_book_active",
        "is_active",
        unique=True,
        sqlite_where=text("is_active"),
    ),
)
"""A price table (prices/table.py), compressed with zlib. Rows are never changed, except for which one is active."""
