"""Streams normalized, event by event: what deviates and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from normalizing import (
    CALL,
    CALL_ENDED,
    DONE,
    JSON,
    ROLE,
    STOP,
    TEXT,
    THINKING,
    USAGE,
    arguments,
    call,
    chunk,
    mend,
    normalized,
    paths,
    replaced,
    sse,
)
from penstock.dialects.openai.relay.normalize import normalize_reply
from penstock.dialects.openai.relay.normalize_stream import StreamNormalizer
from penstock.dialects.openai.relay.stream import STREAM
from penstock.dialects.stream_watch import StreamWatch


def squeezed(data: bytes) -> bytes:
    """The bytes whichever way their JSON is spaced."""
    return data.replace(b": ", b":").replace(b", ", b",")


@pytest.mark.parametrize(
    "stream",
    [
        sse(ROLE, TEXT, STOP) + DONE,
        sse(ROLE, TEXT, chunk({"content": " you"}, "stop", usage=USAGE)) + DONE,  # docs/quirks.md#q81, #q101
        sse(chunk({"role": "assistant", "content": "Hi"}, usage=USAGE), chunk({}, "stop", usage=USAGE)) + DONE,  # docs/quirks.md#q102
        sse(ROLE, chunk(choices=[], moderation={}), STOP, chunk(choices=[], usage=USAGE)) + DONE,
        sse({**ROLE, "usage": None}, {**TEXT, "usage": None, "obfuscation": "xx"}, STOP) + DONE,
        sse(chunk({"role": "assistant", "content": None, "reasoning_content": "h"}), TEXT, STOP) + DONE,  # docs/quirks.md#q80
        sse(CALL, arguments('{"a"'), arguments(":1}"), arguments("", id="", type="function"), CALL_ENDED) + DONE,
        sse(chunk({"role": "assistant", "tool_calls": [call(index=0), call(index=1, id="call_2")]}, "tool_calls")) + DONE,  # docs/quirks.md#q74, #q79, #q98
        sse(chunk({"role": "assistant", "tool_calls": [{"index": 0, "id": "c", "type": "custom", "custom": {"name": "f", "input": ""}}]}), CALL_ENDED) + DONE,
        sse(chunk({"role": "assistant", "content": "<think>"}), STOP) + DONE,  # docs/quirks.md#q103
        b": PROCESSING\n\n" + sse(ROLE) + b": PROCESSING\n\n" + sse(STOP) + b": bye\n\n" + DONE,  # docs/quirks.md#q86
        sse(ROLE) + b": ping\n\n: pong\n\n" + sse(TEXT) + b": ping\n\n" * 2 + sse(STOP) + DONE,
        (sse(ROLE, TEXT, STOP) + DONE).replace(b"\n", b"\r\n"),
        (sse(ROLE, TEXT, STOP) + DONE).replace(b"\n", b"\r"),
        b"id: 1\nevent: chunk\n" + sse(ROLE) + sse(TEXT, STOP).replace(b"data: ", b"data:") + b"data:[DONE]\n\n",  # docs/quirks.md#q94
        sse(ROLE).replace(b', "choices"', b',\ndata: "choices"') + sse(STOP) + DONE,
        sse(ROLE) + b"event: error\n" + sse({"error": {"message": "tool_use_failed"}}),  # docs/quirks.md#q82
        sse(ROLE, {**TEXT, "error": {"code": 400}, "id": "other"}) + DONE,  # docs/quirks.md#q89
        sse(ROLE) + b'event: error\ndata: {"choices":[]}\n\n' + DONE,
        sse(ROLE, {"object": "error", "message": "no"}) + DONE,
        sse(ROLE, {"type": "ping"}, [], 1, None, "x", STOP) + DONE,
        sse(ROLE, TEXT),  # cut off: neither a reason nor an end
        sse(ROLE, TEXT, chunk(choices=[], usage=USAGE)),
        sse(ROLE) + b"data: {\n\ndata: \xff\n\n" + sse(STOP) + DONE,
        sse(ROLE, STOP) + DONE + sse(TEXT),
        b"\n\n\n" + sse(ROLE) + b"\n" + sse(STOP) + b"\n" + DONE,
        DONE,
        b"",
    ],
)  # fmt: skip
def test_a_stream_without_fault_keeps_its_bytes(stream: bytes) -> None:
    for size in (None, *range(1, 40), 200):
        assert mend(stream, size) == stream


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        # docs/quirks.md#q73: lists in deltas
        ([ROLE, chunk({"content": [THINKING]}), TEXT, STOP], [ROLE, chunk({"content": "", "reasoning_content": "hm"}), TEXT, STOP]),
        # docs/quirks.md#q85: another id and time
        ([ROLE, {**TEXT, "id": "s", "created": 10}, STOP], [ROLE, TEXT, STOP]),
        # docs/quirks.md#q90: Azure's first chunk, its filter results
        ([chunk(choices=[], id="", object="", created=0, model="", x=1), ROLE, STOP], [chunk(choices=[], x=1), ROLE, STOP]),
        ([chunk(choices=[], id="", object=""), {**ROLE, "id": ""}, {**STOP, "id": ""}], [chunk(choices=[], id=""), {**ROLE, "id": ""}, {**STOP, "id": ""}]),
        ([ROLE, TEXT, STOP, chunk(choices=[{"index": 0, "finish_reason": None, "offsets": {}}], id="", object="")], [ROLE, TEXT, STOP, chunk(choices=[{"index": 0, "finish_reason": None, "offsets": {}, "delta": {}}])]),
        # docs/quirks.md#q93, #q94: objects of other kinds
        ([{**ROLE, "object": "text_completion"}, {**STOP, "object": "chat.completion.done"}], [ROLE, STOP]),
        # docs/quirks.md#q94: the token that ends the text
        ([ROLE, chunk({"content": "</s>"}, "eos_token")], [ROLE, chunk({"content": ""}, "stop")]),
        ([ROLE, chunk({"content": "x > y"}, "eos_token")], [ROLE, chunk({"content": "x > y"}, "stop")]),
        ([ROLE, chunk({"content": "</s>"}, "stop")], [ROLE, chunk({"content": "</s>"}, "stop")]),
        # docs/quirks.md#q95, #q96, #q105: why and when it ended
        ([ROLE, chunk({}, "eos")], [ROLE, STOP]),
        ([ROLE, chunk({"content": "Hi"}, ""), chunk({}, ...), STOP], [ROLE, TEXT, chunk(), STOP]),
        ([CALL, arguments("{}"), chunk({}, "eos")], [CALL, arguments("{}"), CALL_ENDED]),
        # docs/quirks.md#q87: a reason that is repeated, and one that is not
        ([ROLE, STOP, chunk({}, "stop", usage=USAGE)], [ROLE, STOP, chunk(usage=USAGE)]),
        ([ROLE, STOP, chunk({}, "length")], [ROLE, STOP, chunk({}, "length")]),
        # no reason at all: nothing says that the answer is whole
        ([ROLE, TEXT, chunk(choices=[], usage=USAGE)], [ROLE, TEXT, chunk(choices=[], usage=USAGE)]),
        ([ROLE, TEXT], [ROLE, TEXT]),
        ([ROLE, chunk(choices=[], usage=USAGE), TEXT, STOP], [ROLE, chunk(choices=[], usage=USAGE), TEXT, STOP]),
        # docs/quirks.md#q85, #q97: no role; docs/quirks.md#q104: one too many
        ([TEXT, STOP], [chunk({"content": "Hi", "role": "assistant"}), STOP]),
        ([chunk({"role": ["odd"], "content": "Hi"}), STOP], [chunk({"role": "assistant", "content": "Hi"}), STOP]),
        ([ROLE, chunk({"role": "assistant", "content": "Hi"}), STOP], [ROLE, TEXT, STOP]),
        ([ROLE, chunk(choices=[{"index": 1, "delta": {}, "finish_reason": None}]), chunk(choices=[STOP["choices"][0], {"index": 1, "delta": {}, "finish_reason": "stop"}])], [ROLE, chunk(choices=[{"index": 1, "delta": {"role": "assistant"}, "finish_reason": None}]), chunk(choices=[STOP["choices"][0], {"index": 1, "delta": {}, "finish_reason": "stop"}])]),
        # docs/quirks.md#q75, #q100, and a first piece without arguments
        ([chunk({"role": "assistant", "content": None, "tool_calls": [{"index": 0, "id": "call_1", "function": {"name": "f"}}]}), arguments("{}"), CALL_ENDED], [CALL, arguments("{}"), CALL_ENDED]),
        # docs/quirks.md#q88: no arguments until the end
        ([CALL, arguments(""), chunk({}, "tool_calls"), chunk({}, "stop")], [CALL, arguments(""), chunk({"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]}, "tool_calls"), STOP]),
        # docs/quirks.md#q91: nulls; names that are repeated
        ([CALL, chunk({"role": None, "tool_calls": [{"index": 0, "id": None, "type": None, "function": {"name": None, "arguments": "{}"}}]}), chunk({"tool_calls": None, "function_call": None}, "tool_calls")], [CALL, arguments("{}"), CALL_ENDED]),
        ([CALL, chunk({"tool_calls": [call(index=0)]}), CALL_ENDED], [CALL, arguments("{}", type="function"), CALL_ENDED]),
        ([CALL, arguments("{", id="call_x"), arguments("}"), CALL_ENDED], [CALL, arguments("{"), arguments("}"), CALL_ENDED]),
        ([CALL, arguments({"a": 1}), CALL_ENDED], [CALL, arguments('{"a":1}'), CALL_ENDED]),  # type: ignore[arg-type]
        # docs/quirks.md#q97: no index, a sparse one, the same for all
        ([ROLE, chunk({"tool_calls": [call(), call(id="call_2")]}, "tool_calls")], [ROLE, chunk({"tool_calls": [call(index=0), call(index=1, id="call_2")]}, "tool_calls")]),
        ([CALL, arguments("{", ...), arguments("}", ..., id="call_1"), chunk({"tool_calls": [call(id="call_2")]}), CALL_ENDED], [CALL, arguments("{"), arguments("}"), chunk({"tool_calls": [call(index=1, id="call_2")]}), CALL_ENDED]),
        ([chunk({"role": "assistant", "tool_calls": [call(index=3)]}), arguments(" ", 3), CALL_ENDED], [chunk({"role": "assistant", "tool_calls": [call(index=0)]}), arguments(" "), CALL_ENDED]),
        ([ROLE, chunk({"tool_calls": [call(index=0), call(index=0, id="call_2")]}), arguments(" ", 0), CALL_ENDED], [ROLE, chunk({"tool_calls": [call(index=0), call(index=1, id="call_2")]}), arguments(" ", 1), CALL_ENDED]),
        # heads, usage and the rest
        ([ROLE, {"choices": TEXT["choices"]}, chunk({}, "stop", created=9.0, model="", service_tier="")], [ROLE, TEXT, chunk({}, "stop", service_tier=None)]),
        ([ROLE, STOP, {"usage": {"prompt_tokens": 5, "completion_tokens": 2}}], [ROLE, STOP, chunk(choices=[], usage=USAGE)]),
        ([ROLE, {"object": "chat.completion.chunk"}, chunk(choices=None), STOP], [ROLE, chunk(choices=[]), chunk(choices=[]), STOP]),
        ([ROLE, chunk(choices=[{"delta": {"content": "Hi"}, "logprobs": {"content": []}}]), STOP], [ROLE, chunk(choices=[{"delta": {"content": "Hi"}, "logprobs": {"content": [], "refusal": None}, "index": 0, "finish_reason": None}]), STOP]),
        ([chunk(choices=["odd"]), ROLE, STOP], [chunk(choices=["odd"]), ROLE, STOP]),
    ],
)  # fmt: skip
def test_streams(given: list[dict[str, Any]], expected: list[dict[str, Any]]) -> None:
    assert normalized(*given) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([ROLE, TEXT, chunk(choices=[], usage=USAGE)], [ROLE, TEXT, {**STOP, "usage": USAGE}]),
        ([ROLE, TEXT], [ROLE, TEXT, STOP]),
        ([CALL], [CALL, chunk({"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]}, "tool_calls")]),
    ],
)
def test_the_end_of_a_host_that_says_done_and_nothing_else(
    given: list[dict[str, Any]], expected: list[dict[str, Any]]
) -> None:
    """docs/quirks.md#q96: no reason at all, with usage or without."""
    found = mend(sse(*given) + DONE, has_unsaid_end=True)
    assert squeezed(found) == squeezed(sse(*expected) + DONE)


