"""Gemini's replies, whole and streamed, as events: docs/quirks.md#gemini-and-vertex-ai."""

import json
from collections.abc import Iterable
from typing import Any

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
from penstock.dialects.framing import sse
from penstock.dialects.gemini import DIALECT
from penstock.dialects.gemini import candidate as gemini_candidate
from penstock.dialects.gemini.candidate import FINISH_REASONS

GOAL = WriteContext("gemini-2.5-flash", "google")
START = Start("r1", "gemini-2.5-flash")
STOP = Stop("stop", "STOP")
COUNTED = {"promptTokenCount": 5, "candidatesTokenCount": 2, "totalTokenCount": 7}
TOKENS = Usage(5, 2, 7, native=COUNTED)


def response(*parts: Any, finish: str | None = None, usage: Any = None, **members: Any) -> dict[str, Any]:
    """One response with one candidate."""
    candidate = {"content": {"parts": list(parts), "role": "model"}, "index": 0, **members}
    if finish:
        candidate["finishReason"] = finish
    return {
        "candidates": [candidate],
        **({"usageMetadata": usage} if usage else {}),
        "modelVersion": "gemini-2.5-flash",
        "responseId": "r1",
    }


def said(text: str, **members: Any) -> dict[str, Any]:
    return {"text": text, **members}


def call(name: str, args: Any = None, **members: Any) -> dict[str, Any]:
    return {"functionCall": {"name": name, **({} if args is None else {"args": args})}, **members}


def whole(value: Any) -> list[Event]:
    return DIALECT.read_reply(value if isinstance(value, bytes) else json.dumps(value).encode(), GOAL)


def framed(values: Iterable[Any]) -> bytes:
    """A stream as Google sends it: CRLF, and no end mark."""
    return b"".join(b"data: " + json.dumps(value).encode() + b"\r\n\r\n" for value in values)


def read(*pieces: bytes) -> list[Event]:
    reader = DIALECT.reader(GOAL)
    found = [event for piece in pieces for event in reader.feed(piece)]
    return [*found, *reader.finish()]


def streamed(*values: Any) -> list[Event]:
    return read(framed(values))


def answered(*events: Event) -> list[Event]:
    """The events of an answer that ends well and counts nothing."""
    return [START, *events, STOP]


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
    for time in ("yesterday", "2026-02-17", "0001-01-01T00:00:00Z", 3):
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


# How it ends.


@pytest.mark.parametrize("reason", FINISH_REASONS)
def test_every_reason_is_told_in_openais_words(reason: str) -> None:
    stop = whole(response(said("A"), finish=reason))[-1]
    assert stop == Stop(FINISH_REASONS[reason], reason)


def test_reasons_that_nobody_knows_are_a_stop() -> None:
    assert whole(response(said("A"), finish="TIRED"))[-1] == Stop("stop", "TIRED")


def test_a_call_ends_with_stop() -> None:
    """docs/quirks.md#q38: whether it called is seen from the parts, of any earlier piece too."""
    expected = [START, ToolStart(0, "f"), Stop("tool_calls", "STOP")]
    assert whole(response(call("f", {}), finish="STOP")) == expected
    assert streamed(response(call("f", {})), response(said(""), finish="STOP")) == expected


def test_thinking_may_use_up_everything() -> None:
    """docs/quirks.md#q42: content without parts, counts without those of an answer."""
    usage = {"promptTokenCount": 15, "thoughtsTokenCount": 2, "totalTokenCount": 17}
    value = response(finish="MAX_TOKENS", usage=usage, content={"role": "model"})
    assert whole(value) == [START, Stop("length", "MAX_TOKENS"), Usage(15, 2, 17, reasoning=2, native=usage)]


def test_a_stop_for_safety_has_no_content() -> None:
    """docs/quirks.md#q43."""
    ratings = [{"category": "HARM_CATEGORY_HATE_SPEECH", "blocked": True}]
    value = response(finish="SAFETY", content={}, safetyRatings=ratings)
    assert whole(value) == [START, Extra("safetyRatings", ratings, 0), Stop("content_filter", "SAFETY")]


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


