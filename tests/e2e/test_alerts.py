"""Alerts through the real server: to a webhook, Slack and a mail server on loopback, once each."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

import redis_server
from mailing import running_mailbox
from penstock.settings import Settings
from penstock.settings.alerts import Alerts
from penstock.settings.store import Store
from penstock.stores.sql.control_store import ControlStore
from running import RunningGateway, running_gateway
from serving import serving, until
from upstream import Received, Upstream, hang_up, reply, running_upstream

KEY: Final = "the-key-of-an-application"
KEYS: Final = f"""
[keys.app]
hash = "sha256:{hashlib.sha256(KEY.encode()).hexdigest()}"
usage_limits = {{ type = "requests", credit_limit = 3, alert_threshold = 2 }}
"""
SECRET: Final = "whsec_" + base64.b64encode(b"a shared secret").decode()


@contextlib.contextmanager
def gateway(tmp_path: Path, alerts: Alerts, toml: str = KEYS, redis: str = "") -> Iterator[RunningGateway]:
    file = tmp_path / "penstock.toml"
    file.write_text(toml)
    store = Store(data_dir=str(tmp_path / "data"), redis=redis, redis_timeout_ms=10_000)
    settings = Settings(store=store, alerts=alerts)
    with running_gateway(settings, file) as running:
        yield running


def chat(url: str, model: str = "echo", **headers: str) -> int:
    body = {"model": model, "messages": [{"role": "user", "content": "Hello, how are you today?"}], "max_tokens": 20}
    fields = {"x-portkey-provider": "echo", "x-portkey-api-key": KEY}
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.post(f"{url}/v1/chat/completions", json=body, headers=fields, timeout=300).status_code


def spend(url: str) -> None:
    """Use the budget up."""
    for _ in range(60):
        if chat(url) == 412:
            return
    raise AssertionError("the budget does not end")


def told(hook: Upstream, kind: str) -> list[dict[str, Any]]:
    return [each.json for each in list(hook.received) if each.json["type"] == kind]


def is_signed(request: Received) -> bool:
    """As a receiver checks it: https://www.standardwebhooks.com"""
    signed = f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.".encode() + request.body
    digest = base64.b64encode(hmac.digest(b"a shared secret", signed, "sha256")).decode()
    return request.headers["webhook-signature"] == f"v1,{digest}"


def test_a_budget_is_told_once_by_every_channel(tmp_path: Path) -> None:
    with running_upstream() as hook, running_upstream() as slack, running_mailbox() as mailbox:
        alerts = Alerts(
            webhook=f"{hook.url}/hook?team=a", webhook_secret=SECRET, slack=f"{slack.url}/services/T/B/x",
            smtp=f"smtp://user:pass%40word@127.0.0.1:{mailbox.port}", email_to=("ops@example.com",),
            email_from="penstock@example.com",
        )  # fmt: skip
        with gateway(tmp_path, alerts) as running:
            spend(running.url)
            until(lambda: len(hook.received) >= 2 and len(slack.received) >= 2 and len(mailbox.mails) >= 2)
            page = httpx.get(f"{running.url}/metrics", headers={"authorization": "x"}, timeout=300)
            assert page.status_code == 401
    assert [each.json["type"] for each in hook.received] == ["budget.threshold_reached", "budget.exhausted"]
    assert all(is_signed(request) for request in hook.received)
    assert hook.last.target == "/hook?team=a"
    data = hook.last.json["data"]
    assert (data["level"], data["type"], data["amount"], data["threshold"]) == ("api_key", "requests", 3, 2)
    assert data["used"] == 3
    assert hook.last.json["id"] == hook.last.headers["webhook-id"]
    assert "is used up" in slack.last.json["text"]
    assert len(slack.received) == len(mailbox.mails) == 2
    assert mailbox.logins[0] == "\0user\0pass@word"
    assert mailbox.recipients[0] == ["<ops@example.com>"]
    assert mailbox.mails[1]["subject"].startswith("Penstock: The budget ")
    assert "is used up" in mailbox.mails[1].get_content()


def test_it_is_told_once_over_a_restart(tmp_path: Path) -> None:
    with running_upstream() as hook:
        alerts = Alerts(webhook=hook.url, webhook_secret=SECRET)
        with gateway(tmp_path, alerts) as running:
            spend(running.url)
            until(lambda: len(hook.received) == 2)
        with gateway(tmp_path, alerts) as running:
            assert chat(running.url) == 412
        assert len(hook.received) == 2
        rows = sqlite3.connect(tmp_path / "data" / "penstock.db")
        with contextlib.closing(rows):
            assert rows.execute("SELECT state, count(*) FROM alert_delivery GROUP BY state").fetchall() == [("told", 2)]


