"""Virtual keys, saved configs and gateway keys, from a file to what callers and providers see."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from penstock.settings import load
from running import RunningGateway, catalogue_file, running_gateway
from upstream import Upstream, reply, running_upstream

KEY = "pk-team-a-0123456789"


def digest(key: str) -> str:
    return f"sha256:{hashlib.sha256(key.encode()).hexdigest()}"


FILE = """
[virtual_keys.prod]
provider = "openai"
credential = "file:secret.txt"
base_url = "{url}/v1"
models = ["gpt-4*"]
default_params = {{ temperature = 0.25 }}
openai_organization = "org-1"
headers = {{ X-Tenant = "acme", x-token = "file:secret.txt" }}

[virtual_keys.spare]
provider = "openai"
credential = "file:secret.txt"
base_url = "{url}/v1"

[virtual_keys.hugging]
provider = "huggingface"
credential = "file:secret.txt"
base_url = "{url}/v1"

[configs.inline]
provider = "openai"
api_key = "sk-operators-own"
custom_host = "{url}/v1"

[configs.keyed]
api_key = "sk-operators-own"
retry = {{ attempts = 0 }}

[configs.resilient]
id = "pc-resil-1a2b"
strategy = {{ mode = "fallback" }}
targets = [{{ virtual_key = "spare" }}, {{ provider = "@prod" }}]

[configs.from-file]
file = "saved.yaml"

