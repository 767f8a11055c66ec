from pathlib import Path

import pytest

from limiting import budget
from penstock.limits.validate import LimitOwner, Reading
from penstock.stores.counters import CountersSetup, open_counters
from penstock.stores.redis.counters import LARGEST_COST

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


def test_t28_redis_holds_limits_up_to_nine_million_dollars() -> None:
    for dollars, problems in ((9_000_000, 0), (9_000_001, 1)):
        reading = Reading(LimitOwner("api_key", "k", largest_cost=LARGEST_COST))
        reading.usage_limits({"type": "cost", "credit_limit": dollars})
        assert len(reading.problems) == problems
    assert 2**53 > LARGEST_COST > budget(1).cap
