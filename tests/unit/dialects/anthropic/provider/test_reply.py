"""Anthropic's replies: every quirk of its wire (docs/quirks.md#anthropic-messages), both framings, any bytes."""

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

from penstock.core.chat import Owner
from penstock.core.events import (
    ChatReply,
    Citation,
    CollectedCall,
    Event,
    Extra,
    Fail,
    Foreign,
    Start,
    Stop,
    Text,
    Thinking,
    ToolArgs,
    ToolStart,
    collect,
)
from penstock.core.usage import Usage
from penstock.dialects.anthropic import DIALECT
from penstock.dialects.anthropic.provider.events import ERROR_STATUS, STOP_REASONS
from penstock.dialects.dialect import WriteContext

API: Final = WriteContext("claude", "anthropic")
BEDROCK: Final = WriteContext("claude", "bedrock", variant="bedrock")


def sse(*events: dict[str, Any]) -> bytes:
    return b"".join(f"event: {each['type']}\ndata: {json.dumps(each)}\n\n".encode() for each in events)


def feed(data: bytes, cuts: Iterable[int] = (), context: WriteContext = API) -> list[Event]:
    """All events of a stream that is cut at some places."""
    reader, events, last = DIALECT.reader(context), [], 0
    for cut in (*cuts, len(data)):
        events += reader.feed(data[last:cut])
        last = cut
    return events + reader.finish()


def stream(*events: dict[str, Any]) -> list[Event]:
    return feed(sse(*events))


def begin(**usage: Any) -> dict[str, Any]:
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x", "content": []}
    return {"type": "message_start", "message": {**message, "stop_reason": None, "stop_sequence": None, "usage": usage}}


