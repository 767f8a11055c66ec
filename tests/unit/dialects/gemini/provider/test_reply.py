"""Gemini's replies, whole and streamed, as events: docs/quirks.md#gemini-and-vertex-ai."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gemini_replies import (
    COUNTED,
    START,
    STOP,
    TOKENS,
    answered,
    call,
    framed,
    grounded,
    read,
    response,
    said,
    segment,
    streamed,
    whole,
)
from penstock.core.events import (
    Extra,
    Fail,
    Start,
    Stop,
    Text,
    collect,
)
from penstock.core.usage import Usage
from penstock.dialects.framing import sse

# Whole replies and streams.


def test_a_whole_reply() -> None:
    assert whole(response(said("Hi"), finish="STOP", usage=COUNTED)) == [*answered(Text("Hi")), TOKENS]


def test_a_stream_ends_without_an_end_mark() -> None:
    """docs/quirks.md#q37."""
    data = framed([response(said("He")), response(said("llo"), finish="STOP", usage=COUNTED)])
    assert read(data) == [*answered(Text("He"), Text("llo")), TOKENS]
    assert read(data.replace(b"\r\n", b"\n")) == read(data)
    assert read(data, b"data: [DONE]\n\n") == read(data)
    assert read(data.removesuffix(b"\r\n\r\n")) == read(data)


def test_a_stream_may_come_as_a_json_array() -> None:
    pieces = [response(said("He")), response(said("llo"), finish="STOP", usage=COUNTED)]
    array = b"[" + b",\r\n".join(json.dumps(piece, indent=2).encode() for piece in pieces) + b"\n]"
    assert whole(array) == streamed(*pieces)
    assert read(b"data: " + json.dumps(pieces).encode() + b"\n\n") == streamed(*pieces)


def test_several_candidates_are_several_choices() -> None:
    """The index of the first may be left out, as zeros are."""
    first, second = response(said("A"), finish="STOP"), response(said("B"), finish="MAX_TOKENS", index=1)
    del first["candidates"][0]["index"]
    together = {**first, "candidates": first["candidates"] + second["candidates"]}
    expected = [START, Text("A"), Text("B", 1), STOP, Stop("length", "MAX_TOKENS", 1)]
    assert whole(together) == expected
    assert streamed(first, second) == expected
    assert streamed(together) == expected


def test_vertex_says_when() -> None:
    value = {**response(said("Hi"), finish="STOP"), "createTime": "2026-02-17T04:28:34.970636Z"}
    assert whole(value)[0] == Start("r1", "gemini-2.5-flash", 1771302514)
    for time in ("yesterday", "0001-01-01T00:00:00Z", 3):
        assert whole({**value, "createTime": time})[0] == START


@pytest.mark.parametrize("cut", range(3))
def test_any_cutting_gives_the_same_events(cut: int) -> None:
    values = [
        response(said("Thinking…", thought=True)),
        response(said("Grüße 🙂")),
        response(call("f", {"a": "ü"}, thoughtSignature="c2ln"), finish="STOP", usage=COUNTED),
    ]
    data = framed(values).replace(b"\\u00fc", "ü".encode())
    expected = read(data)
    if cut == 0:
        assert read(*(data[at : at + 1] for at in range(len(data)))) == expected
    for at in range(cut, len(data), 3):
        assert read(data[:at], data[at:]) == expected


def test_a_refused_prompt_has_no_candidates() -> None:
    """docs/quirks.md#q44."""
    feedback = {"blockReason": "PROHIBITED_CONTENT", "blockReasonMessage": "No."}
    usage = {"trafficType": "ON_DEMAND"}
    value = {"promptFeedback": feedback, "usageMetadata": usage, "responseId": "r1", "modelVersion": "gemini-2.5-flash"}
    expected = [
        START,
        Stop("content_filter", "PROHIBITED_CONTENT"),
        Extra("promptFeedback", feedback),
        Usage(native=usage),
    ]
    assert whole(value) == expected
    assert streamed(value) == expected
    assert whole({**value, "promptFeedback": {"blockReason": "OTHER"}})[1] == Stop("content_filter", "OTHER")


# Counts.


def test_thoughts_and_tools_count() -> None:
    """docs/quirks.md#q47, #q48: the total holds more than prompt and candidates."""
    usage = {
        "promptTokenCount": 8,
        "toolUsePromptTokenCount": 100,
        "candidatesTokenCount": 20,
        "thoughtsTokenCount": 30,
        "cachedContentTokenCount": 4,
        "totalTokenCount": 158,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 3}, {"modality": "AUDIO", "tokenCount": 5}],
        "candidatesTokensDetails": [{"modality": "AUDIO", "tokenCount": 9}],
    }
    tokens = whole(response(said("A"), finish="STOP", usage=usage))[-1]
    assert tokens == Usage(108, 50, 158, cached=4, reasoning=30, audio_in=5, audio_out=9, tool_prompt=100, native=usage)
    del usage["totalTokenCount"]
    assert whole(response(said("A"), finish="STOP", usage=usage))[-1] == Usage(
        108, 50, 158, cached=4, reasoning=30, audio_in=5, audio_out=9, tool_prompt=100, native=usage
    )


