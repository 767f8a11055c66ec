"""Who is signed in to the console."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Index, LargeBinary, Table

from penstock.stores.sql.schema.columns import metadata

console_session: Final = Table(
    "console_session",
    metadata,
    Column("digest", LargeBinary(32), primary_key=True),
    Column("key_digest", LargeBinary(32), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Index(None, "key_digest", "created_at"),
    Index(None, "expires_at"),
)
"""A session: the SHA-256 of its text, and of the key for which it stands."""
