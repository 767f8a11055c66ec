"""Responses as their callers see them: requests read and written for a provider, replies whole, streamed and folded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, get_args

from hypothesis import strategies as st
from openai.types.responses import Response, ResponseStreamEvent

from penstock.core.body import Body
from penstock.core.chat import ChatRequest, Echo, Owner
from penstock.core.events import (
    Citation,
    Event,
    Foreign,
    Refusal,
    Stop,
    Text,
    Thinking,
    ToolArgs,
    ToolStart,
    collect,
)
from penstock.core.failure import Failure
from penstock.dialects.caller import Caption
from penstock.dialects.dialect import Payload, WriteContext
from penstock.dialects.framing import sse
from penstock.dialects.registry import DIALECTS
from penstock.dialects.responses.caller.reply import write_reply
from penstock.dialects.responses.caller.request import read_request
from penstock.dialects.responses.caller.stream import ResponseWriter
from penstock.traits.resolve import resolve

CAPTION: Final = Caption("abc", 1700000000, "asked-model", "unit")
_CLASSES: Final[Mapping[str, Any]] = {
    get_args(each.model_fields["type"].annotation)[0]: each for each in get_args(get_args(ResponseStreamEvent)[0])
}
"""OpenAI's class of each event."""
FUNCTION: Final = {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}}
HI: Final = "hi"


def body(**members: Any) -> Body:
    return Body.parse(json.dumps({"model": "m", "input": HI, **members}).encode())


def read(**members: Any) -> ChatRequest:
    """The request with these members."""
    request = read_request(body(**members))
    assert isinstance(request, ChatRequest), request
    return request


def refused(**members: Any) -> Failure:
    """Why the request with these members is refused: always a 400."""
    failure = read_request(body(**members))
    assert isinstance(failure, Failure)
    assert failure.status == 400
    return failure


def written(dialect: str, model: str = "m", **members: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What a provider of this dialect is sent, and what was dropped."""
    payload = DIALECTS[dialect].write(read(**members), WriteContext(model, "unit", resolve(model, "unit")))
    assert isinstance(payload, Payload), payload
    return json.loads(payload.body), payload.dropped


def captioned(echo: Echo) -> Caption:
    return Caption("abc", 1700000000, "asked-model", "unit", echo=echo)


def plain(*events: Event, caption: Caption = CAPTION) -> dict[str, Any]:
    """The whole response, which OpenAI's types accept."""
    data = write_reply(collect([*events, *_stopped(events)]), caption)
    assert isinstance(data, bytes), data
    found: dict[str, Any] = json.loads(data)
    Response.model_validate(found)
    return found


def _stopped(events: tuple[Event, ...]) -> tuple[Event, ...]:
    return () if any(isinstance(each, Stop) for each in events) else (Stop("stop"),)


def streamed(*events: Event, caption: Caption = CAPTION) -> list[dict[str, Any]]:
    """The events of the stream, numbered without a gap, which OpenAI's types accept."""
    writer = ResponseWriter(caption)
    sent = b"".join([writer.write([each]) for each in (*events, *_stopped(events))]) + writer.finish()
    assert writer.failed is None, writer.failed
    return parsed(sent)


def parsed(sent: bytes) -> list[dict[str, Any]]:
    assert b"[DONE]" not in sent
    found = []
    for name, data in sse.events(sent):
        value = json.loads(data)
        assert value["type"] == name.decode()
        _CLASSES[value["type"]].model_validate(value)
        found.append(value)
    assert [each["sequence_number"] for each in found] == list(range(len(found)))
    return found


def folded(events: list[dict[str, Any]]) -> dict[str, Any]:
    """The response that a stream tells, put together of its pieces, which must agree with its last event."""
    assert [each["type"] for each in events[:2]] == ["response.created", "response.in_progress"]
    output: dict[int, dict[str, Any]] = {}
    deltas: dict[tuple[Any, ...], str] = {}
    for each in events:
        kind, number = each["type"], each.get("output_index", -1)
        if kind == "response.output_item.added":
            assert number == len(output)
            output[number] = each["item"]
        elif kind == "response.output_item.done":
            assert output[number]["id"] == each["item"]["id"]
            output[number] = each["item"]
        elif kind.endswith(".delta"):
            key = (number, each.get("content_index"), each.get("summary_index"), kind.removesuffix(".delta"))
            deltas[key] = deltas.get(key, "") + each["delta"]
        elif kind.removesuffix(".done") in _TEXTS:
            key = (number, each.get("content_index"), each.get("summary_index"), kind.removesuffix(".done"))
            assert each[_TEXTS[kind.removesuffix(".done")]] == deltas.get(key, "")
    whole: dict[str, Any] = events[-1]["response"]
    assert list(output.values()) == whole["output"]
    return whole


_TEXTS: Final[Mapping[str, str]] = {
    "response.output_text": "text",
    "response.refusal": "refusal",
    "response.reasoning_summary_text": "text",
    "response.function_call_arguments": "arguments",
    "response.custom_tool_call_input": "input",
}


def said(*events: Event, caption: Caption = CAPTION) -> dict[str, Any]:
    """The response, the same whole and streamed."""
    whole = plain(*events, caption=caption)
    assert folded(streamed(*events, caption=caption)) == whole
    return whole


def items(*events: Event, caption: Caption = CAPTION) -> list[dict[str, Any]]:
    """The output items, without their ids."""
    found: list[dict[str, Any]] = said(*events, caption=caption)["output"]
    return [{name: value for name, value in item.items() if name != "id"} for item in found]


WORDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=6)


@st.composite
def answers(draw: st.DrawFn) -> list[Event]:
    """Any answer of a provider: texts, thoughts, calls and sources in any order."""
    found: list[Event] = []
    calls = 0
    for block in range(draw(st.integers(0, 6))):
        match draw(st.sampled_from(["text", "thinking", "call", "refusal", "search"])):
            case "text":
                found += [Text(piece, 0, block) for piece in draw(st.lists(WORDS, max_size=3))]
                found += [Citation({}, "https://a", "A", block=block)] if draw(st.booleans()) else []
            case "thinking":
                owner = draw(st.sampled_from([Owner.UNKNOWN, Owner.OPENAI, Owner.ANTHROPIC]))
                found += [Thinking(draw(WORDS), block=block), Thinking(signature="s", owner=owner, block=block)]
            case "call":
                found += [ToolStart(calls, "f", f"c{calls}"), ToolArgs('{"a":1}', calls)]
                calls += 1
            case "refusal":
                found.append(Refusal(draw(WORDS)))
            case _:
                found.append(Foreign({"type": "server_tool_use", "name": "web_search", "input": "{}"}, block=block))
    return found