def test_a_channel_that_fails_is_tried_again_and_holds_no_other(tmp_path: Path) -> None:
    with running_upstream() as hook, running_mailbox() as mailbox:
        hook.play(hang_up)
        hook.play(reply(500, b"{}"))
        mailbox.refuses = 1
        smtp = f"smtp://127.0.0.1:{mailbox.port}"
        alerts = Alerts(on=("budget_threshold",), webhook=hook.url, smtp=smtp, email_to=("a@example.com",))
        with gateway(tmp_path, alerts) as running:
            spend(running.url)
            until(lambda: len(mailbox.mails) == 1 and len(hook.received) == 3)
    assert {request.headers["webhook-id"] for request in hook.received} == {hook.last.headers["webhook-id"]}
    assert "webhook-signature" not in hook.last.headers


def test_what_a_dead_process_left_behind_is_told(tmp_path: Path) -> None:
    with running_upstream() as hook:
        alerts = Alerts(webhook=hook.url)
        with gateway(tmp_path, alerts) as running:
            spend(running.url)
            until(lambda: len(hook.received) == 2)
        rows = sqlite3.connect(tmp_path / "data" / "penstock.db")
        with contextlib.closing(rows):
            rows.execute("UPDATE alert_delivery SET state = 'pending', lease_until = 0")
            rows.commit()
        with gateway(tmp_path, alerts):
            until(lambda: len(hook.received) == 4)
        ids = [request.headers["webhook-id"] for request in hook.received]
        assert sorted(ids[:2]) == sorted(ids[2:])


def test_two_workers_tell_once(tmp_path: Path) -> None:
    (tmp_path / "penstock.toml").write_text(KEYS)
    with running_upstream() as hook:
        environment: dict[str, Any] = {
            "PENSTOCK_ALERTS_WEBHOOK": hook.url, "PENSTOCK_STORE_DATA_DIR": str(tmp_path / "data"),
            "PENSTOCK_ALERTS_ON": "budget_exhausted,error_rate",
        }  # fmt: skip
        arguments = ("--workers", "2", "--config", str(tmp_path / "penstock.toml"))
        with serving(tmp_path, *arguments, **environment) as served:
            until(lambda: len(served.workers()) == 2)
            url = f"http://127.0.0.1:{served.port}"
            for _ in range(20):  # each on a connection of its own, which either worker may take
                assert chat(url, x_portkey_provider="no-such-provider") == 400
            spend(url)
            until(lambda: bool(told(hook, "budget.exhausted")))
    assert len(told(hook, "budget.exhausted")) == 1
    assert not told(hook, "error_rate.exceeded")  # the caller's own faults


def test_two_workers_tell_once_although_the_receiver_fails(tmp_path: Path) -> None:
    """Attempts that fail are made again by the worker that began, and the notice is taken once."""
    (tmp_path / "penstock.toml").write_text(KEYS)
    with running_upstream() as hook:
        hook.play(reply(500, b"{}"))
        hook.play(hang_up)
        environment: dict[str, Any] = {
            "PENSTOCK_ALERTS_WEBHOOK": hook.url, "PENSTOCK_STORE_DATA_DIR": str(tmp_path / "data"),
            "PENSTOCK_ALERTS_ON": "budget_exhausted",
        }  # fmt: skip
        arguments = ("--workers", "2", "--config", str(tmp_path / "penstock.toml"))
        with serving(tmp_path, *arguments, **environment) as served:
            until(lambda: len(served.workers()) == 2)
            url = f"http://127.0.0.1:{served.port}"
            spend(url)
            until(lambda: len(hook.received) == 3)
            for _ in range(10):
                assert chat(url) == 412
            rows = sqlite3.connect(tmp_path / "data" / "penstock.db")
            with contextlib.closing(rows):
                until(lambda: rows.execute("SELECT state FROM alert_delivery").fetchall() == [("told",)])
    assert len(hook.received) == 3
    assert len({request.headers["webhook-id"] for request in hook.received}) == 1


def test_failed_requests_of_all_workers_are_one_rate(tmp_path: Path) -> None:
    with running_upstream() as hook:
        environment: dict[str, Any] = {
            "PENSTOCK_ALERTS_WEBHOOK": hook.url, "PENSTOCK_STORE_DATA_DIR": str(tmp_path / "data"),
            "PENSTOCK_ALERTS_ON": "error_rate", "PENSTOCK_ALERTS_ERROR_REQUESTS": "20",
        }  # fmt: skip
        with serving(tmp_path, "--workers", "2", **environment) as served:
            until(lambda: len(served.workers()) == 2)
            for _ in range(20):  # each on a connection of its own, which either worker may take
                assert chat(f"http://127.0.0.1:{served.port}", "echo-500") == 500
            until(lambda: bool(told(hook, "error_rate.exceeded")))
    (rate,) = told(hook, "error_rate.exceeded")
    assert (rate["data"]["requests"], rate["data"]["failed"]) == (20, 20)


