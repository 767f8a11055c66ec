"""The admin API in the gateway: Portkey's SDKs administer it, and chat through what they made."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import socket
import subprocess
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import openai
import portkey_ai
import pytest
from portkey_ai.api_resources import exceptions

from penstock.admin.answer import Answer
from penstock.admin.app import _respond
from penstock.admin.routes import ROUTES
from penstock.control import configs
from penstock.server.pages.own_port import OwnPort
from penstock.settings import Settings
from penstock.settings.model import Server
from penstock.settings.store import Admin, Store
from running import SHARED, RunningGateway, running_gateway
from upstream import Upstream

ADMIN: Final = "an-admin-key-of-the-environment"
CONFIG: Final = {"provider": "echo", "override_params": {"model": "echo"}}
HELLO: Final = [{"role": "user", "content": "Hello!"}]
MODULES: Final = Path(os.environ.get("TEST_NODE_MODULES") or SHARED / "clients" / "node" / "node_modules")
"""Where Portkey's SDK for Node is installed."""


@pytest.fixture(params=["own protocol", "any ASGI server"])
def gateway(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[RunningGateway]:
    monkeypatch.setenv("PENSTOCK_ADMIN_KEY", ADMIN)
    settings = Settings(store=Store(data_dir=str(tmp_path)))
    with running_gateway(settings, asgi=request.param == "any ASGI server") as running:
        yield running


@contextlib.contextmanager
def portkey(gateway: RunningGateway, key: str = ADMIN, **options: Any) -> Iterator[Any]:
    with portkey_ai.Portkey(api_key=key, base_url=gateway.v1, **options) as opened, opened.openai_client:
        yield opened


def call(gateway: RunningGateway, method: str, path: str, **more: Any) -> httpx.Response:
    headers = {"x-portkey-api-key": ADMIN, **more.pop("headers", {})}
    return httpx.request(method, f"{gateway.v1}{path}", headers=headers, timeout=300, **more)


def test_portkey_s_python_sdk(gateway: RunningGateway) -> None:
    """With client-wide options, which mean nothing to the admin API, even where they can't be used."""
    with portkey(gateway, config="{no config", metadata={"a": "b"}, trace_id="t", virtual_key="nope") as client:
        made = client.configs.create(name="Main", config=CONFIG, is_default=1)
        assert made.slug.startswith("pc-main-")
        item = client.configs.retrieve(slug=made.slug)
        assert json.loads(item.config) == CONFIG
        assert [each["slug"] for each in client.configs.list().data] == [made.slug]
        changed = client.configs.update(slug=made.slug, name="Other", config={**CONFIG, "retry": {"attempts": 1}})
        assert changed.version_id != made.version_id
        assert client.configs.list(workspace_id=item.workspace_id).total == 1

        key = client.api_keys.create(
            type="workspace", sub_type="service", name="bot", scopes=["completions.write", "configs.list"],
            rate_limits=[{"type": "requests", "unit": "rpm", "value": 100}],
            usage_limits={"type": "cost", "credit_limit": 10, "periodic_reset": "monthly"},
            defaults={"config_id": made.slug, "metadata": {"_user": "bot"}}, expires_at="2099-01-01T00:00:00Z",
        )  # fmt: skip
        shown = client.api_keys.retrieve(id=key.id)
        assert shown.rate_limits[0]["value"] == 100
        assert shown.usage_limits["credit_limit"] == 10
        assert shown.defaults["config_id"] == made.slug
        assert client.api_keys.list(page_size=10).total == 1
        client.api_keys.update(id=key.id, name="bot 2", rate_limits=[])
        assert client.api_keys.retrieve(id=key.id).rate_limits == []
        admin = client.api_keys.create(type="organisation", sub_type="service", name="ops", scopes=["configs.list"])

        workspaces = client.admin.workspaces.list()
        assert client.admin.workspaces.retrieve(workspace_id=workspaces.data[0].id).name == "Default"
        assert client.admin.users.list().data[0].role == "admin"

        feedback = client.feedback.create(trace_id="t-1", value=1, weight=0.5)
        assert client.feedback.update(feedback_id=feedback.feedback_ids[0], value=2).status == "success"
        with pytest.raises(exceptions.NotFoundError, match="there is no config pc-nope"):
            client.configs.retrieve(slug="pc-nope")

    with openai.OpenAI(api_key=key.key, base_url=gateway.v1, max_retries=0) as application:
        reply = application.chat.completions.create(model="x", messages=HELLO)  # type: ignore[arg-type]
        assert reply.model == "echo"
    with portkey(gateway, admin.key) as client:
        assert client.configs.list().total == 1
        with pytest.raises(exceptions.PermissionDeniedError):
            client.configs.delete(slug=made.slug)
    with portkey(gateway) as client:
        client.api_keys.delete(id=key.id)
        client.configs.delete(slug=made.slug)
        assert client.configs.list().total == 0
    with (
        openai.OpenAI(api_key=key.key, base_url=gateway.v1, max_retries=0) as application,
        pytest.raises(openai.AuthenticationError),
    ):
        application.chat.completions.create(model="x", messages=HELLO)  # type: ignore[arg-type]


_NODE: Final = """
const { Portkey } = require(process.env.MODULES + "/portkey-ai");
const client = new Portkey({ apiKey: process.env.KEY, baseURL: process.env.URL });
const check = (is, what) => { if (!is) throw new Error(what); };
(async () => {
  const made = await client.configs.create({ name: "Main", config: { provider: "echo" }, isDefault: 1 });
  check(made.slug.startsWith("pc-main-"), "slug");
  check(JSON.parse((await client.configs.retrieve({ slug: made.slug })).config).provider === "echo", "config");
  check((await client.configs.list()).total === 1, "list");
  await client.configs.update({ slug: made.slug, name: "Other" });
  const key = await client.apiKeys.create({ type: "workspace", "sub-type": "service", name: "bot",
    scopes: ["completions.write"], rateLimits: [{ type: "requests", unit: "rpm", value: 5 }],
    defaults: { config_id: made.slug } });
  check((await client.apiKeys.retrieve({ id: key.id })).rate_limits[0].value === 5, "limits");
  check((await client.apiKeys.list({})).total === 1, "keys");
  await client.apiKeys.update({ id: key.id, name: "bot 2", rateLimits: null });
  check((await client.admin.workspaces.list({})).data.length === 1, "workspaces");
  check((await client.feedback.create({ traceID: "t", value: 1 })).feedback_ids.length === 1, "feedback");
  const application = new Portkey({ apiKey: key.key, baseURL: process.env.URL });
  const reply = await application.chat.completions.create({ model: "echo", messages: [{ role: "user", content: "Hi" }] });
  check(reply.choices[0].message.content, "chat");
  await client.apiKeys.delete({ id: key.id });
  await client.configs.delete({ slug: made.slug });
  try { await client.configs.retrieve({ slug: made.slug }); check(false, "deleted"); }
  catch (error) { check(error.status === 404, "not 404: " + error); }
  console.log("done");
})();
"""


@pytest.mark.skipif(
    not (MODULES / "portkey-ai").is_dir() or shutil.which("node") is None, reason="no SDK for Node here"
)
def test_portkey_s_node_sdk(gateway: RunningGateway) -> None:
    environment = {**os.environ, "MODULES": str(MODULES), "KEY": ADMIN, "URL": gateway.v1}
    run = subprocess.run(
        ["node", "-e", _NODE], env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert run.stdout.endswith("done\n"), run.stdout + run.stderr


def test_an_sdk_does_not_repeat_what_failed_after_it_was_made(
    gateway: RunningGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = configs.create

    async def create_and_fail(*arguments: Any) -> None:
        await create(*arguments)
        raise RuntimeError

    monkeypatch.setattr(configs, "create", create_and_fail)
    with portkey(gateway) as client:
        with pytest.raises(exceptions.InternalServerError):
            client.configs.create(name="n", config=CONFIG)
        assert client.configs.list().total == 1


@pytest.mark.parametrize("admin", [Admin(), Admin(enabled=False)], ids=["on", "off"])
def test_no_admin_path_reaches_a_provider(
    admin: Admin, upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PENSTOCK_ADMIN_KEY", ADMIN)
    config = {"provider": "openai", "api_key": "sk-user", "custom_host": f"{upstream.url}/v1"}
    headers = {"x-portkey-config": json.dumps(config), "authorization": "Bearer sk-user"}
    settings = Settings(store=Store(data_dir=str(tmp_path)), admin=admin)
    with running_gateway(settings) as gateway, httpx.Client(base_url=gateway.url, timeout=300) as client:
        public = {route.path for route in ROUTES if route.is_public}
        for template in {route.path for route in ROUTES}:
            path = template.replace("{rest:path}", "a")
            for method in ("GET", "POST", "PUT", "DELETE"):
                for prefix in ("/v1", "/@openai/v1"):
                    reply = client.request(method, f"{prefix}{path}", headers=headers)
                    assert reply.status_code >= 400
                    if admin.enabled:
                        assert reply.status_code == 401 or (template in public and method == "GET")
                        assert reply.headers["x-portkey-request-id"]
        assert upstream.received == []


def test_models_are_no_admin_path(gateway: RunningGateway) -> None:
    assert call(gateway, "GET", "/models", headers={"x-portkey-api-key": ""}).json()["data"]


def test_an_admin_key_calls_no_models(gateway: RunningGateway) -> None:
    body = {"name": "ops", "scopes": ["*"]}
    key = call(gateway, "POST", "/api-keys/organisation/service", json=body).json()["key"]
    chat = {"model": "echo", "messages": HELLO}
    reply = call(gateway, "POST", "/chat/completions", json=chat, headers={"x-portkey-api-key": key})
    assert reply.status_code == 401


def test_without_a_database_there_is_no_admin_api() -> None:
    with running_gateway(Settings(store=Store(database="none"))) as gateway:
        reply = httpx.get(f"{gateway.v1}/configs", timeout=300)
        assert reply.status_code == 501


def test_names_of_penstock_toml_are_read_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_ADMIN_KEY", ADMIN)
    file = tmp_path / "penstock.toml"
    file.write_text('[configs.main]\nprovider = "openai"\napi_key = "sk-of-the-file-1234"\n')
    with running_gateway(Settings(store=Store(data_dir=str(tmp_path))), file) as gateway:
        (item,) = call(gateway, "GET", "/configs").json()["data"]
        assert (item["slug"], item["penstock_source"]) == ("main", "penstock.toml")
        shown = call(gateway, "GET", "/configs/main")
        assert json.loads(shown.json()["config"])["provider"] == "openai"
        assert "sk-of-the-file" not in shown.text
        for method in ("PUT", "DELETE"):
            reply = call(gateway, method, "/configs/main", json={})
            assert reply.status_code == 409
            assert "defined in file" in reply.text


def test_a_body_is_bounded_and_may_be_compressed(gateway: RunningGateway) -> None:
    import gzip

    body = gzip.compress(json.dumps({"name": "n", "config": CONFIG}).encode())
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    assert call(gateway, "POST", "/configs", content=body, headers=headers).status_code == 200
    bomb = gzip.compress(b" " * (8 << 20))
    reply = call(gateway, "POST", "/configs", content=bomb, headers=headers)
    assert (reply.status_code, reply.json()["errorCode"]) == (400, "AB01")
    assert reply.headers["x-portkey-request-id"]


def test_a_short_admin_key_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from penstock.app.root import build
    from penstock.settings import SettingsError

    monkeypatch.setenv("PENSTOCK_ADMIN_KEY", "short")
    with pytest.raises(SettingsError, match="PENSTOCK_ADMIN_KEY"):
        build(Settings(server=Server(), store=Store(database="none")))


def test_the_admin_api_has_a_port_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_ADMIN_KEY", ADMIN)
    settings = Settings(store=Store(data_dir=str(tmp_path)), admin=Admin(listen="127.0.0.1:0"))
    with running_gateway(settings) as gateway:
        assert call(gateway, "GET", "/configs").status_code == 501
        (part,) = (part for part in gateway.app._parts if isinstance(part, OwnPort))
        own = f"http://127.0.0.1:{part.port}/v1"
        headers = {"x-portkey-api-key": ADMIN}
        assert httpx.get(f"{own}/configs", headers=headers, timeout=300).json()["total"] == 0
        made = httpx.post(f"{own}/configs", headers=headers, json={"name": "n", "config": CONFIG}, timeout=300)
        assert made.status_code == 200
        chat = {"model": "x", "messages": HELLO}
        assert httpx.post(f"{own}/chat/completions", headers=headers, json=chat, timeout=300).status_code == 404


def test_the_port_of_its_own_has_the_limits_of_callers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Time for a head and a body, bytes of a head, connections, and heads that can be read in two ways."""
    monkeypatch.setenv("PENSTOCK_ADMIN_KEY", ADMIN)
    server = Server(head_timeout=0.2, body_timeout=0.2, max_connections_per_address=2)
    settings = Settings(server=server, store=Store(data_dir=str(tmp_path)), admin=Admin(listen="127.0.0.1:0"))
    with running_gateway(settings) as gateway:
        (part,) = (part for part in gateway.app._parts if isinstance(part, OwnPort))

        def told(*pieces: bytes) -> bytes:
            """The status line of the answer to a request."""
            with socket.create_connection(("127.0.0.1", part.port), timeout=60) as connection:
                for piece in pieces:
                    connection.sendall(piece)
                received = b""
                while data := connection.recv(65536):
                    received += data
                return received.partition(b"\r\n")[0]

        key = b"x-portkey-api-key: %s\r\nhost: h\r\n" % ADMIN.encode()
        post = b"POST /v1/configs HTTP/1.1\r\n" + key + b"content-type: application/json\r\n"
        assert told(b"GET /v1/configs HTTP/1.1\r\nhost:") == b"", "a head that doesn't end: closed, as everywhere"
        assert b" 400 " in told(b"GET /v1/configs HTTP/1.1\r\n" + key + b"a b: c\r\n\r\n")
        assert b" 400 " in told(b"GET /v1/configs HTTP/1.1\r\n" + key + b"x: " + b"a" * (256 << 10) + b"\r\n\r\n")
        assert told(post + b"content-length: 9\r\n\r\n{").startswith(b"HTTP/1.1 4")
        others = [socket.create_connection(("127.0.0.1", part.port), timeout=60) for _ in range(2)]
        try:
            assert b" 503 " in told(b"GET /v1/configs HTTP/1.1\r\n" + key + b"connection: close\r\n\r\n")
        finally:
            for other in others:
                other.close()


def test_a_file_ends_when_its_reader_leaves() -> None:
    """A generator that is not closed would keep what it holds until the collector finds it."""
    ended: list[str] = []

    async def pieces() -> AsyncGenerator[bytes]:
        try:
            while True:
                yield b"x"
        finally:
            ended.append("closed")

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.body":
            raise OSError("the reader has left")

    async def respond() -> None:
        with pytest.raises(OSError, match="left"):
            await _respond(Answer({}, pieces=pieces()), "id", send)
        assert ended == ["closed"]

    asyncio.run(respond())
