"""Responses that the gateway keeps, for hosts that keep none: through the real server, with OpenAI's own SDK."""

from __future__ import annotations

import contextlib
import hashlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from calling import RESPONSE
from penstock.settings import SettingsError, load
from penstock.stores.sql.keyring import new_key
from running import RunningGateway, running_gateway
from upstream import CHUNK, DONE, FINISH, ROLE, Upstream, events, hang_up, reply

KEYS = {"a": "pk-of-tenant-a-0123456789", "b": "pk-of-tenant-b-0123456789"}
ANSWER: dict[str, Any] = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hi there"}}],
    "usage": {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13},
}
STREAM = ROLE + CHUNK + FINISH + DONE


def host(upstream: Upstream, provider: str = "nvidia") -> dict[str, Any]:
    return {"provider": provider, "api_key": "sk-n", "custom_host": f"{upstream.url}/v1"}


@contextlib.contextmanager
def keeping(folder: Path, **more: str) -> Iterator[RunningGateway]:
    """A gateway that keeps responses, with the keys of two tenants."""
    path = folder / "penstock.toml"
    if not path.exists():
        lines = [
            f'[keys.{name}]\nhash = "sha256:{hashlib.sha256(key.encode()).hexdigest()}"\n' for name, key in KEYS.items()
        ]
        path.write_text("".join(lines))
        path.chmod(0o600)
    environment = {
        "PENSTOCK_CONFIG": str(path),
        "PENSTOCK_STORE_DATABASE": f"sqlite:///{folder / 'penstock.db'}",
        "PENSTOCK_RESPONSES_STORE": "true",
        "PENSTOCK_ACCESS_LOG": "false",
        "PENSTOCK_SECURITY_TRUSTED_HOSTS": "127.0.0.1",
        **more,
    }
    with running_gateway(load({}, environment, Path("/nonexistent")), path) as running:
        yield running


@contextlib.contextmanager
def sdk(gateway: RunningGateway, value: dict[str, Any], key: str = "a") -> Iterator[openai.OpenAI]:
    headers = {"x-portkey-config": json.dumps(value)}
    with openai.OpenAI(
        api_key=KEYS[key], base_url=gateway.v1, default_headers=headers, max_retries=0, timeout=60
    ) as client:
        yield client


def made(gateway: RunningGateway, upstream: Upstream, body: Any, key: str = "a", script: Any = None) -> httpx.Response:
    upstream.play(script or reply(body=json.dumps(ANSWER).encode()))
    headers = {"x-portkey-config": json.dumps(host(upstream)), "authorization": f"Bearer {KEYS[key]}"}
    return httpx.post(f"{gateway.v1}/responses", json=body, headers=headers, timeout=300, trust_env=False)


def messages(upstream: Upstream) -> list[tuple[str, Any]]:
    return [(each["role"], each["content"]) for each in json.loads(upstream.last.body)["messages"]]


def test_a_conversation_goes_on(tmp_path: Path, upstream: Upstream) -> None:
    with keeping(tmp_path) as gateway, sdk(gateway, host(upstream)) as client:
        upstream.play(reply(body=json.dumps(ANSWER).encode()))
        first = client.responses.create(model="m", input="Hello", instructions="Be brief.")
        assert (first.id[:10], first.to_dict()["store"], first.previous_response_id) == ("resp_kept_", True, None)
        upstream.play(reply(body=json.dumps(ANSWER).encode()))
        second = client.responses.create(model="m", input="And now?", previous_response_id=first.id)
        assert second.previous_response_id == first.id
        assert messages(upstream) == [("user", "Hello"), ("assistant", "Hi there"), ("user", "And now?")]
        upstream.play(events(STREAM))
        with client.responses.stream(model="m", input="More", previous_response_id=second.id) as stream:
            third = stream.get_final_response()
        assert [role for role, _ in messages(upstream)] == ["user", "assistant", "user", "assistant", "user"]
        upstream.play(reply(body=json.dumps(ANSWER).encode()))
        client.responses.create(model="m", input=[], previous_response_id=third.id)
        assert messages(upstream)[-1] == ("assistant", third.output_text)
        assert client.responses.retrieve(third.id).output_text == third.output_text


def test_what_is_kept_outlives_the_gateway(tmp_path: Path, upstream: Upstream) -> None:
    with keeping(tmp_path) as gateway:
        first = made(gateway, upstream, {"model": "m", "input": "Hello"}).json()
    with keeping(tmp_path) as gateway:
        made(gateway, upstream, {"model": "m", "input": "Again", "previous_response_id": first["id"]})
        assert messages(upstream) == [("user", "Hello"), ("assistant", "Hi there"), ("user", "Again")]


