"""``/policies/…`` of the admin API over a real socket, on every engine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from administering import RunningAdmin, running_admin
from databases import fresh_address
from penstock.admin.provider_rules import provider_rules
from penstock.core.address import AddressPolicy
from penstock.core.money import LARGEST_IN_DOUBLES
from penstock.limits.limit import BucketKey
from penstock.stores.sql import schema

USAGE = "/policies/usage-limits"
RATE = "/policies/rate-limits"
PER_USER = {
    "name": "per user",
    "conditions": [{"key": "metadata._user", "value": "*"}],
    "group_by": [{"key": "metadata._user"}],
    "type": "cost",
    "credit_limit": 2.5,
    "alert_threshold": 1,
}
PER_MINUTE = {**{key: PER_USER[key] for key in ("name", "conditions", "group_by")}, "type": "requests", "unit": "rpm"}


@pytest.fixture(scope="module", params=["memory", "postgres"])
def admin(request: pytest.FixtureRequest) -> Iterator[RunningAdmin]:
    with running_admin(fresh_address(request)) as running:
        yield running


async def used(admin: RunningAdmin, policy: str, user: str, settled: int) -> None:
    key = BucketKey(f"policy/{policy}/usage/cost", user.encode(), 0, 0)
    async with admin.plane.database.write() as connection:
        await connection.execute(
            schema.balance.insert().values(
                limit_id=key.limit, value=key.value, epoch=0, window_start=0, value_key=f"metadata._user:{user}",
                settled=settled, touched_at=1,
            )
        )  # fmt: skip


@pytest.mark.parametrize(("path", "body"), [(USAGE, PER_USER), (RATE, {**PER_MINUTE, "value": 10})])
def test_a_policy_is_made_read_changed_and_archived(path: str, body: dict[str, Any], admin: RunningAdmin) -> None:
    before, archived = (admin.call("GET", each).body["total"] for each in (path, f"{path}?status=archived"))
    id_ = admin.made(path, body)["id"]
    found = admin.call("GET", f"{path}/{id_}").body
    assert {name: found[name] for name in body} == body
    assert (found["id"], found["status"], found["created_at"][-1]) == (id_, "active", "Z")
    assert id_ in {item["id"] for item in admin.call("GET", path).body["data"]}
    assert admin.call("PUT", f"{path}/{id_}", {"name": "other"}).body["success"] is True
    assert admin.call("GET", f"{path}/{id_}").body["name"] == "other"
    assert admin.call("DELETE", f"{path}/{id_}").status == 200
    assert admin.call("GET", path).body["total"] == before
    assert admin.call("GET", f"{path}?status=archived").body["total"] == archived + 1
    assert admin.call("GET", f"{path}/{id_}").body["status"] == "archived"
    assert admin.call("PUT", f"{path}/{id_}", {"name": "again"}).status == 409, "nothing would come of the change"
    assert admin.call("DELETE", f"{path}/{id_}").status == 200


def test_all_problems_of_a_policy_are_told_at_once(admin: RunningAdmin) -> None:
    body = {**PER_USER, "credit_limit": -1, "conditions": [{"key": "nothing", "value": "*"}], "periodicReset": "hourly"}
    got = admin.call("POST", USAGE, body)
    assert got.status == 400
    pointers = {problem["pointer"] for problem in got.body["data"]["problems"]}
    assert pointers == {"/credit_limit", "/conditions/0/key", "/periodic_reset"}
    assert admin.call("POST", USAGE, {**PER_USER, "credit_limits": 3}).status == 400


def test_a_member_is_removed_by_null_and_a_kind_never_changes(admin: RunningAdmin) -> None:
    id_ = admin.made(USAGE, {**PER_USER, "periodic_reset": "weekly"})["id"]
    assert admin.call("GET", f"{USAGE}/{id_}").body["next_usage_reset_at"] is not None
    assert admin.call("PUT", f"{USAGE}/{id_}", {"periodic_reset": None, "credit_limit": 3}).status == 200
    found = admin.call("GET", f"{USAGE}/{id_}").body
    assert (found["next_usage_reset_at"], found["periodic_reset"], found["credit_limit"]) == (None, None, 3)
    assert admin.call("PUT", f"{USAGE}/{id_}", {"type": "tokens"}).status == 400


def test_what_users_have_used_is_told_and_reset(admin: RunningAdmin) -> None:
    id_ = admin.made(USAGE, PER_USER)["id"]
    admin.run(used(admin, id_, "bob", 500_000_000))
    admin.run(used(admin, id_, "eve", 2_500_000_000))
    found = admin.call("GET", f"{USAGE}/{id_}?include_usage=true").body["value_key_usage_map"]
    assert found["metadata._user:bob"]["current_usage"] == 0.5
    assert found["metadata._user:eve"]["status"] == "exhausted"
    entities = admin.call("GET", f"{USAGE}/{id_}/entities?search=eve").body
    assert [(each["value_key"], each["current_usage"]) for each in entities["data"]] == [("metadata._user:eve", 2.5)]
    entity = entities["data"][0]["id"]
    assert admin.call("PUT", f"{USAGE}/{id_}/entities/{entity}/reset").status == 200
    assert admin.call("PUT", f"{USAGE}/{id_}/entities/nobody/reset").status == 404
    assert admin.call("PUT", f"{USAGE}/{id_}", {"reset_usage_for_value": "metadata._user:bob"}).status == 200
    usages = [each["current_usage"] for each in admin.call("GET", f"{USAGE}/{id_}/entities").body["data"]]
    assert usages == [0, 0]


def test_an_unknown_policy_is_absent(admin: RunningAdmin) -> None:
    for method, path in (("GET", f"{USAGE}/none"), ("PUT", f"{RATE}/none"), ("DELETE", f"{USAGE}/none")):
        assert admin.call(method, path, {} if method == "PUT" else None).status == 404


def test_a_status_that_is_none_is_told(admin: RunningAdmin) -> None:
    refused = admin.call("GET", f"{USAGE}?status=bogus")
    assert (refused.status, refused.body["message"]) == (400, "/status: expected one of active, archived")
    assert admin.call("GET", f"{USAGE}?status=archived").status == 200


def test_a_budget_that_the_counters_cant_count_exactly_is_refused_where_it_is_made() -> None:
    """Beside policies also those of gateway keys and of virtual keys."""
    budget = {"type": "cost", "credit_limit": 9_000_001}
    limits = {"usage_limits": budget}
    with running_admin(largest_cost=LARGEST_IN_DOUBLES, provider_rules=provider_rules(AddressPolicy())) as admin:
        id_ = admin.made(USAGE, PER_USER)["id"]
        for method, path, body in (
            ("POST", USAGE, {**PER_USER, **budget}),
            ("PUT", f"{USAGE}/{id_}", {"credit_limit": 9_000_001}),
            ("POST", "/api-keys/organisation/service", {"name": "k", "scopes": ["completions.write"], **limits}),
            ("POST", "/virtual-keys", {"name": "v", "provider": "openai", "key": "sk-1", **limits}),
        ):
            refused = admin.call(method, path, body)
            assert refused.status == 400, path
            assert "at most 9000000 dollars exactly" in refused.text
