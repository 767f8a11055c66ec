"""Aliases of models on a real socket: on every wire, for every key, in every list; and nothing is opened by one."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from commands import run
from gateway_keys import entry, key
from penstock.settings import load
from running import RunningGateway, catalogue_file, running_gateway
from upstream import Upstream, reply, running_upstream

_CHAT = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 9}
_JSON = {"content-type": "application/json"}
_LISTED = {"object": "list", "data": [{"id": name, "object": "model"} for name in ("claude-a", "claude-b", "other")]}


FILE = """
[virtual_keys.up]
provider = "openai"
credential = "env:SECRET"
base_url = "{url}/v1"

[virtual_keys.other]
provider = "openai"
credential = "env:SECRET"
base_url = "{url}/other/v1"

[virtual_keys.narrow]
provider = "openai"
credential = "env:SECRET"
base_url = "{url}/narrow/v1"
models = ["small"]

[virtual_keys.listless]
provider = "bedrock"
credential = "env:SECRET"
models = ["anthropic.*"]

[configs.main]
provider = "@up"
override_params = {{ model = "of-the-config" }}

[models."claude-*"]
target = "@up"

[models."claude-haiku-*"]
target = "@other/openai/gpt-oss-120b"
show = "Fast"

[models.fast]
target = "@up/small"

[models.best]
config = "main"

[models.secret]
target = "@other/x"
hide = true

[models.large]
target = "@narrow/large"

