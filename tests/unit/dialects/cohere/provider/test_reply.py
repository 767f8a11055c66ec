"""Cohere's replies, whole and streamed, as events."""

import itertools
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.core.events import (
    Citation,
    Event,
    Extra,
    Fail,
    Foreign,
    Logprobs,
    Start,
    Stop,
    Text,
    Thinking,
    ToolArgs,
    ToolStart,
    collect,
)
from penstock.core.usage import Usage
from penstock.dialects.cohere import DIALECT
from penstock.dialects.dialect import WriteContext
from penstock.dialects.framing import sse

GOAL = WriteContext("command-a-03-2025")


def event(kind: str, **members: Any) -> bytes:
    data = json.dumps({"type": kind, **members}, ensure_ascii=False)
    return f"event: {kind}\ndata: {data}\n\n".encode()


def delta(kind: str, index: int | None = None, **message: Any) -> bytes:
    where = {} if index is None else {"index": index}
    return event(kind, **where, delta={"message": message})


def content(index: int, **block: Any) -> bytes:
    return delta("content-start" if "type" in block else "content-delta", index, content=block)


def stream(*events: bytes, end: bytes | None = None) -> bytes:
    start = event("message-start", id="reply-1", delta={"message": {"role": "assistant", "content": []}})
    end = event("message-end", delta={"finish_reason": "COMPLETE", "usage": USAGE}) if end is None else end
    return b"".join([start, *events, end, b"data: [DONE]\n\n"])


def streamed(data: bytes, cuts: list[int] | None = None) -> list[Event]:
    reader = DIALECT.reader(GOAL)
    marks = [0, *sorted(cuts or []), len(data)]
    found = [event for a, b in itertools.pairwise(marks) for event in reader.feed(data[a:b])]
    return [*found, *reader.finish()]


def whole(message: Any, reason: str = "COMPLETE", **members: Any) -> list[Event]:
    reply = {"id": "reply-1", "message": message, "finish_reason": reason, "usage": USAGE, **members}
    return DIALECT.read_reply(json.dumps(reply).encode(), GOAL)


USAGE: dict[str, Any] = {
    "billed_units": {"input_tokens": 98, "output_tokens": 35},
    "tokens": {"input_tokens": 1508.0, "output_tokens": 67, "reasoning_tokens": 12},
    "cached_tokens": 1472,
}
TOKENS = Usage(1508, 67, 1575, 1472, reasoning=12, native=USAGE)
END: list[Event] = [TOKENS, Stop("stop", "COMPLETE")]
CITED: dict[str, Any] = {
    "start": 0,
    "end": 4,
    "text": "Ruby",
    "sources": [
        {"type": "tool", "id": "search_1:0", "tool_output": {"content": "Ruby"}},
        {"type": "document", "id": "doc:0", "document": {"url": "https://example.com/ruby", "title": "Ruby"}},
    ],
    "type": "TEXT_CONTENT",
    "content_index": 1,
}
RUBY = Citation(CITED, "https://example.com/ruby", "Ruby", 0, 4, block=1)


# docs/quirks.md#q67: no content at all in a turn with tool calls, its prose is the plan. docs/quirks.md#q68: ids as Cohere makes them.
# docs/quirks.md#q70: in streams ``tool_calls`` is an object, and one call comes after the other.
PLANNED = stream(
    delta("tool-plan-delta", tool_plan="I will"),
    delta("tool-plan-delta", tool_plan=" roll."),
    delta("tool-call-start", 0, tool_calls={"id": "roll_x9", "type": "function", "function": {"name": "roll", "arguments": ""}}),
    delta("tool-call-delta", 0, tool_calls={"function": {"arguments": '{"n":'}}),
    delta("tool-call-delta", 0, tool_calls={"function": {"arguments": "2}"}}),
    event("tool-call-end", index=0),
    delta("tool-call-start", 1, tool_calls={"id": "roll_8t", "type": "function", "function": {"name": "roll", "arguments": "{"}}),
    delta("tool-call-delta", 1, tool_calls={"function": {"arguments": "}"}}),
    event("tool-call-end", index=1),
    end=event("message-end", delta={"finish_reason": "TOOL_CALL", "usage": USAGE}),
)  # fmt: skip
PLANNED_MESSAGE = {
    "role": "assistant",
    "tool_plan": "I will roll.",
    "tool_calls": [
        {"id": "roll_x9", "type": "function", "function": {"name": "roll", "arguments": '{"n":2}'}},
        {"id": "roll_8t", "type": "function", "function": {"name": "roll", "arguments": "{}"}},
    ],
}


