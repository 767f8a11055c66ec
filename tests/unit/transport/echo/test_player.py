"""The built-in provider: what it says, in which bytes, how it fails. No real time passes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paths import ROOT
from penstock.core.failure import Failure, Kind
from penstock.core.http import Limits, Origin
from penstock.transport.base import Request
from penstock.transport.echo import EchoTransport
from penstock.transport.echo.player import EchoReply
from penstock.transport.echo.sample import sample
from penstock.transport.echo.script import FAULTS, MODELS, MOST_TOKENS, STATUSES, Unreadable, tokens, write_script
from running import needs_recordings, schema_oracle

DOCS = (ROOT / "docs" / "echo.md").read_text("utf-8")
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


def request(body: dict[str, Any] | bytes, limits: Limits = Limits(), line: str = "POST /chat/completions") -> Request:  # noqa: B008
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    method, target = line.encode().split(b" ")
    return Request(Origin("echo", "echo", 0), method, target, b"", data, limits)


async def drain(reply: EchoReply) -> bytes:
    body = b""
    while piece := await reply.read():
        body += piece
    return body


async def begin(body: dict[str, Any] | bytes, **options: Any) -> EchoReply:
    """A reply whose head has arrived."""
    reply = await EchoTransport().send(request(body, **options))
    assert not isinstance(reply, Failure), reply
    return reply


async def answer(body: dict[str, Any] | bytes, **options: Any) -> tuple[int, bytes, Failure | None]:
    slept: list[float] = options.pop("slept", [])

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    reply = await EchoTransport(options.pop("pace_ms", 0), sleep).send(request(body, **options))
    assert not isinstance(reply, Failure), reply
    return reply.status, await drain(reply), reply.failure


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
    counts = {name: count for name, count in whole["usage"].items() if isinstance(count, int)}
    assert counts == {"prompt_tokens": 13, "completion_tokens": 6, "total_tokens": 19}


@given(st.text(), st.integers(1, 8))
def test_tokens_are_the_text_in_order(text: str, most: int) -> None:
    every = tokens(text, MOST_TOKENS)
    assert "".join(every) == text
    assert tokens(text, most) == every[: most + 1]


async def test_an_answer_is_bounded_all_choices_together() -> None:
    _, body, _ = await answer(say("word " * MOST_TOKENS, n=4))
    reply = json.loads(body)
    assert [choice["finish_reason"] for choice in reply["choices"]] == ["length"] * 4
    assert reply["usage"]["completion_tokens"] == MOST_TOKENS
    assert reply["usage"]["prompt_tokens"] == MOST_TOKENS + 1 + 4 + 3


async def test_logprobs_are_told_token_by_token() -> None:
    _, plain, _ = await answer(say("Hello, you", logprobs=True))
    _, stream, _ = await answer(say("Hello, you", logprobs=True, stream=True))
    told = json.loads(plain)["choices"][0]["logprobs"]["content"]
    assert [entry["token"] for entry in told] == ["Hell", "o", ",", " you"]
    parts = [part["choices"][0]["logprobs"] for part in chunks(stream)]
    assert [entry for part in parts if part for entry in part["content"]] == told


@pytest.mark.parametrize(
    ("members", "content", "finish"),
    [
        ({"max_tokens": 1}, "one", "length"),
        ({"max_tokens": 3}, "one two thre", "length"),
        ({"max_tokens": 4}, "one two three", "stop"),
        ({"max_completion_tokens": 2, "max_tokens": 1}, "one two", "length"),
        ({"stop": " two"}, "one", "stop"),
        ({"stop": ["three", "two"]}, "one ", "stop"),
        ({"stop": ["ree", "three", "nowhere", ""]}, "one two ", "stop"),
        ({"stop": "one"}, "", "stop"),
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
        ("call get_weathers", {}, [], "stop"),
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


async def test_a_result_that_has_been_answered_is_not_repeated() -> None:
    roles = {"user": "a question", "tool": "18 degrees", "assistant": "It is warm."}
    _, body, _ = await answer({"messages": [{"role": role, "content": content} for role, content in roles.items()]})
    assert json.loads(body)["choices"][0]["message"]["content"] == "a question"


async def test_parts_that_are_no_text_are_named() -> None:
    content = [{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {}}, {"type": "input_audio"}]
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
    assert not read.endswith(b"\n\n") or fault == "stall-stream"


async def test_being_limited_says_when_to_come_back() -> None:
    headers = dict((await begin({**say("hi"), "model": "echo-429"})).headers)
    assert headers[b"retry-after"] == b"1"
    assert headers[b"x-ratelimit-remaining-requests"] == b"0"


async def test_headers_say_what_the_body_is() -> None:
    kinds = {}
    for model, stream in (("echo", False), ("echo", True), ("echo-html", False)):
        headers = dict((await begin(say("hi", stream=stream) | {"model": model})).headers)
        assert headers[b"x-request-id"].startswith(b"req_")
        kinds[model, stream] = headers[b"content-type"]
    assert kinds == {
        ("echo", False): b"application/json",
        ("echo", True): b"text/event-stream; charset=utf-8",
        ("echo-html", False): b"text/html; charset=utf-8",
    }


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


@pytest.mark.parametrize("fault", ["stall-stream", "late-error"])
@pytest.mark.parametrize(("text", "told"), [("Hi", "Hi"), ("one two three four five", "one two three")])
async def test_a_stream_goes_wrong_after_three_words_at_most(fault: str, text: str, told: str) -> None:
    _, body, _ = await answer(say(text, stream=True, echo={"fault": fault}), limits=Limits(idle=5))
    choices = [part["choices"][0] for part in chunks(body) if "choices" in part]
    assert "".join(choice["delta"].get("content", "") for choice in choices) == told
    assert {choice["finish_reason"] for choice in choices} == {None}


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_is_documented_and_a_model(fault: str) -> None:
    assert f"`{fault}`" in DOCS
    assert f"echo-{fault}" in MODELS


@pytest.mark.parametrize(
    ("number", "status", "shown"),
    [
        (0, 200, b"[DONE]"),
        (1, 200, b'"content":"Hello!"'),
        (2, 200, b'{\\"city\\":\\"call get_weather\\"}'),
        (3, 429, b"rate_limit_exceeded"),
    ],
)
async def test_the_documented_requests(number: int, status: int, shown: bytes) -> None:
    bodies = re.findall(r"-d '(.*?)'\n```", DOCS, re.DOTALL)
    assert len(bodies) == 4
    got, body, _ = await answer(bodies[number].encode())
    assert got == status
    assert shown in body


async def test_a_fault_may_be_a_number() -> None:
    status, _, _ = await answer(say("hi", echo={"fault": 503}))
    assert status == 503


async def test_pace() -> None:
    slept: list[float] = []
    await answer(say("a b c", stream=True, echo={"first_ms": 40}), pace_ms=20, slept=slept)
    assert slept == [0.04] + [0.02] * 5
    slept.clear()
    await answer(say("a", stream=True, echo={"pace_ms": 0}), pace_ms=20, slept=slept)
    assert slept == []
    await answer({**say("a"), "model": "echo-slow"}, slept=slept)
    assert slept == [2.0]
    slept.clear()
    await answer({**say("a", echo={"first_ms": 5}), "model": "echo-slow"}, slept=slept)
    assert slept == [0.005]


@pytest.mark.parametrize(
    ("limits", "kind"),
    [
        (Limits(first_byte=0, idle=1), Kind.IDLE_TIMEOUT),
        (Limits(first_byte=0, idle=0, total=1), Kind.TOTAL_TIMEOUT),
    ],
)
async def test_a_pace_slower_than_a_limit(limits: Limits, kind: Kind) -> None:
    _, body, failure = await answer(say("a b", stream=True, echo={"pace_ms": 1500}), limits=limits)
    assert failure is not None
    assert failure.kind is kind
    assert len(chunks(body)) == 1


async def test_a_long_stream_lets_others_have_their_turn() -> None:
    reply = await begin(say("word " * 100, stream=True))
    turns: list[str] = []
    asyncio.get_running_loop().call_soon(turns.append, "another")
    await drain(reply)
    assert turns == ["another"]


async def test_a_closed_reply_says_nothing_more() -> None:
    reply = await begin(say("one two", stream=True))
    assert await reply.read()
    reply.close()
    reply.close()
    assert await reply.read() == b""
    assert reply.failure is None


async def test_cancelling_a_stall() -> None:
    task = asyncio.ensure_future(EchoTransport().send(request(say("x", echo={"fault": "stall"}), Limits(0, 0, 0, 0))))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("echo", [{"fault": "stall-stream"}, {"pace_ms": 1e9}])
async def test_cancelling_a_read_leaves_nothing_running(echo: dict[str, Any]) -> None:
    reply = await begin(say("a b c", stream=True, echo=echo), limits=Limits(0, 0, 0, 0))
    reading = asyncio.ensure_future(drain(reply))
    await asyncio.sleep(0)
    assert not reading.done()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize(
    ("body", "status", "code", "param"),
    [
        (b"{", 400, "invalid_json", None),
        (b'{"messages": [{"role": "user", "content": "\xff"}]}', 400, "invalid_json", None),
        (b'{"tools": [{"function": {"name": "f", "parameters": ' + b"[" * 5000, 400, "invalid_json", None),
        (b'{"messages": 5}', 400, "invalid_value", "messages"),
        (b'{"messages": [{"content": 5}]}', 400, "invalid_value", "messages[0].content"),
        (say("x", max_tokens=0), 400, "invalid_value", "max_tokens"),
        (say("x", n=129), 400, "invalid_value", "n"),
        (say("x", echo={"pace_ms": -1}), 400, "invalid_value", "echo.pace_ms"),
        (say("x", echo={"fault": "?"}), 400, "invalid_value", "echo.fault"),
        (say("x", tools=[TIME], tool_choice=WEATHER), 400, "invalid_value", "tool_choice"),
        ({**say("x"), "model": "echo-x"}, 404, "model_not_found", "model"),
    ],
)
async def test_requests_that_can_not_be_answered(body: Any, status: int, code: str, param: str | None) -> None:
    got, told, _ = await answer(body)
    error = json.loads(told)["error"]
    assert (got, error["code"], error["param"]) == (status, code, param)
    assert error["type"] == "invalid_request_error"
    assert error["message"].endswith(".")


@pytest.mark.parametrize(
    "more", [b"", b',"stream":true', b',"logprobs":true', b',"response_format":{"type":"json_object"}']
)
async def test_half_a_character_comes_back_as_it_was_sent(more: bytes) -> None:
    status, told, _ = await answer(b'{"messages":[{"role":"user","content":"a \\ud83d b"}]' + more + b"}")
    assert status == 200
    assert b"\\ud83d" in told


def test_an_unknown_model_is_told_which_there_are() -> None:
    with pytest.raises(Unreadable) as caught:
        write_script(b'{"model": "echo-x"}', 0)
    assert all(model in caught.value.message for model in MODELS)


@pytest.mark.parametrize("path", ["/models", "/v1/models?limit=5"])
async def test_models(path: str) -> None:
    listed = json.loads(await (await begin(b"", line=f"GET {path}")).read())["data"]
    assert {(model["id"], model["owned_by"]) for model in listed} == {(name, "penstock") for name in MODELS}


@pytest.mark.parametrize("line", ["POST /rerank", "GET /chat/completions", "POST /models", "GET /", "DELETE /models"])
async def test_other_paths_are_not_served(line: str) -> None:
    reply = await begin(say("hi"), line=line)
    assert reply.status == 404
    assert json.loads(await reply.read())["error"]["code"] == "unknown_url"


async def test_the_query_is_no_part_of_the_path() -> None:
    assert (await begin(say("hi"), line="POST /v1/chat/completions?api-version=1")).status == 200


WORDS = "type properties items $ref enum anyOf messages content tools echo fault stop".split()


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(WORDS), inner),
    )
)
def test_odd_requests_are_answered_or_refused(value: Any) -> None:
    sample(value, "t")
    with contextlib.suppress(Unreadable):
        assert write_script(json.dumps(value).encode(), 0).choices


@needs_recordings
async def test_answers_fit_openais_published_schema() -> None:
    oracle = schema_oracle()
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
    for model in ("echo-429", "echo-unknown", "echo-context-length"):
        _, told, _ = await answer({**say("x"), "model": model})
        assert oracle.errors("error", json.loads(told), strict=True) == []
    listed = await (await begin(b"", line="GET /models")).read()
    assert oracle.errors("models", json.loads(listed), strict=True) == []
