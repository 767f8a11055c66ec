"""Anthropic's replies, whole and streamed: streams that break, both framings, any bytes."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from collections.abc import Iterable
from typing import Any, Final

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from claude_replies import API, args, begin, block, end, feed, said, sse, stream, told
from penstock.core.events import (
    ChatReply,
    Citation,
    Event,
    Fail,
    Foreign,
    Text,
    Thinking,
    collect,
)
from penstock.core.usage import Usage
from penstock.dialects.anthropic import DIALECT
from penstock.dialects.dialect import WriteContext

BEDROCK: Final = WriteContext("claude", "bedrock", variant="bedrock")


def summary(reply: ChatReply) -> Any:
    """A reply with the pieces of its blocks joined: what must not depend on whether it was streamed."""
    choices = {}
    for number, choice in reply.choices.items():
        blocks = {index: _joined(events) for index, events in choice.blocks.items()}
        choices[number] = (blocks, choice.calls, choice.extras, choice.stop)
    return reply.start, choices, reply.usage, reply.extras, reply.failure


def _joined(events: list[Any]) -> Any:
    text, thought = ("".join(event.text for event in events if isinstance(event, kind)) for kind in (Text, Thinking))
    thoughts = [event for event in events if isinstance(event, Thinking)]
    signature, data = ("".join(getattr(event, name) for event in thoughts) for name in ("signature", "data"))
    return text, thought, signature, data, [event for event in events if isinstance(event, Citation | Foreign)]


USAGES = st.dictionaries(
    st.sampled_from(
        ["input_tokens", "output_tokens", "cache_read_input_tokens", "service_tier", "cache_creation", "x"]
    ),
    st.none() | st.integers(-1, 9) | st.just("standard") | st.just({"ephemeral_1h_input_tokens": 3}),
)
PLAIN = st.fixed_dictionaries(
    {
        "type": st.just("message"),
        "id": st.text(max_size=2),
        "model": st.text(max_size=2),
        "content": st.lists(st.builds(lambda text: {"type": "text", "text": text}, st.text(max_size=2)), max_size=3),
        "stop_reason": st.sampled_from(["end_turn", "", "max_tokens", "odd", "refusal"]),
        "usage": USAGES,
    },
    optional={"role": st.just("assistant"), "stop_sequence": st.none(), "container": st.none()},
)


@given(PLAIN)
def test_a_message_of_text_is_read_as_any_other(message: dict[str, Any]) -> None:
    """A member that says nothing sends it the general way."""
    plain, general = (json.dumps(each).encode() for each in (message, {**message, "odd": None}))
    assert DIALECT.read_reply(plain, API) == DIALECT.read_reply(general, API)


def test_an_error_as_a_whole_reply() -> None:
    body = b'{"error":{"code":429,"status":"RESOURCE_EXHAUSTED"},"request_id":"req_1"}'
    (fail,) = DIALECT.read_reply(body, API)
    assert fail == Fail("the provider tells of an error without a message", "", "", 429, body)


# fmt: off
BROKEN: Final[dict[str, bytes]] = {
    "nothing": b"",
    "no end": sse(begin(), *block(0, "text", said("Hi"))),
    "no JSON": sse(begin()) + b"data: {oops\n\n",
    "no object": sse(begin()) + b"data: [1]\n\n",
    "a piece of nothing": sse(begin(), {"type": "content_block_delta", "index": 4, "delta": args("{}")}),
}
# fmt: on


@pytest.mark.parametrize("name", BROKEN)
def test_streams_that_break(name: str) -> None:
    fail = feed(BROKEN[name])[-1]
    assert isinstance(fail, Fail)
    assert fail.broken


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"type":"message"}', b'{"content":"Hi"}'])
def test_whole_replies_that_are_none(body: bytes) -> None:
    (fail,) = DIALECT.read_reply(body, API)
    assert isinstance(fail, Fail)
    assert fail.broken


def test_the_last_event_may_lack_its_empty_line() -> None:
    assert feed(sse(begin(), *end())[:-2]) == stream(begin(), *end())


def test_nothing_follows_the_end() -> None:
    assert feed(sse(begin(), *end()) + b"data: [DONE]\n\n") == stream(begin(), *end())
    reader = DIALECT.reader(API)
    reader.feed(sse(begin(), *end()))
    assert reader.feed(sse(begin())) == []


def test_a_frame_that_never_ends_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penstock.dialects.framing.sse.MAX_FRAME", 100)
    assert told(feed(b"data: " + b"x" * 200), Fail) != []


# Bedrock's framing.


def framed(payload: bytes, **headers: str) -> bytes:
    block = b""
    for name, value in {"message_type": "event", **headers}.items():
        key = f":{name.replace('_', '-')}".encode()
        block += bytes([len(key)]) + key + b"\x07" + struct.pack(">H", len(value)) + value.encode()
    prelude = struct.pack(">II", 16 + len(block) + len(payload), len(block))
    prelude += struct.pack(">I", zlib.crc32(prelude))
    whole = prelude + block + payload
    return whole + struct.pack(">I", zlib.crc32(whole))


def chunk(event: dict[str, Any]) -> bytes:
    inner = base64.b64encode(json.dumps(event).encode()).decode()
    return framed(json.dumps({"bytes": inner, "p": "abcd"}).encode(), event_type="chunk")


ANSWER: Final = [begin(input_tokens=3), *block(0, "text", said("Hi"), text=""), *end(usage={"output_tokens": 2})]


def test_bedrock_frames_the_same_events() -> None:
    data = b"".join(chunk(event) for event in ANSWER)
    assert feed(data, context=BEDROCK) == stream(*ANSWER)
    assert feed(data, range(1, len(data)), BEDROCK) == stream(*ANSWER)


def test_what_bedrock_says_in_place_of_an_event() -> None:
    first = chunk(begin(input_tokens=3))
    tokens = Usage(prompt=3, native={"input_tokens": 3})
    payload = b'{"message":"Too many tokens"}'
    exception = framed(payload, message_type="exception", exception_type="throttlingException")
    assert feed(first + exception, context=BEDROCK)[1:] == [
        tokens,
        Fail("Too many tokens", "throttlingException", "", 429, payload),
    ]
    error = framed(b"", message_type="error", error_code="InternalError", error_message="Oh.")
    assert feed(first + error, context=BEDROCK)[1:] == [tokens, Fail("Oh.", "InternalError")]
    unknown = framed(b"?", message_type="exception", exception_type="oddException")
    assert feed(unknown, context=BEDROCK) == [
        Fail("the provider tells of an error without a message", "oddException", raw=b"?")
    ]


# fmt: off
BAD_FRAMES: Final[dict[str, bytes]] = {
    "cut off": chunk(begin())[:-3],
    "garbage": b"\x00" * 40,
    "no end": chunk(begin()),
    "no bytes": framed(b'{"bytes":7}'),
    "no base64": framed(b'{"bytes":"a"}'),
    "no JSON": framed(b"{"),
    "garbage after an event": chunk(begin()) + b"\x00" * 40,
}
# fmt: on


@pytest.mark.parametrize("name", BAD_FRAMES)
def test_frames_that_break(name: str) -> None:
    data = BAD_FRAMES[name]
    events = feed(data, context=BEDROCK)
    fail = events[-1]
    assert isinstance(fail, Fail)
    assert fail.broken
    assert feed(data, range(1, len(data)), BEDROCK) == events


# Whole and streamed, cut anywhere, and whatever the bytes.
CONTENT: Final[list[dict[str, Any]]] = [
    {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"},
    {"type": "redacted_thinking", "data": "ZW5j"},
    {"type": "text", "text": "Grüße 🙂", "citations": [{"type": "x", "url": "https://e.com", "title": "E"}]},
    {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "x"}},
    {"type": "web_search_tool_result", "tool_use_id": "s", "content": [{"type": "web_search_result"}]},
    {"type": "tool_use", "id": "t", "name": "f", "input": {"a": [1, "ü"]}},
    {"type": "tool_use", "id": "u", "name": "g", "input": {}},
]
USAGE: Final = {"input_tokens": 3, "output_tokens": 9, "service_tier": "standard"}
WHOLE: Final = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-x",
    "content": CONTENT,
    "stop_reason": "tool_use",
    "stop_sequence": None,
    "container": {"id": "c"},
    "usage": USAGE,
}
_PIECES: Final[list[list[dict[str, Any]]]] = [
    block(
        0,
        "thinking",
        {"type": "thinking_delta", "thinking": "H"},
        {"type": "thinking_delta", "thinking": "m."},
        {"type": "signature_delta", "signature": "c2ln"},
        thinking="",
        signature="",
    ),
    block(1, "redacted_thinking", data="ZW5j"),
    block(2, "text", {"type": "citations_delta", "citation": CONTENT[2]["citations"][0]}, said("Grüße"), said(" 🙂")),
    block(3, "server_tool_use", args('{"query"'), args(': "x"}'), id="s", name="web_search", input={}),
    block(4, "web_search_tool_result", tool_use_id="s", content=[{"type": "web_search_result"}]),
    block(5, "tool_use", args(""), args('{"a": [1, '), args('"ü"]}'), id="t", name="f", input={}),
    block(6, "tool_use", args(""), id="u", name="g", input={}),
]
STREAMED: Final = [
    begin(input_tokens=1, output_tokens=1, service_tier="standard"),
    *(event for pieces in _PIECES for event in pieces),
    *end("tool_use", {"input_tokens": 3, "output_tokens": 9}, container={"id": "c"}),
]


def test_whole_and_streamed_are_the_same() -> None:
    whole = json.dumps(WHOLE, ensure_ascii=False).encode()
    streamed = collect(stream(*STREAMED))
    assert summary(collect(DIALECT.read_reply(whole, API))) == summary(streamed)
    assert streamed.choices[0].calls[0].arguments == '{"a": [1, "ü"]}'


def test_arguments_of_a_whole_reply_keep_their_bytes() -> None:
    arguments = '{"id": 123456789012345678901234, "price": 1.10, "far": 1e400}'
    body = f'{{"content":[{{"type":"text","text":"x"}},{{"type":"tool_use","input":{arguments}}}]}}'
    assert collect(DIALECT.read_reply(body.encode(), API)).choices[0].calls[0].arguments == arguments


def test_lone_surrogates_are_read() -> None:
    assert told(stream(begin(), *block(0, "text", said("\ud83d")), *end()), Text) == [Text("\ud83d")]


_DATA: Final = sse(*STREAMED)
_FRAMES: Final = b"".join(chunk(event) for event in STREAMED)


@pytest.mark.parametrize(("data", "context"), [(_DATA, API), (_DATA.replace(b"\n", b"\r\n"), API), (_FRAMES, BEDROCK)])
def test_any_cut_gives_the_same_events(data: bytes, context: WriteContext) -> None:
    events = feed(data, context=context)
    assert events == stream(*STREAMED)
    assert feed(data, range(1, len(data)), context) == events


@given(st.sets(st.integers(1, len(_DATA) - 1), max_size=12))
@settings(max_examples=40, deadline=None)
def test_any_cuts_give_the_same_events(cuts: set[int]) -> None:
    assert feed(_DATA, sorted(cuts)) == stream(*STREAMED)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["type", "text", "x"]), inner, max_size=2)
    ),
    max_leaves=5,
)


def paths(value: Any, before: tuple[Any, ...] = ()) -> Iterable[tuple[Any, ...]]:
    """Where every member and element within a value is."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield (*before, key)
        yield from paths(each, (*before, key))


