"""A plain reply as a stream, and a stored stream with its usage or without."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from completions import DONE, END, HI, USAGE, chunks, completion, completions, damaged, event, said
from penstock.dialects.framing import sse
from penstock.dialects.openai.relay.gather import to_plain
from penstock.dialects.openai.relay.replay import to_stream, with_usage


@given(completions())
def test_there_and_back_is_the_same(reply: dict[str, Any]) -> None:
    stream = to_stream(json.dumps(reply).encode(), include_usage=True)
    assert stream is not None
    again = to_plain(stream)
    assert again is not None
    assert json.loads(again) == reply


@given(completions(), st.booleans())
def test_a_stream_is_made_of_chunks_as_openai_sends_them(reply: dict[str, Any], include_usage: bool) -> None:
    stream = to_stream(json.dumps(reply).encode(), include_usage=include_usage)
    assert stream is not None
    assert stream.endswith(DONE)
    told = chunks(stream)
    assert {chunk.get("usage", "absent") for chunk in told[:-1]} == {None if include_usage else "absent"}
    if include_usage:
        last = told.pop()
        assert (last["choices"], last["usage"]) == ([], USAGE)
    top = {key: value for key, value in reply.items() if key not in {"choices", "usage", "object"}}
    for chunk in told:
        assert {key: chunk[key] for key in top} == top
        (choice,) = chunk["choices"]
        for key in ("content", "refusal", "reasoning"):
            assert not isinstance(choice["delta"].get(key), str) or len(choice["delta"][key]) <= 500
    finished = [choice["index"] for chunk in told for choice in chunk["choices"] if choice["finish_reason"]]
    assert finished == [choice["index"] for choice in reply["choices"]]


def test_openais_own_client_puts_the_stream_together_again() -> None:
    calls = [
        {"id": name, "type": "function", "function": {"name": name, "arguments": json.dumps({name: "é😀" * 700})}}
        for name in "fg"
    ]
    told = [
        {"role": "assistant", "content": "Olá 😀 " * 300, "refusal": None},
        {"role": "assistant", "content": None, "refusal": "No." * 300},
        {"role": "assistant", "content": None, "refusal": None, "tool_calls": calls},
    ]
    logprobs = {"content": [{"token": "a", "bytes": [97], "logprob": -0.5, "top_logprobs": []}], "refusal": None}
    reply = completion(
        choices=[
            {"index": index, "message": message, "logprobs": logprobs, "finish_reason": "stop"}
            for index, message in enumerate(told)
        ]
    )
    stream = to_stream(json.dumps(reply).encode(), include_usage=True)
    assert stream is not None
    state = ChatCompletionStreamState()
    for chunk in chunks(stream):
        state.handle_chunk(ChatCompletionChunk.model_validate(chunk))
    its_own: Any = {"parsed": True, "tool_calls": {"__all__": {"index": True, "function": {"parsed_arguments"}}}}
    again = state.get_final_completion().model_dump(exclude={"choices": {"__all__": {"message": its_own}}})
    assert again == ChatCompletion.model_validate(reply).model_dump()


def choice(**members: Any) -> dict[str, Any]:
    return {"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop", **members}


NO_CHOICES: list[Any] = [
    None,
    "",
    [],
    {},
    [1],
    [{}],
    [choice(message=None)],
    [choice(index="0")],
    [choice(), choice()],
    [choice(message={"tool_calls": [1]})],
]


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        json.dumps({**completion(), "error": {"message": "x"}}).encode(),
        *(json.dumps(completion(choices=choices)).encode() for choices in NO_CHOICES),
    ],
)
def test_what_is_no_completion_is_no_stream(reply: bytes) -> None:
    assert to_stream(reply, include_usage=False) is None


def test_a_reply_without_usage_is_no_stream_with_usage() -> None:
    for reply in (json.dumps(completion(usage=None)).encode(), json.dumps({"choices": [choice()]}).encode()):
        assert to_stream(reply, include_usage=True) is None
        assert to_stream(reply, include_usage=False) is not None


def test_a_delta_beside_the_message_is_not_sent_for_it() -> None:
    stream = to_stream(json.dumps(completion(choices=[choice(delta=None)])).encode(), include_usage=False)
    assert stream is not None
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks(stream)]
    assert deltas == [{"role": "assistant", "content": ""}, {"content": "Hi"}, {}]


WITHOUT = HI + said({}, "stop") + DONE
ON_THE_FINISH = HI + event(choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}], usage=USAGE) + DONE


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_usage_is_there_when_asked_for_and_only_then(line_end: bytes) -> None:
    stream, without, on_the_finish = (data.replace(b"\n", line_end) for data in (HI + END, WITHOUT, ON_THE_FINISH))
    assert with_usage(stream, include_usage=True) is stream
    assert with_usage(stream, include_usage=False) == without
    assert with_usage(without, include_usage=False) is without
    assert with_usage(without, include_usage=True) is None
    assert with_usage(on_the_finish, include_usage=False) is on_the_finish
    own = with_usage(on_the_finish, include_usage=True)
    assert own is not None
    told = [json.loads(data) for _, data in sse.events(own) if data != b"[DONE]"]
    assert [bool(chunk.get("usage")) for chunk in told] == [False] * (len(told) - 1) + [True]
    assert told[-1]["choices"] == []


def test_usage_is_found_wherever_it_is() -> None:
    late = event(choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}], usage=None, padding="x" * 40_000)
    stream = HI + event(choices=[], usage=USAGE) + late + DONE
    assert with_usage(stream, include_usage=True) is stream
    assert with_usage(stream, include_usage=False) == HI + late + DONE
    never = HI + late + b'data: {"usage"\n\n' + DONE
    assert with_usage(never, include_usage=True) is None
    assert with_usage(never, include_usage=False) is never


def test_a_quoted_usage_is_not_the_usage() -> None:
    stream = said({"content": 'say "usage": {"total_tokens": 1}'}) + said({}, "stop", kind="usage") + DONE
    assert with_usage(stream, include_usage=True) is None
    assert with_usage(stream, include_usage=False) is stream


_CALLED_DELTA = {
    "id": "c", "object": "chat.completion", "created": 1, "model": "m", "provider": "delta",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "a"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
}  # fmt: skip


@given(completions())
@example(_CALLED_DELTA)
def test_without_the_usage_chunk_nothing_else_is_gone(reply: dict[str, Any]) -> None:
    data = json.dumps(reply).encode()
    asked, not_asked = to_stream(data, include_usage=True), to_stream(data, include_usage=False)
    assert asked is not None
    assert not_asked is not None
    assert with_usage(asked, include_usage=True) is asked
    assert with_usage(not_asked, include_usage=False) is not_asked
    assert with_usage(not_asked, include_usage=True) is None
    less = with_usage(asked, include_usage=False)
    assert less is not None
    assert chunks(less) == chunks(asked)[:-1]


@given(st.binary(max_size=80), st.booleans())
def test_no_bytes_lead_to_an_exception(data: bytes, include_usage: bool) -> None:
    for stream in (data, b"data: " + data + b"\n\n", b'data: {"choices":[' + data + b"]}\n\n" + END):
        to_plain(stream)
        with_usage(stream, include_usage=include_usage)
    for reply in (data, b'{"choices":[' + data + b"]}"):
        to_stream(reply, include_usage=include_usage)


@given(completions(), st.booleans(), st.data())
def test_no_damage_leads_to_an_exception(reply: dict[str, Any], include_usage: bool, data: st.DataObject) -> None:
    to_stream(json.dumps(damaged(reply, data)).encode(), include_usage=include_usage)
    stream = to_stream(json.dumps(reply).encode(), include_usage=True)
    assert stream is not None
    told = chunks(stream)
    at = data.draw(st.integers(0, len(told) - 1))
    told[at] = damaged(told[at], data)
    broken = b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in told)
    cut = data.draw(st.integers(0, len(stream)))
    for bad in (broken, stream[:cut] + data.draw(st.binary(max_size=4)) + stream[cut + 1 :]):
        to_plain(bad)
        with_usage(bad, include_usage=include_usage)


@pytest.mark.parametrize("text", [b"[" * 100_000, b'{"choices":' + b"[" * 100_000])
def test_no_depth_leads_to_an_exception(text: bytes) -> None:
    assert to_plain(b"data: " + text + b"\n\n" + END) is None
    assert to_stream(text, include_usage=False) is None
    assert with_usage(b'data: {"usage":' + text + b"}\n\n", include_usage=True) is None
