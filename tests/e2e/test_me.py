"""GET /penstock/me through the real server: what the holder of a key is told, and who is not."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from penstock.settings import Settings
from penstock.settings.store import Store
from running import RunningGateway, running_gateway
from serving import until

ADMIN: Final = "an-admin-key-of-the-environment"
KEY: Final = "the-key-of-an-application"
KEYS: Final = f"""
[keys.app]
hash = "sha256:{hashlib.sha256(KEY.encode()).hexdigest()}"
labels = {{ team = "search" }}
providers = ["echo"]
usage_limits = [{{ type = "tokens", credit_limit = 1000, alert_threshold = 500, periodic_reset = "monthly" }}]
rate_limits = [{{ type = "requests", unit = "rpm", value = 10 }}]
"""


@contextlib.contextmanager
def gateway(tmp_path: Path, toml: str = KEYS, *, asgi: bool = False) -> Iterator[RunningGateway]:
    file = tmp_path / "penstock.toml"
    file.write_text(toml)
    settings = Settings(store=Store(data_dir=str(tmp_path / "data")))
    with running_gateway(settings, file, asgi=asgi) as running:
        yield running


def me(running: RunningGateway, key: str = KEY, **headers: str) -> httpx.Response:
    return httpx.get(f"{running.url}/penstock/me", headers={"x-portkey-api-key": key, **headers}, timeout=300)


def chat(running: RunningGateway, key: str = KEY) -> None:
    body = {"model": "echo", "messages": [{"role": "user", "content": "Hello!"}]}
    headers = {"x-portkey-provider": "echo", "authorization": f"Bearer {key}"}
    answer = httpx.post(f"{running.v1}/chat/completions", json=body, headers=headers, timeout=300)
    assert answer.status_code == 200


@pytest.mark.parametrize("asgi", [False, True])
def test_a_key_of_the_file(tmp_path: Path, asgi: bool) -> None:
    with gateway(tmp_path, asgi=asgi) as running:
        before = me(running).json()
        for _ in range(2):
            chat(running)
        answer = me(running)
        told = answer.json()
        assert not [record for record in running.recorded() if record.path == "/penstock/me"]
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert (told["object"], told["name"], told["labels"]) == ("gateway_key", "app", {"team": "search"})
    assert (told["id"], told["workspace"], told["expires_at"]) == (None, None, None)
    budget, rate = told["limits"]
    assert (budget["level"], budget["type"], budget["unit"], budget["window"]) == (
        "api_key", "tokens", "tokens", {"unit": "month"},
    )  # fmt: skip
    assert 0 < budget["used"] == 1000 - budget["remaining"]
    assert (budget["amount"], budget["reserved"], budget["alert_threshold"]) == (1000, 0, 500)
    assert budget["resets_at"] > told["now"]
    assert (rate["type"], rate["window"], rate["used"], rate["remaining"]) == (
        "requests", {"unit": "seconds", "seconds": 60}, 2, 8,
    )  # fmt: skip
    assert before["limits"][1]["used"] == 0
    assert {"id": "echo/echo", "owned_by": "echo"} in told["models"]
    assert {each["owned_by"] for each in told["models"]} == {"echo"}


def test_asking_takes_nothing_of_a_rate(tmp_path: Path) -> None:
    with gateway(tmp_path) as running:
        for _ in range(12):
            (_, rate) = me(running).json()["limits"]
            assert (rate["used"], rate["remaining"]) == (0, 10)


def test_what_was_used_is_known_with_a_database(tmp_path: Path) -> None:
    with gateway(tmp_path) as running:
        for _ in range(3):
            chat(running)

    # The gateway before has written all that it counted.
    with gateway(tmp_path) as running:
        usage = me(running).json()["usage"]
    assert usage["month"]["requests"] == 3
    assert usage["month"]["input_tokens"] > 0
    assert usage["month"]["since"].endswith("-01T00:00:00Z")
    assert usage["day"]["requests"] <= 3
    assert isinstance(usage["month"]["cost"], int | float)


def test_a_key_of_the_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_ADMIN_KEY", ADMIN)
    with gateway(tmp_path) as running:

        def made(**members: Any) -> str:
            body = {"name": "made", "scopes": ["completions.write"], **members}
            url = f"{running.v1}/api-keys/workspace/service"
            answer = httpx.post(url, json=body, headers={"authorization": f"Bearer {ADMIN}"}, timeout=300)
            assert answer.status_code == 200, answer.text
            key: str = answer.json()["key"]
            return key

        limits = {"type": "cost", "credit_limit": 2.5, "alert_threshold": 1.25}
        key = made(usage_limits=limits, expires_at="2100-01-01T00:00:00Z")
        until(lambda: me(running, key).status_code == 200)
        told = me(running, key).json()
        scoped = made(name="lists", scopes=["virtual_keys.list"])
        until(lambda: me(running, scoped).status_code == 200)
    assert told["expires_at"] == "2100-01-01T00:00:00Z"
    assert told["workspace"]["name"]
    (budget,) = told["limits"]
    assert (budget["unit"], budget["amount"], budget["alert_threshold"]) == ("dollars", 2.5, 1.25)
    assert (budget["used"], budget["remaining"], budget["window"]) == (0, 2.5, {"unit": "lifetime"})
    assert told["usage"]["day"]["requests"] == 0


def test_who_is_told_nothing(tmp_path: Path) -> None:
    with gateway(tmp_path) as running:
        unknown, none = me(running, "another"), httpx.get(f"{running.url}/penstock/me", timeout=300)
        wrong = httpx.post(f"{running.url}/penstock/me", timeout=300)
    assert (unknown.status_code, none.status_code) == (401, 401)
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET")
    assert "limits" not in unknown.text
    (tmp_path / "open").mkdir()
    with gateway(tmp_path / "open", "") as running:
        answer = me(running)
    assert answer.status_code == 404
    assert "no gateway keys" in json.dumps(answer.json())
