"""Callers of Anthropic Messages through the real server, with Anthropic's own SDK: on lane 1, on lane 2, and in trouble."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import httpx
import pytest
from anthropic.types import ToolUseBlock

from claude_replies import begin, block, end, said, sse
from penstock.settings import load
from running import RunningGateway, running_gateway
from upstream import CHUNK, DONE, FINISH, ROLE, Upstream, chunk, events, hang_up, reply

MESSAGE: dict[str, Any] = {
    "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x",
    "content": [{"type": "text", "text": "Hello  there"}], "stop_reason": "end_turn", "stop_sequence": None,
    "usage": {"input_tokens": 5, "output_tokens": 2}, "new_member": 1.50,
}  # fmt: skip
BYTES = json.dumps(MESSAGE, indent=1).encode()
"""With white space and a member that no client knows: what a relay must not touch."""
STREAMED = sse(
    begin(input_tokens=5, output_tokens=1), {"type": "ping"},
    *block(0, "text", said("Hello "), said(" there"), text=""), *end(usage={"output_tokens": 2}),
)  # fmt: skip
ASK: dict[str, Any] = {
    "model": "claude-x",
    "max_tokens": 50,
    "messages": [{"role": "user", "content": "Hello"}],
}
TOOL: Any = {
    "name": "get_weather",
    "description": "Tells the weather",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
USAGE = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}
OVERFLOW = "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens."


def claude(upstream: Upstream, **more: Any) -> dict[str, Any]:
    return {"provider": "anthropic", "api_key": "sk-a", "custom_host": f"{upstream.url}/v1", **more}


def gpt(upstream: Upstream, **more: Any) -> dict[str, Any]:
    return {"provider": "openai", "api_key": "sk-o", "custom_host": f"{upstream.url}/v1", **more}


def config(value: dict[str, Any]) -> dict[str, str]:
    return {"x-portkey-config": json.dumps(value)}


@contextlib.contextmanager
def sdk(gateway: RunningGateway, value: dict[str, Any] | None) -> Iterator[anthropic.Anthropic]:
    """Anthropic's SDK at the gateway, under a config; it doesn't retry by itself."""
    headers = {} if value is None else config(value)
    with anthropic.Anthropic(
        api_key="sk-caller", base_url=gateway.url, default_headers=headers, max_retries=0, timeout=60
    ) as client:
        yield client


def post(
    gateway: RunningGateway, value: dict[str, Any], body: Any = ASK, path: str = "/messages", **headers: str
) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    given = {"content-type": "application/json", **config(value), **headers}
    return httpx.post(f"{gateway.v1}{path}", content=content, headers=given, timeout=300)


def text_of(message: anthropic.types.Message) -> str:
    return "".join(part.text for part in message.content if part.type == "text")


def told(got: Any) -> tuple[str, str]:
    """Type and message of an error in Anthropic's shape; the SDK and httpx have response classes of their own."""
    body = got.json()
    assert body["type"] == "error"
    assert body["request_id"] == got.headers["request-id"]
    return body["error"]["type"], body["error"]["message"]


# Lane 1: the provider speaks the caller's wire.


