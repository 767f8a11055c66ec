"""Which store of counters a set-up uses, opened behind its guard. Libraries of stores are imported when needed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from penstock.core.money import LARGEST, LARGEST_IN_DOUBLES
from penstock.limits.allowance import USUAL_RULES, OutageRules
from penstock.limits.counters import Alert
from penstock.limits.windows import SECOND
from penstock.stores.counter_journal import CounterJournal
from penstock.stores.guarded_counters import GuardedCounters
from penstock.stores.stored_counters import BalanceKeeper, StoredCounters

CountersChoice = Literal["auto", "memory", "database", "redis"]
_GRACE = 60 * SECOND
"""How long after its time limit a request is still waited for, in microseconds."""


class CountersSetup(msgspec.Struct, frozen=True):
    """``redis`` and ``database`` are addresses, empty where there is none. ``redis_timeout`` and ``database_timeout``
    are in seconds, and so is ``longest_request``, the time limit of a request. ``workers`` is how many processes serve.
    ``rules`` say what limits do while the store is down.
    """

    choice: CountersChoice = "auto"
    redis: str = ""
    database: str = ""
    redis_timeout: float = 0.05
    database_timeout: float = 0.25
    workers: int = 1
    longest_request: float = 3600.0
    rules: OutageRules = USUAL_RULES

    @property
    def chosen(self) -> Literal["memory", "database", "redis"]:
        if self.choice != "auto":
            return self.choice
        if self.redis:
            return "redis"
        is_shared = self.workers > 1 or self.database.startswith("postgres")
        return "database" if self.database and is_shared else "memory"

    @property
    def largest_cost(self) -> int:
        """The largest budget that the chosen store counts exactly, in nanodollars."""
        return LARGEST_IN_DOUBLES if self.chosen == "redis" else LARGEST

    @property
    def problem(self) -> str | None:
        """Why the chosen store can't be used; None if it can."""
        if self.chosen == "redis" and not self.redis:
            return "store.counters: redis needs the address in store.redis"
        if self.chosen == "database" and not self.database:
            return "store.counters: there is no database"
        return None


def open_counters(
    setup: CountersSetup,
    folder: Path | None,
    alerted: Callable[[Sequence[Alert]], None],
    balances: BalanceKeeper | None = None,
) -> GuardedCounters | None:
    """Counters in the chosen store; None for those in memory. ``folder`` is for the journal. ``alerted`` gets
    the alerts that belong to no request. ``balances`` keep what is settled for a Redis that loses its counters.

    Raises ValueError for a set-up that can't be used.
    """
    if setup.problem is not None:
        raise ValueError(setup.problem)
    if setup.chosen == "memory":
        return None
    if setup.chosen == "redis":
        from penstock.stores.redis.connection import CONNECTIONS, RedisConnection
        from penstock.stores.redis.counters import RedisCounters

        try:
            connection = RedisConnection(setup.redis)
        except ValueError as error:
            raise ValueError(f"store.redis: {error}") from None
        store: StoredCounters = RedisCounters(connection, balances)
        timeout, calls = setup.redis_timeout, CONNECTIONS
    else:
        store, calls = _in_database(setup.database)
        timeout = setup.database_timeout
    return GuardedCounters(
        store,
        CounterJournal(folder, store.worker),
        timeout=timeout,
        calls=calls,
        oldest=round(setup.longest_request * SECOND) + _GRACE,
        alerted=alerted,
        largest_cost=setup.largest_cost,
        rules=setup.rules,
    )


def _in_database(address: str) -> tuple[StoredCounters, int]:
    """The counters in a database, and how many calls of it are made at the same time."""
    from penstock.stores.sql.database import DatabaseError, parse_address

    try:
        url = parse_address(address)
    except DatabaseError as error:
        raise ValueError(f"store.database: {error}") from None
    if url.get_backend_name() == "sqlite":
        from penstock.stores.sql.balances.sqlite_counters import SqliteCounters
        from penstock.stores.sql.sqlite_writer import MOST

        if not url.database or url.database == ":memory:":
            raise ValueError("store.counters: a database in memory can't be shared: set memory, or another database")
        return SqliteCounters(url.database), MOST
    from penstock.stores.sql.balances.postgres_counters import CONNECTIONS, PostgresCounters

    return PostgresCounters(address), CONNECTIONS
