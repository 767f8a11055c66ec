"""What ``penstock serve`` loads before its first answer, counted and not timed: each module costs start-up and memory."""

from __future__ import annotations

import http.client
import json
import re
from contextlib import closing
from pathlib import Path
from typing import Final

import httpx
import pytest

from serving import Serving, serving, until

UNNEEDED: Final = {
    "ahocorasick_rs": "guards that look for many words",
    "alembic": "a database that lacks a step",
    "asyncpg": "PostgreSQL",
    "botocore": "an identity at AWS",
    "cryptography": "secrets in the database, and private keys",
    "difflib": "a misspelt name",
    "email.message": "alerts by mail",
    "genai_prices": "a process of its own converts the library's prices once",
    "google": "an identity at Google",
    "http.client": "an identity at Azure, and commands that call a gateway",
    "importlib.metadata": "checks of other packages",
    "joserfc": "the guard on signed tokens",
    "jsonschema_rs": "the guard on JSON Schema",
    "penstock.admin.app": "the first request to the admin API",
    "penstock.cli.control": "commands on the database",
    "penstock.dialects.anthropic": "a caller or a host that speaks Anthropic's wire",
    "penstock.dialects.bedrock": "a caller or a host that speaks Converse",
    "penstock.dialects.cohere": "a caller or a host that speaks Cohere's wire",
    "penstock.dialects.gemini": "a caller or a host that speaks Gemini's wire",
    "penstock.dialects.ollama": "a caller or a host that speaks Ollama's wire",
    "penstock.guards.detect.personal": "the first guardrail",
    "penstock.guards.partners": "the first guardrail",
    "penstock.importers": "the command import",
    "penstock.observe.telemetry.exporter": "a receiver of OpenTelemetry",
    "penstock.prices.genai": "a process of its own converts the library's prices once",
    "multiprocessing": "several workers",
    "penstock.pipeline.explain": "explanations",
    "penstock.pipeline.guarding.stream": "the first answer that a guard judges",
    "penstock.server.http.handshake": "HTTPS",
    "penstock.server.sessions.realtime_session": "the first session over WebSocket",
    "pydantic": "genai-prices",
    "redis": "replicas that share",
    "regex": "patterns of configs, of guards and of logs.redact",
    "smtplib": "alerts by mail",
    "shutil": "large bodies, and several workers",
    "sqlalchemy": "keys, credentials and configs in the database, and the first row that is written there",
    "starlette": "the first request to the admin API",
    "uvicorn": "tests of the gateway under another server",
    "websockets": "the first session over WebSocket",
    "yaml": "commands that read configs",
}
"""What the first answer of a plain gateway needs nothing of -> who needs it."""
_MODULES: Final = 577
"""The gateway's own modules that are loaded by then, some fifty of them packages; this may only shrink."""
_IMPORTED: Final = re.compile(r"^import time: +\d+ \| +\d+ \| +(\S+)$", re.MULTILINE)


def ask(gateway: Serving) -> None:
    body = json.dumps({"model": "echo", "messages": [{"role": "user", "content": "Hello!"}]})
    headers = {"content-type": "application/json", "x-portkey-provider": "echo"}
    with closing(http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=300)) as connection:
        connection.request("POST", "/v1/chat/completions", body, headers)
        assert connection.getresponse().status == 200


def loaded(gateway: Serving) -> set[str]:
    """The modules that the gateway has imported so far, and the packages that they are in, by what the interpreter
    tells."""
    modules = _IMPORTED.findall(gateway.errors)
    return {".".join(parts[:end]) for parts in map(_parts, modules) for end in range(1, len(parts) + 1)}


def _parts(module: str) -> list[str]:
    return module.split(".")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPROFILEIMPORTTIME", "1")
    monkeypatch.setenv("PENSTOCK_STORE_DATA_DIR", str(tmp_path / "data"))
    return tmp_path


def test_a_first_answer_needs_few_modules(place: Path) -> None:
    with serving(place) as gateway:
        ask(gateway)
        modules = loaded(gateway)
    assert {name: UNNEEDED[name] for name in sorted(UNNEEDED.keys() & modules)} == {}
    assert "penstock.server.gateway" in modules
    assert len([module for module in modules if module.startswith("penstock.")]) <= _MODULES


def test_what_requests_left_in_the_database_is_not_read_at_start(place: Path) -> None:
    """The log of requests opens the database, and the next start doesn't."""
    with serving(place) as gateway:
        ask(gateway)
        until(lambda: "sqlalchemy.dialects.sqlite" in loaded(gateway))
        assert "sqlalchemy.dialects.postgresql" not in loaded(gateway)
    with serving(place) as gateway:
        ask(gateway)
        assert not {"sqlalchemy", "alembic"} & loaded(gateway)


@pytest.mark.parametrize("arguments", [(), ("--workers", "2")], ids=["one", "two"])
def test_a_gateway_without_keys_tells_a_link_that_signs_in_and_asks_callers_for_none(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    data = str(tmp_path / "data")
    with serving(tmp_path, *arguments, PENSTOCK_STORE_DATA_DIR=data) as gateway:
        [address, key] = gateway.wait_for(rb"Console: (\S+)#sign-in=(\w+) ").groups()
        assert address.decode() == f"http://127.0.0.1:{gateway.port}/console"
        until(lambda: gateway.health() == 200)
        with httpx.Client(base_url=f"http://127.0.0.1:{gateway.port}", timeout=300) as client:
            shown = {"x-portkey-api-key": key.decode()}
            assert client.post("/v1/penstock/session", headers=shown).status_code == 200
            assert client.get("/v1/api-keys").json()["data"] == []  # the session's cookie
            ask(gateway)
            body = {"name": "first", "scopes": ["completions.write"]}
            assert client.post("/v1/api-keys/workspace/service", headers=shown, json=body).status_code == 200
    with serving(tmp_path, *arguments, PENSTOCK_STORE_DATA_DIR=data) as gateway:
        gateway.wait_for(b"Console: .*sign in with the key")
        assert "sign-in=" not in gateway.errors


@pytest.mark.parametrize(
    "environment",
    [
        {"PENSTOCK_ADMIN_KEY": "an-admin-key-of-the-operator"},
        {"PENSTOCK_ADMIN_LISTEN": "127.0.0.1:0"},
        {"PENSTOCK_CONSOLE_ENABLED": "false"},
        {"PENSTOCK_STORE_DATABASE": "none"},
        {"PENSTOCK_HOST": "0.0.0.0", "PENSTOCK_OPEN": "true"},
        {"PENSTOCK_LOG_LEVEL": "warning"},
    ],
    ids=lambda environment: next(iter(environment)),
)
def test_no_link_signs_in_elsewhere(
    tmp_path: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PENSTOCK_STORE_DATA_DIR", str(tmp_path / "data"))
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with serving(tmp_path, host=environment.get("PENSTOCK_HOST", "127.0.0.1")) as gateway:
        until(lambda: gateway.health() == 200)
        assert "sign-in=" not in gateway.errors


def test_a_wire_is_loaded_when_it_is_spoken(place: Path) -> None:
    body = json.dumps({"model": "echo", "max_tokens": 9, "messages": [{"role": "user", "content": "Hello!"}]})
    headers = {"content-type": "application/json", "x-portkey-provider": "echo"}
    with (
        serving(place) as gateway,
        closing(http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=300)) as asked,
    ):
        asked.request("POST", "/v1/messages", body, headers)
        assert asked.getresponse().status == 200
        modules = loaded(gateway)
    assert "penstock.dialects.anthropic.caller" in modules
    assert "penstock.dialects.gemini" not in modules
