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


def test_a_provider_with_a_wire_of_its_own(gateway: RunningGateway, upstream: Upstream) -> None:
    vectors = [{"values": [0.25, -0.5]}, {"values": [1.0, 2.0]}]
    upstream.play(reply(body=json.dumps({"embeddings": vectors}).encode()))
    headers = {"x-portkey-provider": "google", "x-portkey-custom-host": upstream.url}
    with openai.OpenAI(api_key="k", base_url=gateway.v1, default_headers=headers, max_retries=0, timeout=60) as client:
        # The SDK asks for base64 by itself and makes numbers of it.
        made = client.embeddings.create(model="gemini-embedding-001", input=["a", "b"], dimensions=2)
    assert [each.embedding for each in made.data] == [[0.25, -0.5], [1.0, 2.0]]
    sent = upstream.last
    assert sent.target == "/v1beta/models/gemini-embedding-001:batchEmbedContents"
    assert sent.headers["x-goog-api-key"] == "k"
    assert [each["outputDimensionality"] for each in sent.json["requests"]] == [2, 2]


def test_a_request_for_each_text(gateway: RunningGateway, upstream: Upstream) -> None:
    for _ in range(3):
        upstream.play(reply(body=b'{"embedding":[0.5],"inputTextTokenCount":2}'))
    headers = {"x-portkey-provider": "bedrock", "x-portkey-custom-host": upstream.url}
    with openai.OpenAI(api_key="k", base_url=gateway.v1, default_headers=headers, max_retries=0, timeout=60) as client:
        made = client.embeddings.create(model="amazon.titan-embed-text-v2:0", input=["a", "b", "c"])
    assert (len(made.data), made.usage.total_tokens) == (3, 6)
    assert sorted(each.json["inputText"] for each in upstream.received) == ["a", "b", "c"]


def test_one_text_that_fails_fails_the_request(gateway: RunningGateway, upstream: Upstream) -> None:
    for _ in range(2):
        upstream.play(reply(400, b'{"message":"too long"}'))
    headers = {"x-portkey-provider": "bedrock", "x-portkey-custom-host": upstream.url}
    with (
        openai.OpenAI(api_key="k", base_url=gateway.v1, default_headers=headers, max_retries=0) as client,
        pytest.raises(openai.BadRequestError, match="too long"),
    ):
        client.embeddings.create(model="amazon.titan-embed-text-v2:0", input=["a", "b"])
