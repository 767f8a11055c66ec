"""SageMaker endpoints: OpenAI's body to the container, its bytes back out of AWS frames."""

import json
import struct
import zlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matrix import HELLO, MATRIX, WEATHER, ask
from penstock.core.chat import ChatRequest
from penstock.core.events import Event, Fail, Start, Stop, Text, ToolArgs, ToolStart
from penstock.core.usage import Usage
from penstock.dialects import sagemaker
from penstock.dialects.dialect import Payload, WriteContext
from penstock.dialects.framing import ndjson
from penstock.dialects.framing.aws_eventstream import STREAM_TYPE
from penstock.dialects.openai.caller import request as openai_request

DIALECT = sagemaker.DIALECT
GOAL = WriteContext("my-endpoint")


def written(row: dict[str, Any], **options: str) -> tuple[dict[str, Any], tuple[str, ...]]:
    request = openai_request.read(json.dumps(row).encode())
    assert isinstance(request, ChatRequest)
    payload = DIALECT.write(request, WriteContext("my-endpoint", options=options))
    assert isinstance(payload, Payload)
    return json.loads(payload.body), payload.dropped


# Requests. That the body is OpenAI's for every row of the matrix is tested in openai/provider/test_request.py.

MESSAGES = {"messages": [HELLO]}


@pytest.mark.parametrize("name", MATRIX)
def test_no_request_names_the_model_or_fails(name: str) -> None:
    found, _ = written(MATRIX[name])
    assert "model" not in found
    assert found["messages"]


def test_the_limit_has_the_name_that_every_container_knows() -> None:
    assert written(MATRIX["max_completion_tokens"]) == ({**MESSAGES, "max_tokens": 200}, ())


def test_a_stream_is_asked_for_in_the_body() -> None:
    assert written(MATRIX["stream"]) == ({**MESSAGES, "stream": True, "stream_options": {"include_usage": True}}, ())


def test_one_of_several_models_of_a_container() -> None:
    assert written(ask(), amzn_sagemaker_model_name="adapter-1") == ({"model": "adapter-1", **MESSAGES}, ())


def test_what_only_the_container_knows_is_passed_on() -> None:
    row = ask(tools=[WEATHER], guided_regex="a+", top_k=5)
    assert written(row) == ({**MESSAGES, "guided_regex": "a+", "top_k": 5, "tools": [WEATHER]}, ())


# Replies.


def frame(payload: bytes, **headers: str) -> bytes:
    named = {
        ":event-type": "PayloadPart",
        ":message-type": "event",
        **{f":{name}".replace("_", "-"): value for name, value in headers.items()},
    }
    block = b"".join(
        bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()
        for name, value in named.items()
    )
    head = struct.pack(">II", 16 + len(block) + len(payload), len(block))
    data = head + struct.pack(">I", zlib.crc32(head)) + block + payload
    return data + struct.pack(">I", zlib.crc32(data))


def frames(data: bytes, size: int) -> bytes:
    return b"".join(frame(data[start : start + size]) for start in range(0, len(data), size))


def read(data: bytes, size: int = 1 << 20) -> list[Event]:
    reader, found = DIALECT.reader(GOAL), list[Event]()
    for start in range(0, len(data), size):
        found += reader.feed(data[start : start + size])
    return found + reader.finish()


USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
CHUNKS = [
    {"id": "c1", "model": "m", "created": 7, "choices": [{"index": 0, "delta": {"content": "Grüß dich"}}]},
    {
        "id": "c1",
        "choices": [
            {
                "index": 0,
                "delta": {"tool_calls": [{"index": 0, "id": "t", "function": {"name": "f", "arguments": "{}"}}]},
            }
        ],
    },
    {"id": "c1", "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]},
    {"id": "c1", "choices": [], "usage": USAGE},
]
EVENTS = [
    Start("c1", "m", 7),
    Text("Grüß dich"),
    ToolStart(0, "f", "t"),
    ToolArgs("{}", 0),
    Stop("tool_calls", "tool_calls"),
    Usage(3, 2, 5, native=USAGE),
]
SSE = b"".join(b"data: %b\n\n" % json.dumps(chunk).encode() for chunk in CHUNKS) + b"data: [DONE]\n\n"
LINES = b"".join(b"%b\n" % json.dumps(chunk).encode() for chunk in CHUNKS)


@pytest.mark.parametrize(
    "data", [SSE, LINES, LINES.rstrip(), b"\n" + SSE], ids=["sse", "lines", "no last line end", "blank first"]
)
@pytest.mark.parametrize("part", [1, 13, 1000])
@pytest.mark.parametrize("size", [1, 50, 1 << 20])
def test_a_stream_cut_anywhere_twice(data: bytes, part: int, size: int) -> None:
    assert read(frames(data, part), size) == EVENTS


def test_a_whole_reply() -> None:
    body = {
        "id": "c1",
        "model": "m",
        "created": 7,
        "choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}],
        "usage": USAGE,
    }
    assert DIALECT.read_reply(json.dumps(body).encode(), GOAL) == [
        Start("c1", "m", 7),
        Text("Hi"),
        Stop("stop", "stop"),
        Usage(3, 2, 5, native=USAGE),
    ]


def test_a_container_of_another_kind() -> None:
    (*_, last) = DIALECT.read_reply(b'[{"generated_text": "Hi"}]', GOAL)
    assert isinstance(last, Fail)
    assert last.broken


def test_the_container_fails_in_mid_stream() -> None:
    payload = b'{"ErrorCode": "ModelInvocationTimeExceeded", "Message": "Too slow."}'
    data = (
        frame(SSE[:100])
        + frame(payload, message_type="exception", exception_type="ModelStreamError")
        + frame(SSE[100:])
    )
    assert read(data)[-1] == Fail("Too slow.", "ModelStreamError", "ModelInvocationTimeExceeded", raw=payload)
    assert sum(isinstance(event, Fail) for event in read(data)) == 1


@pytest.mark.parametrize("payload", [b"", b"null", b"<html>"])
def test_a_failure_of_the_connection(payload: bytes) -> None:
    (fail,) = read(frame(payload, message_type="error", error_code="500", error_message="It broke."))
    assert fail == Fail("It broke.", "500", raw=payload)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no frame at all, surely",
        frames(SSE[:80], 20),
        frames(LINES[:80], 20),
        frames(SSE, 50)[:300],
        frame(b" \n"),
    ],
    ids=["nothing", "no frames", "no end", "no last line", "cut in a frame", "only blanks"],
)
def test_a_broken_stream(data: bytes) -> None:
    last = read(data)[-1]
    assert isinstance(last, Fail)
    assert last.broken


def test_bytes_after_the_answer_do_not_matter() -> None:
    assert read(frames(SSE, 50) + frame(b"x")[:20]) == EVENTS


def test_a_line_that_never_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ndjson, "MAX_FRAME", 10)
    (last,) = DIALECT.reader(GOAL).feed(frame(b"{" * 20))
    assert isinstance(last, Fail)
    assert last.broken


def test_only_frames_are_streams() -> None:
    assert DIALECT.stream_types == (STREAM_TYPE,)


@given(st.binary(max_size=100), st.integers(1, 30))
@settings(max_examples=60, deadline=None)
def test_any_bytes_of_a_container(data: bytes, size: int) -> None:
    assert read(frames(data, size)) == read(frame(data))
