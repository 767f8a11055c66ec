"""A turn of Claude's, sent back as it was told, reaches Claude as Claude made it: every block in its place."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accumulate import accumulated
from matrix import HELLO, ask, result
from penstock.core.chat import ChatRequest
from penstock.core.events import Event, collect
from penstock.dialects.anthropic import DIALECT
from penstock.dialects.caller import Caption
from penstock.dialects.dialect import Payload, WriteContext
from penstock.dialects.openai.caller import request as openai_request
from penstock.dialects.openai.caller.chunks import ChunkWriter
from penstock.dialects.openai.caller.completion import completion
from penstock.traits import resolve

GOAL = WriteContext("claude-opus-4-8", "anthropic", resolve("claude-opus-4-8"))
Block = dict[str, Any]


def told(events: list[Event], *, strict: bool, stream: bool) -> dict[str, Any]:
    """The assistant's message as the client has it."""
    caption = Caption("id", 0, "m", "anthropic", strict)
    if not stream:
        message: dict[str, Any] = json.loads(completion(collect(events), caption))["choices"][0]["message"]
        return message
    writer = ChunkWriter(caption)
    streamed: dict[str, Any] = accumulated(writer.write(events) + writer.finish())["choices"][0]["message"]
    return streamed


def sent_back(blocks: list[Block], *, strict: bool, stream: bool = False) -> tuple[list[Block], tuple[str, ...]]:
    """What Anthropic is sent of its own turn, and what was left out."""
    reply = {"id": "msg_1", "model": "m", "content": blocks, "stop_reason": "end_turn", "usage": {}}
    events = DIALECT.read_reply(json.dumps(reply).encode(), GOAL)
    message = told(events, strict=strict, stream=stream)
    results = [result(call["id"], "ok") for call in message.get("tool_calls") or ()]
    request = openai_request.read(json.dumps(ask(HELLO, message, *results, HELLO)).encode())
    assert isinstance(request, ChatRequest)
    payload = DIALECT.write(request, GOAL)
    assert isinstance(payload, Payload)
    turns = json.loads(payload.body)["messages"]
    found: list[Block] = turns[1]["content"] if turns[1]["role"] == "assistant" else []
    return found, payload.dropped


def text(words: str) -> Block:
    return {"type": "text", "text": words}


def thinking(words: str, signature: str) -> Block:
    return {"type": "thinking", "thinking": words, "signature": signature}


def use(number: int) -> Block:
    return {"type": "tool_use", "id": f"toolu_{number}", "name": "f", "input": {"n": number}}


@st.composite
def turns(draw: st.DrawFn) -> list[Block]:
    """Blocks in any order, but that no two texts follow each other: nothing would show where one ends."""
    made: list[Block] = []
    for number, kind in enumerate(draw(st.lists(st.sampled_from("txru"), min_size=1, max_size=8))):
        words = draw(st.text(min_size=1, max_size=5)) + "é."
        if kind == "t" and not (made and made[-1]["type"] == "text"):
            made.append(text(words))
        elif kind == "x":
            made.append(thinking(draw(st.sampled_from(["", words])), f"s{number}"))
        elif kind == "r":
            made.append({"type": "redacted_thinking", "data": f"d{number}"})
        elif kind == "u":
            made.append(use(number))
    return made


def places(blocks: list[Block]) -> list[tuple[Block, str, int]]:
    """Each thought with the text and the number of calls before it."""
    found, said, calls = [], "", 0
    for block in blocks:
        if "thinking" in block["type"]:
            found.append((block, said, calls))
        said += block["text"] if block["type"] == "text" else ""
        calls += block["type"] == "tool_use"
    return found


@pytest.mark.parametrize(("strict", "stream"), [(True, False), (False, False), (True, True)])
@given(turns())
def test_thoughts_stand_where_they_stood(strict: bool, stream: bool, blocks: list[Block]) -> None:
    if not any(block["type"] in {"text", "tool_use"} for block in blocks):
        return
    found, dropped = sent_back(blocks, strict=strict, stream=stream)
    assert dropped == ()
    assert places(found) == places(blocks)
    for kind in ("text", "tool_use"):
        of_kind = [[block for block in each if block["type"] == kind] for each in (found, blocks)]
        joined = [["".join(block["text"] for block in each)] for each in of_kind] if kind == "text" else of_kind
        assert joined[0] == joined[1]


INTERLEAVED = [thinking("A", "a"), text("One."), thinking("", "b"), use(1), thinking("C", "c"), use(2)]


@pytest.mark.parametrize(("strict", "stream"), [(True, False), (False, False), (True, True)])
def test_an_interleaved_turn_is_sent_back_whole(strict: bool, stream: bool) -> None:
    assert sent_back(INTERLEAVED, strict=strict, stream=stream) == (INTERLEAVED, ())


SEARCH = [
    thinking("A", "a"),
    {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}},
    {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []},
    thinking("B", "b"),
    text("Found."),
]


@pytest.mark.parametrize("blocks", [SEARCH, [*SEARCH[:3], SEARCH[4]]])
@pytest.mark.parametrize(("strict", "stream"), [(False, False), (True, False), (True, True)])
def test_a_turn_with_a_server_tool_is_sent_back_whole(strict: bool, stream: bool, blocks: list[Block]) -> None:
    assert sent_back(blocks, strict=strict, stream=stream) == (blocks, ())


@pytest.mark.parametrize("after", [{"text": 99}, {"tool_calls": 5}, {"text": -1}, {"text": "x"}, {"text": True}])
def test_a_place_that_is_not_there_is_told(after: dict[str, Any]) -> None:
    detail = {"type": "reasoning.text", "text": "A", "signature": "a", "format": "anthropic-claude-v1", "after": after}
    body = ask(HELLO, {"role": "assistant", "content": "Hi", "reasoning_details": [detail]}, HELLO)
    request = openai_request.read(json.dumps(body).encode())
    assert isinstance(request, ChatRequest)
    payload = DIALECT.write(request, GOAL)
    assert isinstance(payload, Payload)
    assert payload.dropped == ("messages[1].reasoning_details",)
    assert json.loads(payload.body)["messages"][1]["content"] == [text("Hi")]


def test_a_client_that_forgets_the_places_sends_thoughts_first() -> None:
    message = told(
        DIALECT.read_reply(json.dumps({"content": INTERLEAVED, "usage": {}}).encode(), GOAL), strict=True, stream=False
    )
    assert [detail.pop("after", None) for detail in message["reasoning_details"]] == [
        None,
        {"text": 4},
        {"text": 4, "tool_calls": 1},
    ]