def block(index: int, kind: str, *deltas: dict[str, Any], **members: Any) -> list[dict[str, Any]]:
    """A content block from its beginning to its end."""
    return [
        {"type": "content_block_start", "index": index, "content_block": {"type": kind, **members}},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def said(text: str) -> dict[str, Any]:
    return {"type": "text_delta", "text": text}


def args(text: str) -> dict[str, Any]:
    return {"type": "input_json_delta", "partial_json": text}


def end(reason: str = "end_turn", usage: dict[str, Any] | None = None, **beside: Any) -> list[dict[str, Any]]:
    delta = {"stop_reason": reason, "stop_sequence": beside.pop("stop_sequence", None)}
    return [{"type": "message_delta", "delta": delta, "usage": usage or {}, **beside}, {"type": "message_stop"}]


def told(events: list[Event], *kinds: type) -> list[Event]:
    return [event for event in events if isinstance(event, kinds)]


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


# Text and thinking.


def test_text_as_it_comes() -> None:
    # docs/quirks.md#q24: data lines are padded with spaces; docs/quirks.md#q25: pings come anywhere.
    padded = sse(*block(0, "text", said("Hel"), said(""), said("lo"), text="")).replace(b"}\n", b"}      \n")
    data = (
        sse(begin(input_tokens=3, output_tokens=1)) + padded + sse({"type": "ping"}, *end(usage={"output_tokens": 5}))
    )
    tokens = Usage(3, 5, 8, native={"input_tokens": 3, "output_tokens": 5})
    assert feed(data) == [
        Start("msg_1", "claude-x"),
        Text("Hel"),
        Text("lo"),
        Stop("stop", "end_turn"),
        tokens,
    ]


def test_thinking_is_anthropics() -> None:
    thought = {"type": "thinking_delta", "thinking": "Hm."}
    signed = [{"type": "signature_delta", "signature": piece} for piece in ("c2", "ln")]
    events = stream(begin(), *block(0, "thinking", thought, *signed, thinking="", signature=""), *end())
    assert told(events, Thinking) == [
        Thinking("Hm.", owner=Owner.ANTHROPIC),
        Thinking("", "c2ln", owner=Owner.ANTHROPIC),
    ]


def test_thinking_with_a_signature_alone_is_kept() -> None:  # docs/quirks.md#q28
    events = stream(
        begin(),
        *block(1, "thinking", {"type": "signature_delta", "signature": "c2ln"}, thinking="", signature=""),
        *end(),
    )
    assert told(events, Thinking) == [Thinking("", "c2ln", owner=Owner.ANTHROPIC, block=1)]


def test_redacted_thinking_is_whole_at_its_beginning() -> None:  # docs/quirks.md#q27
    events = stream(begin(), *block(0, "redacted_thinking", data="ZW5j"), *end())
    assert told(events, Thinking) == [Thinking(data="ZW5j", owner=Owner.ANTHROPIC)]


def test_citations_stand_at_the_end_of_their_block() -> None:  # docs/quirks.md#q33
    page = {"type": "web_search_result_location", "url": "https://example.com/a", "title": "A", "cited_text": "x"}
    place = {"type": "char_location", "document_title": "facts.txt", "document_index": 0}
    cited = [{"type": "citations_delta", "citation": each} for each in (page, place)]
    events = stream(
        begin(),
        *block(0, "text", said("It is "), citations=[]),
        *block(1, "text", cited[0], said("so"), cited[1], said("."), citations=[]),
        *end(),
    )
    assert told(events, Text, Citation) == [
        Text("It is "),
        Text("so", block=1),
        Text(".", block=1),
        Citation(page, "https://example.com/a", "A", block=1),
        Citation(place, "", "facts.txt", block=1),
    ]


def test_a_prefilled_answer_is_not_completed_by_its_beginning() -> None:  # docs/quirks.md#q36
    assert told(stream(begin(), *block(0, "text", said(" 42"), text=""), *end()), Text) == [Text(" 42")]


# Tools.


def test_calls_are_numbered_apart_from_blocks() -> None:  # docs/quirks.md#q25, #q26, #q35
    events = stream(
        begin(),
        *block(0, "text", said("Let me see."), text=""),
        *block(1, "tool_use", args(""), args('{"city": '), args('"Rome"}'), id="toolu_1", name="get_weather", input={}),
        *block(2, "tool_use", args(""), id="toolu_2", name="get_time", input={}),
        *end("tool_use"),
    )
    assert told(events, Text, ToolStart, ToolArgs, Stop) == [
        Text("Let me see."),
        ToolStart(0, "get_weather", "toolu_1"),
        ToolArgs('{"city": ', 0),
        ToolArgs('"Rome"}', 0),
        ToolStart(1, "get_time", "toolu_2"),
        Stop("tool_calls", "tool_use"),
    ]


def test_arguments_at_the_beginning_count_when_no_piece_follows() -> None:
    whole = block(0, "tool_use", id="t", name="f", input={"a": 1})
    both = block(1, "tool_use", args('{"b":2}'), id="u", name="f", input={"a": 1})
    assert collect(stream(begin(), *whole, *both, *end("tool_use"))).choices[0].calls == [
        CollectedCall("t", "f", '{"a":1}'),
        CollectedCall("u", "f", '{"b":2}'),
    ]


def test_anthropics_own_tools_are_not_the_callers() -> None:  # docs/quirks.md#q30
    result = {
        "type": "mcp_tool_result",
        "tool_use_id": "m",
        "is_error": False,
        "content": [{"type": "text", "text": "x"}],
    }
    events = stream(
        begin(),
        *block(0, "mcp_tool_use", args('{"q":'), args('"x"}'), id="m", name="ask", input={}, server_name="wiki"),
        *block(1, "mcp_tool_result", **{name: value for name, value in result.items() if name != "type"}),
        *block(2, "server_tool_use", args('{"query": "cut'), id="s", name="web_search", input={}),
        *end(),
    )
    assert told(events, ToolStart, ToolArgs, Foreign, Stop) == [
        Foreign({"type": "mcp_tool_use", "id": "m", "name": "ask", "input": {"q": "x"}, "server_name": "wiki"}),
        Foreign(result, block=1),
        Foreign({"type": "server_tool_use", "id": "s", "name": "web_search", "input": '{"query": "cut'}, block=2),
        Stop("stop", "end_turn"),
    ]


def test_compaction_and_blocks_that_nobody_knows_are_given_whole() -> None:  # docs/quirks.md#q32
    pieces = [{"type": "compaction_delta", "content": each} for each in ("They ", "greet.")]
    odd = [{"type": "hologram_delta", "shape": "cube", "size": 1}, {"type": "hologram_delta", "shape": "s", "size": 2}]
    events = stream(
        begin(), *block(0, "compaction", *pieces, content=None), *block(1, "hologram", *odd, shape="", size=0), *end()
    )
    assert told(events, Foreign) == [
        Foreign({"type": "compaction", "content": "They greet."}),
        Foreign({"type": "hologram", "shape": "cubes", "size": 2}, block=1),
    ]


def test_a_piece_that_fits_no_block_is_told_as_it_is() -> None:
    odd = {"type": "hologram_delta", "x": 1}
    events = stream(begin(), *block(2, "text", odd, args("{}"), {"type": 1}, text=""), *end())
    assert told(events, Foreign) == [Foreign(odd, block=2), Foreign(args("{}"), block=2)]


# The end.


@pytest.mark.parametrize("reason", [*STOP_REASONS, "something_new"])
def test_stop_reasons(reason: str) -> None:  # docs/quirks.md#q31: pause_turn
    assert told(stream(begin(), *end(reason)), Stop) == [Stop(STOP_REASONS.get(reason, "stop"), reason)]


def test_a_refusal_is_a_stop_for_safety_and_a_full_window_a_cut() -> None:
    assert STOP_REASONS["refusal"] == "content_filter"
    assert STOP_REASONS["model_context_window_exceeded"] == STOP_REASONS["max_tokens"] == "length"


def test_a_stop_sequence_at_once() -> None:  # docs/quirks.md#q29
    reply = {"type": "message", "content": [], "stop_reason": "stop_sequence", "stop_sequence": "END", "usage": {}}
    assert DIALECT.read_reply(json.dumps(reply).encode(), API) == [
        Start(),
        Stop("stop", "stop_sequence"),
        Extra("stop_sequence", "END", 0),
    ]


def test_what_openai_has_no_place_for() -> None:
    started = begin(input_tokens=1, output_tokens=1, service_tier="priority")
    started["message"]["container"] = None
    delta, stop = end(context_management={"applied_edits": []}, stop_sequence="X")
    delta["delta"]["container"] = {"id": "container_1"}
    stop["amazon-bedrock-invocationMetrics"] = {"inputTokenCount": 1}
    assert told(stream(started, delta, stop), Extra) == [
        Extra("stop_sequence", "X", 0),
        Extra("container", {"id": "container_1"}),
        Extra("context_management", {"applied_edits": []}),
        Extra("amazon-bedrock-invocationMetrics", {"inputTokenCount": 1}),
        Extra("service_tier", "priority"),
    ]


def counted(first: dict[str, Any], last: dict[str, Any]) -> Usage:
    (tokens,) = told(stream(begin(**first), *end(usage=last)), Usage)
    assert isinstance(tokens, Usage)
    return tokens


def test_counts_at_the_end_replace_the_first() -> None:  # docs/quirks.md#q21
    tokens = counted({"input_tokens": 10, "output_tokens": 1}, {"input_tokens": 99, "output_tokens": 7})
    assert (tokens.prompt, tokens.completion, tokens.total) == (99, 7, 106)


def test_counts_that_the_end_does_not_repeat_stay() -> None:  # docs/quirks.md#q22
    tokens = counted({"input_tokens": 10, "output_tokens": 1}, {"output_tokens": 7, "input_tokens": None})
    assert (tokens.prompt, tokens.completion) == (10, 7)


def test_the_cache_counts_as_prompt() -> None:  # docs/quirks.md#q34
    cache = {"cache_creation_input_tokens": 1000, "cache_read_input_tokens": 200}
    tokens = counted(
        {"input_tokens": 4, **cache}, {"output_tokens": 7, "output_tokens_details": {"thinking_tokens": 3}}
    )
    assert (tokens.prompt, tokens.cached, tokens.cache_written, tokens.reasoning) == (1204, 200, 1000, 3)
    assert tokens.native == {
        "input_tokens": 4,
        **cache,
        "output_tokens": 7,
        "output_tokens_details": {"thinking_tokens": 3},
    }


def test_summaries_made_on_the_way_are_counted() -> None:  # docs/quirks.md#q32
    made = {"type": "compaction", "input_tokens": 100, "cache_read_input_tokens": 5000, "output_tokens": 83}
    own = {"type": "message", "input_tokens": 181, "output_tokens": 8}
    tokens = counted({}, {"input_tokens": 181, "output_tokens": 8, "iterations": [made, own, "odd"]})
    assert (tokens.prompt, tokens.cached, tokens.completion, tokens.total) == (5281, 5000, 91, 5372)
    assert tokens.native["input_tokens"] == 181


def test_iterations_are_told_and_not_added() -> None:  # docs/quirks.md#q32
    first = {"input_tokens": 100, "cache_read_input_tokens": 5000, "output_tokens": 7}
    last = {
        "input_tokens": 181,
        "cache_read_input_tokens": 0,
        "output_tokens": 8,
        "iterations": [first, {"input_tokens": 181}],
    }
    tokens = counted(first, last)
    assert (tokens.prompt, tokens.cached) == (181, 0)
    assert tokens.native["iterations"] == last["iterations"]


# Failures.


@pytest.mark.parametrize("kind", [*ERROR_STATUS, "new_error"])
def test_errors_in_the_stream(kind: str) -> None:  # docs/quirks.md#q23, #q106, #q107
    error = {"type": "error", "error": {"details": None, "type": kind, "message": "No."}}
    first = [begin(input_tokens=15, output_tokens=1), *block(0, "text", said("Here"))[:2]]
    events = stream(*first, error, *end())
    status = ERROR_STATUS.get(kind, 0)
    assert events[-2:] == [
        Usage(15, 1, 16, native={"input_tokens": 15, "output_tokens": 1}),
        Fail("No.", kind, "", status, json.dumps(error).encode()),
    ]
    assert told(events, Text) == [Text("Here")]


def test_statuses_of_errors() -> None:
    assert (ERROR_STATUS["overloaded_error"], ERROR_STATUS["rate_limit_error"]) == (529, 429)


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


def test_blocks_that_were_never_closed_end_with_the_message() -> None:
    opened = block(0, "thinking", {"type": "signature_delta", "signature": "s"})[:-1]
    assert told(stream(begin(), *opened, *end()), Thinking) == [Thinking("", "s", owner=Owner.ANTHROPIC)]


def test_what_is_held_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penstock.dialects.anthropic.provider.events.MAX_FRAME", 500)
    piece = {"type": "content_block_delta", "index": 0, "delta": args("x" * 100)}
    opening = block(0, "server_tool_use", id="s", name="web_search", input={})[0]
    (fail,) = told(stream(begin(), opening, *[piece] * 5, *end()), Fail)
    assert isinstance(fail, Fail)
    assert fail.broken
    assert not told(
        stream(begin(), *[each for n in range(9) for each in block(n, "web_search_result", url="x" * 60)], *end()), Fail
    )


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
