"""Replies for Anthropic's callers, whole and streamed: the same message, said twice, and read back as it was."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.body import Body
from penstock.core.chat import ChatRequest, Owner, ReasoningPart, ToolCall
from penstock.core.events import (
    Citation,
    Event,
    Extra,
    Fail,
    Foreign,
    Media,
    Refusal,
    Start,
    Stop,
    Text,
    Thinking,
    ToolArgs,
    ToolStart,
    collect,
)
from penstock.core.failure import Failure
from penstock.core.usage import Usage
from penstock.dialects.anthropic import DIALECT
from penstock.dialects.anthropic.caller.json_scan import ObjectScan
from penstock.dialects.anthropic.caller.members import is_object
from penstock.dialects.anthropic.caller.reply import write_reply
from penstock.dialects.anthropic.caller.request import read_request
from penstock.dialects.anthropic.caller.stream import PING, MessageWriter
from penstock.dialects.anthropic.relay.reshape import to_plain
from penstock.dialects.caller import Caption
from penstock.dialects.dialect import WriteContext
from penstock.dialects.envelope import MARK, unseal
from penstock.dialects.framing import sse

CAPTION: Final = Caption("abc", 1700000000, "asked-model", "unit")
CLAUDE: Final = Owner.ANTHROPIC


def plain(*events: Event) -> dict[str, Any]:
    written = write_reply(collect(events), CAPTION)
    assert isinstance(written, bytes), written
    found: dict[str, Any] = json.loads(written)
    return found


def streamed(*events: Event) -> list[dict[str, Any]]:
    writer = MessageWriter(CAPTION)
    sent = writer.write(events) + writer.finish()
    assert writer.failed is None, writer.failed
    assert b"[DONE]" not in sent
    return parsed(sent)


def parsed(sent: bytes) -> list[dict[str, Any]]:
    found = []
    for name, data in sse.events(sent):
        value = json.loads(data)
        assert value["type"] == name.decode()
        found.append(value)
    return found


def folded(*events: Event) -> dict[str, Any]:
    writer = MessageWriter(CAPTION)
    whole = to_plain(writer.write(events) + writer.finish())
    assert whole is not None
    found: dict[str, Any] = json.loads(whole)
    return found


def kinds(events: Iterable[dict[str, Any]]) -> list[str]:
    """Each event in short: its type, its index, what it is about."""
    found = []
    for event in events:
        about = event.get("content_block") or event.get("delta") or {}
        found.append(
            " ".join(str(part) for part in (event["type"], event.get("index"), about.get("type")) if part is not None)
        )
    return found


# The message.


def test_a_message() -> None:
    counts = Usage(100, 20, 120, 30, 10, 5, cache_written_1h=4, searches=2)
    message = plain(Start("x", "real-model"), Text("Hel"), Text("lo"), Stop("stop", "STOP"), counts)
    assert message == {
        "id": "msg_abc",
        "type": "message",
        "role": "assistant",
        "model": "real-model",
        "content": [{"type": "text", "text": "Hello"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 60,
            "cache_creation_input_tokens": 10,
            "cache_read_input_tokens": 30,
            "output_tokens": 20,
            "cache_creation": {"ephemeral_5m_input_tokens": 6, "ephemeral_1h_input_tokens": 4},
            "output_tokens_details": {"thinking_tokens": 5},
            "server_tool_use": {"web_search_requests": 2},
        },
    }


def test_nothing_at_all() -> None:
    message = plain()
    assert (message["content"], message["stop_reason"]) == ([], "end_turn")
    assert message["usage"] == {"input_tokens": 0, "output_tokens": 0}
    assert kinds(streamed()) == ["message_start", "ping", "message_delta", "message_stop"]


def test_a_stream() -> None:
    events = streamed(Start("x", "real-model"), Text("Hel"), Text("lo"), Stop("length"), Usage(3, 2, 5))
    assert kinds(events) == [
        "message_start",
        "ping",
        "content_block_start 0 text",
        "content_block_delta 0 text_delta",
        "content_block_delta 0 text_delta",
        "content_block_stop 0",
        "message_delta",
        "message_stop",
    ]
    assert events[0]["message"]["content"] == []
    assert events[0]["message"]["usage"] == {"input_tokens": 0, "output_tokens": 0}
    assert events[6]["delta"] == {"stop_reason": "max_tokens", "stop_sequence": None}
    assert events[6]["usage"]["input_tokens"] == 3


@pytest.mark.parametrize(
    ("stop", "reason"),
    [
        (Stop("stop", "STOP"), "end_turn"),
        (Stop("length", "MAX_TOKENS"), "max_tokens"),
        (Stop("length", "model_context_window_exceeded"), "model_context_window_exceeded"),
        (Stop("content_filter", "SAFETY"), "refusal"),
        (Stop("stop", "pause_turn"), "pause_turn"),
        (Stop("stop", "eos", detail="pause"), "pause_turn"),
        (Stop("length", "", detail="context"), "model_context_window_exceeded"),
        (Stop("stop", "STOP_SEQUENCE"), "stop_sequence"),
        (Stop("tool_calls", "tool_calls"), "tool_use"),
        (Stop("other"), "end_turn"),
    ],
)
def test_stop_reasons(stop: Stop, reason: str) -> None:
    assert plain(Text("x"), stop)["stop_reason"] == reason
    assert folded(Text("x"), stop)["stop_reason"] == reason


def test_the_sequence_that_ended_it() -> None:
    for events in ((Stop("stop", "stop_sequence"), Extra("stop_sequence", "END", 0)), (Stop("stop", sequence="END"),)):
        message = plain(Text("x"), *events)
        assert (message["stop_reason"], message["stop_sequence"]) == ("stop_sequence", "END")
        assert folded(Text("x"), *events)["stop_sequence"] == "END"


def test_calls_make_tool_use_of_stop() -> None:
    events = (ToolStart(0, "f", "a"), ToolArgs('{"n": 1.10}', 0), Stop("stop", "STOP"))
    message = plain(*events)
    assert message["content"] == [{"type": "tool_use", "id": "a", "name": "f", "input": {"n": 1.1}}]
    assert message["stop_reason"] == "tool_use"
    assert b"1.10" in (write_reply(collect(events), CAPTION) or b"")  # type: ignore[operator]
    assert folded(*events) == message


def test_a_call_without_an_id_gets_one() -> None:
    call = plain(ToolStart(0, "f"))["content"][0]
    assert call["id"].startswith("toolu_")
    assert call["input"] == {}
    assert folded(ToolStart(0, "f"))["content"] == [call]


def test_a_refusal_is_text() -> None:
    message = plain(Refusal("I can't."))
    assert message["content"] == [{"type": "text", "text": "I can't."}]
    assert message["stop_reason"] == "refusal"
    assert folded(Refusal("I "), Refusal("can't."))["content"] == message["content"]


def test_media_are_named() -> None:
    media = (Media("image/png", "AAAA"), Media("image/*", url="https://a/b", block=1))
    content = plain(*media)["content"]
    assert [block["text"] for block in content] == [
        "[image of type image/png, which this API can't carry]",
        "[image: https://a/b]",
    ]
    assert folded(*media)["content"] == content


def test_sources() -> None:
    own = {"type": "char_location", "cited_text": "x", "document_index": 0}
    events = (Text("x"), Citation(own), Citation({"odd": 1}, "https://a", "T"), Citation({"odd": 2}))
    cited = plain(*events)["content"][0]["citations"]
    assert cited[0] == own
    assert (cited[1]["url"], cited[1]["title"]) == ("https://a", "T")
    assert cited[1]["encrypted_index"].startswith(MARK)
    assert len(cited) == 2
    assert folded(*events)["content"] == plain(*events)["content"]


def test_blocks_of_anthropics_pass_and_those_of_others_do_not() -> None:
    use = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "q"}}
    result = {"type": "web_search_tool_result", "tool_use_id": "s", "content": []}
    other = {"executableCode": {"code": "1"}}
    odd = {"type": "hologram"}
    events = (Foreign(use), Foreign(result, block=1), Foreign(other, block=2), Foreign(odd, block=3, owner=CLAUDE))
    assert plain(*events)["content"] == [use, result, odd]
    assert folded(*events)["content"] == [use, result, odd]


# Thoughts.


def test_claudes_thoughts_are_told_raw() -> None:
    events = (
        Thinking("hm", owner=CLAUDE),
        Thinking("", "si", owner=CLAUDE),
        Thinking("", "", "red", CLAUDE, 0, 1),
        Text("x", 0, 2),
    )
    content = [
        {"type": "thinking", "thinking": "hm", "signature": "si"},
        {"type": "redacted_thinking", "data": "red"},
        {"type": "text", "text": "x"},
    ]
    assert plain(*events)["content"] == content
    assert folded(*events)["content"] == content
    deltas = [event["delta"]["type"] for event in streamed(*events) if event["type"] == "content_block_delta"]
    assert deltas == ["thinking_delta", "signature_delta", "text_delta"]


@pytest.mark.parametrize("owner", [Owner.GOOGLE, Owner.OPENAI, Owner.UNKNOWN])
def test_foreign_thoughts_come_back(owner: str) -> None:
    signature, data = ("", "") if owner == "" else ("sig", "data")
    events = (
        Thinking("hm", signature, data, owner),
        Text("x", block=1),
        ToolStart(0, "f", "a", signature, owner),
        ToolArgs("{}", 0),
    )
    message = plain(*events)
    assert folded(*events) == message
    assert message["content"][0]["thinking"] == "hm"
    turn = {"role": "assistant", "content": message["content"]}
    request = read_request(Body.parse(json.dumps({"messages": [turn]}).encode()))
    assert isinstance(request, ChatRequest)
    parts = request.messages[0].parts
    assert parts[0] == ReasoningPart("hm", signature, data, owner)
    assert parts[-1] == ToolCall("a", "f", "{}", signature, owner)


def test_a_hidden_thought_is_in_its_envelope() -> None:
    hiding = msgspec.structs.replace(CAPTION, hides_thinking=True)
    events = (Thinking("h", owner=Owner.GOOGLE), Thinking("m", "sig", owner=Owner.GOOGLE), Text("x", block=1))
    whole = write_reply(collect(events), hiding)
    assert isinstance(whole, bytes)
    writer = MessageWriter(hiding)
    sent = writer.write(events) + writer.finish()
    assert b"thinking_delta" not in sent
    for message in (json.loads(whole), json.loads(to_plain(sent) or b"")):
        first = message["content"][0]
        assert first["thinking"] == ""
        envelope = unseal(first["signature"])
        assert envelope is not None
        assert envelope.reasoning() == (ReasoningPart("hm", "sig", "", Owner.GOOGLE),)


def test_the_signature_of_a_call_stands_before_it() -> None:
    first, call = plain(ToolStart(0, "f", "a", "sig", Owner.GOOGLE))["content"]
    envelope = unseal(first["signature"])
    assert envelope is not None
    assert (envelope.call_signature, envelope.family, call["name"]) == ("sig", "asked-model", "f")


def test_what_clients_would_not_bear_is_left_out() -> None:
    events = [event for n in range(9) for event in (ToolStart(n, "f", str(n), "s" * 40_000, Owner.GOOGLE),)]
    signed = [block for block in plain(*events)["content"] if block["type"] == "thinking"]
    assert 0 < len(signed) < 9
    huge = plain(ToolStart(0, "f", "a", "s" * 70_000, Owner.GOOGLE))["content"]
    assert [block["type"] for block in huge] == ["tool_use"]


# Arguments of calls.


@pytest.mark.parametrize("arguments", ["{", '{"a": nope}', "[]", "text", "{} {}", '"\ud800"'])
def test_broken_arguments_are_a_failure(arguments: str) -> None:
    events = (Text("x"), ToolStart(0, "f", "a"), ToolArgs(arguments, 0), Stop("tool_calls"))
    failure = write_reply(collect(events), CAPTION)
    assert isinstance(failure, Failure)
    assert failure.status == 502
    writer = MessageWriter(CAPTION)
    sent = writer.write(events)
    if writer.failed is None:
        last = parsed(sent + writer.finish())[-1]
        assert last["type"] == "error"
        assert last["error"]["type"] == "api_error"
    assert writer.failed is not None
    assert b"message_stop" not in sent


def test_a_call_that_the_limit_cut_off() -> None:
    events = (Text("x"), ToolStart(0, "f", "a"), ToolArgs('{"n": "1', 0), Stop("length"))
    message = plain(*events)
    assert message["content"] == [{"type": "text", "text": "x"}]
    assert message["stop_reason"] == "max_tokens"
    assert kinds(streamed(*events))[-3:] == ["content_block_stop 1", "message_delta", "message_stop"]


def test_calls_at_once_are_told_one_after_the_other() -> None:
    events = (
        ToolStart(0, "f", "a"),
        ToolStart(1, "g", "b"),
        ToolArgs('{"x', 0),
        ToolArgs('{"y"', 1),
        Text("meanwhile"),
        ToolArgs('": 1}', 0),
        ToolArgs(": 2}", 1),
    )
    assert kinds(streamed(*events)) == [
        "message_start",
        "ping",
        "content_block_start 0 tool_use",
        "content_block_delta 0 input_json_delta",
        "content_block_delta 0 input_json_delta",
        "content_block_stop 0",
        "content_block_start 1 tool_use",
        "content_block_delta 1 input_json_delta",
        "content_block_delta 1 input_json_delta",
        "content_block_stop 1",
        "content_block_start 2 text",
        "content_block_delta 2 text_delta",
        "content_block_stop 2",
        "message_delta",
        "message_stop",
    ]


def test_calls_without_arguments_follow_each_other() -> None:
    content = folded(*(ToolStart(n, "f", str(n)) for n in range(3)), Text("x"))["content"]
    assert [block.get("id", "text") for block in content] == ["0", "1", "2", "text"]


def test_what_waits_is_bounded() -> None:
    writer = MessageWriter(CAPTION)
    writer.write([ToolStart(0, "f", "a")])
    for _ in range(100):
        writer.write([Text("x" * 100_000)])
    assert writer.failed is not None
    assert writer.failed.broken


def test_a_call_that_ended_does_not_go_on() -> None:
    writer = MessageWriter(CAPTION)
    writer.write([ToolStart(0, "f", "a"), ToolArgs("{}", 0), Text("x"), ToolArgs(" ", 0)])
    assert writer.failed is None
    writer.write([ToolArgs("{}", 0)])
    assert writer.failed is not None


def test_a_failure_ends_it() -> None:
    writer = MessageWriter(CAPTION)
    sent = writer.write([Text("x"), Fail("no", "overloaded_error"), Text("y")])
    assert writer.failed == Fail("no", "overloaded_error")
    assert b'"y"' not in sent


@given(
    st.text(alphabet='{}[]",:\\ ab1', max_size=30)
    | st.dictionaries(st.text(max_size=4), st.text(max_size=4)).map(json.dumps),
    st.integers(1, 5),
)
def test_an_object_is_seen_to_be_whole_however_it_is_cut(text: str, step: int) -> None:
    at_once, in_pieces = ObjectScan(), ObjectScan()
    at_once.feed(text)
    for at in range(0, len(text), step):
        in_pieces.feed(text[at : at + step])
    assert at_once.is_whole == in_pieces.is_whole
    assert at_once.is_other == in_pieces.is_other
    if text.strip() and is_object(text):
        assert at_once.is_whole
        assert not at_once.is_other


# There and back.

WORDS: Final = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
ARGUMENTS: Final = st.dictionaries(WORDS, st.integers() | WORDS, min_size=1, max_size=3).map(json.dumps)


def _text(words: list[str]) -> list[Any]:
    return [("text", word) for word in words]


PIECE: Final = st.one_of(
    st.tuples(st.just("text"), st.lists(WORDS, min_size=1, max_size=3)),
    st.tuples(st.just("thinking"), st.lists(WORDS, min_size=1, max_size=3), WORDS),
    st.tuples(st.just("redacted"), WORDS),
    st.tuples(st.just("call"), WORDS, WORDS, ARGUMENTS),
)
ENDS: Final = st.sampled_from(
    [
        Stop("stop", "end_turn"),
        Stop("length", "max_tokens"),
        Stop("content_filter", "refusal"),
        Stop("tool_calls", "tool_use"),
    ]
)
COUNTS: Final = st.builds(
    lambda fresh, cached, written, out: Usage(
        fresh + cached + written, out, fresh + cached + written + out, cached, written
    ),
    *[st.integers(0, 10**6)] * 4,
)


def made(pieces: list[Any]) -> list[Event]:
    """Events of a reply of Claude's."""
    found: list[Event] = []
    calls = 0
    for block, piece in enumerate(pieces):
        match piece:
            case ("text", words):
                found += [Text(word, 0, block) for word in words]
            case ("thinking", words, signature):
                found += [Thinking(word, "", "", CLAUDE, 0, block) for word in words]
                found.append(Thinking("", signature, "", CLAUDE, 0, block))
            case ("redacted", data):
                found.append(Thinking("", "", data, CLAUDE, 0, block))
            case _:
                _, call_id, name, arguments = piece
                half = len(arguments) // 2
                found += [
                    ToolStart(calls, name, call_id),
                    ToolArgs(arguments[:half], calls),
                    ToolArgs(arguments[half:], calls),
                ]
                calls += 1
    return found


