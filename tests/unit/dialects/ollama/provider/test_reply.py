"""Ollama's replies, whole and line by line, as events."""

import itertools
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matrix import PIXEL
from penstock.core.events import (
    Event,
    Extra,
    Fail,
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
from penstock.dialects.dialect import WriteContext
from penstock.dialects.framing import ndjson
from penstock.dialects.ollama import DIALECT

GOAL = WriteContext("qwen3")
CREATED = "2025-03-27T20:52:57.515458112Z"
DURATIONS = {"total_duration": 329660702, "load_duration": 15200490, "prompt_eval_duration": 11, "eval_duration": 30}
COUNTS = {"prompt_eval_count": 297, "eval_count": 28}
START = Start("", "qwen3", 1743108777)
EXTRAS: list[Event] = [Extra(name, value) for name, value in DURATIONS.items()]
TOKENS = Usage(297, 28, 325, native=COUNTS)


def line(message: Any, **members: Any) -> bytes:
    return json.dumps({"model": "qwen3", "created_at": CREATED, "message": message, "done": False, **members}).encode()


def last(message: Any, reason: str = "stop", **members: Any) -> bytes:
    return line(message, done=True, done_reason=reason, **DURATIONS, **COUNTS, **members)


def ended(reason: str, native: str = "stop") -> list[Event]:
    return [TOKENS, *EXTRAS, Stop(reason, native)]


def streamed(data: bytes, cuts: list[int] | None = None) -> list[Event]:
    reader = DIALECT.reader(GOAL)
    marks = [0, *sorted(cuts or []), len(data)]
    found = [event for a, b in itertools.pairwise(marks) for event in reader.feed(data[a:b])]
    return [*found, *reader.finish()]


def whole(data: bytes) -> list[Event]:
    return DIALECT.read_reply(data, GOAL)


PARIS_CALL = {"function": {"name": "get_weather", "arguments": {"city": "Paris", "days": 12345678901234567890123}}}
TIME_CALL = {"id": "call_9", "function": {"index": 1, "name": "get_time", "arguments": {}}}
STREAM = b"\n".join(
    [
        line({"role": "assistant", "content": "", "thinking": "Hm"}),
        line({"role": "assistant", "content": "", "thinking": "m."}),
        line({"role": "assistant", "content": "Let — "}),
        line({"role": "assistant", "content": "me see."}),
        line({"role": "assistant", "content": "", "tool_calls": [PARIS_CALL]}),
        line({"role": "assistant", "content": "", "tool_calls": [TIME_CALL]}),
        last({"role": "assistant", "content": ""}),
        b"",
    ]
)
CALLS: list[Event] = [
    ToolStart(0, "get_weather"),
    ToolArgs('{"city":"Paris","days":12345678901234567890123}', 0),
    ToolStart(1, "get_time", "call_9"),
    ToolArgs("{}", 1),
]


# docs/quirks.md#q99: lines of JSON, arguments as an object, no id, "stop" after a call, counts on the last line only.


def test_a_stream() -> None:
    assert streamed(STREAM) == [
        START,
        Thinking("Hm"),
        Thinking("m."),
        Text("Let — ", block=1),
        Text("me see.", block=1),
        *CALLS,
        *ended("tool_calls"),
    ]


def test_a_whole_reply_says_the_same() -> None:
    message = {"content": "Let — me see.", "thinking": "Hmm.", "tool_calls": [PARIS_CALL, TIME_CALL]}
    expected = [START, Thinking("Hmm."), Text("Let — me see.", block=1), *CALLS, *ended("tool_calls")]
    assert whole(last(message)) == expected
    assert whole(json.dumps(json.loads(last(message)), indent=1).encode()) == expected


def test_any_cut_gives_the_same_events() -> None:
    expected = streamed(STREAM)
    assert all(streamed(STREAM, [cut]) == expected for cut in range(len(STREAM) + 1))
    assert streamed(STREAM.replace(b"\n", b"\r\n"), list(range(len(STREAM)))) == expected
    assert streamed(STREAM.removesuffix(b"\n")) == expected
    assert streamed(STREAM + b"{garbage\n" * 2, [len(STREAM)]) == expected


@pytest.mark.parametrize(
    ("native", "reason"),
    [("stop", "stop"), ("length", "length"), ("load", "stop"), ("unload", "stop"), ("", "stop"), ("new", "new")],
)
def test_finish_reasons(native: str, reason: str) -> None:
    assert whole(last({"content": "Hi"}, native)) == [START, Text("Hi"), *ended(reason, native)]


def test_an_answer_that_was_cut_off_in_its_calls_says_so() -> None:
    assert whole(last({"tool_calls": [TIME_CALL]}, "length"))[-1] == Stop("length", "length")


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({}, []),
        ({"eval_count": 5}, [Usage(None, 5, native={"eval_count": 5})]),
        ({"prompt_eval_count": "5", "eval_count": True}, []),
    ],
)
def test_counts_that_are_missing_are_not_guessed(counts: dict[str, Any], expected: list[Event]) -> None:
    data = line({"content": "Hi"}, done=True, done_reason="stop", **counts)
    assert whole(data) == [START, Text("Hi"), *expected, Stop("stop", "stop")]


