"""Alerts on their way to people, in the database: who tells which, until when (docs/alerts.md#once)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from penstock.core.durations import microseconds
from penstock.core.json_text import read_json_or_none
from penstock.core.mail_address import is_mail_address
from penstock.stores.sql import schema
from penstock.stores.sql.database import Database

_TABLE: Final = schema.alert_delivery
_KEPT: Final = 90 * 86_400
"""Seconds after which a row is removed."""


class SqlDeliveries:
    """Claims of alerts. Times are in seconds since 1970. Every call raises DatabaseError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, notice_id: str, channel: str, notice: str, now: float, until: float) -> bool:
        """Claim an alert for a channel, until a moment. False: it was claimed before."""
        row = {
            "notice_id": notice_id,
            "channel": channel,
            "notice": notice,
            "created_at": microseconds(now),
            "lease_until": microseconds(until),
        }
        try:
            async with self._database.write() as connection:
                await connection.execute(_TABLE.insert().values(row))
        except IntegrityError:
            return False
        return True

    async def renew(self, notice_id: str, channel: str, lease: float, until: float) -> bool:
        """Make a claim that ends at the moment ``lease`` last ``until`` a later one. False: another process has it."""
        own = _row(notice_id, channel).where(_TABLE.c.lease_until == microseconds(lease), _TABLE.c.state == "pending")
        async with self._database.write() as connection:
            return bool((await connection.execute(own.values(lease_until=microseconds(until)))).rowcount)

    async def finish(self, notice_id: str, channel: str, *, is_told: bool) -> None:
        """End a claim: the alert was told, or is given up."""
        async with self._database.write() as connection:
            await connection.execute(_row(notice_id, channel).values(state="told" if is_told else "failed"))

    async def overdue(self, channel: str, now: float, until: float) -> Sequence[str]:
        """Claim, until a moment, the alerts that others have claimed and not told in time. Old rows are removed."""
        late = (_TABLE.c.channel == channel, _TABLE.c.state == "pending", _TABLE.c.lease_until < microseconds(now))
        async with self._database.read() as connection:
            if (await connection.execute(sa.select(_TABLE.c.notice_id).where(*late).limit(1))).first() is None:
                return ()
        async with self._database.write() as connection:
            await connection.execute(_TABLE.delete().where(_TABLE.c.created_at < microseconds(now - _KEPT)))
            taken = _TABLE.update().where(*late).values(lease_until=microseconds(until)).returning(_TABLE.c.notice)
            return list((await connection.execute(taken)).scalars())

    async def addresses_of(self, key_id: str) -> Sequence[str]:
        """The mail addresses that a gateway key's budgets are told to. What is none is left out: the operator's
        addresses stand in the same mail."""
        column = schema.api_key.c.alert_emails
        async with self._database.read() as connection:
            found = await connection.scalar(sa.select(column).where(schema.api_key.c.id == key_id))
        addresses = read_json_or_none((found or "[]").encode())
        found = addresses if isinstance(addresses, list) else []
        return [each for each in found if isinstance(each, str) and is_mail_address(each)]


def _row(notice_id: str, channel: str) -> sa.Update:
    return _TABLE.update().where(_TABLE.c.notice_id == notice_id, _TABLE.c.channel == channel)
