"""A stream put together as a plain reply."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from completions import (
    CALLED,
    DONE,
    END,
    HI,
    USAGE,
    called,
    chunks,
    completion,
    completions,
    event,
    message,
    plain,
    said,
)
from penstock.dialects.openai.relay.gather import gather, to_plain
from penstock.dialects.openai.relay.replay import to_stream


def escaped(text: str) -> list[str]:
    """The text as JSON escapes of UTF-16 units, two for an emoji."""
    data = text.encode("utf-16-be")
    return [f"\\u{data[at : at + 2].hex()}" for at in range(0, len(data), 2)]


@given(st.text(max_size=40), st.lists(st.integers(0, 80), max_size=6))
def test_where_text_is_cut_makes_no_difference(text: str, cuts: list[int]) -> None:
    units = escaped(text)
    edges = [0, *sorted(min(cut, len(units)) for cut in cuts), len(units)]
    pieces = ["".join(units[a:b]) for a, b in itertools.pairwise(edges)]
    events = [said({"content": "?"}).replace(b"?", piece.encode()) for piece in pieces]
    assert message(*events)["content"] == text


def fragments(chunk: dict[str, Any], at: int) -> list[dict[str, Any]]:
    """The chunk as two, if it brings nothing but a piece of text or arguments."""
    deltas: list[dict[str, Any]]
    match chunk["choices"]:
        case [{"delta": {"content": str(text), **others}, "finish_reason": None} as choice] if not others:
            deltas = [{"content": text[:at]}, {"content": text[at:]}]
        case [{"delta": {"tool_calls": [{"index": index, "function": {"arguments": text, **named}}]}} as choice] if (
            not named
        ):
            pieces = ({"arguments": text[:at]}, {"arguments": text[at:]})
            deltas = [{"tool_calls": [{"index": index, "function": piece}]} for piece in pieces]
        case _:
            return [chunk]
    rest = {**choice, "delta": deltas[1]}
    if "logprobs" in choice:
        rest["logprobs"] = None
    return [{**chunk, "choices": [{**choice, "delta": deltas[0]}]}, {**chunk, "choices": [rest]}]


@given(completions(), st.lists(st.integers(0, 500), min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_how_a_completion_is_cut_into_chunks_makes_no_difference(
    reply: dict[str, Any], cuts: list[int], random: Any
) -> None:
    stream = to_stream(json.dumps(reply).encode(), include_usage=True)
    assert stream is not None
    told = chunks(stream)
    for at in cuts:
        told = [part for chunk in told for part in fragments(chunk, at)]
    queues = [
        [chunk for chunk in told if chunk["choices"] and chunk["choices"][0]["index"] == choice["index"]]
        for choice in reply["choices"]
    ]
    mixed = []
    while any(queues):
        mixed.append(random.choice([queue for queue in queues if queue]).pop(0))
    again = to_plain(b"".join(event(**chunk) for chunk in [*mixed, told[-1]]))
    assert again is not None
    assert json.loads(again) == reply


def test_parallel_tool_calls_are_joined_by_index() -> None:
    told = message(
        said({"role": "assistant", "content": ""}),
        called(2, id="b", type="function", function={"name": "g", "arguments": ""}),
        called(0, id="", type="function", function={"name": "", "arguments": ""}),
        called(0, id="a", function={"name": "f", "arguments": '{"x"'}, extra_content={"google": {"signature": "s"}}),
        called(2, id=None, function={"name": None, "arguments": "{}"}),
        called(0, id="a", function={"name": "f", "arguments": ":1}"}),
    )
    assert told["content"] is None
    assert told["tool_calls"] == [
        {
            "id": "a",
            "type": "function",
            "function": {"name": "f", "arguments": '{"x":1}'},
            "extra_content": {"google": {"signature": "s"}},
        },
        {"id": "b", "type": "function", "function": {"name": "g", "arguments": "{}"}},
    ]


def test_calls_of_one_chunk_need_no_index() -> None:
    calls = [{"id": name, "type": "function", "function": {"name": name, "arguments": "{}"}} for name in "fg"]
    assert message(said({"tool_calls": calls}))["tool_calls"] == calls


def test_a_call_has_one_index_in_the_stream_whatever_the_reply_says() -> None:
    calls = [{"index": 0, "id": name, "type": "function", "function": {"name": name}} for name in "fg"]
    stream = to_stream(json.dumps(completion({"tool_calls": calls})).encode(), include_usage=False)
    assert stream is not None
    told = [call for chunk in chunks(stream) for call in chunk["choices"][0]["delta"].get("tool_calls", [])]
    assert [(call["index"], call["id"]) for call in told] == [(0, "f"), (1, "g")]


@pytest.mark.parametrize(
    ("pieces", "name"),
    [
        (("get_", "weather"), "get_weather"),
        (("f", "f"), "f"),
        (("get_", "f", "get_f"), "get_f"),
        (("f", ""), "f"),
        (("", "f", ""), "f"),
        (("f", None), "f"),
    ],
)
@pytest.mark.parametrize("holder", ["tool_calls", "function_call"])
def test_names_in_pieces_and_repeated_names(pieces: tuple[str | None, ...], name: str, holder: str) -> None:
    """Later pieces of a call may say an empty name, or none."""
    deltas: list[Any] = [{"name": piece, "arguments": ""} for piece in pieces] + [{"arguments": "{}"}]
    if holder == "tool_calls":
        events = [called(0, id="a", type="function", function=delta) for delta in deltas]
        whole = {"id": "a", "type": "function", "function": {"name": name, "arguments": "{}"}}
        assert message(*events)[holder] == [whole]
    else:
        assert message(*(said({holder: delta}) for delta in deltas))[holder] == {"name": name, "arguments": "{}"}


@pytest.mark.parametrize("reason", [None, ""])
def test_an_end_without_a_reason_stays_without(reason: str | None) -> None:
    stream = HI + said({}, reason)
    plain_reply = gather(stream + DONE)
    assert plain_reply is not None
    assert json.loads(plain_reply)["choices"][0]["finish_reason"] in (None, "")
    assert gather(stream) is None
    assert to_plain(stream + event(choices=[], usage=USAGE) + DONE) is None


def test_the_legacy_call_is_joined() -> None:
    told = message(
        said({"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": ""}}),
        said({"function_call": {"arguments": "{"}}),
        said({"function_call": {"arguments": "}"}}),
    )
    assert told["function_call"] == {"name": "f", "arguments": "{}"}
    assert told["content"] is None


def test_each_member_of_a_delta_is_continued_in_its_way() -> None:
    one, two = (
        {"type": "url_citation", "url_citation": {"url": url, "title": url, "start_index": 0, "end_index": 1}}
        for url in ("https://a.example", "https://b.example")
    )
    label = {"channel": "final", "meta": {"k": "v"}}
    told = message(
        said({"role": "assistant", "content": "H", "refusal": None, "thought": "a", **label}),
        said({"role": None, "content": None, "thought": "b", "annotations": [one], **label}),
        said({"content": "i", "reasoning": "be", "audio": {"id": "x", "data": "AA", "transcript": "H"}, "score": 1}),
        said({"reasoning": "cause", "audio": {"data": "BB", "transcript": "i", "expires_at": 9}, "score": 2}),
        said({"annotations": [two]}),
        said(None),
    )
    assert told == {
        "role": "assistant",
        "content": "Hi",
        "refusal": None,
        "thought": "ab",
        "annotations": [one, two],
        "reasoning": "because",
        "audio": {"id": "x", "data": "AABB", "transcript": "Hi", "expires_at": 9},
        "score": 2,
        **label,
    }


def test_logprobs_are_those_of_all_chunks() -> None:
    def told(*each: Any) -> Any:
        reply = to_plain(b"".join(said({"content": "a"}, logprobs=logprobs) for logprobs in each) + END)
        assert reply is not None
        return json.loads(reply)["choices"][0]["logprobs"]

    one, two = {"token": "a"}, {"token": "b"}
    both = {"content": [one, two], "refusal": None}
    assert told({"content": [one], "refusal": None}, None, {"content": [two], "refusal": None}) == both
    assert told(None, None) is None


def test_of_what_is_told_twice_the_last_word_counts_but_for_id_and_time() -> None:
    reply = plain(
        event(id="", created=0, model="", choices=[], prompt_filter_results=[]),
        event(id="c-1", created=7, model="m-1", choices=[], citations=["a"], provider="p"),
        event(id="c-2", created=8, model="m-2", choices=[], citations=["a", "b"], provider=None, service_tier="flex"),
        said({"content": "Hi"}, message={"content": "Hi"}, text="Hi", stop_reason=None),
        said({}, stop_reason=3),
    )
    assert reply["id"] == "c-1"
    assert reply["created"] == 7
    assert reply["citations"] == ["a", "b"]
    assert reply["provider"] == "p"
    assert reply["service_tier"] == "flex"
    assert reply["prompt_filter_results"] == []
    assert reply["choices"] == [
        {"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop", "stop_reason": 3}
    ]


def test_padding_and_empty_events_are_no_part_of_a_reply() -> None:
    padded = event(choices=[{"index": 0, "delta": {"content": "Hi"}, "finish_reason": None}], obfuscation="xyz")
    reply = plain(b": waiting\n\n", b"data:\n\n", padded)
    assert "obfuscation" not in reply
    assert reply["choices"][0]["message"]["content"] == "Hi"


def test_nothing_is_read_beyond_the_end() -> None:
    reply = to_plain(HI + END)
    assert reply is not None
    assert to_plain(HI + END + said({"content": "more"})) == reply


@pytest.mark.parametrize(
    "stream",
    [
        b"",
        DONE,
        HI + said({}, "stop") + DONE,
        HI + said({}, "stop") + event(choices=[], usage=None, x_groq={"usage": USAGE}) + DONE,
        HI + event(choices=[], usage=USAGE) + DONE,
        HI + said({"content": "Hi"}, index=1) + END,
        HI + b'data: {"error":{"message":"x"}}\n\n' + END,
        HI + b"event: error\ndata: {}\n\n" + END,
        HI + b"data: {\n\n" + END,
        HI + b"data: []\n\n" + END,
        HI + event(choices={}) + END,
        HI + event(choices=[1]) + END,
        HI + event(choices=[{"index": "0", "delta": {}}]) + END,
        HI + event(choices=[{"index": [], "delta": {}}]) + END,
        HI + event(choices=[{"index": 0, "delta": "x"}]) + END,
        HI + said({}, logprobs=-0.5) + END,
        HI + b'data: {"choices":[],"score":1e400}\n\n' + END,
        HI + b'data: {"choices":[],"score":NaN}\n\n' + END,
        HI + said({"content": [{"type": "text", "text": "!"}]}) + END,
        said({"thought": 1}) + said({"thought": "one"}) + END,
        called(0, id="a", function=CALLED) + called(0, id="b", function=CALLED) + END,
        called(0, function=CALLED) + called(0, function={**CALLED, "name": "g"}) + END,
        called(None, id="a", function=CALLED) + called(None, id="b", function=CALLED) + END,
        called(0, function={"name": 3}) + called(0, function={"name": "f"}) + END,
        called(0, function={"name": ["f"]}) + called(0, function={"name": "f"}) + END,
        called(0, function={"name": "f"}) + called(0, function={"name": {"f": 1}}) + END,
        event(choices=[{"index": 0, "message": {"role": "assistant", "content": "Hi"}}]) + END,
    ],
)
def test_what_can_not_be_told_as_a_plain_reply(stream: bytes) -> None:
    assert to_plain(stream) is None
