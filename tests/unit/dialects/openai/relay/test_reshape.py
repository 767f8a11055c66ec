"""A stored answer in the other form says the same."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from penstock.dialects.framing import sse
from penstock.dialects.openai.relay.reshape import to_plain, to_stream, with_usage

USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5, "prompt_tokens_details": {"cached_tokens": 1}}
DONE = b"data: [DONE]\n\n"


def completion(message: dict[str, Any] | None = None, **members: Any) -> dict[str, Any]:
    told = {"role": "assistant", "content": "Hello", "refusal": None, **(message or {})}
    choice = {"index": 0, "message": told, "logprobs": None, "finish_reason": "stop"}
    body = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1700000000, "model": "m-1"}
    return {**body, "choices": [choice], "usage": USAGE, **members}


def event(**members: Any) -> bytes:
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", **members}
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


def said(delta: dict[str, Any] | None, finish: str | None = None, index: int = 0, **members: Any) -> bytes:
    return event(choices=[{"index": index, "delta": delta, "finish_reason": finish, **members}])


def called(index: int | None, **members: Any) -> bytes:
    return said({"tool_calls": [{"index": index, **members}]})


END = said({}, "stop") + event(choices=[], usage=USAGE) + DONE


def plain(*events: bytes) -> dict[str, Any]:
    """The plain reply for a stream that ends well."""
    reply = to_plain(b"".join(events) + END)
    assert reply is not None
    ChatCompletion.model_validate_json(reply)
    value: dict[str, Any] = json.loads(reply)
    return value


def message(*events: bytes) -> dict[str, Any]:
    value: dict[str, Any] = plain(*events)["choices"][0]["message"]
    return value


def chunks(stream: bytes) -> list[dict[str, Any]]:
    return [json.loads(data) for _, data in sse.events(stream) if data != b"[DONE]"]


TEXT = st.text(max_size=1200) | st.text("ab😀é\u2028\r\n\u0301", max_size=600)
VALUE = st.recursive(
    st.none() | st.integers() | st.booleans() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
UNKNOWN = st.dictionaries(st.sampled_from(["provider", "x_groq", "citations", "annotations"]), VALUE, max_size=2)
FUNCTION = st.fixed_dictionaries({"name": st.text("fg", max_size=4), "arguments": TEXT})
CUSTOM = st.fixed_dictionaries({"name": st.just("c"), "input": TEXT})
CALL = st.fixed_dictionaries(
    {"id": st.text("abc_1", max_size=6), "type": st.just("function"), "function": FUNCTION},
    optional={"extra_content": VALUE},
) | st.fixed_dictionaries({"id": st.text("abc_1", max_size=6), "type": st.just("custom"), "custom": CUSTOM})
TOKEN = st.fixed_dictionaries({"token": st.text(max_size=2), "logprob": st.just(-0.5), "top_logprobs": st.just([])})
TOKENS = st.none() | st.lists(TOKEN, max_size=3)
LOGPROBS = st.none() | st.fixed_dictionaries({"content": TOKENS, "refusal": TOKENS})
AUDIO = st.just({"id": "audio_1", "data": "AAAA", "transcript": "Hi", "expires_at": 1700000000})
MESSAGE = st.fixed_dictionaries(
    {"role": st.just("assistant"), "content": st.none() | TEXT | st.just([{"type": "text", "text": "Hi"}])},
    optional={
        "refusal": st.none() | TEXT,
        "reasoning_content": st.none() | TEXT,
        "reasoning": st.none() | TEXT,
        "tool_calls": st.none() | st.lists(CALL, max_size=3),
        "function_call": st.none() | st.just({"name": "f", "arguments": '{"x":1}'}),
        "audio": st.none() | AUDIO,
        "annotations": VALUE,
        "thought": VALUE,
    },
).filter(lambda told: told["content"] != "" or not (told.get("tool_calls") or told.get("function_call")))
"""Every message, save one with calls and the text "": a stream can't tell it from one without text."""
CHOICE = st.builds(
    lambda unknown, choice: {**unknown, **choice},
    UNKNOWN,
    st.fixed_dictionaries(
        {"message": MESSAGE, "finish_reason": st.sampled_from(["stop", "length", "tool_calls"])},
        optional={"logprobs": LOGPROBS, "content_filter_results": st.just({"hate": {"filtered": False}})},
    ),
)


@st.composite
def completions(draw: st.DrawFn) -> dict[str, Any]:
    indexes = sorted(draw(st.sets(st.integers(0, 5), min_size=1, max_size=3)))
    choices = [{"index": index, **draw(CHOICE)} for index in indexes]
    return {**completion(), "system_fingerprint": draw(st.none() | st.just("fp")), **draw(UNKNOWN), "choices": choices}


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


HI = said({"content": "Hi"})
CALLED = {"name": "f", "arguments": "{}"}


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
        event(choices=[{"index": 0, "message": {"role": "assistant", "content": "Hi"}}]) + END,
    ],
)
def test_what_can_not_be_told_as_a_plain_reply(stream: bytes) -> None:
    assert to_plain(stream) is None


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


@pytest.mark.parametrize("text", ["\ud83d", "\ude00\ud83d", "x" * 499 + "\ud83dx"])
def test_half_an_emoji_is_kept(text: str) -> None:
    reply = completion({"content": text}, score=0.5)
    stream = to_stream(json.dumps(reply).encode(), include_usage=True)
    assert stream is not None
    again = to_plain(stream)
    assert again is not None
    assert json.loads(again) == reply


def test_numbers_beyond_64_bits_are_kept() -> None:
    reply = completion(seed=10**30)
    stream = to_stream(json.dumps(reply).encode(), include_usage=True)
    assert stream is not None
    assert json.loads(to_plain(stream) or b"") == reply


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


def damaged(value: Any, data: st.DataObject) -> Any:
    """The value with another one somewhere inside of it."""
    if not isinstance(value, dict | list) or not value or data.draw(st.integers(0, 4)) == 0:
        return data.draw(VALUE)
    key, inner = data.draw(st.sampled_from(list(value.items() if isinstance(value, dict) else enumerate(value))))
    other = value.copy()
    other[key] = damaged(inner, data)
    return other


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
