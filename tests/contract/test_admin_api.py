"""The admin API over a real socket, on every engine: keys, configs, feedback, tenancy, scopes, the audit log."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import pytest
import sqlalchemy as sa

from administering import ADMIN, Reply, RunningAdmin, running_admin
from databases import fresh_address
from penstock.admin.routes import ROUTES
from penstock.control import audit
from penstock.control.keys.text import is_key_text
from penstock.control.scopes import SCOPES
from penstock.core.address import AddressPolicy
from penstock.core.json_text import read_json
from penstock.pipeline.compile import judge
from penstock.providers.registry import ALIASES, PROVIDERS
from penstock.stores.sql import schema
from penstock.stores.sql.ids import random_id

CONFIG: Final = {"provider": "openai", "override_params": {"model": "gpt-5"}}
SERVICE: Final = "/api-keys/workspace/service"
CANARY: Final = "canary-9c1e77d2"
SECRET: Final = "hidden-b80f3312"


@pytest.fixture(scope="module", params=["memory", "postgres"])
def admin(request: pytest.FixtureRequest) -> Iterator[RunningAdmin]:
    check = judge(PROVIDERS, AddressPolicy(()), ALIASES)
    with running_admin(fresh_address(request), providers=PROVIDERS, judge=check) as running:
        yield running


async def make_workspace(admin: RunningAdmin, name: str) -> str:
    made = {"created_at": 1, "updated_at": 1, "created_by": "test", "updated_by": "test"}
    id_ = random_id()
    async with admin.plane.database.change() as connection:
        await connection.execute(schema.workspace.insert().values(id=id_, slug=f"ws-{id_[-12:]}", name=name, **made))
    return id_


def new_key(admin: RunningAdmin, *scopes: str, by: str = ADMIN, **more: Any) -> dict[str, Any]:
    return admin.made(SERVICE, {"name": "a key", "scopes": scopes or ["completions.write"], **more}, by)


def new_config(admin: RunningAdmin, name: str = "My config", key: str = ADMIN, **more: Any) -> dict[str, Any]:
    return admin.made("/configs", {"name": name, "config": CONFIG, **more}, key)


def refused(reply: Reply, status: int, code: str) -> str:
    """The message of an error, whose body has the one form."""
    body = reply.body
    assert (reply.status, body["errorCode"], body["data"]["errorCode"]) == (status, code, code), reply.text
    assert body["success"] is False
    assert body["status"] == "failure"
    assert body["message"] == body["error"]["message"] == body["data"]["message"]
    message: str = body["message"]
    return message


# Every route.


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_every_answer_is_an_object_with_a_request_id(admin: RunningAdmin, route: Any) -> None:
    """``Reply`` looks at each; here in the cases without a key, with a wrong body and with ids that do not exist."""
    path = route.path.replace("{rest:path}", "a/b").replace("{model:path}", "a/b")
    for name in ("provider", "id", "slug", "type", "sub_type", "workspace_id", "user_id", "feedback_id", "invite_id"):
        path = path.replace(f"{{{name}}}", "nope")
    refused(admin.call(route.method, path, key=None), *((404, "AB02") if route.is_public else (401, "AB05")))
    assert admin.call(route.method, path).status in {200, 400, 404, 501}
    if route.method != "GET":
        assert admin.call(route.method, path, content=b"{").status in {400, 501}
        assert admin.call(route.method, path, content=b"[" * 90 + b"]" * 90).status in {400, 404, 501}
        assert admin.call(route.method, path, content=b" " * (2 << 20) + b"1").status in {400, 501}
    assert admin.call("PATCH", path).status in {405, 501}


def test_an_unknown_path_and_a_forgotten_argument(admin: RunningAdmin) -> None:
    refused(admin.call("GET", "/admin/nope"), 404, "AB02")
    for forgotten in ("NOT_GIVEN", "None", "undefined"):
        assert "slug" in refused(admin.call("GET", f"/configs/{forgotten}"), 404, "AB02")


def test_a_workspace_is_changed_member_by_member(admin: RunningAdmin) -> None:
    id_ = admin.run(make_workspace(admin, "Research"))
    config = new_config(admin, workspace_id=id_)["id"]
    rates = [{"type": "requests", "unit": "rpm", "value": 9}]
    body = {
        "name": "Search",
        "defaults": {"metadata": {"team": "search"}, "config_id": config},
        "usage_limits": [{"type": "cost", "credit_limit": 5, "periodic_reset": "monthly"}],
        "rateLimits": rates,
    }
    path = f"/admin/workspaces/{id_}"
    assert admin.call("PUT", path, body).status == 200
    shown = admin.call("GET", path).body
    assert (shown["name"], shown["rate_limits"]) == ("Search", rates)
    assert shown["usage_limits"][0]["credit_limit"] == 5
    assert shown["defaults"] == {"metadata": {"team": "search"}, "config_id": config}
    assert (
        admin.call("PUT", path, {"usage_limits": None, "defaults": {"config_id": None}, "reset_usage": True}).status
        == 200
    )
    shown = admin.call("GET", path).body
    assert (shown["usage_limits"], shown["rate_limits"]) == ([], rates)
    assert shown["defaults"] == {"metadata": {"team": "search"}}
    assert shown["last_reset_at"]
    assert admin.call("PUT", path, {"defaults": None}).status == 200
    assert admin.call("GET", path).body["defaults"] == {}


def test_what_a_workspace_demands_is_set_and_taken_away(admin: RunningAdmin) -> None:
    id_ = admin.made("/admin/workspaces", {"name": "Strict", "required_metadata": ["team", "env", "team"]})["id"]
    path = f"/admin/workspaces/{id_}"
    assert admin.call("GET", path).body["required_metadata"] == ["team", "env"]
    settings = {"user_key_metadata_override": True, "debug_log": 0, "blockInlineConfig": 1}
    assert admin.call("PUT", path, {"settings": settings}).status == 200
    assert admin.call("PUT", path, {"settings": {"debug_log": None}, "requiredMetadata": None}).status == 200
    shown = admin.call("GET", path).body
    assert (shown["required_metadata"], shown["settings"]) == (
        [],
        {"user_key_metadata_override": 1, "block_inline_config": 1},
    )
    assert "/required_metadata" in admin.call("PUT", path, {"required_metadata": ["x" * 129]}).problems


def test_a_config_that_names_a_guardrail_that_is_not_there_has_a_warning(admin: RunningAdmin) -> None:
    checks = [{"id": "default.wordCount", "parameters": {"minWords": 1, "maxWords": 9}}]
    slug = admin.made("/guardrails", {"name": "Words", "checks": checks, "actions": {"deny": True}})["slug"]
    inline = {"default.contains": {"operator": "none", "words": ["x"]}}
    target = {"provider": "echo", "input_guardrails": [slug, "pg-none", inline]}
    config = {"strategy": {"mode": "fallback"}, "targets": [target]}
    (warning,) = admin.made("/configs", {"name": "Guarded", "config": config})["warnings"]
    assert "pg-none" in warning


def test_what_a_workspace_can_not_be_is_told_at_once(admin: RunningAdmin) -> None:
    id_ = admin.run(make_workspace(admin, "Research"))
    body: dict[str, object] = {
        "name": " ",
        "rate_limits": [{"type": "requests", "unit": "rpx", "value": 9}],
        "defaults": {"config_id": "c", "input_guardrails": ["g"]},
    }
    reply = admin.call("PUT", f"/admin/workspaces/{id_}", body)
    refused(reply, 400, "AB01")
    assert all(each in reply.text for each in ("name", "rate_limits", "there is no config c in the workspace"))
    assert "there is no guardrail g in the workspace" in reply.text
    assert admin.call("GET", f"/admin/workspaces/{id_}").body["name"] == "Research"


def test_a_workspace_does_not_loosen_its_own_limits(admin: RunningAdmin) -> None:
    id_ = admin.run(make_workspace(admin, "Research"))
    mine = new_key(admin, "workspaces.update", workspace_id=id_)["key"]
    path = f"/admin/workspaces/{id_}"
    assert admin.call("PUT", path, {"description": "ours"}, mine).status == 200
    loosened: tuple[dict[str, object], ...] = ({"usage_limits": None}, {"reset_usage": True}, {"rate_limits": []})
    for body in loosened:
        refused(admin.call("PUT", path, body, mine), 400, "AB01")


def test_a_defect_is_told_with_a_request_id(admin: RunningAdmin, monkeypatch: pytest.MonkeyPatch) -> None:
    """The header keeps both SDKs from sending the request again."""

    async def fail(*_: object) -> None:
        raise RuntimeError(CANARY)

    monkeypatch.setattr("penstock.control.workspaces.list_workspaces", fail)
    reply = admin.call("GET", "/admin/workspaces")
    refused(reply, 500, "AB04")
    assert CANARY not in reply.text


# Keys.


def test_a_key_is_shown_once_and_its_digest_is_kept(admin: RunningAdmin) -> None:
    made = new_key(admin, description="for the bot", labels={"team": "search"})
    assert is_key_text(made["key"])
    item = admin.call("GET", f"/api-keys/{made['id']}")
    assert made["key"] not in item.text
    assert item.body["key"].startswith("penstock_")
    assert item.body["labels"] == {"team": "search"}
    assert (item.body["usage_limits"], item.body["rate_limits"], item.body["expires_at"]) == (None, [], None)
    assert made["key"] not in admin.call("GET", "/api-keys").text


def test_a_key_s_limits_are_kept_and_shown_in_the_types_that_clients_read(admin: RunningAdmin) -> None:
    usage = {"type": "cost", "creditLimit": 1, "periodicReset": "monthly"}
    rates = [{"type": "requests", "unit": "rpm", "value": 10}]
    id_ = new_key(admin, usage_limits=usage, rateLimits=rates, concurrency_limit=3)["id"]
    item = admin.call("GET", f"/api-keys/{id_}").body
    assert item["usage_limits"]["credit_limit"] == 1
    assert item["usage_limits"]["next_usage_reset_at"].endswith("T00:00:00.000Z")
    assert item["rate_limits"] == rates
    assert item["concurrency_limit"] == 3
    admin.call("PUT", f"/api-keys/{id_}", {"usage_limits": None})
    item = admin.call("GET", f"/api-keys/{id_}").body
    assert (item["usage_limits"], item["rate_limits"]) == (None, rates)
    assert admin.call("PUT", f"/api-keys/{id_}", {"reset_usage": True}).status == 200
    assert admin.call("GET", f"/api-keys/{id_}").body["last_reset_at"]


def test_all_problems_of_a_key_are_told_at_once(admin: RunningAdmin) -> None:
    body = {
        "descripton": "x",
        "scopes": ["completions.wriet", "organisation_users.list"],
        "usage_limits": {"type": "cost", "credit_limit": -1},
        "rate_limits": [{"type": "requests", "unit": "rpmm", "value": 1}],
        "allowed_ips": ["10.0.0.0/8", "x"],
        "expires_at": "yesterday",
        "defaults": {"configid": "x"},
    }
    reply = admin.call("POST", SERVICE, body)
    refused(reply, 400, "AB01")
    assert set(reply.problems) == {
        *("/descripton", "/name", "/scopes/0", "/scopes/1", "/usage_limits/credit_limit", "/rate_limits/0/unit"),
        *("/allowed_ips/1", "/expires_at", "/defaults/configid"),
    }
    assert "did you mean description?" in reply.problems["/descripton"]
    assert "completions.write" in reply.problems["/scopes/0"]
    assert reply.body["error"]["param"] == next(iter(reply.problems))


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"workspace_id": "nope"}, "/workspace_id"),
        ({"defaults": {"config_id": "pc-nope"}}, "/defaults/config_id"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "/expires_at"),
        ({"expires_at": "9999-12-31T23:59:59-23:59"}, "/expires_at"),
        ({"scopes": []}, "/scopes"),
        ({"alert_emails": ["a@example.com", "b@c\r\nBcc: d@e"]}, "/alert_emails/1"),
        ({"alert_emails": ["a@example.com"] * 21}, "/alert_emails"),
    ],
)
def test_what_is_not_there_is_a_problem_of_the_body(admin: RunningAdmin, body: dict[str, Any], pointer: str) -> None:
    reply = admin.call("POST", SERVICE, {"name": "k", "scopes": ["completions.write"], **body})
    refused(reply, 400, "AB01")
    assert set(reply.problems) == {pointer}


def test_a_user_s_key_needs_a_user_who_is_there(admin: RunningAdmin) -> None:
    (user,) = admin.call("GET", "/admin/users").body["data"]
    body = {"name": "k", "scopes": ["completions.write"], "user_id": user["id"]}
    id_ = admin.made("/api-keys/workspace/user", body)["id"]
    assert admin.call("GET", f"/api-keys/{id_}").body["user_id"] == user["id"]
    reply = admin.call("POST", "/api-keys/workspace/user", {**body, "user_id": "nope"})
    assert set(reply.problems) == {"/user_id"}
    refused(admin.call("POST", "/api-keys/organisation/user", body), 404, "AB02")
    wrongs: list[Any] = [0, [], {"id": user["id"]}, " ", True]
    for wrong in wrongs:
        for member in ("user_id", "workspace_id"):
            reply = admin.call("POST", "/api-keys/workspace/user", {**body, member: wrong})
            assert (reply.status, set(reply.problems)) == (400, {f"/{member}"})


def test_a_rotation_leaves_two_texts_in_force_and_no_third(admin: RunningAdmin) -> None:
    made = new_key(admin, "configs.list")
    rotated = admin.made(f"/api-keys/{made['id']}/rotate", {"key_transition_period_ms": 1_800_000})
    assert rotated["key_transition_expires_at"]
    for key in (made["key"], rotated["key"]):
        assert admin.call("GET", "/configs", key=key).status == 200
    refused(admin.call("POST", f"/api-keys/{made['id']}/rotate", {}), 409, "AB07")
    reply = admin.call("POST", f"/api-keys/{made['id']}/rotate", {"key_transition_period_ms": 1000})
    assert set(reply.problems) == {"/key_transition_period_ms"}


def test_a_rotation_without_transition_ends_the_old_text_at_once(admin: RunningAdmin) -> None:
    made = new_key(admin, "configs.list")
    rotated = admin.made(f"/api-keys/{made['id']}/rotate", {"key_transition_period_ms": 0})
    refused(admin.call("GET", "/configs", key=made["key"]), 401, "AB05")
    assert admin.call("GET", "/configs", key=rotated["key"]).status == 200


@pytest.mark.parametrize("change", [{"status": "disabled"}, {"expires_at": "2020-01-01T00:00:00Z"}, None])
def test_a_key_that_is_switched_off_expired_or_deleted_is_refused_at_once(
    admin: RunningAdmin, change: dict[str, str] | None
) -> None:
    made = new_key(admin, "configs.list")
    path = f"/api-keys/{made['id']}"
    assert admin.call("GET", "/configs", key=made["key"]).status == 200
    assert admin.call("PUT" if change else "DELETE", path, change).body == {}
    refused(admin.call("GET", "/configs", key=made["key"]), 401, "AB05")
    if change is None:
        refused(admin.call("GET", path), 404, "AB02")
        refused(admin.call("DELETE", path), 404, "AB02")


def test_a_bearer_token_is_a_key_too_and_an_address_can_be_demanded(admin: RunningAdmin) -> None:
    here = new_key(admin, "configs.list", allowed_ips=["127.0.0.0/8"])["key"]
    elsewhere = new_key(admin, "configs.list", allowed_ips=["192.0.2.7"])["key"]
    assert admin.call("GET", "/configs", key=None, headers={"authorization": f"Bearer {here}"}).status == 200
    refused(admin.call("GET", "/configs", key=elsewhere), 403, "AB03")


# Bodies.


@pytest.mark.parametrize(
    ("name", "other", "value", "shown"),
    [
        ("allowed_models", "allowedModels", ["gpt-5*"], ["gpt-5*"]),
        ("allowed_providers", "allowedProviders", ["@main"], ["main"]),
        ("allowed_ips", "allowedIps", ["10.0.0.0/8"], ["10.0.0.0/8"]),
        ("alert_emails", "alertEmails", ["a@example.com"], ["a@example.com"]),
        ("expires_at", "expiresAt", "2099-01-01T01:00:00+01:00", "2099-01-01T00:00:00.000Z"),
        ("expose_cost", "exposeCost", 1, True),
        ("model_aliases", "modelAliases", {"fast-*": {"target": "@groq"}}, {"fast-*": {"target": "@groq"}}),
        ("concurrency_limit", "concurrencyLimit", 2, 2),
        ("rate_limits", "rateLimits", [{"type": "tokens", "unit": "rpd", "value": 9}], [{"type": "tokens", "unit": "rpd", "value": 9}]),
    ],
)  # fmt: skip
def test_both_spellings_and_three_states(
    admin: RunningAdmin, name: str, other: str, value: object, shown: object
) -> None:
    path = f"/api-keys/{new_key(admin)['id']}"

    def now() -> object:
        return admin.call("GET", path).body[name]

    empty = now()
    for spelling in (name, other):
        assert admin.call("PUT", path, {spelling: value}).status == 200
        assert now() == shown
        assert admin.call("PUT", path, {"description": "absent keeps it"}).status == 200
        assert now() == shown
        assert admin.call("PUT", path, {spelling: None}).status == 200
        assert now() == empty
    reply = admin.call("PUT", path, {name: value, other: None})
    assert reply.status == 400


def test_members_of_inner_objects(admin: RunningAdmin) -> None:
    path, slug = f"/api-keys/{new_key(admin)['id']}", new_config(admin)["slug"]

    def put(**defaults: Any) -> dict[str, Any]:
        reply = admin.call("PUT", path, {"defaults": defaults})
        assert reply.status == 200, reply.text
        shown: dict[str, Any] = admin.call("GET", path).body["defaults"]
        return shown

    nothing = {"metadata": None, "config_id": None, "allow_config_override": True}
    assert put(configId=slug, allowConfigOverride=False) == {
        **nothing,
        "config_id": slug,
        "allow_config_override": False,
    }
    assert put(metadata={"_user": "ann", "floor": 3})["metadata"] == {"_user": "ann", "floor": "3"}
    assert put(config_id=None)["config_id"] is None
    assert put()["metadata"] == {"_user": "ann", "floor": "3"}
    admin.call("PUT", path, {"defaults": None})
    assert admin.call("GET", path).body["defaults"] == nothing


def test_noise_of_clients_is_no_unknown_member(admin: RunningAdmin) -> None:
    id_ = new_key(admin)["id"]
    assert admin.call("PUT", f"/api-keys/{id_}", {"id": id_, "type": "x", "name": "n"}).status == 200
    assert admin.call("DELETE", f"/api-keys/{id_}", {"id": id_}).status == 200


# Configs.


def test_a_config_has_immutable_versions(admin: RunningAdmin) -> None:
    made = new_config(admin, "My config")
    assert made["slug"].startswith("pc-my-con-")
    assert made["data"] == {"id": made["id"], "version_id": made["version_id"], "slug": made["slug"]}
    assert made["success"] is True
    other = json.dumps({"retry": {"attempts": 2}})
    changed = admin.call("PUT", f"/configs/{made['slug']}", {"config": other}).body
    assert changed["version_id"] != made["version_id"]
    assert admin.call("PUT", f"/configs/{made['slug']}", {"name": "Other"}).body["version_id"] == changed["version_id"]
    whole = admin.call("GET", f"/configs/{made['id']}").body
    assert (whole["config"], whole["format"], whole["type"], whole["name"]) == (other, "json", "ORG_CONFIG", "Other")
    assert whole["data"]["config"] == other
    versions = admin.call("GET", f"/configs/{made['slug']}/versions").body
    assert [json.loads(each["config"]) for each in versions["data"]] == [json.loads(other), CONFIG]
    back = admin.call("PUT", f"/configs/{made['slug']}", {"version_id": made["version_id"]}).body
    assert back["version_id"] == made["version_id"]
    assert json.loads(admin.call("GET", f"/configs/{made['slug']}").body["config"]) == CONFIG
    reply = admin.call("PUT", f"/configs/{made['slug']}", {"version_id": "nope"})
    assert set(reply.problems) == {"/version_id"}


def test_a_config_is_judged_like_the_header(admin: RunningAdmin) -> None:
    for bad in ({"provider": "openai", "retry": {"attempt": 3}}, "{", [1], {"provider": "opnai"}):
        reply = admin.call("POST", "/configs", {"name": "bad", "config": bad})
        assert reply.status == 400, (bad, reply.text)
        assert set(reply.problems) == {"/config"}, bad
    reply = admin.call("POST", "/configs", {"config": {"strategy": {"mode": 7}}})
    assert set(reply.problems) == {"/name", "/config"}


def test_a_config_may_name_a_provider_that_comes_later(admin: RunningAdmin) -> None:
    targets = [{"provider": "@later"}, {"virtual_key": "never"}, {"provider": "@openai"}]
    made = admin.made("/configs", {"name": "n", "config": {"strategy": {"mode": "fallback"}, "targets": targets}})
    assert [warning.split()[4] for warning in made["warnings"]] == ["@later", "@never"]
    assert "warnings" not in new_config(admin)


def test_one_config_is_the_default(admin: RunningAdmin) -> None:
    slugs = [new_config(admin, isDefault=1)["slug"], new_config(admin, is_default=True)["slug"]]
    defaults = [admin.call("GET", f"/configs/{slug}").body["is_default"] for slug in slugs]
    assert defaults == [0, 1]


def test_a_config_in_use_is_not_deleted_in_passing(admin: RunningAdmin) -> None:
    made = new_config(admin)
    key = new_key(admin, defaults={"config_id": made["id"]})
    assert admin.call("GET", f"/api-keys/{key['id']}").body["defaults"]["config_id"] == made["slug"]
    assert "the key a key" in refused(admin.call("DELETE", f"/configs/{made['slug']}"), 409, "AB07")
    assert admin.call("DELETE", f"/configs/{made['slug']}?force=true").body == {}
    assert admin.call("GET", f"/api-keys/{key['id']}").body["defaults"]["config_id"] is None
    refused(admin.call("GET", f"/configs/{made['slug']}"), 404, "AB02")


def test_pages(admin: RunningAdmin) -> None:
    slugs = [new_config(admin, f"page {number}")["slug"] for number in range(3)]
    first = admin.call("GET", "/configs?current_page=0&page_size=2").body
    second = admin.call("GET", "/configs?currentPage=1&pageSize=2").body
    assert [each["slug"] for each in [*first["data"], *second["data"]]][:3] == slugs[::-1]
    assert first["total"] == second["total"] >= 3
    assert admin.call("GET", "/configs?").body["total"] == first["total"]
    reply = admin.call("GET", "/configs?page_size=0&current_page=-1")
    assert set(reply.problems) == {"/page_size", "/current_page"}
    assert admin.call("GET", "/configs?page_size=NOT_GIVEN&surprise=1").status == 200


@pytest.mark.parametrize("path", ["/configs/%00", "/configs?workspace_id=%00", "/api-keys/%ED%A0%80", "/configs/%FF"])
def test_a_character_that_no_database_holds_is_no_defect(admin: RunningAdmin, path: str) -> None:
    assert admin.call("GET", path).status in {400, 404}
    for text in ("\x00", "\ud800"):
        assert admin.call("POST", "/configs", {"name": text, "config": CONFIG}).status == 400
        assert admin.call("POST", "/configs", {"name": "n", "config": {"override_params": {"a": text}}}).status < 500
        assert admin.call("PUT", f"/api-keys/{new_key(admin)['id']}", {"labels": {"a": text}, text: 1}).status == 400


# Retries.


def test_an_idempotency_key_makes_one_thing(admin: RunningAdmin) -> None:
    body, headers = {"name": "once", "scopes": ["completions.write"]}, {"idempotency-key": random_id()}
    first = admin.call("POST", SERVICE, body, headers=headers)
    again = admin.call("POST", SERVICE, body, headers=headers)
    assert (again.status, again.body) == (200, first.body)
    assert again.headers["idempotent-replayed"] == "true"
    refused(admin.call("POST", SERVICE, {**body, "name": "twice"}, headers=headers), 409, "AB07")
    assert first.body["key"].encode() not in admin.run(everything(admin))
    other = admin.call("POST", SERVICE, {**body, "name": "twice"}, headers={"idempotency-key": random_id()})
    assert other.body["id"] != first.body["id"]


def test_requests_with_one_idempotency_key_at_the_same_time_make_one_thing(admin: RunningAdmin) -> None:
    body, headers = {"name": random_id(), "scopes": ["completions.write"]}, {"idempotency-key": random_id()}
    with ThreadPoolExecutor(8) as threads:
        replies = list(threads.map(lambda _: admin.call("POST", SERVICE, body, headers=headers), range(8)))
    assert {reply.status for reply in replies} <= {200, 409}
    assert len({reply.body["id"] for reply in replies if reply.status == 200}) == 1
    names = [each["name"] for each in admin.call("GET", "/api-keys?page_size=1000").body["data"]]
    assert names.count(body["name"]) == 1


def test_a_refused_request_may_come_again_with_its_key(admin: RunningAdmin) -> None:
    headers = {"idempotency-key": random_id()}
    assert admin.call("POST", "/configs", {"name": "x"}, headers=headers).status == 400
    assert admin.call("POST", "/configs", {"name": "x", "config": CONFIG}, headers=headers).status == 200


def test_an_answer_that_was_lost_is_not_made_twice(admin: RunningAdmin, monkeypatch: pytest.MonkeyPatch) -> None:
    """The gateway fails between the change and the keeping of its answer."""
    body, headers = {"name": "lost", "scopes": ["completions.write"]}, {"idempotency-key": random_id()}
    with monkeypatch.context() as patched:
        patched.delattr("penstock.admin.idempotency.Claim.keep")
        refused(admin.call("POST", SERVICE, body, headers=headers), 500, "AB04")
    refused(admin.call("POST", SERVICE, body, headers=headers), 409, "AB07")
    assert [each["name"] for each in admin.call("GET", "/api-keys?page_size=1000").body["data"]].count("lost") == 1


async def everything(admin: RunningAdmin) -> bytes:
    """All that the database holds, as bytes."""
    texts: list[bytes] = []
    async with admin.plane.database.read() as connection:
        for table in schema.metadata.sorted_tables:
            for row in await connection.execute(sa.select(table)):
                texts += [value if isinstance(value, bytes) else str(value).encode() for value in row]
    return b"\n".join(texts)


# Tenancy and scopes.


def test_a_key_sees_its_own_workspace_only(admin: RunningAdmin) -> None:
    scopes = [scope for scope in SCOPES if not scope.startswith(("organisation_", "audit_logs"))]
    here, there = admin.run(make_workspace(admin, "Here")), admin.run(make_workspace(admin, CANARY))
    mine = new_key(admin, *scopes, workspace_id=here)["key"]
    name = f"{CANARY}-config"
    foreign = {
        "api-keys": new_key(admin, *scopes, workspace_id=there, name=f"{CANARY}-key")["id"],
        "configs": new_config(admin, name, workspace_id=there)["id"],
        "admin/workspaces": there,
    }
    slug = admin.call("GET", f"/configs/{foreign['configs']}").body["slug"]
    for resource, id_ in {**foreign, "configs ": slug}.items():
        for method in ("GET", "PUT", "DELETE"):
            sent = None if method == "GET" else {"name": "mine"}
            reply = admin.call(method, f"/{resource.strip()}/{id_}", sent, mine)
            refused(reply, 404, "AB02")
            assert CANARY not in reply.text
    refused(admin.call("POST", f"/api-keys/{foreign['api-keys']}/rotate", {}, mine), 404, "AB02")
    refused(admin.call("GET", f"/configs/{slug}/versions", key=mine), 404, "AB02")
    for path in ("/configs", "/api-keys", "/admin/workspaces", "/admin/users"):
        assert CANARY not in admin.call("GET", path, key=mine).text
        if path in {"/configs", "/api-keys"}:
            refused(admin.call("GET", f"{path}?workspace_id={there}", key=mine), 404, "AB02")
    for path, body in (
        ("/configs", {"name": "n", "config": CONFIG, "workspace_id": there}),
        (SERVICE, {"name": "n", "scopes": ["completions.write"], "workspace_id": there}),
        (SERVICE, {"name": "n", "scopes": ["completions.write"], "defaults": {"config_id": slug}}),
    ):
        refused(admin.call("POST", path, body, mine), 400, "AB01")
    config = new_config(admin, key=mine)
    assert admin.call("GET", f"/configs/{config['slug']}").body["workspace_id"] == here
    refused(
        admin.call("POST", "/api-keys/organisation/service", {"name": "n", "scopes": ["configs.list"]}, mine),
        403,
        "AB03",
    )


@pytest.mark.parametrize(
    "route", [route for route in ROUTES if route.scopes], ids=lambda route: f"{route.method} {route.path}"
)
def test_each_path_needs_its_scope(admin: RunningAdmin, route: Any) -> None:
    every = admin.made("/api-keys/organisation/service", {"name": "n", "scopes": sorted(SCOPES - set(route.scopes))})
    path = route.path.replace("{type}", "workspace").replace("{sub_type}", "service")
    for name in ("id", "slug", "workspace_id", "user_id", "feedback_id"):
        path = path.replace(f"{{{name}}}", "nope")
    message = refused(admin.call(route.method, path, {}, every["key"]), 403, "AB03")
    assert route.scopes[0] in message
    enough = admin.made("/api-keys/organisation/service", {"name": "n", "scopes": [route.scopes[0]]})
    assert admin.call(route.method, path, {}, enough["key"]).status != 401


def test_a_key_grants_no_more_than_it_has(admin: RunningAdmin) -> None:
    service = "workspace_service_api_keys"
    mine = new_key(admin, *(f"{service}.{verb}" for verb in ("create", "update", "rotate", "read")), "configs.read")
    body = {"name": "n", "scopes": ["configs.read", "configs.delete"]}
    assert "configs.delete" in refused(admin.call("POST", SERVICE, body, mine["key"]), 403, "AB03")
    refused(admin.call("POST", SERVICE, {"name": "n", "scopes": ["*"]}, mine["key"]), 400, "AB01")
    lesser = new_key(admin, "configs.read", by=mine["key"])["id"]
    refused(admin.call("PUT", f"/api-keys/{lesser}", {"scopes": ["configs.delete"]}, mine["key"]), 403, "AB03")
    greater = new_key(admin, "configs.delete")["id"]
    refused(admin.call("POST", f"/api-keys/{greater}/rotate", {}, mine["key"]), 403, "AB03")
    assert (
        admin.call("PUT", f"/api-keys/{greater}", {"scopes": ["configs.delete", "configs.read"]}, mine["key"]).status
        == 200
    )
    assert "can't change its own" in refused(
        admin.call("PUT", f"/api-keys/{mine['id']}", {"usage_limits": None}, mine["key"]), 403, "AB03"
    )
    for defaults in ({"metadata": {"team": "another"}}, {"config_id": None}, {"allow_config_override": True}, None):
        reply = admin.call("PUT", f"/api-keys/{mine['id']}", {"defaults": defaults}, mine["key"])
        assert "can't change its own" in refused(reply, 403, "AB03")
    user = admin.call("GET", "/admin/users").body["data"][0]["id"]
    refused(admin.call("POST", "/api-keys/workspace/user", {**body, "user_id": user}, mine["key"]), 403, "AB03")


def test_a_key_allows_another_no_more_than_itself(admin: RunningAdmin) -> None:
    scopes = ["configs.read", *(f"workspace_service_api_keys.{verb}" for verb in ("create", "update", "rotate"))]
    own = {
        "allowed_models": ["gpt-4o"],
        "allowed_providers": ["openai", "azure-openai"],
        "allowed_ips": ["127.0.0.0/8"],
    }
    mine = admin.made(SERVICE, {"name": "n", "scopes": scopes, **own})["key"]
    body = {"name": "n", "scopes": ["configs.read"], **own, "allowed_ips": ["127.0.0.1"]}
    made = admin.made(SERVICE, body, mine)["id"]
    for wider in (
        {"allowed_models": ["gpt-4o", "o3"]}, {"allowed_models": None}, {"allowed_providers": ["cohere"]},
        {"allowed_ips": ["126.0.0.0/7"]}, {"allowed_ips": ["::1"]},
    ):  # fmt: skip
        (name,) = wider
        assert name in refused(admin.call("POST", SERVICE, {**body, **wider}, mine), 403, "AB03")
        assert name in refused(admin.call("PUT", f"/api-keys/{made}", wider, mine), 403, "AB03")
    assert admin.call("PUT", f"/api-keys/{made}", {"allowed_providers": ["openai"]}, mine).status == 200
    assert admin.call("POST", f"/api-keys/{made}/rotate", {}, mine).status == 200
    greater = new_key(admin, "configs.read")["id"]
    refused(admin.call("POST", f"/api-keys/{greater}/rotate", {}, mine), 403, "AB03")


def test_a_key_lists_the_kinds_that_it_may_list(admin: RunningAdmin) -> None:
    admin.made("/api-keys/organisation/service", {"name": "n", "scopes": ["configs.list"]})
    body = {"name": "n", "scopes": ["workspace_user_api_keys.list"]}
    key = admin.made("/api-keys/organisation/service", body)["key"]
    assert {each["type"] for each in admin.call("GET", "/api-keys?page_size=1000", key=key).body["data"]} <= {
        "workspace-user"
    }


# The audit log.


def test_no_secret_reaches_the_audit_log_or_an_error(admin: RunningAdmin) -> None:
    secret = f"sk-{SECRET}-0123456789"
    config = {"provider": "openai", "api_key": secret, "forward_headers": ["x-a"]}
    made = admin.made("/configs", {"name": "with a secret", "config": json.dumps(config)})
    admin.call("PUT", f"/configs/{made['slug']}", {"config": {**config, "api_key": f"{secret}-2"}})
    key = new_key(admin, name="audited")
    bad = {"name": "n", "config": {**config, "nonsense": 1}}
    assert SECRET not in admin.call("POST", "/configs", bad).text
    rotated = admin.made(f"/api-keys/{key['id']}/rotate", {})
    log = admin.call("GET", "/audit-logs?page_size=100")
    assert SECRET not in log.text
    assert key["key"] not in log.text
    assert rotated["key"] not in log.text
    change = next(
        each for each in log.body["records"] if each["resource_id"] == made["id"] and each["action"] == "update"
    )
    told = read_json(change["changes"].encode())["config"]
    assert told["before"]["api_key"] != told["after"]["api_key"]
    assert told["before"]["api_key"].startswith("*****")


def test_the_audit_log_tells_who_did_what(admin: RunningAdmin) -> None:
    made = new_config(admin, "told")
    reply = admin.call("PUT", f"/configs/{made['slug']}", {"name": "told anew"})
    request_id = reply.headers["x-portkey-request-id"]
    (row,) = admin.call("GET", f"/audit-logs?request_id={request_id}").body["records"]
    assert (row["method"], row["action"], row["resource_type"]) == ("PUT", "update", "config")
    assert row["uri"] == f"/v1/configs/{made['slug']}"
    assert (row["user_id"], row["client_ip"]) == ("PENSTOCK_ADMIN_KEY", "127.0.0.1")
    assert read_json(row["changes"].encode()) == {"name": {"before": "told", "after": "told anew"}}
    assert admin.call("GET", "/audit-logs?start_time=2099-01-01T00:00:00Z").body["total"] == 0
    assert admin.call("GET", "/audit-logs?page_size=999").body["total"] >= 1
    refused(admin.call("GET", "/audit-logs?start_time=x"), 400, "AB01")


def test_refused_calls_are_told_ten_times_a_minute_at_most(admin: RunningAdmin) -> None:
    for _ in range(15):
        admin.call("GET", "/configs", key="wrong")
    assert admin.call("GET", "/audit-logs?action=sign_in").body["total"] <= 20


def test_changes_at_the_same_time_make_one_chain(admin: RunningAdmin) -> None:
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda number: new_config(admin, f"at once {number}")["slug"], range(24)))
    assert len(set(made)) == 24
    verdict = admin.run(audit.verify(admin.plane.database))
    assert verdict.problem is None


@pytest.mark.parametrize("damage", ["edited", "removed", "cut", "swapped", "headless"])
def test_damage_of_the_audit_log_is_found(admin: RunningAdmin, damage: str) -> None:
    rows, head = schema.audit, schema.audit_head
    for _ in range(3):
        new_config(admin)

    async def verdict() -> str | None:
        return (await audit.verify(admin.plane.database)).problem

    async def run(*statements: Any) -> None:
        async with admin.plane.database.write() as connection:
            for statement in statements:
                await connection.execute(statement)

    async def read() -> tuple[list[dict[str, Any]], dict[str, Any]]:
        async with admin.plane.database.read() as connection:
            kept = [row._asdict() for row in await connection.execute(sa.select(rows).order_by(rows.c.seq))]
            return kept, (await connection.execute(sa.select(head))).one()._asdict()

    assert admin.run(verdict()) is None
    kept, top = admin.run(read())
    last = kept[-1]["seq"]
    second = rows.c.seq == last - 1
    damages: dict[str, list[Any]] = {
        "edited": [rows.update().where(second).values(actor_id="somebody else")],
        "removed": [rows.delete().where(second)],
        "cut": [rows.delete().where(rows.c.seq == last)],
        "swapped": [
            rows.update().where(second).values(seq=0),
            rows.update().where(rows.c.seq == last).values(seq=last - 1),
            rows.update().where(rows.c.seq == 0).values(seq=last),
        ],
        "headless": [head.delete()],
    }
    try:
        admin.run(run(*damages[damage]))
        assert admin.run(verdict())
    finally:
        admin.run(run(rows.delete(), rows.insert().values(kept), head.delete(), head.insert().values(**top)))
    assert admin.run(verdict()) is None


# The first key.


@pytest.mark.parametrize("path", ["/configs", "/nope", "/logs", "/api-keys/x"])
def test_without_an_admin_key_every_path_says_how_to_make_one(path: str) -> None:
    with running_admin(admin_key="") as fresh:
        for key in (None, "wrong"):
            assert "penstock key create --admin" in refused(fresh.call("GET", path, key=key), 401, "AB05")


# Feedback.


def test_feedback_comes_from_applications(admin: RunningAdmin) -> None:
    key = new_key(admin, "completions.write")["key"]
    one = admin.made("/feedback", {"trace_id": "t", "value": 5, "metadata": {"a": 1}}, key)
    assert one["status"] == "success"
    many = admin.made("/feedback", [{"traceId": "a", "value": 1}, {"trace_id": "b", "value": -1, "weight": 0.5}], key)
    assert len(many["feedback_ids"]) == 2
    path = f"/feedback/{one['feedback_ids'][0]}"
    assert admin.call("PUT", path, {"value": 3, "weight": 0}, key).status == 200
    other = new_key(admin, "completions.write", workspace_id=admin.run(make_workspace(admin, "Other")))["key"]
    refused(admin.call("PUT", path, {"value": 3}, other), 404, "AB02")
    reply = admin.call("POST", "/feedback", [{"trace_id": "t", "value": 11}, {"value": 0.5, "weight": 2}], key)
    assert set(reply.problems) == {"/0/value", "/1/trace_id", "/1/value", "/1/weight"}
    refused(admin.call("POST", "/feedback", [], key), 400, "AB01")


@pytest.mark.parametrize(
    ("aliases", "said"),
    [
        ({"a*b*": {"target": "@x"}}, "a pattern has one * at most"),
        ({"a": {"target": "x"}}, "expected @NAME or @NAME/model"),
        ({"a": {"target": "@x", "config": "y"}}, "say one of them"),
        ({"a": {"tarket": "@x"}}, "unknown setting"),
        ({f"m{n}": {"target": "@x"} for n in range(1001)}, "1000 aliases at most"),
        ("fast", "expected sections"),
    ],
)
def test_names_of_models_that_a_key_can_not_have(admin: RunningAdmin, aliases: object, said: str) -> None:
    answer = admin.call("PUT", f"/api-keys/{new_key(admin)['id']}", {"model_aliases": aliases})
    assert answer.status == 400
    assert said in json.dumps(answer.body)