@pytest.mark.parametrize(
    ("created", "seconds"),
    [
        ("2025-03-27T20:52:57Z", 1743108777),
        ("2025-03-27T22:52:57.5+02:00", 1743108777),
        ("2025-03-27T20:52:57", 1743108777),
        ("0001-01-01T00:00:00Z", 0),
        ("0001-01-01T00:00:00+14:00", 0),
        ("yesterday", 0),
        (5, 0),
        (None, 0),
    ],
)
def test_when_it_began(created: Any, seconds: int) -> None:
    data = json.dumps({"model": "qwen3", "created_at": created, "message": {}, "done": True}).encode()
    assert whole(data)[0] == Start("", "qwen3", seconds)


def test_log_probabilities() -> None:
    told = [{"token": "Hi", "logprob": -0.5, "bytes": [72, 105], "top_logprobs": [{"token": "Ho", "logprob": -2}]}]
    bare = [{"token": "Hi", "logprob": -0.5}]
    assert whole(last({"content": "Hi"}, logprobs=told))[2] == Logprobs(tuple(told))
    filled = {"token": "Hi", "logprob": -0.5, "bytes": None, "top_logprobs": []}
    assert whole(last({"content": "Hi"}, logprobs=bare))[2] == Logprobs((filled,))


@pytest.mark.parametrize(
    ("data", "mime"),
    [(PIXEL, "image/png"), ("/9j/4AAQ", "image/jpeg"), ("UklGRh4A", "image/webp"), ("AAAA", "image/png")],
)
def test_images(data: str, mime: str) -> None:
    found = whole(last({"content": "Look", "images": [data, 3]}))
    assert found[1:3] == [Text("Look"), Media(mime, data, block=1)]


def test_arguments_as_text_or_missing() -> None:
    made = [{"function": {"name": "a", "arguments": '{"x": 1}'}}, {"function": {"name": "b"}}, {"function": 3}, 4]
    found = whole(last({"tool_calls": made}))
    assert found[1:4] == [ToolStart(0, "a"), ToolArgs('{"x": 1}', 0), ToolStart(1, "b")]


def test_what_nobody_knows_is_kept() -> None:
    assert Extra("remote_model", "qwen3:480b") in whole(last({"content": "Hi"}, remote_model="qwen3:480b"))


def test_an_error_between_lines_is_a_failure() -> None:
    error = b'{"error":"an error was encountered while running the model"}'
    data = line({"content": "Hi"}) + b"\n" + error + b"\n" + last({"content": "never"})
    assert streamed(data) == [
        START,
        Text("Hi"),
        Fail("an error was encountered while running the model", raw=error),
    ]
    assert whole(error) == streamed(error) == streamed(data)[2:]


@pytest.mark.parametrize("error", [{"message": "No.", "type": "api_error", "code": "x"}, {}, "", None, 3])
def test_errors_of_other_shapes(error: Any) -> None:
    [fail] = whole(json.dumps({"error": error}).encode())
    assert isinstance(fail, Fail)
    assert fail.message
    assert not fail.broken
    if error and isinstance(error, dict):
        assert (fail.message, fail.type, fail.code) == ("No.", "api_error", "x")


@pytest.mark.parametrize(
    "data", [b"", line({"content": "Hi"}), line({"content": "Hi"}) + b"\n{garbage\n", b"[1]\n", b"\xff\n", b"null"]
)
def test_a_stream_that_breaks_off_or_holds_garbage_fails_as_broken(data: bytes) -> None:
    *_, fail = streamed(data)
    assert isinstance(fail, Fail)
    assert fail.broken
    assert sum(isinstance(event, Fail) for event in streamed(data, [1, 3])) == 1
    assert isinstance(whole(data)[-1], Fail)


def test_a_line_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ndjson, "MAX_FRAME", 100)
    reader = DIALECT.reader(GOAL)
    [fail] = reader.feed(b"x" * 200)
    assert isinstance(fail, Fail)
    assert fail.broken
    assert reader.feed(b"\n") == reader.finish() == []


# Whatever comes, events come of it.
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
RICH = {"content": "Hi", "thinking": "Hm", "images": [PIXEL], "tool_calls": [PARIS_CALL, TIME_CALL]}
LINE = json.loads(last(RICH, logprobs=[{"token": "Hi", "logprob": -0.5}]))


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
@given(st.sampled_from(places(LINE)), JSON)
def test_any_value_in_place_of_any_member_is_read(place: tuple[Any, ...], value: Any) -> None:
    data = json.dumps(replaced(LINE, place, value)).encode()
    assert collect(whole(data)) == collect(streamed(data))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=80), st.integers(0, len(STREAM)))
def test_any_bytes_are_read(garbage: bytes, place: int) -> None:
    collect(whole(garbage))
    found = streamed(STREAM[:place] + garbage + STREAM[place:])
    assert isinstance(found[-1], Fail | Stop)
