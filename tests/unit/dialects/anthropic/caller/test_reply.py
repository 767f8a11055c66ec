"""Replies for Anthropic's callers, whole and streamed: the same message, said twice, and read back as it was."""

from __future__ import annotations

import json
from typing import Any, Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anthropic_caller_replies import CAPTION, CLAUDE, ENDS, WORDS, folded, kinds, parsed, plain, streamed
from penstock.core.body import Body
from penstock.core.chat import ChatRequest, Owner, ReasoningPart, ToolCall
from penstock.core.events import (
    Event,
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
from penstock.dialects.anthropic.caller.reply import write_reply
from penstock.dialects.anthropic.caller.request import read_request
from penstock.dialects.anthropic.caller.stream import MessageWriter
from penstock.dialects.anthropic.relay.reshape import to_plain
from penstock.dialects.dialect import WriteContext
from penstock.dialects.envelope import unseal

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
    assert (message["content"], message["stop_reason"]) == ([], None)
    assert message["usage"] == {"input_tokens": 0, "output_tokens": 0}
    assert kinds(streamed()) == ["message_start", "ping", "message_delta", "message_stop"]


def test_calls_make_tool_use_of_stop() -> None:
    events = (ToolStart(0, "f", "a"), ToolArgs('{"n": 1.10}', 0), Stop("stop", "STOP"))
    message = plain(*events)
    assert message["content"] == [{"type": "tool_use", "id": "a", "name": "f", "input": {"n": 1.1}}]
    assert message["stop_reason"] == "tool_use"
    assert b"1.10" in (write_reply(collect(events), CAPTION) or b"")  # type: ignore[operator]
    assert folded(*events) == message


def test_a_refusal_is_text() -> None:
    message = plain(Refusal("I can't."))
    assert message["content"] == [{"type": "text", "text": "I can't."}]
    assert message["stop_reason"] == "refusal"
    assert folded(Refusal("I "), Refusal("can't."))["content"] == message["content"]


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
        assert last["type"] not in {"message_stop", "content_block_stop"}
    assert writer.failed is not None
    assert b"message_stop" not in sent


def test_a_call_that_the_limit_cut_off() -> None:
    events = (Text("x"), ToolStart(0, "f", "a"), ToolArgs('{"n": "1', 0), Stop("length"))
    message = plain(*events)
    assert message["content"] == [{"type": "text", "text": "x"}]
    assert message["stop_reason"] == "max_tokens"
    assert kinds(streamed(*events))[-3:] == ["content_block_stop 1", "message_delta", "message_stop"]


# There and back.


ARGUMENTS: Final = st.dictionaries(WORDS, st.integers() | WORDS, min_size=1, max_size=3).map(json.dumps)


def _text(words: list[str]) -> list[Any]:
    return [("text", word) for word in words]


PIECE: Final = st.one_of(
    st.tuples(st.just("text"), st.lists(WORDS, min_size=1, max_size=3)),
    st.tuples(st.just("thinking"), st.lists(WORDS, min_size=1, max_size=3), WORDS),
    st.tuples(st.just("redacted"), WORDS),
    st.tuples(st.just("call"), WORDS, WORDS, ARGUMENTS),
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
