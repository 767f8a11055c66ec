"""A stored response in the other form, and back."""

from __future__ import annotations

import json

import pytest
from hypothesis import given

from penstock.core.events import Event, Refusal, Stop, Text, Thinking, ToolArgs, ToolStart
from penstock.core.json_text import write_json
from penstock.dialects.responses.relay.reshape import RESHAPE, to_plain, to_stream
from responses_wire import answers, folded, parsed, plain


@given(answers())
def test_there_and_back(events: list[Event]) -> None:
    response = plain(*events)
    stream = to_stream(write_json(response), True)
    assert stream is not None
    assert folded(parsed(stream)) == response
    back = to_plain(stream)
    assert back is not None
    assert json.loads(back) == response


def test_every_kind_of_text() -> None:
    response = plain(
        Thinking("why"), Text("a", 0, 1), Refusal("no"), ToolStart(0, "f", "c"), ToolArgs("{}", 0), Stop("length")
    )
    stream = to_stream(write_json(response), False)
    assert stream is not None
    assert b"response.incomplete" in stream
    assert folded(parsed(stream)) == response


@pytest.mark.parametrize("reply", [b"no json", b"{}", b'{"output":[],"status":"queued"}'])
def test_what_makes_no_stream(reply: bytes) -> None:
    assert to_stream(reply, True) is None


def test_a_stream_without_its_end() -> None:
    assert to_plain(b'event: x\ndata: {"type":"response.created","response":{}}\n\n') is None


@pytest.mark.parametrize("output", [b"[]", b"null"])
def test_an_end_without_the_output_has_the_items_that_were_told(output: bytes) -> None:
    response = plain(Text("a", 0, 1), ToolStart(0, "f", "c"), ToolArgs("{}", 0), Stop("stop"))
    stream = to_stream(write_json(response), False)
    assert stream is not None
    *others, _ = stream.split(b"event: response.completed")
    bare = b'event: response.completed\ndata: {"type":"response.completed","response":{"status":"completed","output":%b}}\n\n'
    found = to_plain(b"".join(others) + bare % output)
    assert found is not None
    assert json.loads(found) == {"status": "completed", "output": response["output"]}
    # An item that never ended, and texts without an item.
    first = next(event for event in stream.split(b"\n\n") if b"output_item.done" in event)
    assert to_plain((b"".join(others) + bare % output).replace(first, b": none")) is None
    piece = b'data: {"type":"response.output_text.delta","delta":"a"}\n\n'
    assert to_plain(piece + bare % output) is None


def test_usage_is_always_told() -> None:
    assert RESHAPE.with_usage(b"x", True) == b"x"


def test_an_event_of_no_kind() -> None:
    assert to_plain(b'data: {"type": [], "response": {}}\n\n') is None


def test_an_end_without_a_status_is_incomplete() -> None:  # docs/fidelity.md#answers-without-a-reason
    item = {"type": "message", "id": "i", "content": [{"type": "output_text", "text": "Hi", "annotations": []}]}
    stream = to_stream(write_json({"id": "r", "output": [item]}), True)
    assert stream is not None
    assert b"event: response.incomplete\n" in stream
    found = to_plain(stream)
    assert found is not None
    assert json.loads(found)["incomplete_details"] == {"reason": "unknown"}
    assert to_stream(b'{"output":[]}', True) is None