# docs/quirks.md#q71: thinking is block 0, text block 1; citations come while text is still streaming.
CITING = stream(
    content(0, type="thinking", thinking=""),
    content(0, thinking="By "),
    content(0, thinking="whom?"),
    event("content-end", index=0),
    content(1, type="text", text=""),
    content(1, text="Ruby"),
    delta("citation-start", 0, citations=CITED),
    event("citation-end", index=0),
    content(1, text=" — Matz."),
    event("content-end", index=1),
)
CITING_MESSAGE = {
    "role": "assistant",
    "content": [{"type": "thinking", "thinking": "By whom?"}, {"type": "text", "text": "Ruby — Matz."}],
    "citations": [CITED],
}


def joined(events: list[Event]) -> Any:
    """What events come to: the reply, its text in one piece a block."""
    reply = collect(events)
    for choice in reply.choices.values():
        for number, block in choice.blocks.items():
            texts = "".join(each.text for each in block if isinstance(each, Text | Thinking))
            kinds = {type(each) for each in block if isinstance(each, Text | Thinking)}
            rest = [each for each in block if not isinstance(each, Text | Thinking)]
            choice.blocks[number] = [*(kind(texts, block=number) for kind in kinds), *rest]
    return reply


def test_a_plan_is_text_before_the_calls() -> None:
    assert streamed(PLANNED) == [
        Start("reply-1"),
        Text("I will"),
        Text(" roll."),
        ToolStart(0, "roll", "roll_x9"),
        ToolArgs('{"n":', 0),
        ToolArgs("2}", 0),
        ToolStart(1, "roll", "roll_8t"),
        ToolArgs("{", 1),
        ToolArgs("}", 1),
        TOKENS,
        Stop("tool_calls", "TOOL_CALL"),
    ]
    assert joined(whole(PLANNED_MESSAGE, "TOOL_CALL")) == joined(streamed(PLANNED))


def test_thinking_text_and_citations_are_blocks() -> None:
    assert streamed(CITING) == [
        Start("reply-1"),
        Thinking("By "),
        Thinking("whom?"),
        Text("Ruby", block=1),
        RUBY,
        Text(" — Matz.", block=1),
        *END,
    ]
    assert joined(whole(CITING_MESSAGE)) == joined(streamed(CITING))


@pytest.mark.parametrize("data", [PLANNED, CITING], ids=["planned", "citing"])
def test_any_cut_gives_the_same_events(data: bytes) -> None:
    expected = streamed(data)
    assert all(streamed(data, [cut]) == expected for cut in range(len(data) + 1))
    assert streamed(data, list(range(len(data)))) == expected
    assert streamed(data.replace(b"\n", b"\r\n"), list(range(len(data)))) == expected


@pytest.mark.parametrize(
    ("cited", "expected"),
    [
        ({"start": 2, "end": 4, "type": "TEXT_CONTENT", "content_index": 3}, (8, 10, 3)),
        ({"start": 2, "end": 4, "type": "TEXT_CONTENT"}, (2, 4, 1)),
        ({"start": 2, "end": 4, "type": "THINKING_CONTENT", "content_index": 0}, (None, None, 0)),
        ({"start": 1, "end": 3, "type": "PLAN"}, (15, 17, 4)),
        ({"start": 1, "end": 3, "type": "TEXT_CONTENT", "content_index": 9}, (None, None, 0)),
        ({}, (None, None, 1)),
    ],
)
def test_offsets_count_within_a_block_and_are_told_within_the_whole_text(
    cited: dict[str, Any], expected: tuple[Any, ...]
) -> None:
    blocks = [
        {"type": "thinking", "thinking": "Hm"},
        {"type": "text", "text": "One 🙂 "},
        {"type": "audio", "audio": "x"},
        {"type": "text", "text": "and two "},
    ]
    message = {"content": blocks, "tool_plan": "Plan"}
    found = [event for event in whole({**message, "citations": [cited]}) if isinstance(event, Citation)]
    assert [(each.start, each.end, each.block) for each in found] == [expected]


