"""How the built-in provider answers in time: pace, faults, ends, and other paths. No real time passes."""

from __future__ import annotations

import asyncio
import json
import re
from pickle import PickleBuffer
from typing import Any

import pytest

from echoing import DOCS, answer, begin, chunks, drain, request, say
from penstock.core.failure import Failure, Kind
from penstock.core.http import Limits, Origin
from penstock.transport.base import Request
from penstock.transport.echo import EchoTransport
from penstock.transport.echo.script import STATUSES


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
    "line", ["POST /moderations", "GET /chat/completions", "POST /models", "GET /", "DELETE /models"]
)
async def test_other_paths_are_not_served(line: str) -> None:
    reply = await begin(say("hi"), line=line)
    assert reply.status == 404
    assert json.loads(await reply.read())["error"]["code"] == "unknown_url"


async def test_the_query_is_no_part_of_the_path() -> None:
    assert (await begin(say("hi"), line="POST /v1/chat/completions?api-version=1")).status == 200


async def test_large_requests_and_all_embeddings_are_read_beside_the_event_loop() -> None:
    asked: list[tuple[int, str]] = []

    async def noted(size: int, work: Any, *arguments: Any) -> Any:
        asked.append((size, work.__name__))
        return work(*[each.raw() if isinstance(each, PickleBuffer) else each for each in arguments])

    echo = EchoTransport(aside=noted)
    reply = await echo.send(request(say("x" * (1 << 20))))
    assert not isinstance(reply, Failure)
    assert reply.status == 200
    await echo.send(request(say("small")))
    refused = await echo.send(request({**say("x" * (1 << 20)), "model": "echo-none"}))
    assert not isinstance(refused, Failure)
    assert refused.status == 404
    body = json.dumps({"model": "echo", "input": ["a"] * 64, "dimensions": 2048}).encode()
    vectors = await echo.send(Request(Origin("echo", "echo", 0), b"POST", b"/embeddings", b"", body, Limits()))
    assert not isinstance(vectors, Failure)
    pieces = []
    while piece := await vectors.read():
        pieces.append(piece)
    assert len(json.loads(b"".join(pieces))["data"]) == 64
    assert max(map(len, pieces)) == 256 << 10
    assert [name for _, name in asked] == ["script_aside", "script_aside", "vectors_aside"]
