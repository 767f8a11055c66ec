"""OpenAI-shaped replies behind an envelope: chunks and whole messages read by the same steps, with their accents."""

import copy
import json
import random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.core.events import (
    ChatReply,
    Citation,
    Event,
    Extra,
    Fail,
    Logprobs,
    Start,
    Stop,
    Text,
    Thinking,
    ToolArgs,
    ToolStart,
    collect,
)
from penstock.core.usage import Usage
from penstock.dialects.chat_quirks import ChatQuirks
from penstock.dialects.dialect import WriteContext
from penstock.dialects.framing import sse
from penstock.dialects.openai.provider.reply import OpenAiReader, OpenAiStream, read_reply

GOAL = WriteContext("a-model")
HEAD = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1700000000, "model": "a-model"}
START = Start("chatcmpl-1", "a-model", 1700000000)
USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
COUNTS = Usage(3, 2, 5, native=USAGE)


def chunk(delta: Any = None, finish: Any = None, index: int = 0, **more: Any) -> dict[str, Any]:
    choice = {"index": index, "delta": {} if delta is None else delta, "finish_reason": finish}
    return {**HEAD, "choices": [choice], **more}


def stream(*chunks: Any, done: bool = True) -> bytes:
    return b"".join(b"data: %b\n\n" % json.dumps(each).encode() for each in chunks) + (
        b"data: [DONE]\n\n" if done else b""
    )


def streamed(data: bytes, size: int = 1 << 20) -> list[Event]:
    reader, found = OpenAiStream(GOAL), list[Event]()
    for start in range(0, len(data), size):
        found += reader.feed(data[start : start + size])
    return found + reader.finish()


def events(*deltas: Any) -> list[Event]:
    """What the deltas of a finished stream say."""
    found = streamed(stream(*(chunk(delta) for delta in deltas), chunk(finish="stop")))
    assert found[0] == START
    assert found[-1] == Stop("stop", "stop")
    return found[1:-1]


def whole(message: Any, finish: Any = "stop", **more: Any) -> list[Event]:
    return read_reply(
        json.dumps({**HEAD, "choices": [{"index": 0, "message": message, "finish_reason": finish}], **more}).encode(),
        GOAL,
    )


def call(index: Any = None, call_id: Any = None, name: Any = None, arguments: Any = None) -> dict[str, Any]:
    given = {"index": index, "id": call_id}
    return {
        **{k: v for k, v in given.items() if v is not None},
        "type": "function",
        "function": {"name": name, "arguments": arguments},
    }


def calls(*made: dict[str, Any]) -> dict[str, Any]:
    return {"tool_calls": list(made)}


FULL = stream(
    chunk({"role": "assistant", "content": ""}),
    chunk({"reasoning_content": "Hm", "content": None}),
    chunk({"reasoning_content": "m."}),
    chunk({"content": "Grüß "}),
    chunk({"content": "dich"}, logprobs=None),
    chunk(calls(call(0, "c1", "f", ""))),
    chunk(calls(call(0, None, None, '{"a":'))),
    chunk(calls(call(0, None, None, "1}"), call(1, "c2", "g", "{}"))),
    chunk({}, "tool_calls"),
    {**HEAD, "choices": [], "usage": USAGE},
)
FULL_EVENTS: list[Event] = [
    START,
    Thinking("Hm"),
    Thinking("m."),
    Text("Grüß ", block=1),
    Text("dich", block=1),
    ToolStart(0, "f", "c1"),
    ToolArgs('{"a":', 0),
    ToolArgs("1}", 0),
    ToolStart(1, "g", "c2"),
    ToolArgs("{}", 1),
    Stop("tool_calls", "tool_calls"),
    COUNTS,
]


def test_a_stream() -> None:
    assert streamed(FULL) == FULL_EVENTS


@pytest.mark.parametrize("size", [1, 2, 7, 100])
def test_any_cut_gives_the_same_events(size: int) -> None:
    assert streamed(FULL, size) == FULL_EVENTS
    assert streamed(FULL.replace(b"\n", b"\r\n"), size) == FULL_EVENTS


def test_a_whole_reply_says_what_its_stream_says() -> None:
    message = {
        "role": "assistant",
        "reasoning_content": "Hmm.",
        "content": "Grüß dich",
        **calls(call(None, "c1", "f", '{"a":1}'), call(None, "c2", "g", "{}")),
    }
    assert shape(collect(whole(message, "tool_calls", usage=USAGE))) == shape(collect(FULL_EVENTS))


