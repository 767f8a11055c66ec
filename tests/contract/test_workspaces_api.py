"""Workspaces are made and deleted over the admin API, on every engine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest

from administering import RunningAdmin, running_admin
from databases import fresh_address
from penstock.admin.provider_rules import provider_rules
from penstock.core.address import AddressPolicy
from penstock.pipeline.compile import judge
from penstock.providers.registry import ALIASES, PROVIDERS

SERVICE: Final = "/api-keys/workspace/service"
CONFIG: Final = {"provider": "echo"}


@pytest.fixture(params=["memory", "postgres"])
def admin(request: pytest.FixtureRequest) -> Iterator[RunningAdmin]:
    check = judge(PROVIDERS, AddressPolicy(()), ALIASES)
    rules = provider_rules(AddressPolicy(()))
    with running_admin(fresh_address(request), providers=PROVIDERS, judge=check, provider_rules=rules) as running:
        yield running


def made(admin: RunningAdmin, name: str = "Research", **more: Any) -> dict[str, Any]:
    return admin.made("/admin/workspaces", {"name": name, **more})


def listed(admin: RunningAdmin, query: str = "") -> list[str]:
    return [each["name"] for each in admin.call("GET", f"/admin/workspaces{query}").body["data"]]


def test_a_workspace_is_made_with_all_that_it_sets(admin: RunningAdmin) -> None:
    rates = [{"type": "requests", "unit": "rpm", "value": 9}]
    budgets = [{"type": "cost", "credit_limit": 5, "periodic_reset": "monthly"}]
    answer = made(
        admin,
        description="for the lab",
        defaults={"metadata": {"team": "lab"}},
        settings={"debugLog": 1},
        usageLimits=budgets,
        rate_limits=rates,
        users=[],
    )
    assert answer["slug"].startswith("ws-resear-")
    shown = admin.call("GET", f"/admin/workspaces/{answer['slug']}").body
    assert {name: shown[name] for name in answer if name not in {"success"}} == {
        name: value for name, value in answer.items() if name not in {"success"}
    }
    assert (shown["description"], shown["is_default"], shown["status"]) == ("for the lab", 0, "active")
    assert (shown["defaults"], shown["settings"]) == ({"metadata": {"team": "lab"}}, {"debug_log": 1})
    assert (shown["rate_limits"], shown["usage_limits"][0]["credit_limit"]) == (rates, 5)
    assert listed(admin) == ["Research", "Default"]


def test_a_workspace_names_the_guardrails_of_all_its_requests(admin: RunningAdmin) -> None:
    id_ = made(admin)["id"]
    checks = [{"id": "default.contains", "parameters": {"words": ["bad"], "operator": "none"}}]
    slug = admin.made("/guardrails", {"name": "g", "checks": checks, "workspace_id": id_})["slug"]
    path = f"/admin/workspaces/{id_}"
    for given in ([slug], [], None):
        body = {"defaults": {"metadata": {"team": "lab"}, "inputGuardrails": given, "output_guardrails": given}}
        assert admin.call("PUT", path, body).status == 200
        named = {"input_guardrails": given, "output_guardrails": given} if given else {}
        assert admin.call("GET", path).body["defaults"] == {"metadata": {"team": "lab"}, **named}
    other = made(admin, "Other", description="guardrails are a workspace's own")["id"]
    refused = admin.call("PUT", f"/admin/workspaces/{other}", {"defaults": {"input_guardrails": [slug]}})
    assert (refused.status, set(refused.problems)) == (400, {"/defaults/input_guardrails"})
    assert admin.call("PUT", f"/admin/workspaces/{other}", {"defaults": {"input_guardrails": "x"}}).status == 400


def test_what_can_not_be_made_is_told(admin: RunningAdmin) -> None:
    made(admin)
    same = admin.call("POST", "/admin/workspaces", {"name": "rESEARCH"})
    assert (same.status, same.body["errorCode"]) == (409, "AB07")
    wrong = admin.call("POST", "/admin/workspaces", {"nam": "x", "defaults": {"config_id": "pc-nope"}})
    assert wrong.status == 400
    assert set(wrong.problems) == {"/nam", "/name", "/defaults/config_id"}
    assert admin.call("POST", "/admin/workspaces", {"name": "x", "users": [{"id": "u", "role": "admin"}]}).status == 501
    assert listed(admin) == ["Research", "Default"]


def test_a_workspace_gets_no_name_that_another_one_has(admin: RunningAdmin) -> None:
    first, second = made(admin), made(admin, "Search")
    assert admin.call("PUT", f"/admin/workspaces/{second['id']}", {"name": "research"}).status == 409
    assert admin.call("PUT", f"/admin/workspaces/{first['id']}", {"name": "RESEARCH"}).status == 200


def test_a_key_of_a_workspace_makes_and_deletes_none(admin: RunningAdmin) -> None:
    place = made(admin)["id"]
    scopes = ["workspaces.create", "workspaces.delete"]
    key = admin.made(SERVICE, {"name": "k", "scopes": scopes, "workspace_id": place})["key"]
    assert admin.call("POST", "/admin/workspaces", {"name": "More"}, key).body["errorCode"] == "AB03"
    gone = admin.call("DELETE", f"/admin/workspaces/{place}", {"name": "Research", "force_delete": True}, key)
    assert gone.body["errorCode"] == "AB03"


def test_a_deletion_repeats_the_name(admin: RunningAdmin) -> None:
    made(admin)
    path = f"/admin/workspaces/{made(admin, 'Search')['slug']}"
    assert admin.call("DELETE", path).problems == {"/name": "missing"}
    assert admin.call("DELETE", path, {"name": "Research"}).status == 400
    assert admin.call("DELETE", path, {"workspace_id": "x", "name": "Search"}).body == {}
    assert admin.call("GET", path).status == admin.call("DELETE", path, {"name": "Search"}).status == 404
    assert listed(admin) == ["Research", "Default"]
    assert listed(admin, "?status=deleted") == []
    made(admin, "Search")


def test_the_default_workspace_stays(admin: RunningAdmin) -> None:
    slug = admin.call("GET", "/admin/workspaces").body["data"][0]["slug"]
    reply = admin.call("DELETE", f"/admin/workspaces/{slug}", {"name": "Default", "force_delete": True})
    assert (reply.status, reply.body["errorCode"]) == (409, "AB07")


def test_a_workspace_that_holds_something_goes_with_force_alone(admin: RunningAdmin) -> None:
    place = made(admin, rate_limits=[{"type": "requests", "unit": "rpm", "value": 9}])["id"]
    here = {"workspace_id": place}
    kept = filled(admin, here)
    path = f"/admin/workspaces/{place}"
    reply = admin.call("DELETE", path, {"name": "Research"})
    assert (reply.status, reply.body["errorCode"]) == (409, "AB07")
    counted = "2 providers, 1 integration, 1 API key, 1 config, 1 guardrail, 2 policies"
    assert counted in reply.body["message"]
    assert admin.call("DELETE", path, {"name": "Research", "forceDelete": True}).body == {}
    for resource in ("/providers", "/virtual-keys", "/integrations", "/api-keys", "/configs", "/guardrails"):
        names = {each["name"] for each in admin.call("GET", resource).body["data"]}
        assert names <= {"of all"}, resource
    assert admin.call("GET", "/policies/usage-limits").body["data"] == []
    assert admin.call("GET", "/policies/rate-limits").body["data"] == []
    assert admin.call("GET", "/configs", key=kept["key"]).status == 401
    done = [each["resource_type"] for each in admin.call("GET", "/audit-logs?action=delete").body["records"]]
    assert sorted(done) == sorted(
        ["workspace", "provider", "provider", "integration", "api_key", "config", "guardrail", "policy", "policy"]
    )


def filled(admin: RunningAdmin, here: dict[str, str]) -> dict[str, Any]:
    """A workspace with something of every kind; its key."""
    admin.made("/virtual-keys", {"name": "a key", "provider": "openai", "key": "sk-123456789012345", **here})
    admin.made("/integrations", {"name": "credential", "ai_provider_id": "openai", "key": "sk-2222222222222", **here})
    admin.made("/integrations", {"name": "of all", "ai_provider_id": "openai", "key": "sk-3333333333333"})
    config = admin.made("/configs", {"name": "c", "config": CONFIG, **here})
    checks = [{"id": "default.contains", "parameters": {"words": ["x"], "operator": "any"}}]
    admin.made("/guardrails", {"name": "g", "checks": checks, "actions": {}, **here})
    common = {"conditions": [{"key": "metadata.team", "value": "*"}], "group_by": [], **here}
    admin.made("/policies/usage-limits", {**common, "type": "cost", "credit_limit": 5})
    admin.made("/policies/rate-limits", {**common, "type": "requests", "unit": "rpm", "value": 5})
    defaults = {"config_id": config["slug"]}
    return admin.made(SERVICE, {"name": "k", "scopes": ["configs.list"], "defaults": defaults, **here})