def test_counts_are_running_totals() -> None:
    """docs/quirks.md#q49: the last account holds, and nothing is added up."""
    first = {"promptTokenCount": 9, "candidatesTokenCount": 1, "thoughtsTokenCount": 3, "totalTokenCount": 13}
    assert streamed(response(said("A"), usage=first), response(said("B"), finish="STOP", usage=COUNTED))[-1] == TOKENS


def test_an_account_may_count_nothing() -> None:
    """docs/quirks.md#q50: neither it nor an empty groundingMetadata says anything."""
    traffic = {"trafficType": "ON_DEMAND"}
    quiet = response(said("A"), usage=traffic, groundingMetadata={})
    last = response(said("B"), finish="STOP", usage={**COUNTED, **traffic}, groundingMetadata={})
    assert streamed(quiet, last) == [*answered(Text("A"), Text("B")), Usage(5, 2, 7, native={**COUNTED, **traffic})]
    told_last = streamed(response(said("A"), usage=COUNTED), response(said("B"), finish="STOP", usage=traffic))[-1]
    assert told_last == Usage(5, 2, 7, native={**COUNTED, **traffic})


# Failures.


def test_an_error_within_an_answer() -> None:
    error = {"error": {"code": 503, "message": "Overloaded.", "status": "UNAVAILABLE"}}
    raw = json.dumps(error).encode()
    fail = Fail("Overloaded.", "UNAVAILABLE", "503", 503, raw)
    assert streamed(response(said("A"), usage=COUNTED), error, response(said("B"))) == [START, Text("A"), TOKENS, fail]
    assert whole(error) == [fail]
    assert whole([error]) == [fail]
    assert whole({"error": "No."}) == [Fail("No.", raw=b'{"error": "No."}')]
    (unsaid,) = whole({"error": {}})
    assert isinstance(unsaid, Fail)
    assert unsaid.message


@pytest.mark.parametrize(
    "data",
    [b"", b"nonsense", b"3", b"[3]", b'"x"', b"{}", b"[]", b'{"candidates":[]}', b'{"usageMetadata":{}}', b"[{},null]"],
)
def test_what_is_no_answer_is_broken(data: bytes) -> None:
    *_, last = whole(data)
    assert isinstance(last, Fail)
    assert last.broken


def test_garbage_in_a_stream_is_broken() -> None:
    found = read(framed([response(said("A"), usage=COUNTED)]) + b"data: {oops\r\n\r\n" + framed([response(said("B"))]))
    assert found[:3] == [START, Text("A"), TOKENS]
    assert isinstance(found[-1], Fail)
    assert found[-1].broken
    assert len(found) == 4


def test_a_stream_without_a_reason_to_stop_is_broken() -> None:
    for data in (b"", framed([response(said("A"))]), framed([response(said("A"), finish="STOP"), response(said("B"))])):
        *_, last = read(data)
        assert isinstance(last, Fail)
        assert last.broken


def test_a_whole_reply_needs_no_reason_to_stop() -> None:
    assert whole(response(said("A"))) == [START, Text("A")]


def test_a_piece_without_end_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MAX_FRAME", 100)
    (fail,) = read(b"data: " + b"x" * 200)
    assert isinstance(fail, Fail)
    assert fail.broken


# Whatever comes.
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
FULL = {
    **response(
        said("Hi", thought=True, thoughtSignature="c2ln"),
        said("Hi", thoughtSignature="c2ln"),
        call("f", {"a": 1}, thoughtSignature="c2ln"),
        {"inlineData": {"mimeType": "image/png", "data": "iVBO"}},
        {"fileData": {"mimeType": "image/png", "fileUri": "gs://b/c"}},
        finish="STOP",
        usage={**COUNTED, "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 1}]},
        groundingMetadata=grounded({"segment": segment(0, 2, "Hi"), "groundingChunkIndices": [0]}),
        logprobsResult={
            "chosenCandidates": [{"token": "a", "logProbability": -1}],
            "topCandidates": [{"candidates": []}],
        },
    ),
    "createTime": "2026-02-17T04:28:34Z",
    "promptFeedback": {"blockReason": "SAFETY"},
}


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for name, member in members for place in places(member, (*path, name)))]


def put(value: Any, path: tuple[Any, ...], other: Any) -> Any:
    if not path:
        return other
    name, *rest = path
    if isinstance(value, dict):
        return {**value, name: put(value[name], tuple(rest), other)}
    return [put(each, tuple(rest), other) if at == name else each for at, each in enumerate(value)]


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(places(FULL)), JSON)
def test_any_value_in_any_place_gives_events(path: tuple[Any, ...], other: Any) -> None:
    value = put(FULL, path, other)
    at_once, piecewise = whole(value), streamed(value)
    assert at_once
    assert repr(collect(at_once)) == repr(collect(piecewise)) or isinstance(piecewise[-1], Fail)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.binary(max_size=20) | st.sampled_from([b"data: ", b"\r\n\r\n", b"{}", b'{"candidates":[{}]}', b"[", b"null"])
    )
)
def test_any_bytes_give_events(pieces: list[bytes]) -> None:
    assert read(*pieces)
    assert whole(b"".join(pieces))