# Framing.
UNSOUND = chunk({"content": "Hi"}, ...)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (sse(UNSOUND).replace(b"\n", b"\r\n"), sse(TEXT).replace(b"\n", b"\r\n")),
        (sse(UNSOUND).replace(b"\n", b"\r"), sse(TEXT).replace(b"\n", b"\r")),
        (sse(UNSOUND).replace(b"data: ", b"data:"), sse(TEXT)),
        (b": c\nid: 1\n" + sse(UNSOUND)[:-1] + b"event: x\n\n", b": c\nid: 1\n" + sse(TEXT)[:-1] + b"event: x\n\n"),
        (sse(UNSOUND).replace(b', "choices"', b',\ndata: "choices"'), sse(TEXT)),
        (sse(UNSOUND) + b": c\n\n" + sse(TEXT, UNSOUND), sse(TEXT) + b": c\n\n" + sse(TEXT, TEXT)),
    ],
)
def test_only_the_data_of_an_event_is_changed(given: bytes, expected: bytes) -> None:
    for size in (None, 1, 2, 7, 60):
        found = mend(sse(ROLE) + given + sse(STOP) + DONE, size)
        assert squeezed(found) == squeezed(sse(ROLE) + expected + sse(STOP) + DONE)
        assert found.startswith(sse(ROLE))
        assert found.endswith(sse(STOP) + DONE)


