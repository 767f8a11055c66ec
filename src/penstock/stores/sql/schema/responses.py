"""Responses that the gateway keeps."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Index, LargeBinary, Table, Text

from penstock.stores.sql.schema.columns import metadata

kept_response: Final = Table(
    "kept_response",
    metadata,
    Column("id", Text, primary_key=True),
    Column("owner", LargeBinary(32), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("nonce", LargeBinary, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Index(None, "owner", "created_at", "size"),
    Index(None, "expires_at"),
)
"""A response and its input, compressed. ``owner`` is a SHA-256 of whose it is. ``key_id`` names the key that encrypts
the content, and is empty for a content that is not encrypted. ``size`` counts the content's bytes."""
