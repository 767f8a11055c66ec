"""Clients of Azure OpenAI: they name the model in the path and show their key as ``api-key``."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from penstock.settings import load
from running import RunningGateway, running_gateway
from upstream import CHUNK, DONE, FINISH, ROLE, Upstream, events, reply

KEY = "pk-of-azures-client-0123456789"
COMPLETION = {
    "id": "c", "object": "chat.completion", "created": 1, "model": "gpt-5",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}],
}  # fmt: skip


@pytest.fixture
def gateway(tmp_path: Path, upstream: Upstream) -> Iterator[RunningGateway]:
    secret, path = tmp_path / "credential", tmp_path / "penstock.toml"
    secret.write_text("sk-o")
    path.write_text(
        f'[virtual_keys.chat]\nprovider = "openai"\ncredential = "file:{secret}"\nbase_url = "{upstream.url}/v1"\n'
        f'[models.fast]\ntarget = "@chat/gpt-5-mini"\n'
        f'[keys.one]\nhash = "sha256:{hashlib.sha256(KEY.encode()).hexdigest()}"\n'
    )
    for each in (secret, path):
        each.chmod(0o600)
    settings = load({}, {"PENSTOCK_ACCESS_LOG": "false"}, Path("/nonexistent"))
    with running_gateway(settings, path) as running:
        yield running


def client(gateway: RunningGateway) -> openai.AzureOpenAI:
    return openai.AzureOpenAI(
        azure_endpoint=gateway.url, api_key=KEY, api_version="2024-10-21", max_retries=0, timeout=60
    )


@pytest.mark.parametrize(("model", "sent"), [("@chat/gpt-5", "gpt-5"), ("fast", "gpt-5-mini")])
def test_chats_of_the_sdk(model: str, sent: str, gateway: RunningGateway, upstream: Upstream) -> None:
    messages: Any = [{"role": "user", "content": "Hi"}]
    with client(gateway) as azure:
        upstream.play(reply(body=json.dumps(COMPLETION).encode()))
        told = azure.chat.completions.create(model=model, messages=messages, temperature=0.50)
        assert told.choices[0].message.content == "Hi"
        assert (upstream.last.target, upstream.last.json["model"]) == ("/v1/chat/completions", sent)
        assert "stream" not in upstream.last.json
        assert upstream.last.headers["authorization"] == "Bearer sk-o"
        assert KEY not in str(upstream.last.headers)
        upstream.play(events(ROLE, CHUNK, FINISH, DONE))
        with azure.chat.completions.create(model=model, messages=messages, stream=True) as stream:
            assert any(chunk.choices and chunk.choices[0].delta.content for chunk in stream)
        assert upstream.last.json["stream"] is True


def test_other_endpoints(gateway: RunningGateway, upstream: Upstream) -> None:
    with client(gateway) as azure:
        listed = {"object": "list", "model": "e", "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}]}
        upstream.play(reply(body=json.dumps({**listed, "usage": {"prompt_tokens": 1, "total_tokens": 1}}).encode()))
        assert azure.embeddings.create(model="@chat/e", input="Hi", encoding_format="float").data[0].embedding == [0.5]
        assert (upstream.last.target, upstream.last.json["model"]) == ("/v1/embeddings", "e")
        upstream.play(reply(body=b'{"text": "Hi"}'))
        heard = azure.audio.transcriptions.create(model="@chat/whisper-1", file=("a.wav", b"RIFF"))
        assert (heard.text, upstream.last.target) == ("Hi", "/v1/audio/transcriptions")
        assert b"whisper-1" in upstream.last.body
        assert b"@chat" not in upstream.last.body


def test_the_path_names_the_model(gateway: RunningGateway, upstream: Upstream) -> None:
    address = f"{gateway.url}/openai/deployments/%40chat%2Fgpt-5/chat/completions?api-version=2024-10-21"
    body = b'{"model": "another", "messages": [{"role": "user", "content": "Hi"}], "metadata": {"n": 1.50}}'
    upstream.play(reply(body=json.dumps(COMPLETION).encode()))
    fields = {"api-key": KEY, "content-type": "application/json"}
    assert httpx.post(address, content=body, headers=fields, timeout=300, trust_env=False).status_code == 200
    assert upstream.last.json["model"] == "gpt-5"
    assert b"1.50" in upstream.last.body
    assert "api-version" not in upstream.last.target
    nameless = httpx.post(address.replace("%40chat%2F", ""), content=body, headers=fields, timeout=300, trust_env=False)
    assert (nameless.status_code, nameless.json()["error"]["code"]) == (400, "missing_provider")
