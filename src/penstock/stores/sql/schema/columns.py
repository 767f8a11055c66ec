"""Columns that many tables have, and the metadata that all tables belong to."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, MetaData, Text, text

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def id_column() -> Column[str]:
    return Column("id", Text, primary_key=True)


def reference(table: str, name: str, *, optional: bool = False, dies_with: bool = False) -> Column[str]:
    """A reference to a row of another table. ``dies_with``: the row goes when the other one goes."""
    target = ForeignKey(f"{table}.id", ondelete="CASCADE" if dies_with else "RESTRICT")
    return Column(name, Text, target, nullable=optional)


def json_column(name: str, default: str) -> Column[str]:
    """A text in JSON."""
    return Column(name, Text, nullable=False, server_default=text(f"'{default}'"))


def changes() -> tuple[Column[Any], ...]:
    """When and by whom a row was made and changed; ``row_version`` rises with each change."""
    return (
        Column("created_at", BigInteger, nullable=False),
        Column("updated_at", BigInteger, nullable=False),
        Column("created_by", Text, nullable=False),
        Column("updated_by", Text, nullable=False),
        Column("row_version", Integer, nullable=False, server_default=text("1")),
    )
