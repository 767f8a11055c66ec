"""Embeddings and single models through the real server, with OpenAI's SDK."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator

import openai
import pytest

from running import RunningGateway
from upstream import Upstream, reply

VECTORS = {
    "object": "list", "model": "text-embedding-3-small", "usage": {"prompt_tokens": 3, "total_tokens": 3},
    "data": [{"object": "embedding", "index": 0, "embedding": [0.25, -0.5]}],
}  # fmt: skip
MODEL = {"id": "maker/family/size", "object": "model", "created": 1700000000, "owned_by": "maker"}


@contextlib.contextmanager
def sdk(gateway: RunningGateway, provider: str, upstream: Upstream | None = None) -> Iterator[openai.OpenAI]:
    host = {} if upstream is None else {"x-portkey-custom-host": f"{upstream.url}/v1"}
    headers = {"x-portkey-provider": provider, **host}
    with openai.OpenAI(
        api_key="sk-o", base_url=gateway.v1, default_headers=headers, max_retries=0, timeout=60
    ) as client:
        yield client


def test_a_provider_of_openais_wire(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(reply(body=json.dumps(VECTORS).encode()))
    with sdk(gateway, "openai", upstream) as client:
        made = client.embeddings.create(model="text-embedding-3-small", input="Hello", encoding_format="float")
    assert made.data[0].embedding == [0.25, -0.5]
    assert made.usage.prompt_tokens == 3
    sent = upstream.last
    assert (sent.target, sent.headers["authorization"]) == ("/v1/embeddings", "Bearer sk-o")
    assert sent.json == {"input": "Hello", "model": "text-embedding-3-small", "encoding_format": "float"}


def test_the_built_in_provider(gateway: RunningGateway) -> None:
    with sdk(gateway, "echo") as client:
        # The SDK asks for base64 by itself and makes numbers of it.
        made = client.embeddings.create(model="echo", input=["one", "two", "one"])
    first, second, third = (each.embedding for each in made.data)
    assert first == third != second
    assert all(isinstance(number, float) for number in first)


def test_a_provider_without_embeddings(gateway: RunningGateway, upstream: Upstream) -> None:
    with sdk(gateway, "anthropic", upstream) as client, pytest.raises(openai.BadRequestError) as caught:
        client.embeddings.create(model="claude", input="Hello")
    assert "embeddings is not supported by anthropic" in caught.value.message
    assert caught.value.code == "unsupported_operation"
    assert not upstream.received


def test_a_model_whose_name_has_slashes(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(reply(body=json.dumps(MODEL).encode()))
    with sdk(gateway, "openai", upstream) as client:
        assert client.models.retrieve("maker/family/size").owned_by == "maker"
    assert upstream.last.method == "GET"
    assert upstream.last.target in {"/v1/models/maker/family/size", "/v1/models/maker%2Ffamily%2Fsize"}
