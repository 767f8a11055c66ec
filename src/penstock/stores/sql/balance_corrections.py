"""Balances of budgets whose requests turn out to cost something else: those of windows that have not ended.

Budgets of keys, workspaces, organisations, providers and integrations are corrected. A policy's are not: the ledger
doesn't tell all facts of a request that policies look at.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.limits.limit import SINGLE, Amounts, BucketKey, Limit, amount_of
from penstock.limits.windows import CalendarWindow
from penstock.stores.sql.database import week_starts_of
from penstock.stores.sql.limit_rows import limits_row
from penstock.stores.sql.schema import balance, bucket, limit, provider


class Budgets:
    """The budgets in dollars of the database, by their owners; ``since`` is when a budget began to count."""

    def __init__(self, budgets: Mapping[tuple[str, str], list[tuple[Limit, int]]], owners: Mapping[str, Any]) -> None:
        self._budgets = budgets
        self._owners = owners

    @classmethod
    async def read(cls, connection: AsyncConnection) -> Budgets:
        """The budgets as they are in force."""
        budgets: dict[tuple[str, str], list[tuple[Limit, int]]] = {}
        week_starts = week_starts_of(connection)
        for row in await connection.execute(sa.select(limit)):
            found = [
                each
                for each in limits_row(row.level, row, week_starts).limits
                if each.kind == "cost" and each.is_budget
            ]
            since = max(row.created_at, row.last_reset_at or 0)
            budgets[(row.level, row.owner_id)] = [(each, since) for each in found]
        query = sa.select(provider.c.slug, provider.c.id, provider.c.integration_id, provider.c.workspace_id)
        owners = {row.slug: row for row in await connection.execute(query)}
        return cls(budgets, owners)

    def of(self, row: Any, now: int) -> Iterator[tuple[BucketKey, Limit]]:
        """The budgets and buckets of windows that hold both a row of the ledger and this moment."""
        for owner in self._owners_of(row):
            for each, since in self._budgets.get(owner, ()):
                window = each.window
                if row.at < since or not isinstance(window, CalendarWindow):
                    continue
                start = window.span(now).start
                if window.span(row.at).start == start:
                    yield BucketKey(each.id, SINGLE, each.epoch, start), each

    def _owners_of(self, row: Any) -> Iterator[tuple[str, str]]:
        yield from (key for key in self._budgets if key[0] == "organisation")
        if row.workspace_id is not None:
            yield "workspace", row.workspace_id
        if row.key_id is not None:
            yield "api_key", row.key_id
        owner = self._owners.get(row.virtual_key or "")
        if owner is not None:
            yield "provider", owner.id
            yield "integration", owner.integration_id
            yield "integration", f"{owner.integration_id}/{owner.workspace_id}"


def corrections(budgets: Budgets, costs: Iterable[tuple[Any, int]], now: int) -> dict[BucketKey, int]:
    """What balances change by, for rows of the ledger and their new costs in nanodollars."""
    found: dict[BucketKey, int] = {}
    for row, cost in costs:
        for key, each in budgets.of(row, now):
            # An unknown cost was charged as the budget says. What it then reserved isn't known any more.
            before = amount_of(each, Amounts(row.amount, row.input_tokens, row.output_tokens))
            if before is not None and before != cost:
                found[key] = found.get(key, 0) + cost - before
    return found


async def correct(connection: AsyncConnection, amounts: Mapping[BucketKey, int], now: int) -> int:
    """Add amounts to the balances that are written down, and to the counters that workers share in this database; none
    becomes less than 0. Returns how many budgets were corrected."""
    corrected = 0
    for key, amount in sorted(amounts.items()):
        rows = 0
        for table in (balance, bucket):
            total = table.c.settled + amount
            where = (
                table.c.limit_id == key.limit,
                table.c.value == key.value,
                table.c.epoch == key.epoch,
                table.c.window_start == key.window_start,
            )
            values = {"settled": sa.case((total < 0, 0), else_=total), "touched_at": now}
            rows += (await connection.execute(table.update().where(*where).values(values))).rowcount
        corrected += rows > 0
    return corrected
