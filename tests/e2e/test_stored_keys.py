"""Gateway keys, providers and configs of the database, in force on a gateway that runs: what each key demands."""

from __future__ import annotations

import asyncio
import hashlib
import http.client
import json
from collections.abc import Callable, Coroutine, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import sqlalchemy as sa

from databases import make_tables
from penstock.control.limits.limits import put_limits
from penstock.pipeline.route import Router
from penstock.server.http.request_task import RequestTask
from penstock.settings import load
from penstock.stores.sql import schema
from penstock.stores.sql.control_store import ControlStore
from penstock.stores.sql.database import Database, file_address
from rows import Rows, insert
from running import RunningGateway, running_gateway

BESIDE_REQUESTS: Final = (
    "BEGIN", "INSERT INTO ledger", "INSERT INTO balance", "INSERT INTO open_hold", "DELETE FROM open_hold",
    "INSERT INTO request_log", "INSERT INTO log_metadata", "INSERT INTO usage_", "SELECT workspace.id",
)  # fmt: skip
"""The beginnings of what is written of requests off their path, in batches: the ledger, the journal of budgets, the
request log with its sums and the default workspace that its rows without one belong to."""
NOWHERE: Final = Path("/nonexistent")
ASK: Final = {"model": "echo", "messages": [{"role": "user", "content": "Hello!"}]}
ALL: Final = '["completions.write"]'
BY_TEAM: Final = json.dumps(
    {
        "strategy": {"mode": "conditional", "conditions": [{"query": {"metadata.team": "search"}, "then": "found"}]},
        "targets": [{"name": "found", "provider": "@prod"}],
    }
)


def digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


async def fill(rows: Rows) -> None:
    """Two workspaces, and a key for each demand."""
    await rows.provider("prod", provider="echo")
    await rows.provider("past", provider="echo", expires_at=1)
    await rows.provider("off", provider="echo", status="disabled")
    config = await rows.config("pc-main", '{"provider":"@prod"}')
    await rows.config("pc-team", BY_TEAM)

    async def key(name: str, **more: Any) -> str:
        return await rows.key(name, digest(f"pk-{name}"), **{"scopes": ALL, **more})

    await key("plain")
    await key("paying", expose_cost=True)
    aliases = {"fast": {"target": "@prod/echo"}, "team-*": {"config": "pc-main"}, "theirs": {"target": "@other"}}
    await key("naming", model_aliases=json.dumps(aliases))
    await key("over", expires_at=1)
    await key("no-scope", scopes="[]")
    await key("lists", scopes='["virtual_keys.list"]')
    await key("local", allowed_ips='["127.0.0.0/8","::1/128"]')
    await key("office", allowed_ips='["192.0.2.0/24","2001:db8::/32"]')
    await key("pinned", allow_config_override=False, default_config_id=config)
    await key("labelled", labels='{"team":"search"}', metadata='{"tier":"gold"}')
    limited = await key("limited", labels='{"team":"search"}')
    async with rows.database.change() as connection:
        budget = {"type": "tokens", "credit_limit": 1_000_000, "periodic_reset": "monthly"}
        rates = [{"type": "requests", "unit": "rpm", "value": 1_000_000}]
        members = {"usage_limits": budget, "rate_limits": rates}
        await put_limits(connection, "api_key", limited, members, by="t", now=1)
    await key("admin", kind="organisation-service", workspace_id=None)
    rows.workspace = await insert(
        rows.database, schema.workspace, slug="ws-b", name="B", required_metadata='["user"]',
        defaults='{"metadata":{"team":"b"}}',
    )  # fmt: skip
    await rows.provider("other", provider="echo")
    await rows.config("pc-other", '{"provider":"@other"}')
    await rows.key("of-b", digest("pk-of-b"), scopes=ALL)
    rows.workspace = await insert(
        rows.database, schema.workspace, slug="ws-g", name="Guarded",
        defaults='{"input_guardrails":["pg-secret"],"output_guardrails":["pg-echo"]}',
    )  # fmt: skip
    for slug, word in (("pg-secret", "classified"), ("pg-echo", "withheld")):
        checks = [{"id": "default.contains", "parameters": {"words": [word], "operator": "none"}}]
        await insert(
            rows.database, schema.guardrail, workspace_id=rows.workspace, slug=slug, name=slug, version_id="1",
            body=json.dumps({"checks": checks, "actions": {"deny": True}}),
        )  # fmt: skip
    await rows.provider("guarded", provider="echo")
    await rows.key("of-g", digest("pk-of-g"), scopes=ALL)


