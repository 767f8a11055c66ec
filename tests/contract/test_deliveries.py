"""Alerts on their way to people, on every engine."""

from __future__ import annotations

import asyncio

import sqlalchemy as sa

from penstock.stores.sql import schema
from penstock.stores.sql.database import Database
from penstock.stores.sql.deliveries import SqlDeliveries
from rows import Rows


async def test_of_all_who_claim_one_tells(database: Database) -> None:
    each = [SqlDeliveries(database) for _ in range(20)]
    claims = await asyncio.gather(*(one.claim("n", "webhook", "{}", 10.0, 20.0) for one in each))
    assert sorted(claims) == [False] * 19 + [True]
    assert await each[0].claim("n", "mail", "{}", 10.0, 20.0)


async def test_who_does_not_tell_in_time_is_replaced_once(database: Database) -> None:
    deliveries = SqlDeliveries(database)
    for name in ("late", "held", "told", "failed"):
        assert await deliveries.claim(name, "webhook", f'"{name}"', 10.0, 20.0)
    assert await deliveries.claim("late", "mail", '"mail"', 10.0, 20.0)
    assert await deliveries.renew("held", "webhook", 20.0, 100.0)
    await deliveries.finish("told", "webhook", is_told=True)
    await deliveries.finish("failed", "webhook", is_told=False)
    assert await deliveries.overdue("webhook", 15.0, 50.0) == ()
    found = await asyncio.gather(*(deliveries.overdue("webhook", 30.0, 50.0) for _ in range(5)))
    assert [text for texts in found for text in texts] == ['"late"']
    assert await deliveries.overdue("webhook", 60.0, 90.0) == ['"late"']
    assert not await deliveries.renew("late", "webhook", 20.0, 200.0)
    assert await deliveries.renew("late", "webhook", 90.0, 200.0)
    assert not await deliveries.renew("told", "webhook", 20.0, 200.0)


async def test_old_rows_go(database: Database) -> None:
    deliveries = SqlDeliveries(database)
    await deliveries.claim("old", "webhook", "{}", 0.0, 1.0)
    await deliveries.claim("new", "webhook", "{}", 91 * 86_400.0, 1.0)
    await deliveries.overdue("webhook", 91 * 86_400.0, 1e9)
    async with database.read() as connection:
        ids = (await connection.execute(sa.select(schema.alert_delivery.c.notice_id))).scalars().all()
    assert list(ids) == ["new"]


async def test_addresses_of_a_key(database: Database) -> None:
    rows = Rows(database)
    await rows.make_workspace()
    key = await rows.key("app", b"digest", alert_emails='["a@example.com", "b@c\\r\\nBcc: d@e", 1]')
    assert await SqlDeliveries(database).addresses_of(key) == ["a@example.com"]
    assert await SqlDeliveries(database).addresses_of("nobody") == []
