"""What was compiled of late: found for whom it may serve, and bounded."""

import pytest

from penstock.core.failure import Failure, Kind
from penstock.core.permissions import EVERYTHING, Permissions
from penstock.pipeline.compiled_plan import CompiledPlan
from penstock.pipeline.plan_memory import PlanMemory
from penstock.routing.plan import Target

FEWER = Permissions(inline_configs=False)
REFUSED = Failure(Kind.INVALID_CONFIG, "no")


def plan(provider: str = "echo") -> CompiledPlan:
    return CompiledPlan(Target("config", provider))


@pytest.fixture
def memory() -> PlanMemory:
    return PlanMemory(2)


def test_a_plan_serves_whose_permissions_were_judged(memory: PlanMemory) -> None:
    first = plan()
    assert memory.keep(("a",), "", EVERYTHING, first, 10) is first
    assert memory.find(("a",), "", EVERYTHING) is first
    assert memory.find(("a",), "", FEWER) is None
    assert memory.keep(("a",), "", FEWER, plan(), 10) is first
    assert memory.find(("a",), "", FEWER) is first


def test_a_refusal_is_its_tenants(memory: PlanMemory) -> None:
    assert memory.keep(("a",), "one", EVERYTHING, REFUSED, 10) is REFUSED
    assert memory.find(("a",), "one", EVERYTHING) is REFUSED
    assert memory.find(("a",), "two", EVERYTHING) is None


def test_what_is_remembered_is_bounded(memory: PlanMemory) -> None:
    for name in "abc":
        memory.keep((name,), "", EVERYTHING, plan(), 10)
    assert [memory.find((name,), "", EVERYTHING) is None for name in "abc"] == [True, False, False]
    memory.keep(("d",), "", EVERYTHING, plan(), 4096)
    assert [memory.find((name,), "", EVERYTHING) is None for name in "abcd"] == [True, True, True, False]
    memory.keep(("e",), "", EVERYTHING, plan(), 1 << 20)
    assert memory.find(("e",), "", EVERYTHING) is None


def test_a_change_forgets_stale_plans_and_every_refusal(memory: PlanMemory) -> None:
    stale, kept = plan("openai"), plan("echo")
    memory.keep(("a",), "", EVERYTHING, stale, 10)
    memory.keep(("b",), "", EVERYTHING, kept, 10)
    memory.keep(("c",), "", EVERYTHING, REFUSED, 10)
    memory.forget(lambda compiled: compiled is stale)
    assert [memory.find((name,), "", EVERYTHING) for name in "abc"] == [None, kept, None]
