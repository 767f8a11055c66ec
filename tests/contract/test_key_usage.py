"""What a gateway key has used, by the ledger, on every engine."""

from __future__ import annotations

from penstock.core.usage import Usage
from penstock.limits.windows import DAY
from penstock.stores.sql.database import Database
from penstock.stores.sql.key_usage import PeriodUsage, read_key_usage
from penstock.stores.sql.ledger import write_ledger
from penstock.stores.sql.ledger_entry import LedgerEntry
from rows import Rows

NOON = 20_000 * DAY + DAY // 2
"""In the middle of 2024-10-04."""


def entry(number: int, at: int, nanos: int | None, key: str | None = "key-1", attempt: int = 1) -> LedgerEntry:
    return LedgerEntry(f"r{number}", attempt, at, "openai", Usage(10, 5, 15), nanos, key_id=key, key_name="app")


async def test_periods(database: Database) -> None:
    entries = [
        entry(1, NOON, 7), entry(1, NOON, None, attempt=2), entry(2, NOON - DAY, 5), entry(3, NOON - 40 * DAY, 100),
        entry(4, NOON, 1000, "another"), entry(5, NOON, 2000, None),
    ]  # fmt: skip
    await write_ledger(database, entries)
    usage = await read_key_usage(database, "key-1", "app", None, NOON)
    assert usage.periods == {
        "day": PeriodUsage(20_000 * DAY, 1, 20, 10, 7, 1),
        "month": PeriodUsage(19_997 * DAY, 2, 30, 15, 12, 1),
    }
    assert usage.workspace is None
    of_file = await read_key_usage(database, None, "app", None, NOON)
    assert of_file.periods["day"].nanos == 2000
    nothing = await read_key_usage(database, None, "nobody", None, NOON)
    assert nothing.periods["month"] == PeriodUsage(19_997 * DAY, 0, 0, 0, 0, 0)


async def test_the_workspace(database: Database) -> None:
    rows = Rows(database)
    await rows.make_workspace()
    usage = await read_key_usage(database, "key-1", "app", rows.workspace, NOON)
    assert usage.workspace is not None
    assert usage.workspace_slug is not None
    assert (await read_key_usage(database, "key-1", "app", "gone", NOON)).workspace is None