def test_two_replicas_keep_for_each_other(tmp_path: Path, upstream: Upstream) -> None:
    with keeping(tmp_path) as one, keeping(tmp_path) as two:
        id_ = made(one, upstream, {"model": "m", "input": "Hello"}).json()["id"]
        assert made(two, upstream, {"model": "m", "input": "On", "previous_response_id": id_}).status_code == 200
        assert len(messages(upstream)) == 3


def test_what_can_be_read(tmp_path: Path, upstream: Upstream) -> None:
    with keeping(tmp_path) as gateway, sdk(gateway, host(upstream)) as client:
        first = made(gateway, upstream, {"model": "m", "input": "Hello"}).json()
        body = {"model": "m", "input": [{"role": "user", "content": "On"}], "previous_response_id": first["id"]}
        second = made(gateway, upstream, body).json()
        assert client.responses.retrieve(second["id"]).to_dict() == second
        listed = client.responses.input_items.list(second["id"], order="asc", limit=2)
        assert [each.type for each in listed.data] == ["message", "message"]
        assert len({each.id for each in listed}) == 3
        newest = client.responses.input_items.list(second["id"]).data[0]
        assert newest.to_dict()["content"] == [{"type": "input_text", "text": "On"}]
        with pytest.raises(openai.BadRequestError, match="limit"):
            client.responses.input_items.list(second["id"], limit=0)
        with pytest.raises(openai.BadRequestError, match="Cannot cancel"):
            client.responses.cancel(second["id"])
        client.responses.delete(second["id"])
        for ask in (client.responses.retrieve, client.responses.delete, client.responses.input_items.list):
            with pytest.raises(openai.NotFoundError, match=f"Response with id '{second['id']}' not found"):
                ask(second["id"])
        assert client.responses.retrieve(first["id"]).id == first["id"]


def test_references_to_items_are_found(tmp_path: Path, upstream: Upstream) -> None:
    with keeping(tmp_path) as gateway:
        first = made(gateway, upstream, {"model": "m", "input": "Hello"}).json()
        item = {"type": "item_reference", "id": first["output"][0]["id"]}
        body = {"model": "m", "input": [{"role": "user", "content": "Hello"}, item, {"role": "user", "content": "On"}]}
        assert made(gateway, upstream, body).status_code == 200
        assert messages(upstream) == [("user", "Hello"), ("assistant", "Hi there"), ("user", "On")]
        foreign = made(gateway, upstream, body, "b")
        assert (foreign.status_code, foreign.json()["error"]["param"]) == (404, "input")


def test_another_tenant_and_an_unknown_id(tmp_path: Path, upstream: Upstream) -> None:
    with keeping(tmp_path) as gateway:
        id_ = made(gateway, upstream, {"model": "m", "input": "Hello"}).json()["id"]
        count = len(upstream.received)
        with sdk(gateway, host(upstream), "b") as stranger:
            for ask in (stranger.responses.retrieve, stranger.responses.delete, stranger.responses.input_items.list):
                with pytest.raises(openai.NotFoundError):
                    ask(id_)
        for key, previous in (("b", id_), ("a", id_[:-1] + ("0" if id_[-1] != "0" else "1"))):
            headers = {"x-portkey-config": json.dumps(host(upstream)), "authorization": f"Bearer {KEYS[key]}"}
            body = {"model": "m", "input": "Hi", "previous_response_id": previous}
            got = httpx.post(f"{gateway.v1}/responses", json=body, headers=headers, timeout=300, trust_env=False)
            assert got.status_code == 400
            error = got.json()["error"]
            assert (error["code"], error["param"]) == ("previous_response_not_found", "previous_response_id")
        assert len(upstream.received) == count
        with sdk(gateway, host(upstream)) as owner:
            assert owner.responses.retrieve(id_).id == id_


def test_reading_what_is_kept_counts_as_a_request(tmp_path: Path, upstream: Upstream) -> None:
    """A key's rates hold for what the gateway itself answers, too."""
    lines = [
        f'[keys.{name}]\nhash = "sha256:{hashlib.sha256(key.encode()).hexdigest()}"\n' for name, key in KEYS.items()
    ]
    limited = "rate_limits = [{ type = 'requests', unit = 'rph', value = 4 }]\n"
    (tmp_path / "penstock.toml").write_text(lines[0] + limited + lines[1])
    (tmp_path / "penstock.toml").chmod(0o600)
    with keeping(tmp_path) as gateway:
        id_ = made(gateway, upstream, {"model": "m", "input": "Hi"}).json()["id"]
        headers = {"authorization": f"Bearer {KEYS['a']}"}
        url = f"{gateway.v1}/responses/{id_}"
        ask = [("GET", url), ("GET", f"{url}/input_items"), ("DELETE", url), ("GET", url), ("DELETE", url)]
        statuses = [httpx.request(*each, headers=headers, timeout=300, trust_env=False).status_code for each in ask]
        assert statuses == [200, 200, 200, 429, 429]


