"""As callers and administrators see it: what a gateway does while its PostgreSQL or its Redis is down, line by
line, and when it is back, without a restart. The counters by themselves: tests/contract/test_store_down.py."""

from __future__ import annotations

import asyncio
import functools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import asyncpg  # type: ignore[import-untyped]
import httpx
import pytest

import redis_server
from penstock.settings import load
from postgres import Postgres
from redis_server import RedisServer
from running import RunningGateway, running_gateway

ADMIN: Final = "pk-admin-of-the-outage-0123456789"
ASK: Final = {"model": "echo", "max_tokens": 10, "messages": [{"role": "user", "content": "Hello"}]}
STRICT: Final = {"usage_limits": {"type": "tokens", "credit_limit": 1_000_000, "strict": True}}
NORMAL: Final = {"usage_limits": {"type": "tokens", "credit_limit": 10_000}}
LEDGER: Final = "SELECT 1 FROM ledger WHERE trace_id = $1"
REQUEST_LOG: Final = "SELECT 1 FROM request_log WHERE trace_id = $1"
TOKENS: Final = "SELECT coalesce(sum(input_tokens + output_tokens), 0) FROM ledger WHERE key_name = $1"
RATED: Final = {"rate_limits": [{"type": "requests", "unit": "rpd", "value": 5}]}


