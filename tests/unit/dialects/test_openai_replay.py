"""A stored answer in the other form says the same."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from penstock.dialects.framing import sse
from penstock.dialects.openai_replay import to_plain, to_stream, with_usage

USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5, "prompt_tokens_details": {"cached_tokens": 1}}


def completion(message: dict[str, Any] | None = None, **members: Any) -> dict[str, Any]:
    told = {"role": "assistant", "content": "Hello", "refusal": None, **(message or {})}
    choice = {"index": 0, "message": told, "logprobs": None, "finish_reason": "stop"}
    body = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1700000000, "model": "m-1"}
    return {**body, "choices": [choice], "usage": USAGE, **members}


def event(**members: Any) -> bytes:
    return (
        b"data: "
        + json.dumps({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", **members}).encode()
        + b"\n\n"
    )


def said(delta: dict[str, Any], finish: str | None = None, index: int = 0, **members: Any) -> bytes:
    return event(choices=[{"index": index, "delta": delta, "finish_reason": finish}], **members)


END = said({}, "stop") + event(choices=[], usage=USAGE) + b"data: [DONE]\n\n"

TEXT = st.text(max_size=1200) | st.text("ab😀é\u2028", max_size=600)
UNKNOWN = st.dictionaries(
    st.sampled_from(["x", "x_groq", "annotations"]),
    st.integers() | st.booleans() | st.lists(st.integers(), max_size=2),
    max_size=2,
)
CALL = st.fixed_dictionaries(
    {
        "id": st.text("abc_1", min_size=1, max_size=6),
        "type": st.just("function"),
        "function": st.fixed_dictionaries({"name": st.text("fgh", min_size=1, max_size=4), "arguments": TEXT}),
    }
)
LOGPROBS = st.none() | st.fixed_dictionaries(
    {
        "content": st.lists(
            st.fixed_dictionaries(
                {"token": st.text(max_size=2), "logprob": st.just(-0.5), "top_logprobs": st.just([])}
            ),
            min_size=1,
            max_size=3,
        ),
        "refusal": st.none(),
    }
)


@st.composite
def completions(draw: st.DrawFn) -> dict[str, Any]:
    choices = []
    for index in range(draw(st.integers(1, 3))):
        message: dict[str, Any] = {
            "role": "assistant",
            "content": draw(st.none() | TEXT),
            "refusal": draw(st.none() | TEXT),
        }
        message |= draw(UNKNOWN)
        if draw(st.booleans()):
            message["reasoning_content"] = draw(st.text(min_size=1, max_size=700))
        if draw(st.booleans()):
            message["tool_calls"] = draw(st.lists(CALL, min_size=1, max_size=3))
        choices.append(
            {
                "index": index,
                "message": message,
                "logprobs": draw(LOGPROBS),
                "finish_reason": draw(st.sampled_from(["stop", "length", "tool_calls"])),
            }
        )
    return {**completion(), "system_fingerprint": draw(st.none() | st.just("fp")), **draw(UNKNOWN), "choices": choices}


@given(completions())
def test_there_and_back_is_the_same(reply: dict[str, Any]) -> None:
    stream = to_stream(json.dumps(reply).encode(), include_usage=True)
    assert stream is not None
    for _, data in sse.events(stream):
        if data != b"[DONE]":
            ChatCompletionChunk.model_validate(json.loads(data))
    plain = to_plain(stream)
    assert plain is not None
    assert json.loads(plain) == reply


@given(st.text(max_size=40), st.lists(st.integers(0, 40), max_size=5))
def test_where_text_is_cut_makes_no_difference(text: str, cuts: list[int]) -> None:
    edges = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    pieces = [text[a:b] for a, b in itertools.pairwise(edges)]
    plain = to_plain(
        said({"role": "assistant", "content": ""}) + b"".join(said({"content": piece}) for piece in pieces) + END
    )
    assert plain is not None
    assert json.loads(plain)["choices"][0]["message"]["content"] == text


def test_halves_of_an_emoji_come_together() -> None:
    halves = [
        b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"%b"},"finish_reason":null}]}\n\n' % half
        for half in (b"\\ud83d", b"\\ude00")
    ]
    plain = to_plain(b"".join(halves) + END)
    assert plain is not None
    assert json.loads(plain)["choices"][0]["message"]["content"] == "😀"


def test_parallel_tool_calls_are_joined_by_index() -> None:
    def call(index: int, **members: Any) -> bytes:
        return said({"tool_calls": [{"index": index, **members}]})

    stream = (
        said({"role": "assistant", "content": None})
        + call(0, id="a", type="function", function={"name": "f", "arguments": ""})
        + call(0, function={"arguments": '{"x"'})
        + call(1, id="b", type="function", function={"name": "g", "arguments": ""})
        + call(1, id=None, function={"name": None, "arguments": "{}"})
        + call(0, function={"arguments": ":1}"})
        + END
    )
    plain = to_plain(stream)
    assert plain is not None
    message = ChatCompletion.model_validate(json.loads(plain)).choices[0].message
    assert message.content is None
    assert [(call.id, call.function.name, call.function.arguments) for call in message.tool_calls or []] == [  # type: ignore[union-attr]
        ("a", "f", '{"x":1}'),
        ("b", "g", "{}"),
    ]


def test_padding_of_streams_is_no_part_of_a_reply() -> None:
    plain = to_plain(said({"role": "assistant", "content": "Hi"}, obfuscation="xyz") + END)
    assert plain is not None
    assert "obfuscation" not in json.loads(plain)


@pytest.mark.parametrize(
    "stream",
    [
        b"",
        b"data: [DONE]\n\n",
        said({"content": "Hi"}) + said({}, "stop") + b"data: [DONE]\n\n",
        said({"content": "Hi"}) + event(choices=[], usage=USAGE) + b"data: [DONE]\n\n",
        said({"content": "Hi"}) + b'data: {"error":{"message":"x"}}\n\n' + END,
        said({"content": "Hi"}) + b"event: error\ndata: {}\n\n" + END,
        said({"content": "Hi"}) + b"data: {\n\n" + END,
        event(choices=[1]) + END,
        event(choices=[{"index": [], "delta": 1}]) + END,
    ],
)
def test_what_can_not_be_told_as_a_plain_reply(stream: bytes) -> None:
    assert to_plain(stream) is None


@pytest.mark.parametrize(
    "reply", [b"", b"[]", b"{}", b'{"choices":[1]}', b'{"choices":[{}]}', b"{", b'{"choices":null}']
)
def test_what_is_no_completion_is_no_stream(reply: bytes) -> None:
    assert to_stream(reply, include_usage=False) is None


def test_usage_is_there_when_asked_for_and_only_then() -> None:
    stream = said({"content": "Hi"}) + END
    assert with_usage(stream, include_usage=True) is stream
    less = said({"content": "Hi"}) + said({}, "stop") + b"data: [DONE]\n\n"
    assert with_usage(stream, include_usage=False) == less
    assert with_usage(less, include_usage=False) is less
    assert with_usage(less, include_usage=True) is None
    on_the_finish = said({"content": "Hi"}) + said({}, "stop", usage=USAGE) + b"data: [DONE]\n\n"
    assert with_usage(on_the_finish, include_usage=False) == on_the_finish
    assert to_stream(json.dumps({**completion(), "usage": None}).encode(), include_usage=False) is not None
    without = {key: value for key, value in completion().items() if key != "usage"}
    assert to_stream(json.dumps(without).encode(), include_usage=True) is None


@given(st.binary(max_size=80), st.booleans())
def test_no_bytes_lead_to_an_exception(data: bytes, include_usage: bool) -> None:
    for stream in (data, b"data: " + data + b"\n\n", b'data: {"choices":[' + data + b"]}\n\n" + END):
        to_plain(stream)
        with_usage(stream, include_usage=include_usage)
    for reply in (data, b'{"choices":[' + data + b"]}"):
        to_stream(reply, include_usage=include_usage)
