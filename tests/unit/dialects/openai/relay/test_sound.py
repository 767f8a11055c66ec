"""What a typed decode takes for a reply or chunk without deviations."""

from __future__ import annotations

import json
from typing import Any

import pytest

from normalizing import CALL, ROLE, STOP, TEXT, USAGE, arguments, call, chunk
from penstock.core.json_text import UNREADABLE
from penstock.dialects.openai.relay.sound import BOUNDARY, CONTINUING, SoundReply, lacks_nulls, read_sound

MESSAGE = {"role": "assistant", "content": "Hi"}
REPLY: dict[str, Any] = {
    "id": "r", "object": "chat.completion", "created": 9, "model": "m",
    "choices": [{"index": 0, "message": MESSAGE, "finish_reason": "stop"}], "usage": USAGE,
}  # fmt: skip


def said(**members: Any) -> dict[str, Any]:
    return {**REPLY, "choices": [{**REPLY["choices"][0], **members}]}


def is_read(decoder: Any, value: Any) -> bool:
    try:
        decoder.decode(json.dumps(value).encode())
    except UNREADABLE:
        return False
    return True


def read(reply: Any) -> SoundReply:
    sound = read_sound(json.dumps(reply).encode())
    assert sound is not None
    return sound


def test_replies() -> None:
    whole = said(message={**MESSAGE, "refusal": None}, logprobs=None)
    assert not lacks_nulls(read(whole))
    assert lacks_nulls(read(REPLY))
    called = said(message={**MESSAGE, "tool_calls": [call()]})
    assert lacks_nulls(read(called))


@pytest.mark.parametrize(
    "reply",
    [
        said(finish_reason="eos"),
        said(error={"code": 502}),
        said(usage=USAGE),
        said(message={"content": "Hi"}),
        said(message={"role": "assistant"}),
        said(message={**MESSAGE, "tool_calls": [call(function={"name": "f", "arguments": ""})]}),
        {**REPLY, "usage": None},
        {**REPLY, "usage": {**USAGE, "total_tokens": 7.0}},
        {**REPLY, "error": {"message": "no"}},
        [],
    ],
)
def test_replies_that_deviate(reply: Any) -> None:
    assert read_sound(json.dumps(reply).encode()) is None


@pytest.mark.parametrize(
    "value", [TEXT, chunk({"reasoning_content": "h"}, usage=USAGE), arguments("{}"), chunk(choices=[])]
)
def test_chunks_that_go_on(value: Any) -> None:
    assert is_read(CONTINUING, value)


@pytest.mark.parametrize("value", [ROLE, STOP, chunk({"role": "assistant", "content": "Hi"})])
def test_chunks_that_begin_or_end_a_choice(value: Any) -> None:
    assert is_read(BOUNDARY, value)
    assert not is_read(CONTINUING, chunk({"role": "assistant"}))


@pytest.mark.parametrize(
    "value",
    [
        CALL,
        chunk({"role": ""}),
        chunk({}, ...),
        chunk({}, "eos"),
        chunk({}, "error"),
        chunk({}, error={"message": "no"}),
        chunk({}, base_resp={"status_code": 1008}),
        chunk({}, x_groq={"usage": USAGE}),
        chunk({"images": [{"url": "x"}]}),
        chunk(choices=[{"index": 0, "finish_reason": None}]),
        chunk(choices=[{"index": 0, "delta": {}, "finish_reason": None, "usage": USAGE}]),
        chunk({"content": "Hi"}, model=""),
    ],
)
def test_chunks_that_are_looked_into(value: Any) -> None:
    assert not is_read(CONTINUING, value)
    assert not is_read(BOUNDARY, value)
