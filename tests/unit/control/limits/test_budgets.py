"""What is used and reserved of budgets, and who may see it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from administering import new_plane
from penstock.control.actor import CLI, Actor
from penstock.control.keys import api_keys
from penstock.control.limits import budgets
from penstock.control.pages import Page
from penstock.control.plane import ControlPlane
from penstock.limits.counters import BucketUsage, CountersUnavailable
from penstock.limits.limit import BucketKey

BUDGETS = [
    {"type": "cost", "credit_limit": 2.5, "periodic_reset": "monthly", "alert_threshold": 2},
    {"type": "tokens", "credit_limit": 1000},
]


class Counted:
    """Counters of which every bucket holds the same."""

    is_lost = False

    async def usage(self, _: BucketKey) -> BucketUsage:
        if self.is_lost:
            raise CountersUnavailable(1)
        return BucketUsage(500_000_000, 100)


@pytest.fixture
async def plane() -> AsyncIterator[ControlPlane]:
    opened = await new_plane(counters=Counted())
    yield opened
    await opened.database.close()


async def make_key(plane: ControlPlane, **limits: Any) -> str:
    body = {"name": "bot", "scopes": ["completions.write"], **limits}
    return str((await api_keys.create(plane, CLI, "workspace-service", body))["id"])


async def listed(plane: ControlPlane, actor: Actor = CLI) -> Sequence[dict[str, Any]]:
    items: Sequence[dict[str, Any]] = (await budgets.list_budgets(plane, actor, Page()))["data"]
    return items


async def test_a_key_tells_what_is_used_of_its_first_budget(plane: ControlPlane) -> None:
    used = await api_keys.read(plane, CLI, await make_key(plane, usage_limits=BUDGETS))
    usage = used["penstock_usage"]
    assert (usage["settled"], usage["reserved"], usage["limit"]) == (0.5, 1e-7, 2.5)
    assert usage["window_start"] < usage["window_end"] == used["next_usage_reset_at"]
    lifetime = await api_keys.read(plane, CLI, await make_key(plane, usage_limits=BUDGETS[1]))
    assert lifetime["penstock_usage"] == {
        "settled": 500_000_000, "reserved": 100, "limit": 1000, "window_start": None, "window_end": None,
    }  # fmt: skip
    assert lifetime["status"] == "exhausted"
    without = await make_key(plane)
    assert (await api_keys.read(plane, CLI, without))["penstock_usage"] is None


async def test_each_budget_in_its_unit(plane: ControlPlane) -> None:
    await make_key(plane, rate_limits=[{"type": "requests", "unit": "rpm", "value": 1}])
    id_ = await make_key(plane, usage_limits=BUDGETS)
    cost, tokens = await listed(plane)
    assert (cost["level"], cost["owner_id"], cost["owner_name"], cost["slug"]) == ("api_key", id_, "bot", None)
    assert (cost["limit"], cost["used"], cost["reserved"], cost["alert_threshold"]) == (2.5, 0.5, 1e-7, 2)
    assert cost["next_usage_reset_at"].endswith("01T00:00:00.000Z")
    assert (tokens["type"], tokens["limit"], tokens["used"], tokens["next_usage_reset_at"]) == (
        "tokens", 1000, 500_000_000, None,
    )  # fmt: skip


async def test_a_key_of_a_workspace_sees_its_own(plane: ControlPlane) -> None:
    await make_key(plane, usage_limits=BUDGETS[0])
    assert await listed(plane, Actor("api_key", "a", workspace_id="another")) == []


@pytest.mark.parametrize("has_counters", [True, False])
async def test_what_is_used_is_unknown_without_the_store(plane: ControlPlane, has_counters: bool) -> None:
    await make_key(plane, usage_limits=BUDGETS[0])
    if has_counters:
        plane.counters.is_lost = True  # type: ignore[union-attr]
    else:
        plane.counters = None
    (cost,) = await listed(plane)
    assert (cost["used"], cost["reserved"], cost["limit"]) == (None, None, 2.5)
