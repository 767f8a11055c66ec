"""``/guardrails`` of the admin API over a real socket, on every engine."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from administering import RunningAdmin, running_admin
from databases import fresh_address
from penstock.core.address import AddressPolicy
from penstock.core.virtual_key import VirtualKey
from penstock.pipeline.compile import judge
from penstock.pipeline.off_loop.thread import off_loop
from penstock.providers.registry import ALIASES, PROVIDERS

CHECKS = [{"id": "default.contains", "parameters": {"words": ["bad"], "operator": "none"}, "name": "words"}]
ACTIONS = {"deny": True, "async": False, "on_fail": {"feedback": {"value": -5, "weight": 1, "metadata": ""}}}
BODY = {"name": "No bad words", "checks": CHECKS, "actions": ACTIONS}


@pytest.fixture(scope="module", params=["memory", "postgres"])
def admin(request: pytest.FixtureRequest) -> Iterator[RunningAdmin]:
    check = judge(PROVIDERS, AddressPolicy(()), ALIASES)
    with running_admin(fresh_address(request), providers=PROVIDERS, judge=check) as running:
        yield running


def test_a_guardrail_is_made_read_changed_and_deleted(admin: RunningAdmin) -> None:
    made = admin.call("POST", "/guardrails", BODY).body
    assert made["slug"].startswith("pg-")
    for reference in (made["slug"], made["id"]):
        found = admin.call("GET", f"/guardrails/{reference}").body
        assert (found["checks"], found["actions"], found["name"]) == (CHECKS, ACTIONS, "No bad words")
        assert (found["status"], found["version_id"]) == ("active", made["version_id"])
    listed = admin.call("GET", f"/guardrails?ids={made['id']}").body
    assert (listed["total"], [each["slug"] for each in listed["data"]]) == (1, [made["slug"]])
    changed = admin.call("PUT", f"/guardrails/{made['slug']}", {"name": "other", "actions": {"deny": False}}).body
    assert changed["version_id"] != made["version_id"]
    found = admin.call("GET", f"/guardrails/{made['slug']}").body
    assert (found["name"], found["checks"], found["actions"]) == ("other", CHECKS, {"deny": False})
    assert admin.call("DELETE", f"/guardrails/{made['id']}").status == 200
    assert admin.call("GET", f"/guardrails/{made['id']}").status == 404
    assert admin.call("GET", "/guardrails").body["total"] == 0


@pytest.mark.parametrize(
    "body",
    [
        {"checks": CHECKS},
        {"name": "x"},
        {"name": "x", "checks": "y"},
        {"name": "x", "checks": [{"id": "default.unknown", "parameters": {}}]},
        {"name": "x", "checks": [{"id": "contains", "parameters": {"words": []}}]},
        {"name": "x", "checks": CHECKS, "actions": {"deny": "yes"}},
        {"name": "x", "checks": CHECKS, "actions": []},
    ],
)
def test_what_is_refused(admin: RunningAdmin, body: dict[str, Any]) -> None:
    assert admin.call("POST", "/guardrails", body).status == 400
    assert admin.call("GET", "/guardrails").body["total"] == 0


def test_a_guardrail_for_one_side_is_one(admin: RunningAdmin) -> None:
    only_before = [{"id": "default.modelWhitelist", "parameters": {"models": ["a"]}}]
    made = admin.call("POST", "/guardrails", {"name": "models", "checks": only_before})
    assert made.status == 200
    admin.call("DELETE", f"/guardrails/{made.body['id']}")


def test_what_takes_long_is_judged_in_a_thread(request: pytest.FixtureRequest) -> None:
    check = judge(PROVIDERS, AddressPolicy(()), ALIASES)
    threads: list[threading.Thread] = []

    def noted(config: bytes, keys: Mapping[str, VirtualKey]) -> str | None:
        threads.append(threading.current_thread())
        return check(config, keys)

    async def current() -> threading.Thread:
        return threading.current_thread()

    with running_admin(providers=PROVIDERS, judge=noted, apart=off_loop) as running:
        loop = running.run(current())
        assert running.call("POST", "/guardrails", BODY).status == 200
        assert running.call("POST", "/configs", {"name": "c", "config": {"provider": "openai"}}).status == 200
    assert threads
    assert loop not in threads