def test_a_candidate_may_be_stopped_by_model_armor() -> None:
    """docs/quirks.md#q45: a reason outside the short list, no content, and tokens all the same."""
    value = response(finish="MODEL_ARMOR", usage=COUNTED, finishMessage="Violates.")
    del value["candidates"][0]["content"]
    assert whole(value) == [
        START,
        Extra("finishMessage", "Violates.", 0),
        Stop("content_filter", "MODEL_ARMOR"),
        TOKENS,
    ]


def test_a_call_that_was_not_allowed_is_told() -> None:
    """docs/quirks.md#q46: no failure, and no silent stop either."""
    value = response(finish="UNEXPECTED_TOOL_CALL", content={}, finishMessage="Unexpected tool call: f()")
    assert whole(value) == [
        START,
        Extra("finishMessage", "Unexpected tool call: f()", 0),
        Stop("stop", "UNEXPECTED_TOOL_CALL"),
    ]


def test_text_may_go_on_after_a_reason_to_stop() -> None:
    """docs/quirks.md#q51: the last counts, and a stream that ends before it is cut short."""
    code = {"executableCode": {"language": "PYTHON", "code": "1+1"}}
    output = {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "2"}}
    pieces = [response({**code, "thought": True}), response(code, finish="STOP"), response(output)]
    pieces += [response(said("It")), response(said(" is 2."), finish="STOP")]
    assert streamed(*pieces) == answered(
        Foreign({**code, "thought": True}, 0, 0),
        Foreign(code, 0, 1),
        Foreign(output, 0, 2),
        Text("It", 0, 3),
        Text(" is 2.", 0, 3),
    )
    for end in range(1, len(pieces)):
        assert isinstance(streamed(*pieces[:end])[-1], Fail)


def test_a_signature_after_the_reason_to_stop_is_no_new_beginning() -> None:
    pieces = [response(said("Hi"), finish="STOP"), response(said("", thoughtSignature="c2ln"))]
    assert streamed(*pieces) == answered(Text("Hi"), Thinking("", "c2ln", "", "google", 0, 1))


# Parts.


def test_calls_have_no_ids() -> None:
    """docs/quirks.md#q39, #q40: the writer invents ids; only the first of parallel calls is signed."""
    value = response(call("f", {}, thoughtSignature="c2ln"), call("f", {}), call("f", {"n": 1}), finish="STOP")
    assert whole(value) == [
        START,
        ToolStart(0, "f", "", "c2ln", "google"),
        ToolStart(1, "f"),
        ToolStart(2, "f"),
        ToolArgs('{"n":1}', 2),
        Stop("tool_calls", "STOP"),
    ]


def test_an_id_is_kept() -> None:
    value = response({"functionCall": {"name": "f", "id": "call_1"}}, finish="STOP")
    assert whole(value)[1] == ToolStart(0, "f", "call_1")


def test_arguments_keep_their_numbers() -> None:
    """docs/quirks.md#q52: an object becomes text, without a number or a character of it changing."""
    args = b'{\n  "a": 1.10,\n  "b": 123456789012345678901234567890,\n  "c": "\\u00fc \xc3\xbc",\n  "d": {"e": []}\n}'
    value = (
        json.dumps(response(call("f", "ARGS"), said("x"), call("g", {}), finish="STOP"))
        .encode()
        .replace(b'"ARGS"', args)
    )
    expected = '{"a":1.10,"b":123456789012345678901234567890,"c":"\\u00fc ü","d":{"e":[]}}'
    for events in (whole(value), read(b"data: " + value.replace(b"\n", b"") + b"\r\n\r\n"), whole(b"[" + value + b"]")):
        assert [event for event in events if isinstance(event, ToolArgs)] == [ToolArgs(expected, 0)]
    lenient = value.replace(args, b'{"a": 1, "b": "\\ud800"}')
    for events in (whole(lenient), whole(b"[" + lenient + b"]")):
        assert ToolArgs('{"a":1,"b":"\\ud800"}', 0) in events


def test_parts_without_text() -> None:
    """docs/quirks.md#q41: empty text says nothing; a signature on it does; Google's own calls aren't the caller's."""
    search = {"toolCall": {"toolType": "GOOGLE_SEARCH_WEB", "id": "t1"}, "thoughtSignature": "c2ln"}
    found = {"toolResponse": {"toolType": "GOOGLE_SEARCH_WEB", "id": "t1"}, "thoughtSignature": "c2lo"}
    pieces = [response(search, said("")), response(found), response(said("So")), response(said("")), response(said(".")),
              response(said("", thoughtSignature="ZW5k"), finish="STOP")]  # fmt: skip
    assert streamed(*pieces) == answered(
        Foreign(search, 0, 0),
        Foreign(found, 0, 1),
        Text("So", 0, 2),
        Text(".", 0, 2),
        Thinking("", "ZW5k", "", "google", 0, 3),
    )


