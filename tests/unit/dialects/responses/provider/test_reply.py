"""Replies of Responses as events: whole and streamed say the same, whatever a stream leaves out."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from penstock.core.chat import Owner
from penstock.core.events import Event, Fail, Start, Stop, Text, Thinking, ToolArgs, ToolStart, collect
from penstock.core.json_text import write_json
from penstock.dialects.dialect import WriteContext
from penstock.dialects.responses.provider.reply import ResponseStream, read_reply
from penstock.dialects.responses.relay.reshape import to_stream
from responses_wire import answers, plain

CONTEXT = WriteContext("m")


def whole(response: Any) -> list[Event]:
    return read_reply(json.dumps(response).encode(), CONTEXT)


def streamed(data: bytes, size: int = 1 << 20) -> list[Event]:
    reader = ResponseStream(CONTEXT)
    found = [event for at in range(0, len(data), size) for event in reader.feed(data[at : at + size])]
    return found + reader.finish()


def sse(*events: dict[str, Any], named: bool = True) -> bytes:
    names = [f"event: {each['type']}\n".encode() if named else b"" for each in events]
    return b"".join(
        name + b"data: " + json.dumps(each).encode() + b"\n\n" for name, each in zip(names, events, strict=True)
    )


def said(events: list[Event]) -> Any:
    """What the events come to, apart from how the texts were cut."""
    reply = collect(events)
    choice = reply.choices[0] if reply.choices else None
    blocks = [] if choice is None else list(choice.blocks.values())
    texts = ["".join(each.text for each in block if isinstance(each, Text | Thinking)) for block in blocks]
    calls = [] if choice is None else [(call.name, call.id, call.arguments) for call in choice.calls]
    return texts, calls, choice and choice.refusal, choice and choice.stop, reply.usage, reply.failure


@given(answers())
def test_whole_and_streamed_say_the_same(events: list[Event]) -> None:
    response = plain(*events)
    stream = to_stream(write_json(response), True)
    assert stream is not None
    assert said(streamed(stream)) == said(whole(response))
    assert streamed(stream, 7) == streamed(stream)


def test_everything_that_a_response_holds() -> None:
    output = [
        {"type": "reasoning", "id": "rs", "summary": [{"text": "a"}, {"text": "b"}], "encrypted_content": "gAAA"},
        {"type": "web_search_call", "id": "ws", "status": "completed"},
        {"type": "image_generation_call", "id": "ig", "result": "AAAA", "output_format": "webp"},
        {"type": "function_call", "id": "fc", "call_id": "c1", "name": "f", "arguments": "{}"},
        {"type": "custom_tool_call", "id": "ctc", "call_id": "c2", "name": "x", "input": "ls"},
        {"type": "message", "content": [{"type": "output_text", "text": "hi", "annotations": [
            {"type": "url_citation", "url": "https://a", "title": "A", "start_index": 0, "end_index": 2}]},
            {"type": "refusal", "refusal": "no"}]},
    ]  # fmt: skip
    events = whole({"id": "r", "model": "m", "created_at": 5.0, "status": "completed", "output": output})
    assert events[:4] == [
        Start("r", "m", 5),
        Thinking("a"),
        Thinking("\n\nb"),
        Thinking(data="gAAA", owner=Owner.OPENAI),
    ]
    starts = [event for event in events if isinstance(event, ToolStart)]
    assert [(each.id, each.custom) for each in starts] == [("c1", False), ("c2", True)]
    assert [event.json for event in events if isinstance(event, ToolArgs)] == ["{}", "ls"]
    assert events[-1] == Stop("stop", "completed", detail="refusal")
    assert [type(event).__name__ for event in events[4:6]] == ["Foreign", "Media"]


def test_a_stream_that_tells_only_its_end() -> None:
    output = [{"type": "message", "content": [{"type": "output_text", "text": "hi"}]}]
    response = {"id": "r", "model": "m", "status": "completed", "output": output}
    events = streamed(sse({"type": "response.completed", "response": response}, named=False))
    assert events == [Start("r", "m"), Text("hi"), Stop("stop", "completed")]


def test_a_stream_without_deltas() -> None:
    item = {"type": "function_call", "call_id": "c", "name": "f"}
    events = streamed(
        sse(
            {"type": "response.output_text.done", "output_index": 0, "content_index": 0, "text": "hi"},
            {"type": "response.refusal.done", "output_index": 1, "content_index": 0, "refusal": "no"},
            {"type": "response.output_item.added", "output_index": 2, "item": item},
            {"type": "response.function_call_arguments.done", "output_index": 2, "arguments": "{}"},
            {"type": "response.incomplete", "response": {"incomplete_details": {"reason": "content_filter"}}},
        )
    )
    texts, calls, refusal, stop, _, _ = said(events)
    assert (texts, calls, refusal) == (["hi"], [("f", "c", "{}")], "no")
    assert stop == Stop("content_filter", "content_filter")


@pytest.mark.parametrize(
    ("event", "code"),
    [
        ({"type": "error", "code": "rate_limit_exceeded", "message": "x"}, "rate_limit_exceeded"),
        ({"type": "error", "error": {"code": "server_error", "message": "x"}}, "server_error"),
        ({"type": "response.failed", "response": {"error": {"code": "server_error", "message": "x"}}}, "server_error"),
        ({"error": {"type": "overloaded", "message": "x"}, "type": ""}, "overloaded"),
    ],
)
def test_errors_in_a_stream(event: dict[str, Any], code: str) -> None:
    *_, fail = streamed(sse(event, {"type": "response.completed", "response": {}}))
    assert isinstance(fail, Fail)
    assert (fail.code, fail.broken) == (code, False)


@pytest.mark.parametrize(
    ("response", "broken"),
    [
        ({"error": {"message": "x", "code": "server_error"}}, False),
        ({"status": "failed", "output": [], "error": {"message": "x"}}, False),
        ({"status": "queued", "output": []}, True),
        ([], True),
    ],
)
def test_whole_replies_that_hold_no_answer(response: Any, broken: bool) -> None:
    *_, fail = whole(response)
    assert isinstance(fail, Fail)
    assert fail.broken is broken


@pytest.mark.parametrize("data", [b"", b"data: [1]\n\n", b"data: {no\n\n", sse({"type": "response.created"})])
def test_streams_that_break(data: bytes) -> None:
    *_, fail = streamed(data)
    assert isinstance(fail, Fail)
    assert fail.broken


def test_nothing_counts_after_the_end() -> None:
    done = sse({"type": "response.completed", "response": {"status": "completed"}})
    reader = ResponseStream(CONTEXT)
    first = reader.feed(done + done + b"data: [DONE]\n\n")
    assert [type(event) for event in first] == [Start, Stop]
    assert reader.feed(done) == []
    assert reader.finish() == []


def test_an_event_that_is_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penstock.dialects.framing.sse.MAX_FRAME", 10)
    *_, fail = streamed(b"data: " + b"x" * 40)
    assert isinstance(fail, Fail)
    assert fail.broken


@pytest.mark.parametrize(
    ("members", "stops"),
    [
        ({"status": "completed"}, [Stop("stop", "completed")]),
        ({"status": "incomplete"}, [Stop("length", "incomplete")]),
        ({"status": "incomplete", "incomplete_details": {"reason": "x"}}, [Stop("x", "x")]),
        ({"status": "paused"}, [Stop("paused", "paused")]),
        ({"status": None}, []),
        ({}, []),
    ],
)
def test_what_a_status_says_of_the_end(members: Any, stops: list[Event]) -> None:
    output = [{"type": "message", "content": [{"type": "output_text", "text": "hi"}]}]
    found = whole({"id": "r", "model": "m", "output": output, **members})
    assert found == [Start("r", "m"), Text("hi"), *stops]


def test_words_of_no_known_kind() -> None:
    item = {"type": ["message"], "content": []}
    assert [type(event) for event in whole({"status": [], "output": [item]})] == [Start]
    events = streamed(sse({"type": "response.output_item.added", "output_index": 0, "item": item}))
    assert [type(event) for event in events] == [Start, Fail]


def test_items_that_the_end_counts_otherwise_are_told_once() -> None:
    item = {"type": "message", "id": "msg", "content": [{"type": "output_text", "text": "hi"}]}
    done = {"type": "response.output_item.done", "output_index": 1, "item": item}
    completed = {"type": "response.completed", "response": {"status": "completed", "output": [item]}}
    events = streamed(sse(done, completed))
    assert [event for event in events if isinstance(event, Text)] == [Text("hi")]