# docs/quirks.md#q69: what was billed is less than what was read.


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (USAGE, [TOKENS]),
        ({"billed_units": {"input_tokens": 9, "output_tokens": 2}}, [Usage(9, 2, 11)]),
        ({"tokens": {"input_tokens": 9}}, [Usage(9)]),
        ({"tokens": {"input_tokens": 1.5, "output_tokens": True}, "cached_tokens": "3"}, [Usage()]),
        ({}, []),
        (None, []),
        ([1], []),
    ],
)
def test_usage(usage: Any, expected: list[Usage]) -> None:
    found = [event for event in whole({"content": "Hi"}, usage=usage) if isinstance(event, Usage)]
    assert found == [msgspec.structs.replace(each, native=usage) for each in expected]


@pytest.mark.parametrize(
    ("native", "reason"),
    [
        ("COMPLETE", "stop"),
        ("STOP_SEQUENCE", "stop"),
        ("MAX_TOKENS", "length"),
        ("TOOL_CALL", "tool_calls"),
        ("TIMEOUT", "length"),
        ("SOMETHING_NEW", "SOMETHING_NEW"),
    ],
)
def test_finish_reasons(native: str, reason: str) -> None:
    assert whole({"content": "Hi"}, native)[-1] == Stop(reason, native)
    end = event("message-end", delta={"finish_reason": native})
    assert streamed(stream(end=end)) == [Start("reply-1"), Stop(reason, native)]


def test_an_error_at_the_end_is_a_failure_after_what_was_counted() -> None:
    end = event("message-end", delta={"finish_reason": "ERROR", "error": "No GPU.", "usage": USAGE})
    *before, fail = streamed(stream(content(0, text="Hi"), end=end))
    assert before == [Start("reply-1"), Text("Hi"), TOKENS]
    assert isinstance(fail, Fail)
    assert (fail.message, fail.type, fail.broken) == ("No GPU.", "ERROR", False)
    assert json.loads(fail.raw)["delta"]["error"] == "No GPU."
    silent = whole({"content": "Hi"}, "ERROR")[-1]
    assert isinstance(silent, Fail)
    assert silent.message


# docs/quirks.md#q72: an error has no ``error`` member.


def test_an_error_in_coheres_shape() -> None:
    error = {"error_type": "TOO_MANY_TOKENS", "id": "e-1", "message": "too many tokens"}
    data = json.dumps(error).encode()
    expected = [Fail("too many tokens", type="TOO_MANY_TOKENS", raw=data)]
    assert DIALECT.read_reply(data, GOAL) == expected
    assert streamed(b"data: " + data + b"\n\ndata: 1\n\n") == expected


def test_log_probabilities() -> None:
    items = [
        {"text": "He", "token_ids": [1], "logprobs": [-0.5]},
        {"text": "llo!", "token_ids": [2, 3], "logprobs": [-0.25, -0.5]},
        {"text": "", "token_ids": [4]},
    ]
    tokens: tuple[dict[str, Any], ...] = tuple(
        {"token": token, "logprob": number, "bytes": None, "top_logprobs": []}
        for token, number in (("He", -0.5), ("llo!", -0.75))
    )
    assert Logprobs(tokens) in whole({"content": "Hello!"}, logprobs=items)
    piece = event("content-delta", index=0, delta={"message": {"content": {"text": "He"}}}, logprobs=items[0])
    assert streamed(stream(piece))[1:3] == [Text("He"), Logprobs(tokens[:1])]


def test_what_nobody_knows_is_kept() -> None:
    debug = event("debug", prompt="<BOS>")
    block = {"type": "audio", "audio": "x"}
    unnamed = b"data: {}\n\n"
    found = streamed(stream(debug, content(0, **block), unnamed))
    assert found == [Start("reply-1"), Extra("debug", {"type": "debug", "prompt": "<BOS>"}), Foreign(block), *END]
    named = streamed(stream(b'event: content-delta\ndata: {"delta":{"message":{"content":{"text":"Hi"}}}}\n\n'))
    assert named == [Start("reply-1"), Text("Hi"), *END]