def test_thoughts_are_a_block_of_their_own() -> None:
    pieces = [response(said("A", thought=True)), response(said("B", thought=True)), response(said("C"), finish="STOP")]
    assert streamed(*pieces) == answered(Thinking("A", owner="google"), Thinking("B", owner="google"), Text("C", 0, 1))
    assert whole(response(said("A", thought=False), finish="STOP")) == answered(Text("A"))
    assert whole(response(said("", thought=True), finish="STOP")) == answered()


def test_a_signed_thought_ends_its_block() -> None:
    parts = [
        said("A", thought=True, thoughtSignature="c2ln"),
        said("B", thought=True),
        said("", thought=True, thoughtSignature="c2lo"),
    ]
    assert whole(response(*parts, finish="STOP")) == answered(
        Thinking("A", "c2ln", "", "google", 0, 0),
        Thinking("B", "", "", "google", 0, 1),
        Thinking("", "c2lo", "", "google", 0, 1),
    )


def test_signed_text_is_joined_with_no_other() -> None:
    parts = [said("A"), said("B", thoughtSignature="c2ln"), said("C")]
    assert whole(response(*parts, finish="STOP")) == answered(
        Text("A"), Thinking("", "c2ln", "", "google", 0, 1), Text("B", 0, 2), Text("C", 0, 3)
    )