class Outage:
    """A gateway with a database in PostgreSQL and counters in Redis, each of which a test can take away."""

    def __init__(self, gateway: RunningGateway, postgres: Postgres, database: str, redis: RedisServer) -> None:
        self.gateway = gateway
        self.redis = redis
        self._server = postgres.address("postgres")
        self._address = database
        self._name = database.partition("?")[0].rpartition("/")[2]

    def admin(self, method: str, path: str, body: Any = None) -> httpx.Response:
        headers = {"x-portkey-api-key": ADMIN}
        return httpx.request(
            method, f"{self.gateway.v1}{path}", json=body, headers=headers, timeout=60, trust_env=False
        )

    def made(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = self.admin("POST", path, body)
        assert answer.status_code == 200, answer.text
        made: dict[str, Any] = answer.json()
        return made

    def key(self, name: str, **more: Any) -> str:
        body = {"name": name, "scopes": ["completions.write"], **more}
        return str(self.made("/api-keys/workspace/service", body)["key"])

    def ask(self, key: str, **headers: str) -> httpx.Response:
        fields = {"x-portkey-provider": "echo", **{name.replace("_", "-"): value for name, value in headers.items()}}
        fields = {"x-portkey-api-key": key} | {name: value for name, value in fields.items() if value}
        url = f"{self.gateway.v1}/chat/completions"
        return httpx.post(url, json=ASK, headers=fields, timeout=300, trust_env=False)

    def health(self) -> dict[str, Any]:
        told: dict[str, Any] = httpx.get(f"{self.gateway.url}/health", timeout=300, trust_env=False).json()
        return told

    def serves(self, key: str) -> bool:
        return self.ask(key).status_code == 200

    def has_rows(self, query: str, value: str, number: int) -> bool:
        return len(self.rows(query, value)) >= number

    def rows(self, query: str, value: str) -> list[Any]:
        async def fetched() -> list[Any]:
            connection = await asyncpg.connect(self._address.replace("+asyncpg", ""))
            try:
                return [tuple(row) for row in await connection.fetch(query, value)]
            finally:
                await connection.close()

        return asyncio.run(fetched())

    def lose_the_database(self) -> None:
        asyncio.run(self._admit("false"))
        until(lambda: self.health().get("database") == "lost")

    def bring_the_database_back(self) -> None:
        asyncio.run(self._admit("true"))
        until(lambda: "database" not in self.health())

    async def _admit(self, allows: str) -> None:
        connection = await asyncpg.connect(self._server)
        try:
            await connection.execute(f"ALTER DATABASE {self._name} ALLOW_CONNECTIONS {allows}")
            if allows == "false":
                end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1"
                await connection.execute(end, self._name)
        finally:
            await connection.close()


def until(holds: Callable[[], bool]) -> None:
    """Ask again and again; the test's own time limit is the limit."""
    while not holds():
        pass


@pytest.fixture
def outage(postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Outage]:
    monkeypatch.setenv("PENSTOCK_ADMIN_KEY", ADMIN)
    if redis_server.program() is None:
        pytest.skip(redis_server.NOT_INSTALLED)
    database = postgres.with_tables()
    with redis_server.running_redis() as redis:
        environment = {
            "PENSTOCK_ACCESS_LOG": "false",
            "PENSTOCK_STORE_DATABASE": database,
            "PENSTOCK_STORE_DATA_DIR": str(tmp_path),
            "PENSTOCK_STORE_REDIS": redis.address,
            "PENSTOCK_STORE_REDIS_TIMEOUT_MS": "500",
        }
        with running_gateway(load({}, environment, Path("/nonexistent"))) as gateway:
            yield Outage(gateway, postgres, database, redis)


def test_without_the_database_the_last_catalogue_serves_and_nothing_can_be_changed(outage: Outage) -> None:
    """Keys, configs and providers; admin writes; the ledger and the request log."""
    slug = outage.made("/virtual-keys", {"name": "prod", "provider": "echo"})["slug"]
    config = outage.made("/configs", {"name": "main", "config": {"virtual_key": slug}})["slug"]
    key, by_config = outage.key("app", **NORMAL), {"x_portkey_config": config, "x_portkey_provider": ""}
    until(lambda: outage.ask(key, **by_config, x_portkey_trace_id="before").status_code == 200)
    until(lambda: outage.has_rows(LEDGER, "before", 1))
    outage.lose_the_database()
    try:
        assert outage.health()["status"] == "degraded"
        for _ in range(3):
            answer = outage.ask(key, **by_config, x_portkey_trace_id="meanwhile")
            assert answer.status_code == 200, answer.text
        assert outage.ask("pk-unknown").status_code == 401
        refused = outage.admin("POST", "/configs", {"name": "late", "config": {"provider": "echo"}})
        assert (refused.status_code, refused.json()["errorCode"]) == (503, "AB04")
        assert int(refused.headers["retry-after"]) >= 1
        assert outage.admin("DELETE", f"/configs/{config}").status_code == 503
    finally:
        outage.bring_the_database_back()
    # What was served meanwhile is written down, once.
    for query in (LEDGER, REQUEST_LOG):
        until(functools.partial(outage.has_rows, query, "meanwhile", 3))
        assert len(outage.rows(query, "meanwhile")) == 3
    assert outage.admin("POST", "/configs", {"name": "late", "config": {"provider": "echo"}}).status_code == 200


def test_without_redis_limits_do_what_the_table_says(outage: Outage) -> None:
    """Strict and other budgets, rates, settlements, as the answers of one gateway."""
    strict, normal, rated = outage.key("strict", **STRICT), outage.key("normal", **NORMAL), outage.key("rated", **RATED)
    for key in (strict, normal):
        until(functools.partial(outage.serves, key))
    outage.redis.freeze()
    try:
        refused = outage.ask(strict)
        error = refused.json()["error"]
        assert (refused.status_code, error["type"]) == (503, "budget_store_unavailable")
        assert int(refused.headers["retry-after"]) >= 1
        assert "penstock" not in error, "it must not look like an exceeded budget"
        taken = 0
        while (answer := outage.ask(normal)).status_code == 200:
            taken += answer.json()["usage"]["total_tokens"]
        assert answer.json()["error"]["type"] == "budget_store_unavailable"
        assert 0 < taken <= 10_000, "a hundredth, and what was leased before"
        assert [outage.ask(rated).status_code for _ in range(6)] == [200] * 5 + [429]
        assert outage.health()["status"] == "degraded"
    finally:
        outage.redis.thaw()
    until(lambda: outage.health()["status"] == "ok")
    until(lambda: outage.serves(strict))
    # The journal was replayed: all that was taken is settled in Redis, and nothing is reserved.
    until(lambda: told(outage, normal) == (int(outage.rows(TOKENS, "normal")[0][0]), 0))


def told(outage: Outage, key: str) -> tuple[int, int]:
    """What is settled and reserved of a key's budget, as its holder is told."""
    headers = {"x-portkey-api-key": key}
    answer = httpx.get(f"{outage.gateway.url}/penstock/me", headers=headers, timeout=300, trust_env=False)
    (limit,) = json.loads(answer.text)["limits"]
    return limit["used"], limit["reserved"]