@pytest.mark.parametrize(
    ("given", "added"),
    [
        (sse(ROLE, STOP), DONE),  # docs/quirks.md#q94, #q97
        (sse(ROLE, STOP).rstrip(b"\n"), b"\n\n" + DONE),  # docs/quirks.md#q105: clients drop an event without its end
        (sse(ROLE, STOP)[:-1], b"\n" + DONE),
        (sse(ROLE, STOP).replace(b"\n", b"\r\n"), DONE),
        (sse(ROLE, STOP) + b"data: [DONE]", b"\n\n"),
        (sse(ROLE, STOP) + DONE, b""),
        (sse(ROLE, TEXT), b""),
        (sse(ROLE) + b'data: {"id": "r", "obj', b"\n\n"),
    ],
)
def test_a_finished_stream_gets_its_end(given: bytes, added: bytes) -> None:
    assert mend(given) == given + added
    assert mend(given, 3) == given + added


def test_a_stream_that_breaks_off_within_one_of_its_choices_gets_none() -> None:
    """However much of one came after the other was over."""
    first, second = ({"index": index, "finish_reason": None} for index in (0, 1))
    begun = [chunk(choices=[{**each, "delta": {"role": "assistant", "content": ""}}]) for each in (first, second)]
    over = chunk(choices=[{**first, "delta": {}, "finish_reason": "stop"}])
    said = chunk(choices=[{**second, "delta": {"content": "word " * 8}}])
    given = sse(*begun, over, *[said] * 500)
    assert mend(given) == given
    watch = StreamWatch(STREAM, normalizer=StreamNormalizer())
    for event in given.split(b"\n\n")[:-1]:
        watch.feed(event + b"\n\n")
    assert (watch.finish(), watch.ending()[0]) == (b"", False)
    ended = given + sse(chunk(choices=[{**second, "delta": {}, "finish_reason": "length"}]))
    assert mend(ended) == ended + DONE