[configs.default]
provider = "@spare"
"""

KEYS = """
[keys.team-a]
hash = "{digest}"
virtual_keys = ["prod"]
configs = ["resilient"]
config = "resilient"
hosts = ["127.0.0.1"]
"""


@pytest.fixture(scope="module")
def provider() -> Iterator[Upstream]:
    with running_upstream() as upstream:
        yield upstream


def written(folder: Path, provider: Upstream, more: str = "") -> Path:
    (folder / "secret.txt").write_text("sk-operators-own\n")
    (folder / "saved.yaml").write_text("provider: '@spare'\noverride_params:\n  model: from-yaml\n")
    path = folder / "penstock.toml"
    path.write_text(FILE.format(url=provider.url) + more)
    return path


def served(path: Path, **environment: str) -> Any:
    settings = load({}, {"PENSTOCK_ACCESS_LOG": "false", **environment}, Path("/nonexistent"))
    return running_gateway(settings, path)


@pytest.fixture(scope="module")
def free(provider: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    """Anybody may call; there is a default config."""
    path = written(tmp_path_factory.mktemp("free"), provider)
    with served(path, PENSTOCK_ROUTING_DEFAULT_CONFIG="default") as gateway:
        yield gateway


@pytest.fixture(scope="module")
def guarded(provider: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    path = written(tmp_path_factory.mktemp("guarded"), provider, KEYS.format(digest=digest(KEY)))
    with served(path) as gateway:
        yield gateway


def ask(gateway: RunningGateway, model: str = "gpt-4o", **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    body = {"model": model, "messages": []}
    return httpx.post(f"{gateway.v1}/chat/completions", json=body, headers=named, timeout=300)


@pytest.mark.parametrize(
    ("model", "headers", "sent"),
    [
        ("gpt-4o", {"x_portkey_virtual_key": "prod"}, "gpt-4o"),
        ("gpt-4o", {"x_portkey_provider": "@prod"}, "gpt-4o"),
        ("@prod/gpt-4o", {}, "gpt-4o"),
        ("@prod/gpt-4/ft/1", {}, "gpt-4/ft/1"),
        ("gpt-4o", {"x_portkey_config": '{"virtual_key":"prod"}'}, "gpt-4o"),
        ("gpt-4o", {"x_portkey_config": '{"provider":"@prod"}'}, "gpt-4o"),
        ("x", {"x_portkey_config": '{"override_params":{"model":"@prod/gpt-4.1"}}'}, "gpt-4.1"),
        ("gpt-4o", {"x_portkey_config": "resilient"}, "gpt-4o"),
        ("gpt-4o", {"x_portkey_config": "pc-resil-1a2b"}, "gpt-4o"),
        ("gpt-4o", {"x_portkey_config": "from-file"}, "from-yaml"),
        ("gpt-4o", {}, "gpt-4o"),
        ("gpt-4o", {"authorization": "Bearer somebody"}, "gpt-4o"),
    ],
)
def test_names_stand_for_the_operators_own(
    model: str, headers: dict[str, str], sent: str, free: RunningGateway, provider: Upstream
) -> None:
    got = ask(free, model, **headers)
    assert got.status_code == 200, got.text
    assert provider.last.headers["authorization"] == "Bearer sk-operators-own"
    assert provider.last.json["model"] == sent
    assert got.headers["x-portkey-provider"] == "openai"


def test_settings_of_a_virtual_key_go_along(free: RunningGateway, provider: Upstream) -> None:
    ask(free, x_portkey_virtual_key="prod")
    assert provider.last.json["temperature"] == 0.25
    assert provider.last.headers["openai-organization"] == "org-1"


def test_headers_of_a_virtual_key_go_along_and_no_caller_changes_them(free: RunningGateway, provider: Upstream) -> None:
    ask(free, x_portkey_virtual_key="prod", x_tenant="mine", x_other="o", x_portkey_forward_headers="x-tenant,x-other")
    sent = provider.last.headers
    assert (sent["x-tenant"], sent["x-token"], sent["x-other"]) == ("acme", "sk-operators-own", "o")


def test_a_custom_host_never_gets_the_operators_credential(free: RunningGateway, provider: Upstream) -> None:
    with running_upstream() as elsewhere:
        assert ask(free, x_portkey_virtual_key="prod", x_portkey_custom_host=elsewhere.url).status_code == 200
        assert elsewhere.received == []


@pytest.mark.parametrize(
    "headers",
    [
        {"x_portkey_config": "resilient"},
        {"x_portkey_config": "inline"},
        {"x_portkey_config": "keyed", "x_portkey_provider": "openai"},
        {"x_portkey_virtual_key": "hugging"},
        {"x_portkey_config": '{"virtual_key":"hugging","huggingface_base_url":"{elsewhere}"}'},
    ],
)
def test_no_caller_leads_the_operators_credential_elsewhere(
    headers: dict[str, str], free: RunningGateway, provider: Upstream
) -> None:
    with running_upstream() as elsewhere:
        named = {name: value.replace("{elsewhere}", elsewhere.url) for name, value in headers.items()}
        ask(free, **named, x_portkey_custom_host=elsewhere.url, x_portkey_huggingface_base_url=elsewhere.url)
        assert "sk-operators-own" not in str(elsewhere.received)


@pytest.mark.parametrize(
    ("model", "headers", "status", "code", "hint"),
    [
        ("gpt-4o", {"x_portkey_virtual_key": "prot"}, 400, "unknown_virtual_key", "'prod'"),
        ("@nobody/gpt-4o", {}, 400, "unknown_virtual_key", "penstock.toml"),
        ("gpt-4o", {"x_portkey_config": "resilent"}, 400, "unknown_config", "'resilient'"),
        ("claude", {"x_portkey_virtual_key": "prod"}, 412, "model_not_allowed", "claude"),
    ],
)
def test_what_is_not_there(
    model: str, headers: dict[str, str], status: int, code: str, hint: str, free: RunningGateway
) -> None:
    got = ask(free, model, **headers)
    assert (got.status_code, got.json()["error"]["code"]) == (status, code)
    assert hint in got.json()["error"]["message"]


def test_an_at_sign_that_names_no_virtual_key_belongs_to_the_model(free: RunningGateway, provider: Upstream) -> None:
    ask(free, "@cf/meta/llama", x_portkey_provider="openai", x_portkey_custom_host=provider.url, authorization="k")
    assert provider.last.json["model"] == "@cf/meta/llama"


@pytest.mark.parametrize("header", ["x-portkey-api-key", "authorization", "x-api-key", "x-goog-api-key", "x-bf-vk"])
def test_a_gateway_key_opens_and_is_never_sent_on(header: str, guarded: RunningGateway, provider: Upstream) -> None:
    value = f"Bearer {KEY}" if header == "authorization" else KEY
    got = ask(guarded, **{header: value, "x_portkey_forward_headers": header})
    assert got.status_code == 200, got.text
    assert KEY not in str(provider.last.headers)
    assert provider.last.headers["authorization"] == "Bearer sk-operators-own"


@pytest.mark.parametrize(
    ("headers", "message", "code"),
    [
        ({}, "has no key", "invalid_gateway_key"),
        ({"authorization": "Bearer pk-wrong"}, "does not know", "03"),
        ({"x_api_key": "x"}, "does not know", "03"),
        ({"x_bf_vk": "x"}, "does not know", "03"),
    ],
)
def test_without_a_valid_key_nothing_happens(
    headers: dict[str, str], message: str, code: str, guarded: RunningGateway
) -> None:
    got = ask(guarded, x_portkey_virtual_key="prod", **headers)
    assert (got.status_code, got.json()["error"]["code"]) == (401, code)
    assert message in got.json()["error"]["message"]


@pytest.mark.parametrize("headers", [{"x_portkey_virtual_key": "spare"}, {"x_portkey_config": "from-file"}])
def test_a_key_may_use_what_its_entry_lists(headers: dict[str, str], guarded: RunningGateway) -> None:
    got = ask(guarded, x_portkey_api_key=KEY, **headers)
    assert (got.status_code, got.json()["error"]["code"]) == (403, "not_allowed")


def test_a_bare_openai_sdk_needs_no_header(guarded: RunningGateway, provider: Upstream) -> None:
    with openai.OpenAI(base_url=guarded.v1, api_key=KEY) as client:
        assert client.chat.completions.create(model="gpt-4o", messages=[]).choices
    assert provider.last.headers["authorization"] == "Bearer sk-operators-own"


def test_a_key_may_come_with_its_callers_own_provider_key(guarded: RunningGateway, provider: Upstream) -> None:
    own = {"authorization": "Bearer sk-mine", "x_portkey_provider": "openai", "x_portkey_custom_host": provider.url}
    assert ask(guarded, x_portkey_api_key=KEY, **own).status_code == 200
    assert provider.last.headers["authorization"] == "Bearer sk-mine"


def test_a_changed_file_is_in_force_without_a_restart_and_a_broken_one_is_not(
    provider: Upstream, tmp_path: Path
) -> None:
    path = written(tmp_path, provider)
    with served(path) as gateway:
        assert ask(gateway, x_portkey_virtual_key="prod").status_code == 200
        path.write_text(path.read_text() + KEYS.format(digest=digest(KEY)))
        reread(gateway)
        assert ask(gateway, x_portkey_virtual_key="prod").status_code == 401
        path.write_text("[virtual_keys.prod]\nprovider = 'nobody'\n")
        reread(gateway)
        assert ask(gateway, x_portkey_virtual_key="prod").status_code == 401
        assert ask(gateway, x_portkey_virtual_key="prod", x_api_key=KEY).status_code == 200


def reread(gateway: RunningGateway) -> None:
    """Have the file read now, as SIGHUP would."""
    file = catalogue_file(gateway.app)

    async def now() -> None:
        assert file._path is not None
        await file._reread(file._path)

    asyncio.run_coroutine_threadsafe(now(), gateway.loop).result(10)


def test_the_reply_of_a_failing_spare_falls_back_inside_a_saved_config(
    free: RunningGateway, provider: Upstream
) -> None:
    provider.play(reply(500))
    got = ask(free, x_portkey_config="resilient")
    assert got.headers["x-portkey-last-used-option-index"] == "config.targets[1]"
