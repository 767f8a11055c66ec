"""Oracle's replies in its three shapes, whole and streamed, as events."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matrix import PIXEL
from oracle_wire import GOAL, LLAMA, PNG, said
from penstock.core.events import (
    Citation,
    Event,
    Extra,
    Fail,
    Foreign,
    Logprobs,
    Media,
    Start,
    Stop,
    Text,
    Thinking,
    ToolArgs,
    ToolStart,
    collect,
)
from penstock.core.usage import Usage
from penstock.dialects.framing import sse
from penstock.dialects.oracle import DIALECT

# Replies.
USAGE = {"promptTokens": 13, "completionTokens": 8, "totalTokens": 21, "promptTokensDetails": {"cachedTokens": 3}}
COUNTS = {
    "prompt_tokens": 13,
    "completion_tokens": 8,
    "total_tokens": 21,
    "prompt_tokens_details": {"cached_tokens": 3},
}
TOKENS = Usage(13, 8, 21, 3, native=COUNTS)


def piece(*content: Any, **more: Any) -> dict[str, Any]:
    return {"index": 0, "message": {"role": "ASSISTANT", **said("ASSISTANT", *content, **more)}, "pad": "aaaa"}


def stream(*pieces: Any, end: bytes = b"\n\n") -> bytes:
    return b"".join(
        b"data: %b%b" % (each if isinstance(each, bytes) else json.dumps(each).encode(), end) for each in pieces
    )


def read(data: bytes, size: int = 1 << 20) -> list[Event]:
    reader, found = DIALECT.reader(GOAL), list[Event]()
    for start in range(0, len(data), size):
        found += reader.feed(data[start : start + size])
    return found + reader.finish()


def whole(response: Any, **about: Any) -> list[Event]:
    return DIALECT.read_reply(json.dumps({"modelId": LLAMA, "chatResponse": response, **about}).encode(), GOAL)


def call(**members: Any) -> dict[str, Any]:
    return {"type": "FUNCTION", **members}


GENERIC_STREAM = [
    piece("THE"),
    piece(" SUM"),
    piece(toolCalls=[call(id="c1", name="sqrt")]),
    piece(toolCalls=[call(arguments='{"a": ')]),
    piece(toolCalls=[call(arguments="16}")]),
    piece(toolCalls=[call(arguments="")]),
    piece(toolCalls=[call(id="c2", name="next")]),
    piece(toolCalls=[call(arguments="{}")]),
    {"message": {"role": "ASSISTANT", "toolCalls": [call(arguments="")]}, "finishReason": "tool_calls", "pad": "aa"},
    {"usage": USAGE, "pad": "a"},
]
GENERIC_EVENTS = [
    Text("THE"),
    Text(" SUM"),
    ToolStart(0, "sqrt", "c1"),
    ToolArgs('{"a": ', 0),
    ToolArgs("16}", 0),
    ToolStart(1, "next", "c2"),
    ToolArgs("{}", 1),
    Stop("tool_calls", "tool_calls"),
    TOKENS,
]


@pytest.mark.parametrize("size", [1, 3, 64, 1 << 20])
@pytest.mark.parametrize("done", [(), (b"[DONE]",)], ids=["silent", "done"])
def test_a_generic_stream(size: int, done: tuple[bytes, ...]) -> None:
    assert read(stream(*GENERIC_STREAM, *done), size) == GENERIC_EVENTS


def test_events_that_no_empty_line_tells_apart() -> None:
    assert read(stream(*GENERIC_STREAM, end=b"\n") + b"\n") == GENERIC_EVENTS


def test_a_generic_reply() -> None:
    message = said(
        "ASSISTANT",
        "THE SUM",
        toolCalls=[call(id="c1", name="sqrt", arguments='{"a": 16}'), call(id="c2", name="next", arguments="{}")],
    )
    response = {
        "apiFormat": "GENERIC",
        "timeCreated": "2026-07-23T22:59:00.500Z",
        "choices": [
            {
                "index": 0,
                "message": {**message, "reasoningContent": "Hm.", "refusal": None},
                "finishReason": "stop",
                "groundingMetadata": {"x": 1},
            }
        ],
        "usage": USAGE,
    }
    assert whole(response, modelVersion="1.0") == [
        Start(model=LLAMA, created=1784847540),
        Thinking("Hm."),
        Text("THE SUM", block=1),
        ToolStart(0, "sqrt", "c1"),
        ToolArgs('{"a": 16}', 0),
        ToolStart(1, "next", "c2"),
        ToolArgs("{}", 1),
        Extra("groundingMetadata", {"x": 1}, 0),
        Stop("stop", "stop"),
        Extra("modelVersion", "1.0"),
        TOKENS,
    ]


def test_reasoning_counted_apart() -> None:
    usage = {
        "promptTokens": 13,
        "completionTokens": 8,
        "totalTokens": 607,
        "completionTokensDetails": {"reasoningTokens": 586},
    }
    (tokens,) = [
        event
        for event in read(stream({**piece("Hi"), "finishReason": "stop", "usage": usage}))
        if isinstance(event, Usage)
    ]
    assert (tokens.prompt, tokens.completion, tokens.total, tokens.reasoning) == (13, 594, 607, 586)


def test_other_parts_annotations_and_two_choices() -> None:
    source = {
        "type": "url_citation",
        "urlCitation": {"url": "https://x.example", "title": "X", "startIndex": 0, "endIndex": 2},
    }
    video = {"type": "VIDEO", "videoUrl": {"url": "https://x.example/v"}}
    message = {
        "content": [{"type": "TEXT", "text": "Hi"}, {"type": "IMAGE", "imageUrl": {"url": PNG}}, video],
        "annotations": [source],
    }
    found = whole(
        {
            "apiFormat": "GENERIC",
            "choices": [
                {"index": 0, "message": message, "finishReason": "stop"},
                {"index": 1, "message": {"content": []}, "finishReason": "length"},
            ],
        }
    )
    cited = {
        "type": "url_citation",
        "url_citation": {"url": "https://x.example", "title": "X", "start_index": 0, "end_index": 2},
    }
    assert found == [
        Start(model=LLAMA),
        Text("Hi"),
        Media("image/png", PIXEL, block=1),
        Foreign(video, block=2),
        Citation(cited, "https://x.example", "X", 0, 2, block=2),
        Stop("stop", "stop"),
        Stop("length", "length", 1),
    ]


def test_log_probabilities() -> None:
    logprobs = {"tokens": ["Hi", "!"], "tokenLogprobs": [-0.1, -0.2], "topLogprobs": [{"Hi": "-0.1", "Ho": "x"}]}
    found = read(stream({**piece("Hi!"), "logprobs": logprobs, "finishReason": "stop"}))
    assert found[1] == Logprobs(
        (
            {
                "token": "Hi",
                "logprob": -0.1,
                "bytes": None,
                "top_logprobs": [{"token": "Hi", "logprob": -0.1, "bytes": None}],
            },
            {"token": "!", "logprob": -0.2, "bytes": None, "top_logprobs": []},
        )
    )


SECOND_MESSAGE = {
    "role": "ASSISTANT",
    "content": [{"type": "THINKING", "thinking": "Hm."}, {"type": "TEXT", "text": "See."}],
    "toolPlan": "I will ask.",
    "toolCalls": [call(id="c1", function={"name": "get_weather", "arguments": '{"city": "Paris"}'})],
    "citations": [{"start": 0, "end": 3, "text": "See"}],
}
SECOND_EVENTS = [
    Thinking("Hm."),
    Text("See.", block=1),
    Text("I will ask.", block=1),
    ToolStart(0, "get_weather", "c1"),
    ToolArgs('{"city": "Paris"}', 0),
    Extra("citations", [{"start": 0, "end": 3, "text": "See"}], 0),
    Stop("tool_calls", "TOOL_CALL"),
    TOKENS,
]


def test_a_reply_in_coheres_second_shape() -> None:
    response = {
        "apiFormat": "COHEREV2",
        "id": "r-1",
        "message": SECOND_MESSAGE,
        "finishReason": "TOOL_CALL",
        "usage": USAGE,
    }
    assert whole(response) == [Start("r-1", LLAMA), *SECOND_EVENTS]


def test_a_stream_in_coheres_second_shape() -> None:
    data = stream(
        {
            "apiFormat": "COHEREV2",
            "message": {"role": "ASSISTANT", "content": [{"type": "THINKING", "thinking": "Hm."}]},
        },
        {"apiFormat": "COHEREV2", "message": {"role": "ASSISTANT", **said("ASSISTANT", "See.")}},
        {"apiFormat": "COHEREV2", "message": {**SECOND_MESSAGE, "content": []}},
        {"apiFormat": "COHEREV2", "message": {"role": "ASSISTANT"}, "finishReason": "TOOL_CALL", "usage": USAGE},
        b"[DONE]",
    )
    assert read(data) == SECOND_EVENTS


FIRST_CALL = {"name": "get_weather", "parameters": {"city": "Paris"}}


def test_a_stream_in_coheres_first_shape_says_all_again_at_its_end() -> None:
    data = stream(
        {"apiFormat": "COHERE", "text": "I will", "pad": "a"},
        {"apiFormat": "COHERE", "text": " ask."},
        {"apiFormat": "COHERE", "text": "", "toolCalls": [FIRST_CALL]},
        {
            "apiFormat": "COHERE",
            "text": "I will ask.",
            "chatHistory": [1],
            "toolCalls": [FIRST_CALL],
            "finishReason": "COMPLETE",
            "usage": USAGE,
        },
    )
    assert read(data, 5) == [
        Text("I will"),
        Text(" ask."),
        ToolStart(0, "get_weather"),
        ToolArgs('{"city":"Paris"}', 0),
        Stop("stop", "COMPLETE"),
        TOKENS,
    ]


def test_a_last_event_that_says_it_for_the_first_time() -> None:
    data = stream({"apiFormat": "COHERE", "text": "I ask.", "toolCalls": [FIRST_CALL], "finishReason": "COMPLETE"})
    assert read(data) == [
        Text("I ask."),
        ToolStart(0, "get_weather"),
        ToolArgs('{"city":"Paris"}', 0),
        Stop("stop", "COMPLETE"),
    ]


def test_a_reply_in_coheres_first_shape() -> None:
    response = {
        "apiFormat": "COHERE",
        "text": "Sunny.",
        "chatHistory": [1],
        "finishReason": "MAX_TOKENS",
        "usage": {"inputTokens": 3, "outputTokens": 2},
        "citations": [{"start": 0}],
        "prompt": "x",
    }
    assert whole(response) == [
        Start(model=LLAMA),
        Text("Sunny."),
        Stop("length", "MAX_TOKENS"),
        Extra("citations", [{"start": 0}]),
        Usage(3, 2, 5, native={"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": None}),
    ]


@pytest.mark.parametrize(
    ("native", "reason"),
    [
        ("COMPLETE", "stop"),
        ("STOP_SEQUENCE", "stop"),
        ("ERROR_LIMIT", "length"),
        ("ERROR_TOXIC", "content_filter"),
    ],
)
def test_why_a_cohere_model_ended(native: str, reason: str) -> None:
    assert read(stream({"apiFormat": "COHERE", "text": "Hi", "finishReason": native}))[-1] == Stop(reason, native)


# Errors.


@pytest.mark.parametrize(
    ("event", "fail"),
    [
        (
            {"apiFormat": "COHERE", "text": "", "finishReason": "ERROR", "errorMessage": "It broke."},
            ("It broke.", "ERROR", ""),
        ),
        (
            {"apiFormat": "COHEREV2", "finishReason": "ERROR"},
            ("The provider failed to generate the answer.", "ERROR", ""),
        ),
        ({"code": "429", "message": "Too many requests."}, ("Too many requests.", "", "429")),
    ],
)
def test_an_error_in_a_stream(event: dict[str, Any], fail: tuple[str, str, str]) -> None:
    *before, last = read(stream(piece("Hi"), event, piece("more")))
    assert before == [Text("Hi")]
    assert isinstance(last, Fail)
    assert ((last.message, last.type, last.code), last.broken) == (fail, False)


def test_an_error_in_place_of_a_reply() -> None:
    (fail,) = DIALECT.read_reply(b'{"code": "404", "message": "No such model."}', GOAL)
    assert fail == Fail("No such model.", code="404", status=0, raw=b'{"code": "404", "message": "No such model."}')


@pytest.mark.parametrize(
    "data",
    [b"", stream(piece("Hi")), stream(b'{"index"'), stream(b"[]")],
    ids=["nothing", "no end", "no JSON", "no object"],
)
def test_a_broken_stream(data: bytes) -> None:
    last = read(data)[-1]
    assert isinstance(last, Fail)
    assert last.broken


@pytest.mark.parametrize("data", [b"", b"[]", b'{"chatResponse": 1}', b'{"chatResponse": {}}'])
def test_a_broken_reply(data: bytes) -> None:
    last = DIALECT.read_reply(data, GOAL)[-1]
    assert isinstance(last, Fail)
    assert last.broken


def test_an_event_that_never_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MAX_FRAME", 10)
    reader = DIALECT.reader(GOAL)
    (last,) = reader.feed(b"data: " + b"x" * 20)
    assert isinstance(last, Fail)
    assert reader.feed(stream(piece("Hi"))) == []


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


IN_MESSAGE = ["annotations", "citations", "content", "reasoningContent", "refusal", "toolCalls", "toolPlan"]
messages = st.dictionaries(st.sampled_from(IN_MESSAGE), anything)


MEMBERS = [
    "choices",
    "code",
    "errorMessage",
    "finishReason",
    "id",
    "index",
    "logprobs",
    "message",
    "text",
    "timeCreated",
    "toolCalls",
    "usage",
]


replies = st.dictionaries(
    st.sampled_from(MEMBERS), anything | messages | st.lists(st.fixed_dictionaries({"message": messages}))
)


@given(replies)
@settings(max_examples=150, deadline=None)
def test_any_value_of_any_member(reply: dict[str, Any]) -> None:
    for found in (read(stream(reply, reply, b"[DONE]")), whole(reply)):
        collect(found)
        assert all(not isinstance(event, Fail) for event in found[:-1])