def test_counts_beside_the_texts_of_a_stream_that_breaks_off_are_told() -> None:
    """docs/quirks.md#q81: they are charged, though the answer is not whole."""
    watch = StreamWatch(STREAM, normalizer=StreamNormalizer(moves_usage=True))
    watch.feed(sse(ROLE, {**TEXT, "usage": USAGE}))
    assert b'"choices":[],"usage":{' in watch.finish()
    is_finished, usage = watch.ending()
    assert not is_finished
    assert usage is not None
    assert usage.prompt == USAGE["prompt_tokens"]


def test_the_last_object_of_perplexity_ends_a_stream() -> None:
    """docs/quirks.md#q93: it needs no reason besides."""
    assert squeezed(mend(sse(ROLE, chunk(object="chat.completion.done")))) == squeezed(sse(ROLE, chunk()) + DONE)


def test_an_event_of_several_pieces_that_is_too_long_passes() -> None:
    image = chunk({"role": "assistant", "images": ["x" * (1 << 21)]})
    stream = sse(ROLE, image, TEXT, STOP) + DONE
    assert mend(stream, 1 << 16) == stream


CHUNKS = [
    chunk(choices=[], id="", usage=None),
    chunk({"role": "assistant", "content": "", "tool_calls": [call(index=0)]}),
    chunk({"content": [THINKING], "tool_calls": [call(index=0, id="call_2")]}, "eos_token", usage=USAGE),
    chunk(choices=[], usage=USAGE),
]


@settings(max_examples=150)
@given(st.binary(max_size=60))
def test_any_bytes(data: bytes) -> None:
    assert normalize_reply(data) == data
    assert mend(data, 3)[: len(data)] == data
    assert mend(b"data: " + data)[: len(data) + 6] == b"data: " + data


@settings(max_examples=300)
@given(st.sampled_from(list(paths(CHUNKS))), JSON, st.integers(1, 400))
def test_any_member_of_a_stream_cut_anywhere(path: tuple[Any, ...], value: Any, size: int) -> None:
    changed = replaced(CHUNKS, path, value)
    stream = sse(*(changed if isinstance(changed, list) else [changed])) + DONE
    found = mend(stream)
    assert mend(stream, size) == found
    assert found.endswith(DONE)
