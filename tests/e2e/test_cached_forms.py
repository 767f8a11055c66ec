"""A stored answer in the other form, at every host that has an address, or a word in it, for each form."""

from __future__ import annotations

import base64
import json
from typing import Any, NamedTuple

import httpx
import pytest
from openai.types.chat import ChatCompletion

import calling
import converse_replies as converse
from gemini_replies import COUNTED, framed, response, said
from penstock.core.operation import Operation
from penstock.dialects.anthropic.relay.reshape import to_plain
from penstock.pipeline.cache import Caching
from penstock.providers.registry import PROVIDERS
from penstock.providers.templates import with_defaults
from penstock.routing.plan import CachePolicy
from penstock.stores.memory import MemoryReplyStore
from running import RunningGateway
from upstream import CHUNK, DONE, ROLE, Act, Upstream, chunk, events, reply, send

AWS_STREAM = "application/vnd.amazon.eventstream"
USAGE = {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}
GEMINI = response(said("Hi"), finish="STOP", usage=COUNTED)
CONVERSE = {
    "metrics": {"latencyMs": 7}, "stopReason": "end_turn", "usage": converse.USAGE,
    "output": {"message": {"role": "assistant", "content": [{"text": "Hi"}]}},
}  # fmt: skip
FRAMES = converse.BEGIN + converse.delta(0, text="Hi") + converse.stop(0) + converse.end()
CLAUDE = b"".join(calling.STREAMS["anthropic"])


def whole(content_type: str, body: bytes) -> Act:
    head = f"HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ncontent-length: {len(body)}\r\n\r\n"
    return send(head.encode() + body)


def wrapped(event: bytes) -> bytes:
    """An event of Anthropic's as Bedrock frames it."""
    data = event.partition(b"data: ")[2].strip()
    payload = json.dumps({"bytes": base64.b64encode(data).decode()}).encode()
    return converse.frame(payload, event_type="chunk", content_type="application/json", message_type="event")


INVOKED = b"".join(wrapped(block + b"\n\n") for block in CLAUDE.split(b"\n\n") if block)


class Host(NamedTuple):
    """A host, a request to it, and its answer in both forms. ``paths`` are the ends of its addresses."""

    target: dict[str, Any]
    model: str
    plain: Act
    stream: Act
    paths: tuple[str, str]
    surface: str = "chat/completions"


VERTEX = {"provider": "vertex-ai", "vertex_project_id": "p"}
HOSTS = {
    "google": Host(
        {"provider": "google"}, "gemini-2.5-flash", reply(body=json.dumps(GEMINI).encode()),
        whole("text/event-stream", framed([GEMINI])), (":generateContent", ":streamGenerateContent?alt=sse"),
    ),
    "vertex-ai, Gemini": Host(
        VERTEX, "gemini-2.5-flash", reply(body=json.dumps(GEMINI).encode()),
        whole("text/event-stream", framed([GEMINI])), (":generateContent", ":streamGenerateContent?alt=sse"),
    ),
    "vertex-ai, Claude": Host(
        VERTEX, "claude-haiku-4-5", reply(body=calling.MESSAGE), whole("text/event-stream", CLAUDE),
        (":rawPredict", ":streamRawPredict"),
    ),
    "vertex-ai, Claude for Messages": Host(
        VERTEX, "claude-haiku-4-5", reply(body=calling.MESSAGE), whole("text/event-stream", CLAUDE),
        (":rawPredict", ":streamRawPredict"), "messages",
    ),
    "vertex-ai, Mistral": Host(
        VERTEX, "mistralai.codestral", reply(),
        events(ROLE, CHUNK, chunk({}, "stop", usage=USAGE), DONE), (":rawPredict", ":streamRawPredict"),
    ),
    "bedrock, Converse": Host(
        {"provider": "bedrock"}, "amazon.nova-lite-v1:0", reply(body=json.dumps(CONVERSE).encode()),
        whole(AWS_STREAM, FRAMES), ("/converse", "/converse-stream"),
    ),
    "bedrock, Claude for Messages": Host(
        {"provider": "bedrock", "aws_bedrock_api": "invoke"}, "anthropic.claude-haiku-4-5-20251001-v1:0", reply(body=calling.MESSAGE),
        whole(AWS_STREAM, INVOKED), ("/invoke", "/invoke-with-response-stream"), "messages",
    ),
}  # fmt: skip
INCLUDE = {"stream": True, "stream_options": {"include_usage": True}}
STREAMED = {"stream": True}