def test_a_plain_answer_passes_as_it_is(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(reply(body=BYTES))
    got = httpx.post(
        f"{gateway.v1}/messages?beta=true&not=forwarded",
        content=b'{ "model": "claude-x", "top_p": 1.50,  "messages": [ {"role": "user", "content": "Hi" } ] }',
        headers={**config(claude(upstream)), "content-type": "application/json", "anthropic-beta": "one,two"},
        timeout=60,
        trust_env=False,
    )
    assert got.content == BYTES
    sent = upstream.last
    assert sent.target == "/v1/messages?beta=true"
    assert sent.body == b'{"model":"claude-x","top_p":1.50,"messages":[ {"role": "user", "content": "Hi" } ]}'
    assert (sent.headers["anthropic-beta"], sent.headers["x-api-key"]) == ("one,two", "sk-a")
    assert not [name for name in sent.headers if name.startswith("x-portkey")]


def test_a_stream_passes_as_it_is(gateway: RunningGateway, upstream: Upstream) -> None:
    cuts = [STREAMED[at : at + 7] for at in range(0, len(STREAMED), 7)]
    upstream.play(events(*cuts))
    assert post(gateway, claude(upstream), {**ASK, "stream": True}).content == STREAMED


def test_the_sdk_reads_both_forms(gateway: RunningGateway, upstream: Upstream) -> None:
    with sdk(gateway, claude(upstream)) as client:
        upstream.play(reply(body=BYTES))
        assert text_of(client.beta.messages.create(**ASK, betas=["new-2026-01-01"])) == "Hello  there"
        assert upstream.last.headers["anthropic-beta"] == "new-2026-01-01"
        upstream.play(events(STREAMED))
        with client.messages.stream(**ASK) as stream:
            assert stream.get_final_text() == "Hello  there"
        assert upstream.last.json["stream"] is True


def test_without_a_provider_it_is_anthropic(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(reply(body=BYTES))
    headers = {"x-portkey-custom-host": f"{upstream.url}/v1"}
    with anthropic.Anthropic(api_key="sk-caller", base_url=gateway.url, default_headers=headers) as client:
        got = client.messages.with_raw_response.create(**ASK)
    assert got.headers["x-portkey-provider"] == "anthropic"
    assert upstream.last.headers["x-api-key"] == "sk-caller"


# Lane 2: it speaks another.


def test_another_makers_answer(gateway: RunningGateway, upstream: Upstream) -> None:
    with sdk(gateway, gpt(upstream)) as client:
        got = client.messages.create(**ASK, system="Be brief.", stop_sequences=["END"])
    sent = upstream.last
    assert sent.target == "/v1/chat/completions"
    assert sent.headers["authorization"] == "Bearer sk-o"
    assert not [name for name in sent.headers if name.startswith("anthropic")]
    assert [message["role"] for message in sent.json["messages"]] == ["system", "user"]
    assert sent.json["stop"] == ["END"]
    assert (text_of(got), got.stop_reason, got.usage.input_tokens) == ("Hi", "end_turn", 3)
    assert got.id.startswith("msg_")


def test_another_makers_stream(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(events(ROLE, CHUNK, CHUNK, FINISH, chunk({}, choices=[], usage=USAGE), DONE))
    with sdk(gateway, gpt(upstream)) as client, client.messages.stream(**ASK) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_message()
    assert (kinds[0], kinds[-1]) == ("message_start", "message_stop")
    assert (text_of(final), final.stop_reason) == ("HiHi", "end_turn")
    assert (final.usage.input_tokens, final.usage.output_tokens) == (9, 4)


CALL = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Rome"}'}}


def calling(*, streamed: bool) -> Any:
    """A completion that calls the tool, in either form."""
    if not streamed:
        message = {"role": "assistant", "content": None, "tool_calls": [CALL]}
        choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
        body = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": USAGE}
        return reply(body=json.dumps(body).encode())
    begun = {**CALL, "index": 0, "function": {"name": "get_weather", "arguments": ""}}
    pieces = [{"index": 0, "function": {"arguments": piece}} for piece in ('{"ci', 'ty": "Rome"}')]
    deltas = [chunk({"tool_calls": [each]}) for each in (begun, *pieces)]
    return events(ROLE, *deltas, chunk({}, "tool_calls"), DONE)


@pytest.mark.parametrize("streamed", [False, True])
def test_a_call_and_its_result_make_the_round(streamed: bool, gateway: RunningGateway, upstream: Upstream) -> None:
    with sdk(gateway, gpt(upstream)) as client:
        upstream.play(calling(streamed=streamed))
        if streamed:
            with client.messages.stream(**ASK, tools=[TOOL]) as stream:
                got: anthropic.types.Message = stream.get_final_message()
        else:
            got = client.messages.create(**ASK, tools=[TOOL])
        call = got.content[-1]
        assert isinstance(call, ToolUseBlock)
        assert (got.stop_reason, call.id, call.input) == ("tool_use", "call_1", {"city": "Rome"})
        assert upstream.last.json["tools"][0]["function"]["parameters"] == TOOL["input_schema"]
        result: dict[str, Any] = {"type": "tool_result", "tool_use_id": call.id, "content": "sunny"}
        turns: Any = [
            *ASK["messages"],
            {"role": "assistant", "content": got.content},
            {"role": "user", "content": [result]},
        ]
        client.messages.create(**{**ASK, "messages": turns}, tools=[TOOL])
    _, assistant, tool = upstream.last.json["messages"]
    assert [each["id"] for each in assistant["tool_calls"]] == ["call_1"]
    assert json.loads(assistant["tool_calls"][0]["function"]["arguments"]) == {"city": "Rome"}
    assert (tool["role"], tool["tool_call_id"], tool["content"]) == ("tool", "call_1", "sunny")


# Errors, in Anthropic's shape.


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[RunningGateway]:
    """A gateway that wants a key of its own."""
    path = tmp_path / "penstock.toml"
    path.write_text(f'[keys.team]\nhash = "sha256:{hashlib.sha256(b"pk-team").hexdigest()}"\n')
    with running_gateway(load({}, {"PENSTOCK_ACCESS_LOG": "false"}, Path("/nonexistent")), path) as running:
        yield running


def test_a_guarded_gateway_refuses_before_it_reads_the_body(guarded: RunningGateway, upstream: Upstream) -> None:
    with sdk(guarded, claude(upstream)) as client, pytest.raises(anthropic.AuthenticationError) as caught:
        client.messages.create(**ASK)
    assert caught.value.response.headers["x-should-retry"] == "false"
    # A body that could not be read.
    got = post(guarded, claude(upstream), b"{")
    assert (got.status_code, told(got)[0]) == (401, "authentication_error")
    assert not upstream.received


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("POST", "/messages/batches", 401, "authentication_error"),
        ("GET", "/messages", 405, "invalid_request_error"),
        ("DELETE", "/messages/count_tokens", 405, "invalid_request_error"),
    ],
)
def test_what_is_not_there(method: str, path: str, status: int, kind: str, gateway: RunningGateway) -> None:
    got = httpx.request(method, f"{gateway.v1}{path}", timeout=300)
    assert (got.status_code, told(got)[0]) == (status, kind)


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"model": 7}'])
def test_a_body_that_cant_be_read(body: bytes, gateway: RunningGateway, upstream: Upstream) -> None:
    got = post(gateway, claude(upstream), body)
    assert (got.status_code, told(got)[0]) == (400, "invalid_request_error")
    assert not upstream.received


