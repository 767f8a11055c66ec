"""One candidate's parts as events, and how it ends: docs/quirks.md#gemini-and-vertex-ai."""

import json

import pytest

from gemini_replies import COUNTED, START, STOP, TOKENS, answered, call, read, response, said, streamed, whole
from penstock.core.events import (
    Extra,
    Fail,
    Foreign,
    Media,
    Stop,
    Text,
    Thinking,
    ToolArgs,
    ToolStart,
)
from penstock.core.usage import Usage

# How it ends.


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        *[
            (word, "content_filter")
            for word in ("SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "MODEL_ARMOR")
        ],
        *[(f"IMAGE_{word}", "content_filter") for word in ("SAFETY", "PROHIBITED_CONTENT", "RECITATION")],
    ],
)
def test_every_reason_is_told_in_openais_words(reason: str, told: str) -> None:
    stop = whole(response(said("A"), finish=reason))[-1]
    assert stop == Stop(told, reason)


@pytest.mark.parametrize("reason", ["TIRED", "OTHER", "IMAGE_OTHER", "NO_IMAGE", "FINISH_REASON_UNSPECIFIED"])
def test_reasons_that_say_nothing_known_are_told_as_they_came(reason: str) -> None:
    assert whole(response(said("A"), finish=reason))[-1] == Stop(reason, reason)


@pytest.mark.parametrize(
    "reason",
    """
    MALFORMED_FUNCTION_CALL UNEXPECTED_TOOL_CALL TOO_MANY_TOOL_CALLS MISSING_THOUGHT_SIGNATURE MALFORMED_RESPONSE
    """.split(),
)
def test_a_broken_call_is_an_error(reason: str) -> None:
    told = {"candidates": [{"finishReason": reason, "finishMessage": "Malformed call: f(", "index": 0}]}
    for events in (whole(told), streamed(told)):
        assert events[-1] == Fail("Malformed call: f(", reason, reason, 502)
    assert "gave up" in whole({"candidates": [{"finishReason": reason}]})[-1].message  # type: ignore[union-attr]


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


def test_a_call_that_was_not_allowed_is_an_error() -> None:
    """docs/quirks.md#q46: the attempt has failed, and ``finishMessage`` says why."""
    value = response(finish="UNEXPECTED_TOOL_CALL", content={}, finishMessage="Unexpected tool call: f()")
    word = "UNEXPECTED_TOOL_CALL"
    assert whole(value) == [START, Fail("Unexpected tool call: f()", word, word, 502)]


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
        Text("A"), Thinking("", "c2ln", "", "google", 0, 1, covers=1), Text("B", 0, 2), Text("C", 0, 3)
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
