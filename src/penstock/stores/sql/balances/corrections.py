"""Balances of budgets whose requests turn out to cost something else: those of windows that have not ended.

A row of the ledger names the buckets that it was charged to. Rows of earlier releases don't: for them the budgets of
their key, workspace, organisation, provider and integration are found, in the database alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.limits.limit import SINGLE, Amounts, BucketKey, Limit, amount_of
from penstock.limits.windows import CalendarWindow
from penstock.stores.sql.balances.changes import Change
from penstock.stores.sql.database import week_starts_of
from penstock.stores.sql.ledger import read_budgets
from penstock.stores.sql.limit_rows import limits_row, policy_row
from penstock.stores.sql.schema import limit, policy, provider


class Budgets:
    """The budgets in dollars that are in force: by id, and those of the database by their owners, with when each began
    to count."""

    def __init__(
        self,
        by_id: Mapping[str, Limit],
        by_owner: Mapping[tuple[str, str], list[tuple[Limit, int]]],
        providers: Mapping[str, Any],
    ) -> None:
        self._by_id = by_id
        self._by_owner = by_owner
        self._providers = providers

    @classmethod
    async def read(cls, connection: AsyncConnection, in_file: Mapping[str, Limit]) -> Budgets:
        """The budgets of the database, and ``in_file`` those of penstock.toml among its limits."""
        week_starts = week_starts_of(connection)
        by_id = {id_: each for id_, each in in_file.items() if _is_in_dollars(each)}
        by_owner: dict[tuple[str, str], list[tuple[Limit, int]]] = {}
        for row in await connection.execute(sa.select(limit)):
            found = [each for each in limits_row(row.level, row, week_starts).limits if _is_in_dollars(each)]
            since = max(row.created_at, row.last_reset_at or 0)
            by_owner[row.level, row.owner_id] = [(each, since) for each in found]
            by_id |= {each.id: each for each in found}
        for row in await connection.execute(sa.select(policy)):
            read = policy_row(row, week_starts)[0]
            if read is not None and _is_in_dollars(read.limit):
                by_id[read.limit.id] = read.limit
        query = sa.select(provider.c.slug, provider.c.id, provider.c.integration_id, provider.c.workspace_id)
        return cls(by_id, by_owner, {row.slug: row for row in await connection.execute(query)})

    def of(self, row: Any, now: int) -> Iterator[tuple[BucketKey, Limit]]:
        """The budgets and buckets that a row of the ledger was charged to, of windows that hold this moment."""
        charged = read_budgets(row.budgets)
        if charged is None:
            yield from self._guessed(row, now)
            return
        for key in charged:
            each = self._by_id.get(key.limit)
            if each is None or each.epoch != key.epoch or not isinstance(each.window, CalendarWindow):
                continue
            if each.window.span(now).start == key.window_start:
                yield key, each

    def _guessed(self, row: Any, now: int) -> Iterator[tuple[BucketKey, Limit]]:
        for owner in self._owners_of(row):
            for each, since in self._by_owner.get(owner, ()):
                window = each.window
                if row.at < since or not isinstance(window, CalendarWindow):
                    continue
                start = window.span(now).start
                if window.span(row.at).start == start:
                    yield BucketKey(each.id, SINGLE, each.epoch, start), each

    def _owners_of(self, row: Any) -> Iterator[tuple[str, str]]:
        yield from (key for key in self._by_owner if key[0] == "organisation")
        if row.workspace_id is not None:
            yield "workspace", row.workspace_id
        if row.key_id is not None:
            yield "api_key", row.key_id
        owner = self._providers.get(row.virtual_key or "")
        if owner is not None:
            yield "provider", owner.id
            yield "integration", owner.integration_id
            yield "integration", f"{owner.integration_id}/{owner.workspace_id}"


def corrections(budgets: Budgets, costs: Iterable[tuple[Any, int]], now: int) -> dict[BucketKey, Change]:
    """What balances change by, for rows of the ledger and their new costs in nanodollars."""
    found: dict[BucketKey, Change] = {}
    for row, cost in costs:
        for key, each in budgets.of(row, now):
            # An unknown cost was charged as the budget says. What it then reserved isn't known any more.
            before = amount_of(each, Amounts(row.amount, row.input_tokens, row.output_tokens))
            if before is not None and before != cost:
                earlier = found[key][0] if key in found else 0
                found[key] = (earlier + cost - before, "default", each.window_end(key.window_start))
    return found


def _is_in_dollars(each: Limit) -> bool:
    return each.kind == "cost" and each.is_budget