def test_a_provider_that_wants_a_pause(gateway: RunningGateway, upstream: Upstream) -> None:
    error = {"error": {"message": "Slow down", "type": "tokens", "code": "rate_limit_exceeded"}}
    upstream.play(reply(429, json.dumps(error).encode(), retry_after="7"))
    with sdk(gateway, gpt(upstream)) as client, pytest.raises(anthropic.RateLimitError) as caught:
        client.messages.create(**ASK)
    assert caught.value.response.headers["retry-after"] == "7"
    assert told(caught.value.response) == ("rate_limit_error", "Slow down")


def test_a_prompt_that_is_too_long_is_told_in_the_words_that_clients_know(
    gateway: RunningGateway, upstream: Upstream
) -> None:
    error = {"error": {"message": OVERFLOW, "type": "invalid_request_error", "code": "context_length_exceeded"}}
    upstream.play(reply(400, json.dumps(error).encode()))
    got = post(gateway, gpt(upstream))
    assert got.status_code == 400
    assert told(got) == ("invalid_request_error", "prompt is too long: 9000 tokens > 8192 maximum")


def test_a_stream_that_is_cut_is_an_error(gateway: RunningGateway, upstream: Upstream) -> None:
    half = STREAMED[: STREAMED.index(b"event: message_delta")]
    for config_, acts in (
        (claude(upstream), (events(half, end=False), hang_up)),
        (claude(upstream), (events(half),)),
        (gpt(upstream), (events(ROLE, CHUNK, end=False), hang_up)),
    ):
        upstream.play(*acts)
        with sdk(gateway, config_) as client, client.messages.stream(**ASK) as stream:
            assert next(iter(stream)).type == "message_start"
            with pytest.raises(anthropic.APIStatusError):
                stream.get_final_message()


# Stages around the attempt.


def test_another_maker_stands_in(gateway: RunningGateway, upstream: Upstream) -> None:
    overloaded = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    targets = [claude(upstream), gpt(upstream, override_params={"model": "gpt-5.1"})]
    with sdk(gateway, {"strategy": {"mode": "fallback"}, "targets": targets}) as client:
        upstream.play(reply(529, json.dumps(overloaded).encode()))
        got = client.messages.with_raw_response.create(**ASK)
    assert [request.target for request in upstream.received] == ["/v1/messages", "/v1/chat/completions"]
    assert upstream.last.json["model"] == "gpt-5.1"
    assert got.headers["x-portkey-last-used-option-index"] == "config.targets[1]"
    assert text_of(got.parse()) == "Hi"


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("makes", [claude, gpt])
def test_a_cached_answer_comes_in_either_form(
    first: bool, makes: Any, gateway: RunningGateway, upstream: Upstream
) -> None:
    if makes is claude:
        upstream.play(events(STREAMED) if first else reply(body=BYTES))
    elif first:
        upstream.play(events(ROLE, CHUNK, FINISH, DONE))
    cached = makes(upstream, cache={"mode": "simple", "max_age": 60})
    forms = [first, not first, first]
    got = [post(gateway, cached, {**ASK, "stream": streamed}) for streamed in forms]
    assert [each.headers["x-portkey-cache-status"] for each in got] == ["MISS", "HIT", "HIT"]
    assert len(upstream.received) == 1
    assert got[0].content == got[2].content
    texts = [_said(each.content, streamed=streamed) for each, streamed in zip(got, forms, strict=True)]
    assert texts == (["Hello  there"] if makes is claude else ["Hi"]) * 3


def _said(content: bytes, *, streamed: bool) -> str:
    if not streamed:
        return "".join(part["text"] for part in json.loads(content)["content"])
    assert content.endswith((b'data: {"type": "message_stop"}\n\n', b'data: {"type":"message_stop"}\n\n'))
    data = [json.loads(line[6:]) for line in content.split(b"\n") if line.startswith(b"data: ")]
    return "".join(each["delta"].get("text", "") for each in data if each["type"] == "content_block_delta")


def test_tokens_are_counted_where_the_maker_counts(gateway: RunningGateway, upstream: Upstream) -> None:
    messages = ASK["messages"]
    upstream.play(reply(body=b'{"input_tokens": 12}'))
    with sdk(gateway, claude(upstream)) as client:
        assert client.messages.count_tokens(model="claude-x", messages=messages).input_tokens == 12
    assert upstream.last.target == "/v1/messages/count_tokens"
    with sdk(gateway, gpt(upstream)) as client:
        got = client.messages.with_raw_response.count_tokens(model="gpt-5.1", messages=messages)
    assert got.headers["x-penstock-estimate"] == "true"
    assert 1 < got.parse().input_tokens < 20
    assert len(upstream.received) == 1
