"""No wire, no stream and no detour hides texts from a config's guards: Responses, Gemini, what is read later, and what
passes as it is."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest

from calling import COMPLETED, CONVERSED, CREATED, PLAIN, RESPONSE, SAID, STREAMS
from penstock.dialects.bedrock.caller.frames import FrameEncoder
from penstock.dialects.framing.aws_eventstream import STREAM_TYPE
from running import RunningGateway
from upstream import DONE, FINISH, ROLE, Upstream, chunk, events, reply, send

BAD = "canary-4711"
DENY = {"default.contains": {"words": [BAD], "operator": "none"}, "deny": True}
REPLACE = {"default.regexReplace": {"rule": "/canary-[0-9]+/g", "redactText": "[gone]"}}
CHAT = {"object": "chat.completion", "id": "c", "created": 1, "model": "m"}
GEMINI = {"content": {"role": "model", "parts": [{"text": f"so {BAD}"}]}, "finishReason": "STOP", "index": 0}
CALL = {"content": {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {"q": BAD}}}]}, "index": 0}
OWN = {"ollama": "/api/chat", "ollama_generate": "/api/generate", "cohere": "/v2/chat"}
WIRES = (
    *("responses", "responses through chat", "gemini", "gemini through chat", "converse", "converse through chat"),
    *(wire + through for wire in OWN for through in ("", " through chat")),
)


def told(wire: str, text: str) -> bytes:
    """The provider's plain answer."""
    if wire == "responses":
        return RESPONSE.replace(b'"Hi"', json.dumps(text).encode())
    if wire == "converse":
        return CONVERSED.replace(b'"Hi"', json.dumps(text).encode())
    if wire == "gemini":
        content = {"role": "model", "parts": [{"text": text}]}
        return json.dumps({"candidates": [{"content": content, "finishReason": "STOP", "index": 0}]}).encode()
    if wire in OWN:
        return PLAIN[wire].replace(b'"Hi"', json.dumps(text).encode())
    message = {"role": "assistant", "content": text}
    return json.dumps({**CHAT, "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}).encode()


def going_on(piece: bytes) -> bytes:
    """A piece of a stream without the event that begins its block."""
    return piece[piece.rfind(b"event: ") :] if b"event: content-start" in piece else piece


def streamed(wire: str) -> Any:
    """The provider's stream, whose bad text comes in two events."""
    first, second = f"so {BAD[:6]}", BAD[6:]
    if wire == "responses":
        parts = [SAID.replace(b'"delta":"Hi"', b'"delta":' + json.dumps(text).encode()) for text in (first, second)]
        whole = f"so {BAD}".encode()
        done = (
            b'event: response.output_text.done\ndata: {"type":"response.output_text.done","item_id":"msg_1",'
            b'"output_index":0,"content_index":0,"text":"' + whole + b'","sequence_number":3}\n\n'
        )
        return events(CREATED, *parts, done, COMPLETED.replace(b'"Hi"', b'"' + whole + b'"'))
    if wire == "converse":
        nothing, content, rest = STREAMS["bedrock_converse"]
        pieces = [content.replace(b'"Hi"', json.dumps(text).encode()) for text in (first, second)]
        framed = FrameEncoder().finish(b"".join([nothing, *pieces, rest]))
        return reply(200, framed, content_type=STREAM_TYPE.decode())
    if wire == "gemini":
        lines = []
        for text, finish in ((first, {}), (second, {"finishReason": "STOP"})):
            candidate = {"content": {"role": "model", "parts": [{"text": text}]}, "index": 0, **finish}
            lines.append(b"data: " + json.dumps({"candidates": [candidate]}).encode() + b"\r\n\r\n")
        return events(*lines)
    if wire in OWN:
        begun, said, rest = STREAMS[wire]
        parts = [said.replace(b'"Hi"', json.dumps(text).encode()) for text in (first, second)]
        return events(begun, parts[0], going_on(parts[1]), rest)
    return events(ROLE, chunk({"content": first}), chunk({"content": second}), FINISH, DONE)


def ask(
    gateway: RunningGateway,
    upstream: Upstream,
    wire: str,
    guards: Any,
    text: str = "Hello",
    *,
    streams: bool = False,
    **fields: str,
) -> httpx.Response:
    bare = wire.removesuffix(" through chat")
    own = {
        "gemini": "google",
        "converse": "bedrock",
        "ollama": "ollama",
        "ollama_generate": "ollama",
        "cohere": "cohere",
    }
    slug = "nvidia" if "chat" in wire else own.get(wire, "openai")
    host = upstream.url if wire in own else f"{upstream.url}/v1"
    config = {"provider": slug, "api_key": "k", "custom_host": host, **guards}
    headers = {"x-portkey-config": json.dumps(config), **fields}
    if wire.startswith("responses"):
        body: dict[str, Any] = {"model": "m", "input": [{"role": "user", "content": text}], "stream": streams}
        return httpx.post(f"{gateway.v1}/responses", json=body, headers=headers, timeout=60)
    if wire.startswith("converse"):
        body = {"messages": [{"role": "user", "content": [{"text": text}]}]}
        url = f"{gateway.url}/model/m/converse{'-stream' if streams else ''}"
        return httpx.post(url, json=body, headers=headers, timeout=60)
    if bare in OWN:
        said: dict[str, Any] = {"messages": [{"role": "user", "content": text}]}
        body = {"model": "m", "stream": streams, **({"prompt": text} if bare == "ollama_generate" else said)}
        return httpx.post(f"{gateway.url}{OWN[bare]}", json=body, headers=headers, timeout=60)
    verb = "streamGenerateContent?alt=sse" if streams else "generateContent"
    body = {"contents": [{"role": "user", "parts": [{"text": text}]}]}
    return httpx.post(f"{gateway.url}/v1beta/models/m:{verb}", json=body, headers=headers, timeout=60)


@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize("wire", WIRES)
def test_a_bad_request_reaches_nobody(gateway: RunningGateway, upstream: Upstream, wire: str, streams: bool) -> None:
    got = ask(gateway, upstream, wire, {"input_guardrails": [DENY]}, f"say {BAD}", streams=streams)
    assert got.status_code == 446, got.text
    assert upstream.received == []


@pytest.mark.parametrize("wire", WIRES)
def test_a_bad_answer_is_withheld(gateway: RunningGateway, upstream: Upstream, wire: str) -> None:
    upstream.play(reply(200, told(wire, f"so {BAD}")))
    got = ask(gateway, upstream, wire, {"output_guardrails": [DENY]})
    assert (got.status_code, BAD in got.text) == (446, False), got.text


@pytest.mark.parametrize(("status", "before"), [(201, b""), (203, b""), (200, b"\xef\xbb\xbf"), (200, b" \n")])
@pytest.mark.parametrize("wire", WIRES)
def test_a_bad_answer_is_withheld_however_it_comes(
    gateway: RunningGateway, upstream: Upstream, wire: str, status: int, before: bytes
) -> None:
    upstream.play(reply(status, before + told(wire, f"so {BAD}")))
    got = ask(gateway, upstream, wire, {"output_guardrails": [DENY]})
    assert BAD not in got.text
    assert got.status_code >= 400


@pytest.mark.parametrize("mode", ["hold", "window", "buffer"])
@pytest.mark.parametrize("wire", WIRES)
def test_a_bad_stream_is_withheld(gateway: RunningGateway, upstream: Upstream, wire: str, mode: str) -> None:
    upstream.play(streamed(wire))
    got = ask(gateway, upstream, wire, {"output_guardrails": [{**DENY, "stream": mode}]}, streams=True)
    assert BAD not in got.text
    assert BAD[6:] not in got.text
    assert "hooks_failed" in got.text


@pytest.mark.parametrize("mode", ["hold", "buffer"])
@pytest.mark.parametrize("wire", WIRES)
def test_what_is_replaced_is_replaced_everywhere_in_a_stream(
    gateway: RunningGateway, upstream: Upstream, wire: str, mode: str
) -> None:
    upstream.play(streamed(wire))
    got = ask(gateway, upstream, wire, {"output_guardrails": [{**REPLACE, "stream": mode}]}, streams=True)
    assert got.status_code == 200
    assert BAD not in got.text
    assert "[gone]" in got.text
    assert BAD[6:] not in got.text


@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize("wire", WIRES)
def test_a_request_is_changed(gateway: RunningGateway, upstream: Upstream, wire: str, streams: bool) -> None:
    upstream.play(streamed(wire) if streams else reply(200, told(wire, "fine")))
    got = ask(gateway, upstream, wire, {"input_guardrails": [REPLACE]}, f"say {BAD}", streams=streams)
    assert got.status_code == 200, got.text
    assert BAD.encode() not in upstream.last.body
    assert b"say [gone]" in upstream.last.body


def test_a_stream_without_an_event_at_its_end_is_judged(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(streamed("gemini"))
    guards, loose = (
        {"output_guardrails": [{**DENY, "stream": "after"}]},
        {"x-portkey-strict-open-ai-compliance": "false"},
    )
    got = ask(gateway, upstream, "gemini", guards, streams=True, **loose)
    assert BAD[6:] in got.text
    assert '"hook_results"' in got.text.splitlines()[-2]


def test_what_a_function_is_called_with_is_judged(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(reply(200, json.dumps({"candidates": [CALL]}).encode()))
    guard = {**DENY, "kinds": ["tool_call"], "scope": "all"}
    assert ask(gateway, upstream, "gemini", {"output_guardrails": [guard]}).status_code == 446


def test_an_answer_that_is_read_later_is_judged(gateway: RunningGateway, upstream: Upstream) -> None:
    target = {"provider": "openai", "api_key": "k", "custom_host": f"{upstream.url}/v1"}
    headers = {"x-portkey-config": json.dumps({**target, "output_guardrails": [DENY], "input_guardrails": [DENY]})}
    upstream.play(reply(200, told("responses", BAD)))
    got = httpx.get(f"{gateway.v1}/responses/resp_1", headers=headers, timeout=60)
    assert (got.status_code, BAD in got.text) == (446, False)
    upstream.play(streamed("responses"))
    got = httpx.get(f"{gateway.v1}/responses/resp_1?stream=true", headers=headers, timeout=60)
    assert BAD not in got.text
    upstream.play(reply(200, told("responses", "fine")))
    assert httpx.get(f"{gateway.v1}/responses/resp_1", headers=headers, timeout=60).status_code == 200


@pytest.mark.parametrize("path", ["/v1/proxy/chat/completions", "/v1/proxy/v1/messages", "/v1/api/generate"])
@pytest.mark.parametrize("media_type", ["application/json", "text/plain"])
def test_what_a_guard_can_read_elsewhere_does_not_pass_as_it_is(
    gateway: RunningGateway, upstream: Upstream, path: str, media_type: str
) -> None:
    target = {"provider": "openai", "api_key": "k", "custom_host": f"{upstream.url}/v1"}
    body = {"model": "m", ("prompt" if "generate" in path else "messages"): [{"role": "user", "content": BAD}]}
    for guards, status in (({"input_guardrails": [DENY]}, 400), ({}, 200)):
        headers = {"x-portkey-config": json.dumps({**target, **guards}), "content-type": media_type}
        got = httpx.post(f"{gateway.url}{path}", content=json.dumps(body), headers=headers, timeout=60)
        assert got.status_code == status, got.text
    assert len(upstream.received) == 1


def test_a_denial_in_the_middle_ends_a_response_in_its_own_words(gateway: RunningGateway, upstream: Upstream) -> None:
    rest = chunk({"content": f"{BAD} and on"}) + FINISH + DONE

    async def said(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await events(ROLE, chunk({"content": "so far so good "}), end=False)(reader, writer)
        await writer.drain()
        await asyncio.sleep(0.3)
        await send(b"%x\r\n%b\r\n0\r\n\r\n" % (len(rest), rest))(reader, writer)

    upstream.play(said)
    got = ask(gateway, upstream, "responses through chat", {"output_guardrails": [DENY]}, streams=True)
    values = [json.loads(line[6:]) for line in got.text.splitlines() if line.startswith("data: ")]
    assert values[-1]["type"] == "response.failed", got.text
    assert [value["sequence_number"] for value in values] == list(range(len(values)))
    assert BAD not in got.text
