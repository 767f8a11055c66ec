"""Events written as OpenAI's chunks, and the same said as a completion."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from answering import CALLS, CAPTION, DETAILS, LOOSE, THOUGHTS, message, plain
from penstock.core.events import (
    Citation,
    Event,
    Extra,
    Foreign,
    Logprobs,
    Media,
    Refusal,
    Start,
    Stop,
    Text,
    ToolArgs,
    ToolStart,
)
from penstock.core.usage import Usage
from penstock.dialects.caller import Caption
from penstock.dialects.openai.caller.chunks import ChunkWriter

COUNTING = msgspec.structs.replace(CAPTION, include_usage=True)


def chunks(events: list[Event], caption: Caption = CAPTION) -> list[dict[str, Any]]:
    writer = ChunkWriter(caption)
    sent = writer.write(events) + writer.finish()
    assert sent.endswith(b"data: [DONE]\n\n")
    return [json.loads(event[6:]) for event in sent.split(b"\n\n") if event.startswith(b"data: {")]


def deltas(events: list[Event], caption: Caption = CAPTION) -> list[dict[str, Any]]:
    return [choice["delta"] for chunk in chunks(events, caption) for choice in chunk["choices"]]


def test_its_stream() -> None:
    found = chunks([Start("msg_1", "real-model", 7), Text("Hel"), Text("lo"), Stop("stop"), Usage(3, 2)])
    assert [chunk["choices"][0]["delta"] for chunk in found] == [
        {"role": "assistant", "content": ""},
        {"content": "Hel"},
        {"content": "lo"},
        {},
    ]
    assert {(chunk["id"], chunk["model"], chunk["created"], chunk["object"]) for chunk in found} == {
        ("msg_1", "real-model", 7, "chat.completion.chunk")
    }
    assert [chunk["choices"][0]["finish_reason"] for chunk in found] == [None, None, None, "stop"]
    assert found[-1]["usage"]["total_tokens"] == 5
    assert all("usage" not in chunk for chunk in found[:-1])


def test_usage_has_a_chunk_of_its_own_when_it_was_asked_for() -> None:
    found = chunks([Text("x"), Stop("stop"), Usage(3, 2)], COUNTING)
    assert found[-1]["choices"] == []
    assert found[-1]["usage"] == {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    assert [chunk["usage"] for chunk in found[:-1]] == [None] * 3


def test_an_empty_answer_is_an_answer() -> None:
    assert message([Stop("content_filter", "SAFETY")]) == {"role": "assistant", "content": "", "refusal": None}
    assert [c["choices"][0]["finish_reason"] for c in chunks([Stop("content_filter")])] == [None, "content_filter"]


def test_tool_calls_streamed() -> None:
    calls = [call for delta in deltas(CALLS) for call in delta.get("tool_calls", [])]
    assert [(c["index"], c.get("id") is not None, c["function"].get("arguments")) for c in calls] == [
        (0, True, ""),
        (0, False, '{"city"'),
        (0, False, ':"Rome"}'),
        (1, True, ""),
        (1, False, "{}"),
    ]
    assert calls[3]["id"] == message(CALLS)["tool_calls"][1]["id"], "an invented id is the same both ways"


def test_signatures_come_in_the_shapes_that_come_back() -> None:
    events: list[Event] = [ToolStart(0, "f", "c", "sig", "google"), ToolArgs("{}", 0)]
    strict, loose = message(events)["tool_calls"][0], message(events, LOOSE)["tool_calls"][0]
    assert strict["extra_content"] == {"google": {"thought_signature": "sig"}} == loose["extra_content"]
    assert "thought_signature" not in strict["function"]
    assert loose["function"]["thought_signature"] == "sig"
    assert deltas(events)[1]["tool_calls"][0]["extra_content"] == {"google": {"thought_signature": "sig"}}


def test_reasoning_streamed() -> None:
    strict = deltas(THOUGHTS)
    assert "".join(delta.get("reasoning_content", "") for delta in strict) == "Hmm.More."
    assert [detail for delta in strict for detail in delta.get("reasoning_details", [])] == DETAILS
    pieces = [delta["content_blocks"][0] for delta in deltas(THOUGHTS, LOOSE) if "content_blocks" in delta]
    assert pieces[0] == {"index": 0, "delta": {"thinking": "Hm"}}
    assert pieces[2] == {"index": 0, "delta": {"signature": "sig"}}
    assert pieces[-1] == {"index": 3, "delta": {"text": "Hi"}}
    assert not any("content_blocks" in delta for delta in strict)


def test_web_sources_are_annotations_of_their_text() -> None:
    raw = {"type": "web_search_result_location", "url": "https://x"}
    events: list[Event] = [
        Text("First. "),
        Text("Cited.", block=1),
        Citation(raw, "https://x", "X", block=1),
        Citation({"n": 1}, block=1),
        Citation({"n": 2}, "https://y", "", 0, 5, block=1),
    ]
    first = {"start_index": 7, "end_index": 13, "url": "https://x", "title": "X"}
    second = {"start_index": 0, "end_index": 5, "url": "https://y", "title": "https://y"}
    expected = [{"type": "url_citation", "url_citation": each} for each in (first, second)]
    assert message(events)["annotations"] == expected
    streamed = [source for delta in deltas(events) for source in delta.get("annotations", [])]
    assert streamed == [{"index": number, **source} for number, source in enumerate(expected)]
    assert message(events, LOOSE)["content_blocks"][1]["citations"] == [raw, {"n": 1}, {"n": 2}]


def test_pictures_and_sounds() -> None:
    events: list[Event] = [Media("image/png", "AAAA"), Media("audio/L16;rate=24000", "BBBB", block=1)]
    found = message(events)
    assert found["content"] is None
    assert found["content_blocks"] == [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]
    assert found["audio"]["data"] == "BBBB"
    assert {key for delta in deltas(events) for key in delta} == {"role", "content", "content_blocks", "audio"}


def test_vendors_own_things_are_for_callers_who_are_not_strict() -> None:
    events: list[Event] = [
        Foreign({"type": "server_tool_use", "name": "web_search"}),
        Extra("groundingMetadata", {"a": 1}, 0),
        Extra("stop_sequence", "END"),
        Extra("id", "never"),
        Text("x", block=1),
    ]
    assert set(plain(events)) == {"id", "object", "created", "model", "provider", "choices"}
    loose = plain(events, LOOSE)
    assert loose["id"] == "chatcmpl-1"
    assert loose["stop_sequence"] == "END"
    assert loose["choices"][0]["groundingMetadata"] == {"a": 1}
    assert loose["choices"][0]["message"]["content_blocks"][0] == {"type": "server_tool_use", "name": "web_search"}
    last = chunks(events, LOOSE)[-1]
    assert (last["stop_sequence"], last["choices"][0]["groundingMetadata"]) == ("END", {"a": 1})
    assert len(deltas(events)) == 4, "strict callers get the role, the block to send back, the text, the end"


def test_several_choices_refusals_and_log_probabilities() -> None:
    token = {"token": "a", "logprob": -0.5, "bytes": None, "top_logprobs": []}
    events: list[Event] = [
        Text("a"),
        Text("b", 1),
        Refusal("no", 1),
        Logprobs((token,)),
        Stop("stop"),
        Stop("length", "", 1),
    ]
    found = plain(events)["choices"]
    assert [(c["index"], c["message"]["content"], c["finish_reason"]) for c in found] == [
        (0, "a", "stop"),
        (1, "b", "length"),
    ]
    assert found[1]["message"]["refusal"] == "no"
    assert found[0]["logprobs"]["content"] == [token]
    assert [c["choices"][0]["index"] for c in chunks(events)] == [0, 0, 1, 1, 1, 0, 0, 1]


@pytest.mark.parametrize("caption", [CAPTION, LOOSE])
@given(st.lists(st.text(max_size=5), max_size=6))
def test_any_text_survives(caption: Caption, texts: list[str]) -> None:
    events: list[Event] = [Text(text) for text in texts]
    assert "".join(delta.get("content", "") for delta in deltas(events, caption)) == "".join(texts)
    assert message(events, caption)["content"] == "".join(texts)


def test_lone_surrogates_survive() -> None:
    assert message([Text("\ud800")])["content"] == "\ud800"
    assert deltas([Text("a"), Text("\ud800")])[2] == {"content": "\ud800"}