[models."*.claude-v1"]
target = "@listless"
"""
KEYS = f"""
{entry("all")}
{entry("fenced", 'virtual_keys = ["up"]' + chr(10) + "configs = []")}
{entry("small", 'allowed_models = ["small"]')}
{entry("own", "[keys.own.models.fast]" + chr(10) + 'target = "@other/own-model"')}
"""


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with running_upstream() as upstream:
        yield upstream


@pytest.fixture
def own_upstream() -> Iterator[Upstream]:
    """One that may be left with replies that nobody asked for."""
    with running_upstream() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def gateway(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    yield from serving(tmp_path_factory.mktemp("open"), FILE.format(url=upstream.url))


@pytest.fixture(scope="module")
def guarded(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    yield from serving(tmp_path_factory.mktemp("guarded"), FILE.format(url=upstream.url) + KEYS)


def serving(folder: Path, text: str) -> Iterator[RunningGateway]:
    path = folder / "penstock.toml"
    path.write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SECRET", "sk-upstream")
        settings = load({}, {"PENSTOCK_ACCESS_LOG": "false", "PENSTOCK_PROVIDERS_ENV_KEYS": "false"}, folder)
        with running_gateway(settings, path) as running:
            yield running


def post(gateway: RunningGateway, path: str, holder: str | None = None, **sent: Any) -> httpx.Response:
    headers = {} if holder is None else {"x-portkey-api-key": key(holder)}
    return httpx.post(f"{gateway.url}{path}", headers={**headers, **sent.pop("headers", {})}, timeout=300, **sent)


def chat(gateway: RunningGateway, model: str, holder: str | None = None, **headers: str) -> httpx.Response:
    return post(gateway, "/v1/chat/completions", holder, json={**_CHAT, "model": model}, headers=headers)


@pytest.mark.parametrize(
    ("model", "target", "sent"),
    [
        ("claude-opus-4-8", "/v1/chat/completions", "claude-opus-4-8"),
        ("claude-haiku-4-5", "/other/v1/chat/completions", "openai/gpt-oss-120b"),
        ("fast", "/v1/chat/completions", "small"),
        ("best", "/v1/chat/completions", "of-the-config"),
        ("secret", "/other/v1/chat/completions", "x"),
    ],
)
def test_the_most_specific_alias_says_who_answers(
    model: str, target: str, sent: str, gateway: RunningGateway, upstream: Upstream
) -> None:
    assert chat(gateway, model).status_code == 200
    assert (upstream.last.target, upstream.last.json["model"]) == (target, sent)


def test_an_alias_is_one_request_of_a_connection(gateway: RunningGateway, upstream: Upstream) -> None:
    targets = []
    # Head and body in one piece, as the gateway remembers heads of.
    with closing(http.client.HTTPConnection(gateway.url.removeprefix("http://"), timeout=300)) as client:
        for model in ("fast", "claude-haiku-4-5", "fast", "best", "secret", "nobody", "claude-haiku-4-5"):
            client.request("POST", "/v1/chat/completions", json.dumps({**_CHAT, "model": model}).encode(), _JSON)
            got = client.getresponse()
            assert got.read()
            assert (got.status == 200) is (model != "nobody")
            targets.append((upstream.last.target, upstream.last.json["model"]))
    here, there = "/v1/chat/completions", "/other/v1/chat/completions"
    fast, haiku = (here, "small"), (there, "openai/gpt-oss-120b")
    assert targets == [fast, haiku, fast, (here, "of-the-config"), (there, "x"), (there, "x"), haiku]


def test_what_stands_before_an_alias(gateway: RunningGateway, upstream: Upstream) -> None:
    chat(gateway, "@up/fast")
    assert upstream.last.json["model"] == "fast"
    chat(gateway, "fast", **{"x-portkey-virtual-key": "up"})
    assert upstream.last.json["model"] == "fast"
    post(gateway, "/@up/v1/chat/completions", json={**_CHAT, "model": "fast"})
    assert upstream.last.json["model"] == "fast"
    post(gateway, "/c/main/v1/chat/completions", json={**_CHAT, "model": "fast"})
    assert upstream.last.json["model"] == "of-the-config"
    assert post(gateway, "/c/up/v1/chat/completions", json={**_CHAT, "model": "fast"}).status_code == 400


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/v1/messages", {"json": {**_CHAT, "model": "fast"}}),
        ("/v1/responses", {"json": {"model": "fast", "input": "Hi"}}),
        ("/v1beta/models/fast:generateContent", {"json": {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}}),
        ("/v1/embeddings", {"json": {"model": "fast", "input": "Hi"}}),
        ("/v1/completions", {"json": {"model": "fast", "prompt": "Hi"}}),
        ("/v1/images/generations", {"json": {"model": "fast", "prompt": "Hi"}}),
        ("/v1/audio/speech", {"json": {"model": "fast", "input": "Hi", "voice": "alloy"}}),
        ("/v1/audio/transcriptions", {"data": {"model": "fast"}, "files": {"file": ("a.wav", b"RIFF", "audio/wav")}}),
        ("/v1/moderations", {"json": {"model": "fast", "input": "Hi"}}),
    ],
)
def test_an_alias_holds_on_every_wire(
    path: str, sent: dict[str, Any], gateway: RunningGateway, upstream: Upstream
) -> None:
    before = len(upstream.received)
    post(gateway, path, **sent)
    assert len(upstream.received) == before + 1
    assert upstream.last.target.startswith("/v1/")
    body = upstream.last.body
    assert b"small" in body
    assert b"fast" not in body


def test_an_alias_opens_nothing(guarded: RunningGateway, upstream: Upstream) -> None:
    before = len(upstream.received)
    for model in ("claude-haiku-4-5", "best", "secret"):
        refused = chat(guarded, model, "fenced")
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "not_allowed"), refused.text
    assert chat(guarded, "claude-x", "small").status_code == 412
    assert chat(guarded, "large", "all").status_code == 412
    assert len(upstream.received) == before
    assert chat(guarded, "fast", "small").status_code == 200
    assert chat(guarded, "fast", "fenced").status_code == 200


def test_a_key_has_aliases_of_its_own(guarded: RunningGateway, upstream: Upstream) -> None:
    chat(guarded, "fast", "own")
    assert (upstream.last.target, upstream.last.json["model"]) == ("/other/v1/chat/completions", "own-model")
    chat(guarded, "claude-x", "own")
    assert upstream.last.json["model"] == "claude-x"
    chat(guarded, "fast", "all")
    assert upstream.last.json["model"] == "small"


def listed(gateway: RunningGateway, upstream: Upstream, holder: str | None = None, **headers: str) -> dict[str, Any]:
    upstream.play(reply(body=json.dumps(_LISTED).encode()))
    upstream.play(reply(body=json.dumps(_LISTED).encode()))
    upstream.play(reply(body=json.dumps(_LISTED).encode()))
    shown = headers if holder is None else {**headers, "x-portkey-api-key": key(holder)}
    body: dict[str, Any] = httpx.get(f"{gateway.url}/v1/models?limit=1000", headers=shown, timeout=300).json()
    return body


def test_lists_show_aliases(own_upstream: Upstream, tmp_path: Path) -> None:
    upstream = own_upstream
    for gateway in serving(tmp_path, FILE.format(url=upstream.url) + KEYS):
        for model in listed(gateway, upstream, "all", **{"anthropic-version": "2023-06-01"})["data"]:
            if model["id"] == "claude-haiku-*":
                assert model["display_name"] == "Fast"
                break
        else:
            raise AssertionError("the pattern with a name is not listed")
        ids = [model["id"] for model in listed(gateway, upstream, "all")["data"]]
        assert {"claude-a", "claude-b", "claude-haiku-*", "fast", "best", "@up/claude-a"} <= set(ids)
        assert not {"secret", "large", "other", "claude-*"} & set(ids)
        fenced = [model["id"] for model in listed(gateway, upstream, "fenced")["data"]]
        assert "fast" in fenced
        assert not {"best", "claude-haiku-*"} & set(fenced)
        headers = {"x-portkey-api-key": key("all")}
        for name in ("fast", "claude-a", "claude-haiku-4-5"):
            got = httpx.get(f"{gateway.url}/v1/models/{name}", headers=headers, timeout=300)
            assert (got.status_code, got.json()["id"]) == (200, name)
        # A host without a list can't be asked for a name, so its alias answers for what it may be asked.
        for name, status in (("anthropic.claude-v1", 200), ("other.claude-v1", 404)):
            assert httpx.get(f"{gateway.url}/v1/models/{name}", headers=headers, timeout=300).status_code == status
        missing = httpx.get(f"{gateway.url}/v1/models/fats", headers=headers, timeout=300)
        assert "did you mean 'fast'?" in missing.json()["error"]["message"]
        catalogue_file(gateway.app)


def test_a_mistyped_alias_is_told(gateway: RunningGateway, guarded: RunningGateway) -> None:
    told = chat(gateway, "bets").json()["error"]
    assert told["code"] == "missing_provider"
    assert "did you mean the model 'best'?" in told["message"]
    assert "best" not in chat(guarded, "bets", "fenced").text


def test_an_alias_is_explained(gateway: RunningGateway) -> None:
    told = post(gateway, "/v1/explain", json={"request": {**_CHAT, "model": "fast"}})
    assert told.status_code == 200
    assert "openai" in told.text


def test_check_tells_what_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "penstock.toml"
    path.write_text('[models.x]\ntarget = "@opnai"\n[models."*a*"]\nconfig = "no"\n')
    path.chmod(0o600)
    result = run("check", str(path))
    assert result.exit_code == 1
    assert "models.x.target in penstock.toml: there is no virtual key or provider opnai: did you mean" in result.output
    assert "models.*a* in penstock.toml: a pattern has one * at most" in result.output