@pytest.mark.parametrize("with_redis", [False, True])
def test_replicas_with_workers_tell_once(request: pytest.FixtureRequest, tmp_path: Path, with_redis: bool) -> None:
    """Requests at the same time cross a budget's threshold and its end at four workers."""
    (tmp_path / "penstock.toml").write_text(KEYS.replace("= 3, alert_threshold = 2", "= 10, alert_threshold = 5"))
    environment: dict[str, Any] = {"PENSTOCK_STORE_DATABASE": request.getfixturevalue("postgres").with_tables()}
    if with_redis:
        environment |= {"PENSTOCK_STORE_REDIS": request.getfixturevalue("redis").address}
        environment |= {"PENSTOCK_STORE_REDIS_TIMEOUT_MS": "30000"}
    arguments = ("--workers", "2", "--config", str(tmp_path / "penstock.toml"))
    with running_upstream() as hook, contextlib.ExitStack() as stack:
        environment |= {
            "PENSTOCK_ALERTS_WEBHOOK": hook.url, "PENSTOCK_STORE_DATABASE_TIMEOUT_MS": "30000",
        }  # fmt: skip
        folders = [tmp_path / "one", tmp_path / "other"]
        for folder in folders:
            folder.mkdir()
        replicas = [
            stack.enter_context(
                serving(folder, *arguments, PENSTOCK_STORE_DATA_DIR=str(folder / "data"), **environment)
            )
            for folder in folders
        ]
        until(lambda: all(len(replica.workers()) == 2 for replica in replicas))
        urls = [f"http://127.0.0.1:{replica.port}" for replica in replicas]
        with ThreadPoolExecutor(8) as callers:
            statuses = list(callers.map(lambda number: chat(urls[number % 2]), range(40)))
        kinds = ("budget.threshold_reached", "budget.exhausted")
        until(lambda: all(told(hook, kind) for kind in kinds))
    assert statuses.count(200) == 10
    assert {kind: len(told(hook, kind)) for kind in kinds} == dict.fromkeys(kinds, 1)


def test_failed_requests_and_a_circuit_that_opens(tmp_path: Path) -> None:
    with running_upstream() as hook, running_upstream() as provider:
        alerts = Alerts(on=("circuit_open", "error_rate"), webhook=hook.url, error_requests=5)
        config = {
            "provider": "openai", "api_key": "k", "custom_host": f"{provider.url}/v1",
            "cb_config": {"failure_threshold": 3, "cooldown_interval": 60000, "minimum_requests": 3},
        }  # fmt: skip
        with gateway(tmp_path, alerts, "") as running:
            for _ in range(5):
                provider.play(reply(500, b"{}"))
                chat(running.url, x_portkey_config=json.dumps({"targets": [config], "strategy": {"mode": "single"}}))
            until(lambda: len(hook.received) >= 2)
        (rate,), (circuit,) = told(hook, "error_rate.exceeded"), told(hook, "circuit.opened")
    assert (rate["data"]["requests"], rate["data"]["failed"]) == (5, 5)
    assert "openai (echo)" in circuit["data"]["target"]


def test_a_database_that_is_lost(tmp_path: Path) -> None:
    with running_upstream() as hook:
        alerts = Alerts(on=("store_down",), webhook=hook.url)
        with gateway(tmp_path, alerts) as running:
            assert chat(running.url) == 200
            stored = running.app.stored
            assert isinstance(stored, ControlStore)
            until(lambda: not stored.is_lost)
            with contextlib.closing(sqlite3.connect(tmp_path / "data" / "penstock.db")) as database:
                until(
                    lambda: bool(database.execute("SELECT 1 FROM sqlite_master WHERE name = 'organisation'").fetchone())
                )
                until(lambda: stored._catalogue is not None)
                database.execute("DROP TABLE revision")
            until(lambda: len(hook.received) == 1)
    assert hook.last.json["data"]["store"] == "database"


def test_a_store_of_counters_that_is_lost(tmp_path: Path) -> None:
    if redis_server.program() is None:
        pytest.skip(redis_server.NOT_INSTALLED)
    with running_upstream() as hook, redis_server.running_redis() as server:
        alerts = Alerts(on=("store_down",), webhook=hook.url)
        with gateway(tmp_path, alerts, redis=server.address) as running:
            assert chat(running.url) == 200
            server.kill()
            until(lambda: {"store of the counters", "Redis"} == {each.json["data"]["store"] for each in hook.received})
            server.start()


def test_nothing_is_told_where_there_is_no_channel(tmp_path: Path) -> None:
    with gateway(tmp_path, Alerts()) as running:
        spend(running.url)
        assert not [task for task in running.tasks() if "alert" in task]
