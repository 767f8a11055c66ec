"""What is left of budgets, and who may read metrics without a database; tests/e2e/test_metrics.py has the rest."""

import msgspec

from penstock.app.metrics import MetricsAdmission, budgets_left
from penstock.limits.applied import Applied
from penstock.limits.counters import BucketUsage, CountersUnavailable, Hold
from penstock.limits.in_force import LimitsInForce
from penstock.limits.limit import BucketKey, Limit
from penstock.limits.memory import MemoryCounters
from penstock.limits.windows import CalendarWindow, RateWindow
from penstock.observe.metrics import families
from penstock.stores.catalogue import Catalogue

DOLLARS = Limit("dollars", "workspace", "w", "cost", 5_000_000_000, CalendarWindow())
TOKENS = Limit("tokens", "organisation", "o", "tokens", 100, CalendarWindow("day"))
RATE = Limit("rate", "organisation", "o", "requests", 5, RateWindow(60, 1))
CATALOGUE = Catalogue(
    limits=LimitsInForce(organisation=(Applied(TOKENS), Applied(RATE)), workspaces={"w": (Applied(DOLLARS),)})
)


async def test_what_is_left_of_budgets() -> None:
    counters = MemoryCounters(lambda: 0)
    await counters.reserve(("a", 1), [Hold(Applied(TOKENS).key_at(1_000_000), TOKENS, 30)])
    readings = [each async for each in budgets_left(CATALOGUE, counters, lambda: 1.0)]
    assert readings == [
        (families.BUDGET_LEFT, ("organisation", "organisation", "tokens", "tokens"), 70),
        (families.BUDGET_LEFT, ("workspace", "w", "dollars", "dollars"), 5),
    ]


async def test_their_number_is_bounded() -> None:
    many = tuple(Applied(msgspec.structs.replace(TOKENS, id=f"l{number}")) for number in range(300))
    counters = MemoryCounters(lambda: 0)
    catalogue = Catalogue(limits=LimitsInForce(organisation=many))
    assert len([each async for each in budgets_left(catalogue, counters)]) == 200


async def test_a_store_that_is_down_ends_the_list() -> None:
    class Down(MemoryCounters):
        async def usage(self, key: BucketKey) -> BucketUsage:
            raise CountersUnavailable(1)

    assert [each async for each in budgets_left(CATALOGUE, Down(lambda: 0))] == []


async def test_the_environment_s_key_needs_no_database() -> None:
    admission = MetricsAdmission(None, lambda: "an-admin-key")
    assert await admission.refused("an-admin-key", None) is None
    for shown in ("", "another", "\ud800"):
        failure = await admission.refused(shown, None)
        assert failure is not None
        assert failure.status == 401
    assert await MetricsAdmission(None, str).refused("", None) is not None
