"""What guards mask in a request comes back into its answer, of each wire, from a host of that wire and from one of
another, plain and streamed, in texts and in the arguments of tools.

The hosts' replies are what a gateway without guards makes of a chat completion for a caller of their wire.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import pytest

from penstock.core.operation import Operation
from penstock.core.segments import SegmentKind, TextKey
from penstock.dialects.framing import sse
from penstock.dialects.framing.aws_eventstream import STREAM_TYPE, EventStream
from penstock.dialects.registry import CALLERS
from running import RunningGateway
from upstream import DONE, ROLE, Upstream, chunk, events, reply

MAIL, NAME = "ada@lovelace.example", "[EMAIL_1]"
MASKS = {"input_guardrails": [{"penstock.pii": {"redact": True, "restore": True, "mask": "numbered"}}]}
TEXT = f"I wrote to {NAME}, not to [EMAIL_2], and to {NAME}."
TOLD = TEXT.replace(NAME, MAIL)
ARGUMENTS = {"to": NAME, "note": f'a\n"b" {NAME} \\ é', "n": 1, "deep": [{"cc": [NAME]}]}
RESTORED = json.loads(json.dumps(ARGUMENTS).replace(NAME, MAIL))
SCHEMA = {"type": "object", "properties": {"to": {"type": "string"}}}
FUNCTION = {"name": "send", "description": "sends", "parameters": SCHEMA}
ASKED = f"Write to {MAIL}"


class Wire(msgspec.Struct, frozen=True):
    """A wire as callers speak it: its dialect, path, path of a stream, provider, and a body that asks."""

    dialect: str
    path: str
    provider: str
    body: dict[str, Any]
    stream_path: str = ""
    root: str = "/v1"


_PROMPT = [{"role": "user", "content": ASKED}]
_TOOLS = [{"type": "function", "function": FUNCTION}]
WIRES = {
    "chat": Wire("openai_chat", "/v1/chat/completions", "openai", {"messages": _PROMPT, "tools": _TOOLS}),
    "messages": Wire(
        "anthropic",
        "/v1/messages",
        "anthropic",
        {"max_tokens": 99, "messages": _PROMPT, "tools": [{"name": "send", "input_schema": SCHEMA}]},
    ),
    "responses": Wire(
        "responses", "/v1/responses", "openai", {"input": ASKED, "tools": [{"type": "function", **FUNCTION}]}
    ),
    "gemini": Wire(
        "gemini",
        "/v1beta/models/m:generateContent",
        "google",
        {
            "contents": [{"role": "user", "parts": [{"text": ASKED}]}],
            "tools": [{"functionDeclarations": [FUNCTION]}],
        },
        "/v1beta/models/m:streamGenerateContent?alt=sse",
        "/v1beta",
    ),
    "converse": Wire(
        "bedrock_converse",
        "/model/m/converse",
        "bedrock",
        {
            "messages": [{"role": "user", "content": [{"text": ASKED}]}],
            "toolConfig": {"tools": [{"toolSpec": {"name": "send", "inputSchema": {"json": SCHEMA}}}]},
        },
        "/model/m/converse-stream",
        "",
    ),
    "cohere": Wire("cohere", "/v2/chat", "cohere", {"messages": _PROMPT, "tools": _TOOLS}, root=""),
    "ollama": Wire("ollama", "/api/chat", "ollama", {"messages": _PROMPT, "tools": _TOOLS}, root=""),
}


def ask(
    gateway: RunningGateway, host: str, wire: Wire, provider: str, *, streams: bool, **guards: Any
) -> httpx.Response:
    config = {"provider": provider, "api_key": "k", "custom_host": host, **guards}
    body = wire.body if wire.stream_path else {"model": "m", **wire.body, "stream": streams}
    path = wire.stream_path if streams and wire.stream_path else wire.path
    headers = {"x-portkey-config": json.dumps(config)}
    return httpx.post(f"{gateway.url}{path}", json=body, headers=headers, timeout=300, trust_env=False)


def chat_reply(*, streams: bool) -> Any:
    """A chat completion with a text and a call, which a stream tells in pieces of three characters."""
    arguments = json.dumps(ARGUMENTS, ensure_ascii=False)
    call = {"id": "call_1", "type": "function", "function": {"name": "send", "arguments": arguments}}
    if not streams:
        message = {"role": "assistant", "content": TEXT, "tool_calls": [call]}
        choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        return reply(200, json.dumps({"object": "chat.completion", "id": "c", "created": 1, "model": "m", "choices": [choice], "usage": usage}).encode())  # fmt: skip
    said = [chunk({"content": each}) for each in pieces_of(TEXT)]
    begun = chunk({"tool_calls": [{**call, "index": 0, "function": {"name": "send", "arguments": ""}}]})
    made = [chunk({"tool_calls": [{"index": 0, "function": {"arguments": each}}]}) for each in pieces_of(arguments)]
    return events(ROLE, *said, begun, *made, chunk({}, "tool_calls"), DONE)


def pieces_of(text: str) -> list[str]:
    return [text[at : at + 3] for at in range(0, len(text), 3)]


def events_of(wire: Wire, got: httpx.Response) -> Iterator[tuple[bytes, bytes]]:
    """The events of a stream, in whatever form it comes: name and data."""
    kind = got.headers["content-type"]
    if kind.startswith(STREAM_TYPE.decode()):
        for message in EventStream().feed(got.content):
            yield message.headers.get(":event-type", "").encode(), message.payload
    elif kind.startswith("application/x-ndjson"):
        yield from ((b"", line) for line in got.content.splitlines())
    else:
        yield from sse.events(got.content.replace(b"\r\n", b"\n"))


def told(wire: Wire, got: httpx.Response, *, streams: bool) -> tuple[list[str], list[Any]]:
    """The texts of an answer and the arguments of its calls."""
    view = CALLERS[wire.dialect].texts
    assert view is not None
    operation = next(each for each in (Operation.CHAT, *view.request_types) if each in view.request_types)
    kind = view.request_types[operation]
    if not streams:
        segments = list(view.answer(kind, got.json()))
        calls = [each for each in segments if each.kind is SegmentKind.TOOL_CALL]
        values: list[Any] = [each.text for each in calls]
        if len(calls) == 1:  # the JSON of the arguments; else their leaves
            values = [json.loads(calls[0].text)]
        return [each.text for each in segments if each.kind is SegmentKind.TEXT], values
    texts: dict[TextKey, str] = {}
    whole: list[Any] = []
    for _, data in events_of(wire, got):
        if data == b"[DONE]":
            continue
        for delta in view.deltas(kind, json.loads(data)):
            if delta.is_whole:
                whole.append((delta.key[0], delta.text))
            else:
                texts[delta.key] = texts.get(delta.key, "") + delta.text
    said = [text for key, text in texts.items() if key[0] is SegmentKind.TEXT]
    made = [json.loads(text) for key, text in texts.items() if key[0] is SegmentKind.TOOL_CALL and text]
    said += [text for key, text in whole if key is SegmentKind.TEXT]
    return said, made or [text for key, text in whole if key is SegmentKind.TOOL_CALL]


def leaves(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for each in inner for text in leaves(each)]


@pytest.mark.parametrize("streams", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("lane", [1, 2])
@pytest.mark.parametrize("name", WIRES)
def test_what_is_masked_comes_back(
    gateway: RunningGateway, upstream: Upstream, name: str, lane: int, streams: bool
) -> None:
    wire, chat = WIRES[name], WIRES["chat"]
    host = wire if lane == 1 else WIRES["messages"] if name == "chat" else chat
    provider = "nvidia" if host is chat else host.provider
    act = chat_reply(streams=streams)
    if host is not chat:
        upstream.play(act)
        made = ask(gateway, f"{upstream.url}/v1", host, "nvidia", streams=streams)
        assert made.status_code == 200, made.text
        act = reply(200, made.content, content_type=made.headers["content-type"])
    upstream.play(act)
    got = ask(gateway, f"{upstream.url}{host.root}", wire, provider, streams=streams, **MASKS)
    assert got.status_code == 200, got.text
    sent = upstream.received[-1].body.decode()
    assert MAIL not in sent
    assert f"Write to {NAME}" in sent
    texts, calls = told(wire, got, streams=streams)
    assert TOLD in texts
    assert sorted(itertools.chain.from_iterable(map(leaves, calls))) == sorted(leaves(RESTORED))
    assert NAME.encode() not in got.content
