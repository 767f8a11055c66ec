"""The built-in provider: what it says, in which bytes, how it fails. No real time passes."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.failure import Failure, Kind
from penstock.core.http import Limits, Origin
from penstock.transport.base import Request
from penstock.transport.echo import EchoTransport
from penstock.transport.echo.sample import sample
from penstock.transport.echo.script import FAULTS, MODELS, STATUSES, Unreadable, write_script

ORACLE = Path(__file__).parents[4] / "shared" / "clients" / "oracle" / "oai_schema.py"
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}},
    },
}
TIME = {"type": "function", "function": {"name": "get_time"}}


def say(text: str, **members: Any) -> dict[str, Any]:
    return {"model": "echo", "messages": [{"role": "user", "content": text}], **members}


def request(body: dict[str, Any] | bytes, limits: Limits = Limits(), method: bytes = b"POST") -> Request:  # noqa: B008
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Request(Origin("echo", "echo", 0), method, b"/chat/completions", b"", data, limits)


async def answer(body: dict[str, Any] | bytes, **options: Any) -> tuple[int, bytes, Failure | None]:
    slept: list[float] = options.pop("slept", [])

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    reply = await EchoTransport(options.pop("pace_ms", 0), sleep).send(request(body, **options))
    assert not isinstance(reply, Failure), reply
    body_read = b""
    while piece := await reply.read():
        body_read += piece
    return reply.status, body_read, reply.failure


def chunks(body: bytes) -> list[dict[str, Any]]:
    lines = [line.removeprefix("data: ") for line in body.decode().split("\n\n") if line]
    return [json.loads(line) for line in lines if line != "[DONE]"]


@given(st.text())
async def test_the_words_of_a_stream_join_to_the_text(text: str) -> None:
    _, body, _ = await answer(say(text, stream=True))
    said = "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks(body))
    assert said == (text or "Hello from Penstock.")


async def test_a_stream_and_a_plain_answer_say_the_same() -> None:
    _, plain, _ = await answer(say("One two, three!"))
    _, stream, _ = await answer(say("One two, three!", stream=True, stream_options={"include_usage": True}))
    whole, parts = json.loads(plain), chunks(stream)
    assert whole["choices"][0]["message"]["content"] == "".join(
        part["choices"][0]["delta"].get("content", "") for part in parts if part["choices"]
    )
    assert parts[-1]["usage"] == whole["usage"]
    assert parts[-1]["choices"] == []
    assert all(part["usage"] is None for part in parts[:-1])
    assert whole["usage"]["completion_tokens"] == 6


@pytest.mark.parametrize(
    ("members", "content", "finish"),
    [
        ({"max_tokens": 1}, "one", "length"),
        ({"max_completion_tokens": 2, "max_tokens": 1}, "one two", "length"),
        ({"stop": " two"}, "one", "stop"),
        ({"stop": ["three", "two"]}, "one ", "stop"),
        ({"model": "echo-content-filter"}, "one two three", "content_filter"),
    ],
)
async def test_limits(members: dict[str, Any], content: str, finish: str) -> None:
    _, body, _ = await answer({**say("one two three"), **members})
    choice = json.loads(body)["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == (content, finish)


@pytest.mark.parametrize(
    ("text", "members", "names", "finish"),
    [
        ("hi", {}, [], "stop"),
        ("hi", {"tool_choice": "required"}, ["get_weather"], "tool_calls"),
        ("hi", {"tool_choice": {"type": "function", "function": {"name": "get_time"}}}, ["get_time"], "stop"),
        ("call get_weather and get_time", {}, ["get_weather", "get_time"], "tool_calls"),
        ("call get_weather and get_time", {"parallel_tool_calls": False}, ["get_weather"], "tool_calls"),
        ("call get_weather", {"tool_choice": "none"}, [], "stop"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_tools(text: str, members: dict[str, Any], names: list[str], finish: str, stream: bool) -> None:
    _, body, _ = await answer(say(text, tools=[WEATHER, TIME], stream=stream, **members))
    calls: dict[int, dict[str, str]] = {}
    for part in chunks(body) if stream else [json.loads(body)]:
        choice = part["choices"][0]
        for number, call in enumerate((choice["delta"] if stream else choice["message"]).get("tool_calls") or []):
            found = calls.setdefault(call.get("index", number), {"name": "", "arguments": ""})
            found["name"] += call["function"].get("name", "")
            found["arguments"] += call["function"].get("arguments", "")
    assert [call["name"] for call in calls.values()] == names
    assert choice["finish_reason"] == finish
    if names[:1] == ["get_weather"]:
        assert json.loads(calls[0]["arguments"]) == {"city": text, "days": 1}


async def test_after_a_tool_its_result_is_repeated() -> None:
    messages = [
        {"role": "user", "content": "get_weather"},
        {"role": "tool", "content": "18 degrees", "tool_call_id": "c"},
    ]
    _, body, _ = await answer({"model": "echo", "messages": messages, "tools": [WEATHER]})
    assert json.loads(body)["choices"][0]["message"]["content"] == "18 degrees"


async def test_parts_that_are_no_text_are_named() -> None:
    content = [{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {}}, {"type": "input_audio"}, 5]
    _, body, _ = await answer({"messages": [{"role": "user", "content": content}]})
    assert json.loads(body)["choices"][0]["message"]["content"] == "look [image] [audio]"


@pytest.mark.parametrize("fault", STATUSES)
async def test_error_statuses(fault: str) -> None:
    status, body, _ = await answer({**say("hi"), "model": f"echo-{fault}"})
    assert status == int(fault)
    assert json.loads(body)["error"].keys() == {"message", "type", "param", "code"}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("fault", ["cut", "stall-stream"])
async def test_answers_that_break_off(fault: str, stream: bool) -> None:
    body = say("one two three four five six", stream=stream, echo={"fault": fault})
    status, read, failure = await answer(body, limits=Limits(idle=5))
    assert status == 200
    assert failure is not None
    assert failure.kind is (Kind.TRUNCATED if fault == "cut" else Kind.IDLE_TIMEOUT)
    assert read
    assert b"[DONE]" not in read


@pytest.mark.parametrize(
    ("fault", "kind"),
    [("reset", Kind.CONNECTION_CLOSED), ("refused", Kind.CONNECTION_REFUSED), ("stall", Kind.FIRST_BYTE_TIMEOUT)],
)
async def test_no_answer_at_all(fault: str, kind: Kind) -> None:
    async def sleep(_: float) -> None: ...

    result = await EchoTransport(0, sleep).send(request(say("hi", echo={"fault": fault}), Limits(first_byte=5)))
    assert isinstance(result, Failure)
    assert result.kind is kind


@pytest.mark.parametrize(
    ("fault", "present", "absent"),
    [
        ("error-event", b'data: {"error"', b"choices"),
        ("late-error", b'data: {"error"', b"[DONE]"),
        ("empty", b"data: [DONE]\n\n", b"choices"),
        ("no-done", b"finish_reason", b"[DONE]"),
        ("garbage", b'data: {"id": "chatcmpl-\n\n', b"nothing"),
    ],
)
async def test_odd_streams(fault: str, present: bytes, absent: bytes) -> None:
    _, body, failure = await answer(say("one two three four", stream=True, echo={"fault": fault}))
    assert present in body
    assert absent not in body
    assert failure is None


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_is_documented_and_a_model(fault: str) -> None:
    assert f"`{fault}`" in (Path(__file__).parents[3] / "docs" / "echo.md").read_text()
    assert f"echo-{fault}" in MODELS


async def test_pace() -> None:
    slept: list[float] = []
    await answer(say("a b c", stream=True, echo={"first_ms": 40}), pace_ms=20, slept=slept)
    assert slept == [0.04] + [0.02] * 5
    slept.clear()
    await answer(say("a", stream=True, echo={"pace_ms": 0}), pace_ms=20, slept=slept)
    assert slept == []
    await answer({**say("a"), "model": "echo-slow"}, slept=slept)
    assert slept == [2.0]


async def test_cancelling_a_stall() -> None:
    task = asyncio.ensure_future(EchoTransport().send(request(say("x", echo={"fault": "stall"}), Limits(0, 0, 0, 0))))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b'{"messages": 5}', 400),
        (say("x", echo={"fault": "?"}), 400),
        ({**say("x"), "model": "echo-x"}, 404),
    ],
)
async def test_requests_that_can_not_be_answered(body: Any, status: int) -> None:
    got, told, _ = await answer(body)
    assert got == status
    assert json.loads(told)["error"]["message"]


async def test_models() -> None:
    reply = await EchoTransport().send(request(b"", method=b"GET"))
    assert not isinstance(reply, Failure)
    assert {model["id"] for model in json.loads(await reply.read())["data"]} == set(MODELS)


SCHEMA = {
    "$defs": {"P": {"type": "object", "properties": {"n": {"type": "integer", "minimum": 3}}}},
    "type": "object",
    "properties": {
        "p": {"$ref": "#/$defs/P"}, "e": {"enum": ["x", "y"]}, "a": {"type": "array", "items": {"type": "boolean"}},
        "u": {"anyOf": [{"type": "null"}, {"type": "string"}]}, "s": {}, "c": {"const": 7}, "f": {"type": "number"},
        "d": {"type": "string", "format": "date"}, "l": {"type": ["string", "null"]}, "z": {"type": "null"},
    },
}  # fmt: skip


def test_samples_fit_their_schema() -> None:
    assert sample(SCHEMA, "t") == {
        "p": {"n": 3}, "e": "x", "a": [True], "u": None, "s": "t", "c": 7, "f": 1.0, "d": "2026-01-31", "l": "t", "z": None,
    }  # fmt: skip


def test_a_schema_that_refers_to_itself_ends() -> None:
    loop = {"type": "object", "properties": {"again": {"$ref": "#"}}}
    assert isinstance(sample(loop, "t"), dict)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda x: (
            st.lists(x)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "type",
                        "properties",
                        "items",
                        "$ref",
                        "enum",
                        "anyOf",
                        "messages",
                        "content",
                        "tools",
                        "echo",
                        "fault",
                        "stop",
                    ]
                ),
                x,
            )
        ),
    )
)
def test_odd_requests_are_answered_or_refused(value: Any) -> None:
    sample(value, "t")
    with contextlib.suppress(Unreadable):
        assert write_script(json.dumps(value).encode(), 0).choices


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the oracle leaves its file open
@pytest.mark.skipif(not ORACLE.exists(), reason="the schema oracle (../shared/clients) is not part of a clone")
async def test_answers_fit_openais_published_schema() -> None:
    spec = importlib.util.spec_from_file_location("oai_schema", ORACLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    oracle = module.Oracle()
    for members in (
        {},
        {"n": 3},
        {"logprobs": True},
        {"tools": [WEATHER], "tool_choice": "required"},
        {"max_tokens": 1},
    ):
        _, plain, _ = await answer(say("Hello there, you", **members))
        assert oracle.errors("response", json.loads(plain), strict=True) == []
        for usage in (False, True):
            asked = say("Hello there", stream=True, stream_options={"include_usage": usage}, **members)
            _, streamed, _ = await answer(asked)
            assert oracle.stream_errors(streamed, expect_usage=usage) == []
    _, told, _ = await answer({**say("x"), "model": "echo-429"})
    assert oracle.errors("error", json.loads(told)) == []