def filled(file: Path, fill: Callable[[Rows], Coroutine[Any, Any, None]]) -> str:
    """The address of a database with these rows."""

    async def make() -> None:
        database = Database(file_address(file))
        await make_tables(database)
        rows = Rows(database)
        await rows.make_workspace()
        await fill(rows)
        await database.close()

    asyncio.run(make())
    return file_address(file)


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    address = filled(tmp_path_factory.mktemp("database") / "penstock.db", fill)
    environment = {
        "PENSTOCK_ACCESS_LOG": "false", "PENSTOCK_STORE_DATABASE": address, "PENSTOCK_TRUSTED_PROXIES": "127.0.0.1",
    }  # fmt: skip
    file = tmp_path_factory.mktemp("file") / "penstock.toml"
    file.write_text('[prices."echo/echo"]\ninput = 2.5\noutput = 10\n')
    with running_gateway(load({}, environment, NOWHERE), file) as gateway:
        # The connection, which has a thread of its own, belongs to this module and to none of its tests.
        asyncio.run_coroutine_threadsafe(store_of(gateway).refresh(), gateway.loop).result(60)
        yield gateway


def store_of(gateway: RunningGateway) -> ControlStore:
    store = gateway.app.stored
    assert isinstance(store, ControlStore)
    return store