def essence(events: list[Event]) -> Any:
    """What a reply says, whatever pieces it comes in."""
    reply = collect(events)
    assert reply.failure is None, reply.failure
    choice = reply.choice(0)
    blocks = []
    for events_of_block in choice.blocks.values():
        joined = dict.fromkeys(("text", "signature", "data"), "")
        for event in events_of_block:
            for name in joined:
                joined[name] += getattr(event, name, "")
        blocks.append((type(events_of_block[0]).__name__, joined))
    calls = [(call.id, call.name, json.loads(call.arguments or "{}")) for call in choice.calls]
    usage = reply.usage
    counts = None if usage is None else (usage.prompt, usage.completion, usage.cached, usage.cache_written)
    return blocks, calls, list(choice.calls_before.values()), choice.stop, counts, reply.start.model


@given(st.lists(PIECE, max_size=5), ENDS, COUNTS, st.integers(1, 40))
def test_what_is_written_is_read_back(pieces: list[Any], stop: Stop, usage: Usage, step: int) -> None:
    events = [Start("msg_abc", "claude"), *made(pieces), stop, usage]
    if stop.native == "end_turn" and any(piece[0] == "call" for piece in pieces):
        events[-2] = Stop("tool_calls", "tool_use")
    context = WriteContext("claude", "anthropic")
    expected = essence(events)
    whole = write_reply(collect(events), CAPTION)
    assert isinstance(whole, bytes)
    assert essence(DIALECT.read_reply(whole, context)) == expected
    writer = MessageWriter(CAPTION)
    sent = b"".join(writer.write([event]) for event in events) + writer.finish()
    reader = DIALECT.reader(context)
    back = [event for at in range(0, len(sent), step) for event in reader.feed(sent[at : at + step])]
    assert essence([*back, *reader.finish()]) == expected
    assert sent == MessageWriter(CAPTION).write(events) + _ended(events)