@pytest.mark.parametrize("index", [None, 0])
def test_each_item_of_a_whole_reply_is_a_call(index: int | None) -> None:  # docs/quirks.md#repeated-call-ids
    events = whole(calls(call(index, "a", "f", "{}"), call(index, "a", "f", "[]")), "tool_calls")
    assert [event for event in events if isinstance(event, ToolStart | ToolArgs)] == [
        ToolStart(0, "f", "a"), ToolArgs("{}", 0), ToolStart(1, "f", "a"), ToolArgs("[]", 1),
    ]  # fmt: skip


def shape(reply: ChatReply) -> Any:
    choice = reply.choices[0]
    blocks = {number: "".join(getattr(event, "text", "") for event in block) for number, block in choice.blocks.items()}
    return (
        reply.start,
        blocks,
        [(made.id, made.name, made.arguments) for made in choice.calls],
        choice.stop,
        reply.usage,
    )


# What deltas say.


def test_logprobs_of_each_choice() -> None:  # docs/quirks.md#q8
    token = {"token": "Hi", "logprob": -0.1, "bytes": None, "top_logprobs": []}
    choices = [
        {"index": n, "message": {"content": "Hi"}, "logprobs": {"content": [token]}, "finish_reason": "stop"}
        for n in (0, 1)
    ]
    found = read_reply(json.dumps({**HEAD, "choices": choices}).encode(), GOAL)
    assert found == [
        START,
        *(e for n in (0, 1) for e in (Text("Hi", n), Logprobs((token,), n), Stop("stop", "stop", n))),
    ]


def test_unknown_members_are_kept_padding_is_not() -> None:  # docs/quirks.md#q3, #q76
    data = stream(
        {
            **chunk({"content": "Hi", "tone": "warm"}, "stop", obfuscation="xx", p="aaa", pad="a"),
            "trace": 7,
            "system_fingerprint": None,
        }
    )
    assert streamed(data) == [START, Text("Hi"), Extra("tone", "warm", 0), Stop("stop", "stop"), Extra("trace", 7)]


def test_members_of_a_choice_are_kept() -> None:
    found = read_reply(
        json.dumps({**HEAD, "choices": [{"message": {"content": "Hi"}, "stop_reason": 12, "seed": None}]}).encode(),
        GOAL,
    )
    assert found == [START, Text("Hi"), Extra("stop_reason", 12, 0)]


# How a reply begins and ends.


def test_who_speaks_may_be_known_later() -> None:  # docs/quirks.md#q90
    empty = {"id": "", "model": "", "created": 0, "choices": [], "prompt_filter_results": [1]}
    assert streamed(stream(empty, chunk({"content": "Hi"}, "stop"))) == [
        Extra("prompt_filter_results", [1]),
        START,
        Text("Hi"),
        Stop("stop", "stop"),
    ]


def test_the_model_under_its_other_name() -> None:
    assert streamed(stream({"model_id": "granite", "choices": [{"delta": {}, "finish_reason": "stop"}]}))[0] == Start(
        model="granite"
    )


@pytest.mark.parametrize(
    ("native", "reason"),
    [
        ("stop", "stop"),
        ("eos_token", "stop"),
        ("eos", "stop"),
        ("COMPLETE", "stop"),
        ("whim", "whim"),
        ("length", "length"),
        ("MAX_TOKENS", "length"),
        ("time_limit", "length"),
        ("TOOL_CALL", "tool_calls"),
        ("content_filter", "content_filter"),
    ],
)
def test_why_an_answer_ended(native: str, reason: str) -> None:  # docs/quirks.md#q94, #q95
    assert streamed(stream(chunk(finish=native), done=False))[-1] == Stop(reason, native)


def test_the_finishing_chunk_still_speaks() -> None:  # docs/quirks.md#q74, #q81, #q101
    assert streamed(stream(chunk({"content": "!"}, "stop", usage=USAGE))) == [
        START,
        Text("!"),
        Stop("stop", "stop"),
        COUNTS,
    ]


def test_a_second_finish_reason_and_running_counts() -> None:  # docs/quirks.md#q87, #q102
    first = {"prompt_tokens": 1, "completion_tokens": 0, "total_tokens": 1}
    data = stream(chunk({"content": "!"}, "stop", usage=first), chunk({}, "stop", usage=USAGE))
    assert streamed(data) == [START, Text("!"), Stop("stop", "stop"), Stop("stop", "stop"), COUNTS]