def ask(gateway: RunningGateway, key: str, **headers: str) -> httpx.Response:
    named = {"x-portkey-api-key": f"pk-{key}"} | {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.post(f"{gateway.v1}/chat/completions", json=ASK, headers=named, timeout=300)


def told(response: httpx.Response) -> tuple[int, str, str]:
    error = response.json()["error"]
    return response.status_code, error["code"], error["message"]


def test_a_stored_key_calls_what_its_workspace_has(stored: RunningGateway) -> None:
    assert ask(stored, "plain", x_portkey_provider="@prod").status_code == 200
    assert ask(stored, "plain", x_portkey_config="pc-main").status_code == 200
    assert told(ask(stored, "plain", x_portkey_config="pc-other")) == (
        400, "unknown_config", "There is no config 'pc-other': did you mean 'pc-team'?",
    )  # fmt: skip
    assert told(ask(stored, "plain", x_portkey_provider="@other"))[:2] == (400, "unknown_virtual_key")


def test_a_key_with_expose_cost_is_told_what_an_answer_cost_and_no_other(stored: RunningGateway) -> None:
    answer = ask(stored, "paying", x_portkey_provider="@prod")
    usage = answer.json()["usage"]
    nanos = usage["prompt_tokens"] * 2500 + usage["completion_tokens"] * 10_000
    assert answer.headers["x-penstock-cost"] == f"0.{nanos:09d}"
    assert "x-penstock-cost" not in ask(stored, "plain", x_portkey_provider="@prod").headers


def test_a_key_has_names_of_models_for_itself(stored: RunningGateway) -> None:
    def asked(model: str, key: str = "naming") -> httpx.Response:
        headers = {"x-portkey-api-key": f"pk-{key}"}
        return httpx.post(f"{stored.v1}/chat/completions", json=ASK | {"model": model}, headers=headers, timeout=300)

    assert asked("fast").json()["model"] == "echo"
    assert asked("team-a").status_code == 200
    assert told(asked("theirs"))[:2] == (400, "unknown_virtual_key")
    assert told(asked("fast", "plain"))[:2] == (400, "missing_provider")


@pytest.mark.parametrize(
    ("name", "status", "type_", "code"),
    [
        ("past", 401, "virtual_key_expired_error", "01"),
        ("off", 403, "virtual_key_disabled_error", "virtual_key_disabled"),
    ],
)
def test_a_provider_that_is_over_is_a_failed_attempt(
    stored: RunningGateway, name: str, status: int, type_: str, code: str
) -> None:
    alone = ask(stored, "plain", x_portkey_provider=f"@{name}")
    error = alone.json()["error"]
    assert (alone.status_code, error["type"], error["code"]) == (status, type_, code)
    assert name in error["message"]
    targets = [{"provider": f"@{name}"}, {"virtual_key": "prod"}]
    for strategy in (
        {"mode": "fallback"},
        {"mode": "fallback", "on_status_codes": [status]},
        {"mode": "fallback", "on_error": ["auth"]},
    ):
        answer = ask(stored, "plain", x_portkey_config=json.dumps({"strategy": strategy, "targets": targets}))
        assert (answer.status_code, answer.headers["x-portkey-last-used-option-index"]) == (200, "config.targets[1]")
    other = {"strategy": {"mode": "fallback", "on_status_codes": [429]}, "targets": targets}
    assert ask(stored, "plain", x_portkey_config=json.dumps(other)).status_code == status
    balanced = {"strategy": {"mode": "loadbalance"}, "targets": [{**targets[0], "weight": 1e9}, targets[1]]}
    assert ask(stored, "plain", x_portkey_config=json.dumps(balanced)).status_code == 200
    balanced["targets"] = targets[:1]
    assert ask(stored, "plain", x_portkey_config=json.dumps(balanced)).status_code == status
    models = httpx.get(f"{stored.v1}/models", headers={"x-portkey-api-key": "pk-plain"}, timeout=300, trust_env=False)
    assert f"@{name}/" not in models.text


def test_names_of_another_workspace_are_told_nowhere(stored: RunningGateway) -> None:
    headers = {"x-portkey-api-key": "pk-plain"}
    models = httpx.get(f"{stored.v1}/models", headers=headers, timeout=300).text
    assert "@prod/echo" in models
    texts = [
        models,
        *(ask(stored, "plain", x_portkey_config=name).text for name in ("pc-othe", "{}", '{"provider":"@othe"}')),
    ]
    assert not [text for text in texts if "@other" in text or "pc-other" in text]


@pytest.mark.parametrize(
    ("key", "status", "code"),
    [
        ("unknown", 401, "03"), ("admin", 401, "03"), ("over", 401, "01"),
        ("no-scope", 403, "033"), ("lists", 403, "033"), ("office", 403, "not_allowed"), ("local", 200, ""),
    ],
)  # fmt: skip
def test_who_is_let_in(stored: RunningGateway, key: str, status: int, code: str) -> None:
    response = ask(stored, key, x_portkey_provider="@prod")
    assert response.status_code == status
    if code:
        assert told(response)[1] == code


def test_a_key_that_may_only_list_lists(stored: RunningGateway) -> None:
    for key, status in (("lists", 200), ("no-scope", 403)):
        headers = {"x-portkey-api-key": f"pk-{key}"}
        assert httpx.get(f"{stored.v1}/models", headers=headers, timeout=300).status_code == status


@pytest.mark.parametrize(
    ("forwarded", "status"),
    [("192.0.2.9", 200), ("2001:db8::9", 200), ("192.0.3.9", 403), ("192.0.2.9, 203.0.113.1", 403)],
)
def test_the_address_is_the_one_that_a_trusted_proxy_tells(stored: RunningGateway, forwarded: str, status: int) -> None:
    response = ask(stored, "office", x_portkey_provider="@prod", x_forwarded_for=forwarded)
    assert response.status_code == status


def test_a_key_that_pins_its_config(stored: RunningGateway) -> None:
    assert ask(stored, "pinned").status_code == 200
    for headers in ({"x_portkey_config": "pc-team"}, {"x_portkey_config": "{}"}, {"x_portkey_provider": "@prod"}):
        status, code, message = told(ask(stored, "pinned", **headers))
        assert (status, code) == (400, "invalid_config")
        assert message.startswith("Your gateway key pins its config")


def test_the_keys_metadata_decide_and_are_told(stored: RunningGateway) -> None:
    config = {"x_portkey_config": "pc-team"}
    assert ask(stored, "plain", **config).status_code == 400
    assert ask(stored, "plain", x_portkey_metadata='{"team":"search"}', **config).status_code == 200
    assert ask(stored, "labelled", x_portkey_metadata='{"team":"mine","user":"u"}', **config).status_code == 200
    record = stored.recorded()[-1]
    assert record.metadata == {"team": "search", "user": "u", "tier": "gold"}
    assert (record.key, record.labels) == ("labelled", {"team": "search", "tier": "gold"})


def test_the_keys_metadata_decide_for_each_request_of_a_connection(stored: RunningGateway) -> None:
    head = {"x-portkey-api-key": "pk-labelled", "x-portkey-config": "pc-team", "content-type": "application/json"}
    with closing(http.client.HTTPConnection(stored.url.removeprefix("http://"), timeout=300)) as client:
        for _ in range(3):
            client.request("POST", "/v1/chat/completions", json.dumps(ASK).encode(), head)
            response = client.getresponse()
            assert (response.status, bool(response.read())) == (200, True)


def test_an_explanation_sees_the_keys_metadata(stored: RunningGateway) -> None:
    def explained(key: str, body: dict[str, Any]) -> httpx.Response:
        headers = {"x-portkey-api-key": f"pk-{key}"}
        body = {"config": "pc-team", **body}
        return httpx.post(f"{stored.v1}/explain", json=body, headers=headers, timeout=300)

    for metadata in ({}, {"metadata": {"team": "mine"}}):
        assert explained("labelled", metadata).json()["steps"][0]["target"] == "targets[0]"
    assert explained("of-b", {"metadata": {"team": "search"}}).status_code == 400


def test_what_a_workspace_demands(stored: RunningGateway) -> None:
    config = {"x_portkey_config": "pc-other"}
    status, _, message = told(ask(stored, "of-b", x_portkey_metadata='{"team":"mine"}', **config))
    assert (status, message.startswith("The request's metadata lack user: ")) == (400, True)
    assert ask(stored, "of-b", x_portkey_metadata='{"team":"mine","user":"u"}', **config).status_code == 200
    assert stored.recorded()[-1].metadata == {"team": "b", "user": "u"}


def test_the_guardrails_of_a_workspace_judge_whatever_a_config_says(stored: RunningGateway) -> None:
    def said(text: str, key: str = "of-g", **target: Any) -> httpx.Response:
        headers = {"x-portkey-api-key": f"pk-{key}", "x-portkey-config": json.dumps({"provider": "echo", **target})}
        body = {"model": "echo", "messages": [{"role": "user", "content": text}]}
        return httpx.post(f"{stored.v1}/chat/completions", json=body, headers=headers, timeout=300)

    assert said("Hello").status_code == 200
    targets: list[dict[str, Any]] = [{}, {"input_guardrails": []}, {"passthrough": True}, {"provider": "@guarded"}]
    for target in targets:
        refused = said("This is classified.", **target)
        results = refused.json()["hook_results"]["before_request_hooks"]
        assert (refused.status_code, results[0]["id"]) == (446, "pg-secret")
    # What echo answers repeats what it was asked.
    refused = said("This is withheld.")
    assert (refused.status_code, refused.json()["hook_results"]["after_request_hooks"][0]["id"]) == (446, "pg-echo")
    assert said("This is classified.", key="plain").status_code == 200, "of another workspace"


def test_when_a_key_was_used_is_noted(stored: RunningGateway) -> None:
    store = store_of(stored)
    store.used_keys.clear()
    assert ask(stored, "plain", x_portkey_provider="@prod").status_code == 200

    async def ids() -> list[str]:
        async with (await store.open()).read() as connection:
            query = sa.select(schema.api_key.c.id).where(schema.api_key.c.name == "plain")
            return [*(await connection.execute(query)).scalars()]

    assert [*store.used_keys] == asyncio.run_coroutine_threadsafe(ids(), stored.loop).result(60)


@contextmanager
def statements_of_requests(gateway: RunningGateway) -> Iterator[list[str]]:
    """The statements that requests send to the database meanwhile, those of the gateway's own tasks left out."""
    store = store_of(gateway)
    seen: list[str] = []

    def count(_: Any, __: Any, statement: str, *___: Any) -> None:
        # The names of the gateway's own background tasks are phrases; asyncio calls any other one Task-7. The task of
        # a request has no name, and may send nothing at all.
        task: Any = asyncio.current_task()
        is_of_gateway = task is not None and " " in getattr(task, "get_name", str)()
        if isinstance(task, RequestTask) or not (is_of_gateway or statement.startswith(BESIDE_REQUESTS)):
            seen.append(statement)

    async def watch(begin: bool) -> None:
        engine = (await store.open()).engine.sync_engine
        (sa.event.listen if begin else sa.event.remove)(engine, "before_cursor_execute", count)

    asyncio.run_coroutine_threadsafe(watch(True), gateway.loop).result(60)
    try:
        yield seen
    finally:
        asyncio.run_coroutine_threadsafe(watch(False), gateway.loop).result(60)


def test_no_request_asks_the_database(stored: RunningGateway) -> None:
    with statements_of_requests(stored) as seen:
        for _ in range(20):
            answer = ask(stored, "limited", x_portkey_config="pc-team")
            assert answer.status_code == 200
            assert answer.headers["x-penstock-ratelimit-limit-requests"] == "1000000"
    assert seen == []


def test_a_request_that_asked_the_database_would_be_seen(
    stored: RunningGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The count of the test above is no count of nothing."""
    answer = Router.answer

    async def asks(router: Router, *given: Any) -> Any:
        async with (await store_of(stored).open()).read() as connection:
            await connection.execute(sa.select(schema.api_key.c.id).limit(1))
        return await answer(router, *given)

    monkeypatch.setattr(Router, "answer", asks)
    with statements_of_requests(stored) as seen:
        assert ask(stored, "limited", x_portkey_config="pc-team").status_code == 200
    assert [statement.partition(" ")[0] for statement in seen] == ["BEGIN", "SELECT"]


def test_the_file_wins_and_is_seen_by_every_workspace(tmp_path: Path) -> None:
    address = filled(tmp_path / "penstock.db", fill)
    toml = tmp_path / "penstock.toml"
    toml.write_text(
        f'[store]\ndatabase = "{address}"\n[routing]\ndefault_config = "pc-main"\n'
        '[virtual_keys.shared]\nprovider = "echo"\n[configs.pc-team]\nprovider = "@shared"\n'
        f'[keys.operator]\nhash = "sha256:{digest("pk-operator").hex()}"\n'
    )
    with running_gateway(load({}, {"PENSTOCK_ACCESS_LOG": "false"}, tmp_path), toml) as gateway:
        assert ask(gateway, "plain", x_portkey_config="pc-team").status_code == 200
        assert ask(gateway, "of-b", x_portkey_provider="@shared", x_portkey_metadata='{"user":"u"}').status_code == 200
        # A key of the file is of the default workspace.
        assert ask(gateway, "operator").status_code == 200
        assert ask(gateway, "operator", x_portkey_provider="@prod").status_code == 200
        assert told(ask(gateway, "operator", x_portkey_provider="@other"))[1] == "unknown_virtual_key"