def _ended(events: list[Event]) -> bytes:
    writer = MessageWriter(CAPTION)
    writer.write(events)
    return writer.finish()


ANY_EVENT: Final = st.one_of(
    st.builds(Text, WORDS, st.integers(0, 1), st.integers(0, 3)),
    st.builds(
        Thinking, WORDS, WORDS, WORDS, st.sampled_from(["", CLAUDE, Owner.GOOGLE]), st.just(0), st.integers(0, 3)
    ),
    st.builds(ToolArgs, st.sampled_from(["{", "}", '{"a": 1}', "", " ", "x"]), st.integers(0, 3)),
    st.builds(ToolStart, st.integers(0, 3), WORDS, WORDS),
    st.builds(Refusal, WORDS),
    st.builds(Citation, st.just({}), WORDS),
    st.builds(Foreign, st.just({"type": "server_tool_use", "input": {"a": 1}})),
    ENDS,
)


@given(st.lists(ANY_EVENT, max_size=15))
def test_any_events_make_a_stream_in_order(events: list[Event]) -> None:
    writer = MessageWriter(CAPTION)
    sent = writer.write(events) + writer.finish()
    opened: int | None = None
    following = 0
    told = parsed(sent)
    assert told[0]["type"] == "message_start"
    assert sent.count(PING) == 1
    for event in told:
        match event["type"]:
            case "content_block_start":
                assert opened is None
                assert event["index"] == following
                opened, following = following, following + 1
            case "content_block_delta":
                assert event["index"] == opened
            case "content_block_stop":
                assert event["index"] == opened
                opened = None
            case _:
                pass
    if writer.failed is None:
        assert opened is None
        assert told[-1]["type"] == "message_stop"
        assert to_plain(sent) is not None
    else:
        assert told[-1]["type"] == "error"