def test_what_is_not_kept(tmp_path: Path, upstream: Upstream) -> None:
    with keeping(tmp_path, PENSTOCK_RESPONSES_MAX_RESPONSE_BYTES="2048") as gateway:
        refused = made(gateway, upstream, {"model": "m", "input": "Hello", "store": False}).json()
        assert (refused["store"], refused["id"].startswith("resp_kept_")) == (False, False)
        long = made(gateway, upstream, {"model": "m", "input": "x" * 3000, "store": True})
        assert long.json()["store"] is False
        assert long.headers["x-penstock-dropped-params"] == "store"


def test_a_stream_that_breaks_off_is_not_kept(tmp_path: Path, upstream: Upstream) -> None:
    with keeping(tmp_path) as gateway, sdk(gateway, host(upstream)) as client:
        upstream.play(events(ROLE, CHUNK, end=False), hang_up)
        body = {"model": "m", "input": "Hi", "stream": True}
        headers = {"x-portkey-config": json.dumps(host(upstream)), "authorization": f"Bearer {KEYS['a']}"}
        got = httpx.post(f"{gateway.v1}/responses", json=body, headers=headers, timeout=300, trust_env=False).content
        assert b"response.failed" in got
        id_ = json.loads(got.split(b"data: ")[1].partition(b"\n")[0])["response"]["id"]
        assert id_.startswith("resp_kept_")
        with pytest.raises(openai.NotFoundError):
            client.responses.retrieve(id_)


def test_a_host_of_responses_goes_on_from_what_is_kept(tmp_path: Path, upstream: Upstream) -> None:
    with keeping(tmp_path) as gateway, sdk(gateway, host(upstream, "openai")) as client:
        id_ = made(gateway, upstream, {"model": "m", "input": "Hello"}).json()["id"]
        upstream.play(reply(body=RESPONSE))
        assert client.responses.create(model="m", input="On", previous_response_id=id_).id == "resp_1"
        sent = json.loads(upstream.last.body)
        assert "previous_response_id" not in sent
        assert [each["role"] for each in sent["input"]] == ["user", "assistant", "user"]
        assert "id" not in sent["input"][1]
        upstream.play(reply(body=RESPONSE))
        client.responses.create(model="m", input="On", previous_response_id="resp_1")
        assert json.loads(upstream.last.body)["previous_response_id"] == "resp_1"


def test_contents_are_encrypted_with_the_databases_keys(
    tmp_path: Path, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = {"model": "m", "input": "Hello"}
    with keeping(tmp_path) as gateway:
        plain = made(gateway, upstream, ask).json()["id"]
    monkeypatch.setenv("PENSTOCK_SECRET_KEYS", new_key("k1", bytes(32)))
    with keeping(tmp_path) as gateway:
        secret = made(gateway, upstream, ask).json()["id"]
        for previous in (plain, secret):
            got = made(gateway, upstream, {**ask, "previous_response_id": previous, "store": False})
            assert got.status_code == 200
    with contextlib.closing(sqlite3.connect(tmp_path / "penstock.db")) as database:
        keys = dict(database.execute("select id, key_id from kept_response").fetchall())
    assert keys == {plain: "", secret: "k1"}


def test_tokens_of_a_conversation_are_estimated(tmp_path: Path, upstream: Upstream) -> None:
    with keeping(tmp_path) as gateway, sdk(gateway, host(upstream)) as client:
        id_ = made(gateway, upstream, {"model": "m", "input": "Hello " * 100}).json()["id"]
        alone = client.responses.input_tokens.with_raw_response.count(model="m", input="On")
        assert alone.headers["x-penstock-estimate"] == "true"
        whole = client.responses.input_tokens.count(model="m", input="On", previous_response_id=id_)
        assert (alone.parse().object, alone.parse().input_tokens) == ("response.input_tokens", 1)
        assert 100 < whole.input_tokens < 130


def test_off_is_off(tmp_path: Path, upstream: Upstream) -> None:
    with keeping(tmp_path, PENSTOCK_RESPONSES_STORE="false") as gateway:
        assert made(gateway, upstream, {"model": "m", "input": "Hello"}).json()["store"] is False
        body = {"model": "m", "input": "Hello", "previous_response_id": "resp_kept_" + "0" * 32}
        got = made(gateway, upstream, body)
        assert (got.status_code, got.json()["error"]["code"]) == (400, "unsupported_operation")


def test_without_a_database_it_does_not_start(tmp_path: Path) -> None:
    with (
        pytest.raises(SettingsError, match=r"responses\.store"),
        keeping(tmp_path, PENSTOCK_STORE_DATABASE="none"),
    ):
        pass
