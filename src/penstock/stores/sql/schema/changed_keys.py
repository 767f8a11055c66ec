"""Which gateway keys have changed since when: of 100,000 keys, a gateway reads anew the few that did."""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import BigInteger, Column, Index, Table, Text, event

from penstock.stores.sql.schema.columns import metadata
from penstock.stores.sql.steps import STEPS

changed_key: Final = Table(
    "changed_key",
    metadata,
    Column("api_key_id", Text, primary_key=True),
    Column("revision", BigInteger),
    Index(None, "revision"),
)
"""The revision with which a key last changed: its row, its secrets, its limits, the name of its config or of its user.
Triggers write a row without a revision, and the end of the change fills it in (``Database.change``), when no other
change can come between. Rows of keys that are gone stay, and say so."""

_TRIGGERS: Final = STEPS / "versions" / "0019_changed_keys.sqlite.sql"
_BETWEEN: Final = "-- next trigger"


def _make_triggers(_: object, connection: sa.Connection, **__: Any) -> None:
    """Make what the step makes, in a new SQLite database, whose tables are made without the steps."""
    if connection.dialect.name == "sqlite":
        for statement in _TRIGGERS.read_text().split(_BETWEEN):
            connection.exec_driver_sql(statement)


event.listen(metadata, "after_create", _make_triggers)