def test_the_whole_message_beside_each_delta_is_passed_over() -> None:  # docs/quirks.md#q93
    data = {**HEAD, "choices": [{"index": 0, "delta": {}, "message": {"content": "All"}, "finish_reason": "stop"}]}
    assert streamed(stream(data)) == [START, Stop("stop", "stop")]


def test_a_stream_without_a_finish_reason_but_with_its_end() -> None:  # docs/quirks.md#q96
    assert streamed(stream(chunk({"content": "Hi"}, ""))) == [START, Text("Hi")]


def test_the_end_of_a_host_that_never_gives_a_reason() -> None:  # docs/quirks.md#q96
    context = msgspec.structs.replace(GOAL, quirks=ChatQuirks(leaves_reason_out=True))
    told = [START, Text("Hi"), Stop("stop"), COUNTS]
    data = stream(chunk({"content": "Hi"}, ""), {**HEAD, "choices": [], "usage": USAGE})
    reader = OpenAiStream(context)
    assert [*reader.feed(data), *reader.finish()] == told
    reply = {**HEAD, "choices": [{"index": 0, "message": {"content": "Hi"}, "finish_reason": ""}], "usage": USAGE}
    assert read_reply(json.dumps(reply).encode(), context) == told
    reader = OpenAiStream(context)
    *_, fail = [*reader.feed(data.removesuffix(b"data: [DONE]\n\n")), *reader.finish()]
    assert isinstance(fail, Fail)


def test_comments_and_what_follows_the_end_are_passed_over() -> None:  # docs/quirks.md#q86
    data = b": PROCESSING\n\n" + stream(chunk({"content": "Hi"}, "stop")) + b"data: {\n\n"
    assert streamed(data) == [START, Text("Hi"), Stop("stop", "stop")]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        stream(chunk({"content": "Hi"}), done=False),
        stream(chunk({}, "stop"), chunk({"content": "Hi"}, index=1), done=False),
        b'data: {"id"\n\n',
        b"data: []\n\n",
    ],
    ids=["nothing", "no end", "one of two choices", "no JSON", "no object"],
)
def test_a_broken_stream(data: bytes) -> None:
    last = streamed(data)[-1]
    assert isinstance(last, Fail)
    assert last.broken


@pytest.mark.parametrize("data", [b"", b"null", b"{}", b'{"choices":[]}', b"\xff"])
def test_a_broken_reply(data: bytes) -> None:
    (last,) = read_reply(data, GOAL)
    assert isinstance(last, Fail)
    assert last.broken


def test_an_event_that_never_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MAX_FRAME", 10)
    (last,) = OpenAiStream(GOAL).feed(b"data: " + b"x" * 20)
    assert isinstance(last, Fail)
    assert last.broken


# Errors.


@pytest.mark.parametrize(
    ("error", "fail"),
    [
        ({"error": {"message": "No.", "type": "bad", "code": 400}}, ("No.", "bad", "400", 400)),  # docs/quirks.md#q89
        ({"error": "No.", "status_code": 503}, ("No.", "", "", 503)),
        ({"object": "error", "message": "No.", "type": "bad", "code": 429}, ("No.", "bad", "429", 429)),
        ({"errors": [{"code": "x", "message": "No."}], "status_code": 500}, ("Error x: No.", "", "", 500)),
    ],
)
def test_an_error_in_a_stream(error: dict[str, Any], fail: tuple[str, str, str, int]) -> None:
    data = stream(chunk({"content": "Hi"}, usage=USAGE), error, chunk({"content": "more"}))
    assert streamed(data) == [START, Text("Hi"), COUNTS, Fail(*fail, raw=json.dumps(error).encode())]


def test_an_event_that_is_named_an_error() -> None:  # docs/quirks.md#q82
    (last,) = streamed(b'event: error\ndata: {"odd": 1}\n\n')
    assert last == Fail("The provider failed to generate the answer.", raw=b'{"odd": 1}')


def test_an_error_as_the_reason() -> None:
    *before, last = streamed(stream(chunk({"content": "Hi"}, "error", usage=USAGE)))
    assert before == [START, Text("Hi"), COUNTS]
    assert isinstance(last, Fail)
    assert (last.type, last.broken) == ("error", False)