def put(value: Any, path: tuple[Any, ...], odd: Any) -> Any:
    """A copy of a value with something else at one place."""
    copy: Any = json.loads(json.dumps(value))
    place = copy
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = odd
    return copy


def ends_once(events: list[Event]) -> bool:
    """Nothing follows a failure, and counts are told at most once."""
    fails = told(events, Fail)
    return len(fails) <= 1 and (not fails or events[-1] is fails[0]) and len(told(events, Usage)) <= 1


@given(st.sampled_from(list(paths(STREAMED))), _JSON)
@settings(max_examples=150, deadline=None)
def test_members_of_any_type_in_a_stream(path: tuple[Any, ...], odd: Any) -> None:
    data = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in put(STREAMED, path, odd))
    events = feed(data)
    assert ends_once(events)
    collect(events)


@given(st.sampled_from(list(paths(WHOLE))), _JSON)
@settings(max_examples=150, deadline=None)
def test_members_of_any_type_in_a_whole_reply(path: tuple[Any, ...], odd: Any) -> None:
    events = DIALECT.read_reply(json.dumps(put(WHOLE, path, odd)).encode(), API)
    assert ends_once(events)
    collect(events)


@given(st.binary(max_size=200), st.sampled_from([API, BEDROCK]))
@example(b"[" * 100_000, API)
@example(b"data: " + b"[" * 100_000 + b"\n\n", API)
@settings(max_examples=80, deadline=None)
def test_any_bytes(data: bytes, context: WriteContext) -> None:
    for events in (feed(data, context=context), DIALECT.read_reply(data, context)):
        assert isinstance(events[-1], Fail)
        assert ends_once(events)