def test_media() -> None:
    """docs/quirks.md#q53: sound without a header keeps its type."""
    sound = {"inlineData": {"mimeType": "audio/L16;codec=pcm;rate=24000", "data": "AAAA"}}
    picture = {"inlineData": {"mimeType": "image/png", "data": "iVBO"}, "thoughtSignature": "c2ln"}
    film = {"fileData": {"mimeType": "video/mp4", "fileUri": "gs://b/film.mp4"}}
    draft = {"inlineData": {"mimeType": "image/png", "data": "iVBO"}, "thought": True}
    assert whole(response(sound, picture, film, draft, finish="STOP")) == answered(
        Media("audio/L16;codec=pcm;rate=24000", "AAAA", "", 0, 0),
        Thinking("", "c2ln", "", "google", 0, 1),
        Media("image/png", "iVBO", "", 0, 2),
        Media("video/mp4", "", "gs://b/film.mp4", 0, 3),
        Foreign(draft, 0, 4),
    )


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
    assert tokens == Usage(108, 50, 158, cached=4, reasoning=30, audio_in=5, audio_out=9, native=usage)
    del usage["totalTokenCount"]
    assert whole(response(said("A"), finish="STOP", usage=usage))[-1] == Usage(
        108, 50, 158, cached=4, reasoning=30, audio_in=5, audio_out=9, native=usage
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


# What has no place in OpenAI's dialect.


def test_members_that_openai_has_no_place_for_are_told_once() -> None:
    pieces = [
        response(said("A"), urlContextMetadata={"a": 1}, avgLogprobs=-1.5, citationMetadata={}),
        {**response(said("B"), finish="STOP", urlContextMetadata={"b": 2}, avgLogprobs=-0.5, tokenCount=0), "x": [1]},
    ]
    assert streamed(*pieces)[3:] == [
        Extra("urlContextMetadata", {"a": 1, "b": 2}, 0),
        Extra("avgLogprobs", -0.5, 0),
        Extra("tokenCount", 0, 0),
        STOP,
        Extra("x", [1]),
    ]


def segment(start: int, end: int, text: str = "", **members: Any) -> dict[str, Any]:
    found = {"startIndex": start, "endIndex": end, "text": text, **members}
    return {name: value for name, value in found.items() if value not in (0, "")}


WEB = {"web": {"uri": "https://example.com/a", "title": "A"}}
CONTEXT = {"retrievedContext": {"uri": "gs://b/doc", "title": "Doc"}}
BARE = {"web": {"domain": "example.com"}}


def grounded(*supports: dict[str, Any]) -> dict[str, Any]:
    return {"groundingChunks": [WEB, CONTEXT, BARE], "groundingSupports": list(supports)}


def citations(events: list[Event]) -> list[Citation]:
    return [event for event in events if isinstance(event, Citation)]


def test_places_of_citations_are_bytes_and_become_characters() -> None:
    place = segment(7, 16, "🙂 Grü")
    grounding = grounded({"segment": place, "groundingChunkIndices": [0, 1, 2, 7, "0"]})
    expected = [
        Citation({"segment": place, **WEB}, "https://example.com/a", "A", 5, 10),
        Citation({"segment": place, **CONTEXT}, "gs://b/doc", "Doc", 5, 10),
        Citation({"segment": place, **BARE}, "", "", 5, 10),
    ]
    text = "Äöx, 🙂 Grüße."
    assert text.encode()[7:16].decode() == "🙂 Grü"
    assert text[5:10] == "🙂 Grü"
    found = whole(response(said(text), finish="STOP", groundingMetadata=grounding))
    assert citations(found) == expected
    assert found[-2:] == [Extra("groundingMetadata", grounding, 0), STOP]
    pieces = [response(said("Äö"), groundingMetadata={}), response(said("x, 🙂 G"))]
    assert citations(streamed(*pieces, response(said("rüße."), finish="STOP", groundingMetadata=grounding))) == expected


@pytest.mark.parametrize(
    ("place", "start", "end"),
    [
        (segment(0, 2, "be", partIndex=2), 4, 6),  # in its part
        (segment(0, 2, partIndex=2), 4, 6),
        (segment(0, 2, partIndex=9), 0, 2),
        (segment(5, 8, "ta"), 6, 8),  # where its text stands
        (segment(5, 8, "nowhere"), None, None),
        (segment(0, 0), None, None),
        (segment(5, 3), None, None),
        ({}, None, None),
        ({"startIndex": "1", "endIndex": [2], "text": 3}, None, None),
    ],
)
def test_places_of_citations_in_several_parts(place: dict[str, Any], start: int | None, end: int | None) -> None:
    grounding = grounded({"segment": place, "groundingChunkIndices": [0]})
    parts = [said("alph"), said("hm", thought=True), said("beta"), said("")]
    (found,) = citations(whole(response(*parts, finish="STOP", groundingMetadata=grounding)))
    assert (found.start, found.end) == (start, end)


def test_parts_count_in_places_whatever_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    grounding = grounded({"segment": segment(0, 1, "b", partIndex=4), "groundingChunkIndices": [0]})
    parts = [said("b"), said(""), said("", thoughtSignature="c2ln"), call("f"), said("b")]
    value = response(*parts, finish="STOP", groundingMetadata=grounding)
    (found,) = citations(whole(value))
    assert (found.start, found.end) == (1, 2)
    monkeypatch.setattr(gemini_candidate, "_KEPT_TEXT", 1)  # beyond, nothing is kept
    (found,) = citations(whole(value))
    assert (found.start, found.end) == (0, 1)


def test_sources_that_support_nothing_in_particular() -> None:
    grounding = {"groundingChunks": [WEB]}
    found = citations(whole(response(said("A"), said("B"), finish="STOP", groundingMetadata=grounding)))
    assert found == [Citation(WEB, "https://example.com/a", "A")]
    assert citations(whole(response(said("A"), finish="STOP", groundingMetadata=[1]))) == []


def test_logprobs() -> None:
    result = {
        "chosenCandidates": [
            {"token": "é", "logProbability": -0.5, "tokenId": 3},
            {"token": "b"},
            {"token": 4},
            {"token": "d", "logProbability": 10**400},
        ],
        "topCandidates": [
            {"candidates": [{"token": "a", "logProbability": -1}, {"token": "c", "logProbability": "x"}]}
        ],
    }
    content = (
        {
            "token": "é",
            "logprob": -0.5,
            "bytes": [195, 169],
            "top_logprobs": [{"token": "a", "logprob": -1, "bytes": [97]}],
        },
        {"token": "b", "logprob": 0, "bytes": [98], "top_logprobs": []},
    )
    assert whole(response(said("éb"), finish="STOP", logprobsResult=result)) == answered(Text("éb"), Logprobs(content))


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