# Counts.


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        ({"prompt_tokens": 1, "completion_tokens": 2}, Usage(1, 2, 3)),
        (
            {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 17, "completion_tokens_details": {"reasoning_tokens": 6}},
            Usage(9, 8, 17, reasoning=6),
        ),  # docs/quirks.md#q78
        (
            {"prompt_tokens": 9, "completion_tokens": 8, "total_tokens": 17, "completion_tokens_details": {"reasoning_tokens": 6, "audio_tokens": 1}},
            Usage(9, 8, 17, reasoning=6, audio_out=1),
        ),  # docs/quirks.md#q9
        (
            {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10, "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 2, "cache_write_tokens": 3}},
            Usage(9, 1, 10, 4, 3, audio_in=2),
        ),
        ({"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10, "prompt_cache_hit_tokens": 5}, Usage(9, 1, 10, 5)),
    ],
)  # fmt: skip
def test_counts(usage: dict[str, Any], tokens: Usage) -> None:
    (found,) = [event for event in whole({"content": "Hi"}, usage=usage) if isinstance(event, Usage)]
    assert found == msgspec.structs.replace(tokens, native=usage)


def test_no_counts_at_all() -> None:  # docs/quirks.md#q1
    assert whole({"content": "Hi"}, usage={"cost": 1}) == [START, Text("Hi"), Stop("stop", "stop")]


# Whatever comes.

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
SEED = json.loads(stream(chunk({"content": "Hi", "reasoning": "Hm", "refusal": "No", "audio": {"data": "A"}, "annotations": [{"url_citation": {"url": "u"}}], "images": [{"image_url": {"url": "u"}}], **calls(call(0, "a", "f", "{}"))}, "stop", usage={**USAGE, "prompt_tokens_details": {"cached_tokens": 1}}), done=False)[6:])  # fmt: skip


def places(value: Any) -> list[tuple[Any, Any]]:
    keys: Any = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [place for key in keys for place in [(value, key), *places(value[key])]]


@given(seed=st.integers(0, 1 << 30), by=anything)
@settings(max_examples=150, deadline=None)
def test_any_value_in_place_of_any_member(seed: int, by: Any) -> None:
    value = copy.deepcopy(SEED)
    holder, key = random.Random(seed).choice(places(value))
    holder[key] = by
    reader = OpenAiReader()
    found = [*reader.chunk(value), *reader.chunk(value), *reader.finish(is_done=True)]
    collect(found)
    assert all(not isinstance(event, Fail) for event in found[:-1])


@given(st.binary(max_size=200))
@settings(max_examples=60, deadline=None)
def test_any_bytes(data: bytes) -> None:
    collect(streamed(data))
    collect(read_reply(data, GOAL))


def test_a_whole_reply_with_an_empty_delta_beside_its_message() -> None:
    """Perplexity sends both in either form: the one counts that belongs to the form."""
    choice = {"index": 0, "delta": {"content": ""}, "message": {"content": "Hi"}, "finish_reason": "stop"}
    whole = read_reply(json.dumps({"id": "c", "model": "m", "choices": [choice]}).encode(), GOAL)
    assert [event.text for event in whole if isinstance(event, Text)] == ["Hi"]
    choice = {"index": 0, "delta": {"content": "i"}, "message": {"content": "Hi"}, "finish_reason": "stop"}
    reader = OpenAiReader()
    pieces = [*reader.chunk({"id": "c", "model": "m", "choices": [choice]}), *reader.finish()]
    assert [event.text for event in pieces if isinstance(event, Text)] == ["i"]


def test_sources_beside_the_choices_are_told_once() -> None:
    choice = {"index": 0, "delta": {"content": "Hi"}, "finish_reason": "stop"}
    chunk_of = {"id": "c", "model": "m", "choices": [choice], "citations": ["https://a", "x:", 3]}
    reader = OpenAiReader()
    found = [*reader.chunk(chunk_of), *reader.chunk(chunk_of), *reader.finish()]
    assert [event.url for event in found if isinstance(event, Citation)] == ["https://a"]
    titled = {**chunk_of, "search_results": [{"url": "https://b", "title": "B"}]}
    reader = OpenAiReader()
    (source,) = [event for event in [*reader.chunk(titled), *reader.finish()] if isinstance(event, Citation)]
    assert (source.url, source.title, source.block) == ("https://b", "B", 0)