@pytest.mark.parametrize(
    "data",
    [
        PLANNED[: PLANNED.index(b"event: message-end")],
        b"",
        b"data: [DONE]\n\n",
        stream(b"data: {garbage\n\n"),
        stream(b"data: [1]\n\n"),
        stream(delta("tool-call-delta", 0, tool_calls={"function": {"arguments": "{}"}})),
        stream(event("tool-call-delta")),
    ],
)
def test_a_stream_that_breaks_off_or_holds_garbage_fails_as_broken(data: bytes) -> None:
    *_, last = streamed(data)
    assert isinstance(last, Fail)
    assert last.broken
    assert sum(isinstance(event, Fail) for event in streamed(data, [5, 9])) == 1


def test_a_stream_that_lacks_only_its_last_empty_line_is_whole() -> None:
    assert streamed(stream(content(0, text="Hi")).removesuffix(b"\n\ndata: [DONE]\n\n"))[1:] == [Text("Hi"), *END]


def test_an_event_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MAX_FRAME", 100)
    reader = DIALECT.reader(GOAL)
    assert reader.feed(b"data: ") == []
    [fail] = reader.feed(b"x" * 200)
    assert isinstance(fail, Fail)
    assert fail.broken
    assert reader.feed(b"\n\n") == reader.finish() == []


@pytest.mark.parametrize("data", [b"", b"<html>", b"[]", b"\xff", b"{}", b'{"message":3}'])
def test_a_whole_reply_that_is_none_fails(data: bytes) -> None:
    [fail] = DIALECT.read_reply(data, GOAL)
    assert isinstance(fail, Fail)
    assert fail.broken
    assert fail.raw == data


# Whatever comes, events come of it.
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
MESSAGES = [
    {"type": "message-start", "id": "reply-1"},
    *(json.loads(block.split(b"data: ")[1]) for data in (PLANNED, CITING) for block in data.split(b"\n\n")[:-2]),
    {
        "id": "reply-1",
        "message": {**PLANNED_MESSAGE, **CITING_MESSAGE},
        "usage": USAGE,
        "logprobs": [{"logprobs": [1]}],
    },
]


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    keys = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, inner in keys for place in places(inner, (*path, key)))]


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = replaced(value[path[0]], path[1:], new)
    return copy


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_value_in_place_of_any_member_is_read(data: st.DataObject) -> None:
    message = data.draw(st.sampled_from(MESSAGES))
    broken = replaced(message, data.draw(st.sampled_from(places(message))), data.draw(JSON))
    text = json.dumps(broken).encode()
    collect(DIALECT.read_reply(text, GOAL))
    collect(streamed(PLANNED[:500].rpartition(b"event:")[0] + b"data: " + text + b"\n\n"))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=80), st.integers(0, len(CITING)))
def test_any_bytes_are_read(garbage: bytes, place: int) -> None:
    collect(DIALECT.read_reply(garbage, GOAL))
    found = streamed(CITING[:place] + garbage + CITING[place:])
    assert isinstance(found[-1], Fail | Stop)


def test_each_source_with_an_address_is_cited() -> None:
    tool, ruby = CITED["sources"]
    matz = {"type": "document", "id": "doc:1", "document": {"url": "https://example.com/matz"}}
    cited = {**CITED, "sources": [tool, ruby, matz, ruby]}
    message = {**CITING_MESSAGE, "citations": [cited]}
    first = {**CITED, "sources": [ruby, tool, ruby]}
    second = Citation({**CITED, "sources": [matz]}, "https://example.com/matz", "", 0, 4, block=1)
    told = [event for event in whole(message) if isinstance(event, Citation)]
    assert told == [Citation(first, "https://example.com/ruby", "Ruby", 0, 4, block=1), second]
    data = stream(content(1, type="text", text="Ruby"), delta("citation-start", 0, citations=cited))
    urls = [event.url for event in streamed(data) if isinstance(event, Citation)]
    assert urls == ["https://example.com/ruby", "https://example.com/matz"]
