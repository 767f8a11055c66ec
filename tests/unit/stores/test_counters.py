from pathlib import Path

import pytest

from penstock.core.money import LARGEST, LARGEST_IN_DOUBLES
from penstock.stores.counters import CountersSetup, open_counters

REDIS, SQLITE, POSTGRES = "redis://127.0.0.1:1", "sqlite:////nowhere/p.db", "postgresql://p@127.0.0.1:1/p"


@pytest.mark.parametrize(
    ("setup", "chosen"),
    [
        (CountersSetup(), "memory"),
        (CountersSetup(database=SQLITE), "memory"),
        (CountersSetup(database=SQLITE, workers=2), "database"),
        (CountersSetup(database=POSTGRES), "database"),
        (CountersSetup(database=POSTGRES, redis=REDIS), "redis"),
        (CountersSetup("memory", redis=REDIS), "memory"),
        (CountersSetup("database", redis=REDIS, database=SQLITE), "database"),
    ],
)
async def test_which_store_is_chosen(setup: CountersSetup, chosen: str, tmp_path: Path) -> None:
    assert setup.chosen == chosen
    counters = open_counters(setup, tmp_path, lambda _: None)
    assert (counters is None) is (chosen == "memory")
    if counters is not None:
        await counters.stop()


@pytest.mark.parametrize(
    ("setup", "problem"),
    [
        (CountersSetup("redis"), "store.redis"),
        (CountersSetup("database"), "there is no database"),
        (CountersSetup(redis="http://host"), "expected redis://"),
        (CountersSetup("database", database="nonsense"), "store.database"),
        (CountersSetup("database", database="sqlite://"), "in memory"),
    ],
)
async def test_a_setup_that_cant_be_used(setup: CountersSetup, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        open_counters(setup, None, lambda _: None)


def test_redis_counts_budgets_up_to_nine_million_dollars() -> None:
    assert CountersSetup(redis="redis://localhost").largest_cost == LARGEST_IN_DOUBLES
    assert CountersSetup("database", database="sqlite:///f").largest_cost == CountersSetup().largest_cost == LARGEST