def ask(gateway: RunningGateway, upstream: Upstream, host: Host, form: dict[str, Any]) -> httpx.Response:
    target = {"api_key": "k", "custom_host": upstream.url, **host.target, "cache": {"mode": "simple"}}
    body = {"model": host.model, "max_tokens": 9, "messages": [{"role": "user", "content": "Hello"}], **form}
    headers = {"x-portkey-config": json.dumps(target)}
    return httpx.post(f"{gateway.v1}/{host.surface}", json=body, headers=headers, timeout=300)


@pytest.mark.parametrize("host", HOSTS.values(), ids=HOSTS)
@pytest.mark.parametrize(
    ("first", "second"),
    [({}, STREAMED), ({}, INCLUDE), (STREAMED, {}), (STREAMED, INCLUDE), (INCLUDE, {}), (INCLUDE, STREAMED)],
)
def test_an_answer_is_given_again_in_the_other_form(
    first: Any, second: Any, host: Host, gateway: RunningGateway, upstream: Upstream
) -> None:
    if host.surface == "messages" and "stream_options" in {**first, **second}:
        pytest.skip("a stream of messages always tells its usage")
    upstream.play(host.stream if first else host.plain)
    began = ask(gateway, upstream, host, first)
    assert began.status_code == 200, began.text
    assert upstream.last.target.endswith(host.paths[bool(first)])
    again = ask(gateway, upstream, host, second)
    assert [began.headers["x-portkey-cache-status"], again.headers["x-portkey-cache-status"]] == ["MISS", "HIT"]
    assert len(upstream.received) == 1
    for form, got in ((first, began), (second, again)):
        assert_form(got, host, form)


def assert_form(got: httpx.Response, host: Host, form: dict[str, Any]) -> None:
    if not form:
        told = got.json()
        text = told["content"][0] if host.surface == "messages" else ChatCompletion.model_validate(told).choices[0]
        assert "Hi" in str(text)
        assert told["usage"]
    elif host.surface == "messages":
        assert to_plain(got.content) is not None
    else:
        lines = [line.removeprefix("data: ") for line in got.text.splitlines() if line.startswith("data: {")]
        assert any("Hi" in line for line in lines)
        assert got.content.endswith(DONE)
        alone = [chunk for chunk in map(json.loads, lines) if not chunk["choices"]]
        assert [bool(chunk["usage"]) for chunk in alone] == ([True] if "stream_options" in form else [])


OPTIONS = {
    "vertex-ai": {"vertex_project_id": "p"}, "azure-openai": {"resource_name": "r", "deployment_id": "d"},
    "azure-ai": {"azure_foundry_url": "https://x.services.ai.azure.com"}, "cortex": {"snowflake_account": "a-b"},
    "databricks": {"databricks_host": "x.cloud.databricks.com"}, "oracle": {"oracle_region": "us-chicago-1"},
    "predibase": {"predibase_tenant_id": "t"}, "watsonx": {"watsonx_project_id": "p"}, "workers-ai": {"workers_ai_account_id": "a" * 32},
}  # fmt: skip
MODELS = ("m", "claude-haiku-4-5", "mistralai.m", "anthropic.claude-haiku-4-5", "endpoints.1")


@pytest.mark.parametrize("slug", PROVIDERS)
@pytest.mark.parametrize("dialect", [calling.OPENAI, calling.ANTHROPIC], ids=["openai", "anthropic"])
@pytest.mark.parametrize("model", MODELS)
def test_no_key_of_the_cache_holds_the_form(slug: str, dialect: Any, model: str) -> None:
    row = PROVIDERS[slug]
    members: dict[str, Any] = {"options": OPTIONS.get(slug, {}), "cache": CachePolicy(60.0)}
    if not row.base_url:
        pytest.skip("it has no address of its own")
    if not row.places_of(Operation.CHAT, with_defaults(row, members["options"])):
        pytest.skip("it serves no chats")
    route = calling.route(calling.target(slug, **members))
    caching = Caching(MemoryReplyStore(1 << 20, 1 << 20), calling.upstream(None), 1 << 20)  # type: ignore[arg-type]
    keys = []
    for streams in (False, True):
        call = calling.call({**calling.CHAT, "model": model, "stream": streams}, dialect)
        keyed = caching.prepare(call, route)
        assert isinstance(keyed, tuple), keyed
        keys.append(keyed[1])
    assert keys[0] == keys[1]
