"""From a config and what the providers do, to the attempts and the answer: a row a case, over real sockets.

``{0}``, ``{1}`` and ``{2}`` in a config are targets at scripted providers A, B and C. A row says what each plays, the
attempts as ``x-penstock-trace`` tells them, and what the caller gets. Waits between attempts are recorded, not slept.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import httpx
import pytest

from penstock.settings import load
from running import RunningGateway, running_gateway
from upstream import (
    CHUNK,
    COMPLETION,
    DONE,
    FINISH,
    ROLE,
    Act,
    Upstream,
    chunk,
    events,
    hang_up,
    reply,
    reset,
    running_upstream,
    send,
    wait_for_hang_up,
)

WAITS: list[float] = []


async def recorded(seconds: float) -> None:
    WAITS.append(seconds)
    await asyncio.sleep(0)


@pytest.fixture(scope="module")
def routed() -> Iterator[RunningGateway]:
    environment = {"PENSTOCK_ACCESS_LOG": "false", "PENSTOCK_UPSTREAM_IDLE_TIMEOUT": "2"}
    with running_gateway(load({}, environment, Path("/nonexistent")), sleep=recorded) as gateway:
        yield gateway


def status(code: int, error: Any = None, **headers: str) -> Act:
    body = {"error": error or {"message": "no", "type": "x", "code": "x"}}
    return reply(code, json.dumps(body).encode(), **headers)


def says(model: str) -> Act:
    return reply(200, json.dumps({**COMPLETION, "model": model}).encode())


TELLS = events(ROLE, CHUNK, CHUNK, FINISH, DONE)
TOLD = ROLE + CHUNK + CHUNK + FINISH + DONE
TOO_LONG = {"message": "x", "code": "context_length_exceeded"}
FILTERED = {"message": "x", "code": "content_filter"}
GARBAGE = reply(200, b"{", "application/json")
HTML = reply(503, b"<html>down</html>", "text/html")
QUOTA = {"message": "x", "details": [{"@type": "x/RetryInfo", "retryDelay": "3s"}]}


NOTHING: Final[dict[str, Any]] = {}


class Row(NamedTuple):
    """One case. ``plays`` are the acts of A, B and C, one an expected call; further calls are answered well."""

    name: str
    config: Any
    plays: tuple[tuple[Any, ...], ...]
    attempts: str
    status: int = 200
    retries: int = 0
    waits: tuple[tuple[float, float], ...] = ()
    ask: dict[str, Any] = NOTHING
    headers: dict[str, str] = NOTHING
    body: Any = None
    more: dict[str, str] = NOTHING


def fallback(*targets: Any, **strategy: Any) -> dict[str, Any]:
    return {"strategy": {"mode": "fallback", **strategy}, "targets": list(targets)}


def with_(config: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {**config, **more}


def target(index: int, **more: Any) -> dict[str, Any]:
    return {"provider": "openai", "api_key": f"k{index}", "custom_host": f"{{{index}}}", **more}


A, B, C = target(0), target(1), target(2)
AB = fallback(A, B)
REDIRECT, REDIRECTS = "upstream_redirect", {301, 302, 303, 307, 308}
UP, BACK1, BACK2 = (), ((0.8, 1.2),), ((0.8, 1.2), (1.6, 2.4))
STREAM = {"stream": True}
TWO = {"attempts": 2}
NOBODY = {"provider": "openai", "api_key": "k", "custom_host": "http://127.0.0.1:1/v1"}
GPT = {"query": {"params.model": {"$regex": "^gpt"}}, "then": "b"}


def choose(*conditions: Any, default: str | None = None) -> dict[str, Any]:
    strategy = {"mode": "conditional", "conditions": list(conditions), **({"default": default} if default else {})}
    return {"strategy": strategy, "targets": [with_(A, name="a"), with_(B, name="b"), with_(C, name="c")]}


def query(then: str, **fields: Any) -> dict[str, Any]:
    return {"query": {name.replace("__", "."): value for name, value in fields.items()}, "then": then}


# fmt: off
FALLBACK = [
    Row("first is good", AB, ((),), "targets[0] 200"),
    *[
        Row(f"a {code} leads on", AB, ((status(code),),), f"targets[0] {REDIRECT if code in REDIRECTS else code}; targets[1] 200")
        for code in (400, 401, 403, 404, 408, 409, 413, 422, 429, 500, 502, 503, 504, 529, 599, 301)
    ],
    Row("an html error leads on", AB, ((HTML,),), "targets[0] 503; targets[1] 200"),
    Row("all fail: the last answer stands", AB, ((status(500),), (status(429),)), "targets[0] 500; targets[1] 429", 429, more={"x-should-retry": "false", "retry-after": "1"}),
    Row("three targets", fallback(A, B, C), ((status(500),), (status(503),)), "targets[0] 500; targets[1] 503; targets[2] 200"),
    Row("listed status leads on", fallback(A, B, on_status_codes=[429]), ((status(429),),), "targets[0] 429; targets[1] 200"),
    Row("unlisted status stands", fallback(A, B, on_status_codes=[429]), ((status(500),),), "targets[0] 500", 500),
    Row("statuses as strings", fallback(A, B, on_status_codes=["429", "503"]), ((status(503),),), "targets[0] 503; targets[1] 200"),
    Row("an empty list never leads on", fallback(A, B, on_status_codes=[]), ((status(500),),), "targets[0] 500", 500),
    Row("200 in the list leads on from success", fallback(A, B, on_status_codes=[200]), ((says("a"),), (says("b"),)), "targets[0] 200; targets[1] 200", body="b"),
    Row("camelCase", {"strategy": {"mode": "fallback", "onStatusCodes": [503]}, "targets": [{"provider": "openai", "apiKey": "k", "customHost": "{0}"}, B]}, ((status(503),),), "targets[0] 503; targets[1] 200"),
    Row("on_error: rate_limit", fallback(A, B, on_error=["rate_limit"]), ((status(429),),), "targets[0] 429; targets[1] 200"),
    Row("on_error: not this one", fallback(A, B, on_error=["rate_limit"]), ((status(500),),), "targets[0] 500", 500),
    Row("on_error: server_error", fallback(A, B, on_error=["server_error"]), ((status(529),),), "targets[0] 529; targets[1] 200"),
    Row("on_error: auth", fallback(A, B, on_error=["auth"]), ((status(401),),), "targets[0] 401; targets[1] 200"),
    Row("on_error: context_length", fallback(A, B, on_error=["context_length"]), ((status(400, TOO_LONG),),), "targets[0] 400; targets[1] 200"),
    Row("on_error: content_filter", fallback(A, B, on_error=["content_filter"]), ((status(400, FILTERED),),), "targets[0] 400; targets[1] 200"),
    Row("on_error: a plain 400 is none of them", fallback(A, B, on_error=["context_length", "content_filter"]), ((status(400),),), "targets[0] 400", 400),
    Row("on_error beside on_status_codes", fallback(A, B, on_error=["auth"], on_status_codes=[500]), ((status(500),),), "targets[0] 500; targets[1] 200"),
    Row("return_on_error stands by default", fallback(A, B, return_on_error=["content_filter"]), ((status(400, FILTERED),),), "targets[0] 400", 400),
    Row("return_on_error lets others lead on", fallback(A, B, return_on_error=["content_filter"]), ((status(400, TOO_LONG),),), "targets[0] 400; targets[1] 200"),
    Row("nobody listens there", fallback(NOBODY, B), ((),), "targets[0] connection_refused; targets[1] 200"),
    Row("nobody listens: counts as 500", fallback(NOBODY, B, on_status_codes=[500]), ((),), "targets[0] connection_refused; targets[1] 200"),
    Row("nobody listens: counts as 502", fallback(NOBODY, B, on_status_codes=[502]), ((),), "targets[0] connection_refused; targets[1] 200"),
    Row("nobody listens: not as 429", fallback(NOBODY, B, on_status_codes=[429]), ((),), "targets[0] connection_refused", 502),
    Row("nobody listens: connection", fallback(NOBODY, B, on_error=["connection"]), ((),), "targets[0] connection_refused; targets[1] 200"),
    Row("reset before the head", AB, (((reset,),),), "targets[0] connection_closed; targets[1] 200"),
    Row("closed before the head", AB, (((hang_up,),),), "targets[0] connection_closed; targets[1] 200"),
    Row("half a head", AB, (((send(b"HTTP/1.1 200 OK\r\nx"), hang_up),),), "targets[0] connection_closed; targets[1] 200"),
    Row("a head that is none", AB, ((send(b"SSH-2.0-x\r\n\r\n"),),), "targets[0] invalid_response; targets[1] 200"),
    Row("half a body", AB, (((send(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{"), hang_up),),), "targets[0] upstream_truncated; targets[1] 200"),
    Row("a body that is no JSON", AB, ((GARBAGE,),), "targets[0] invalid_response; targets[1] 200"),
    Row("no JSON counts as 502", fallback(A, B, on_status_codes=[502]), ((GARBAGE,),), "targets[0] invalid_response; targets[1] 200"),
    Row("an error in a 200", AB, ((status(200, {"message": "x", "code": 503}),),), "targets[0] upstream_stream_error; targets[1] 200"),
    Row("silence is 408", AB, ((wait_for_hang_up,),), "targets[0] first_byte_timeout; targets[1] 200", headers={"x-portkey-request-timeout": "600"}),
    Row("silence by the target's own limit", fallback(with_(A, request_timeout=150), B, on_status_codes=[408]), ((wait_for_hang_up,),), "targets[0] first_byte_timeout; targets[1] 200"),
    Row("silence: timeout", fallback(with_(A, request_timeout=150), B, on_error=["timeout"]), ((wait_for_hang_up,),), "targets[0] first_byte_timeout; targets[1] 200"),
    Row("silence in the middle of a body", AB, (((send(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{"), wait_for_hang_up),),), "targets[0] idle_timeout; targets[1] 200"),
    Row("the target's own idle limit", fallback(with_(A, timeouts={"idle": 0.1}), B), (((send(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{"), wait_for_hang_up),),), "targets[0] idle_timeout; targets[1] 200"),
    Row("a target without a key it needs", fallback({"provider": "openai"}, B), ((),), "targets[0] missing_api_key; targets[1] 200"),
    Row("total bounds a target", fallback(with_(A, timeouts={"total": 0.15}), B), ((wait_for_hang_up,),), "targets[0] total_timeout; targets[1] 200"),
    Row("nested: inner fallback first", fallback(fallback(A, B), C), ((status(500),), (status(503),)), "targets[0].targets[0] 500; targets[0].targets[1] 503; targets[1] 200"),
    Row("nested: inner success stands", fallback(fallback(A, B), C), ((status(500),),), "targets[0].targets[0] 500; targets[0].targets[1] 200"),
    Row("nested: balance inside", fallback({"strategy": {"mode": "loadbalance"}, "targets": [with_(A, weight=0), B]}, C), ((), (status(500),)), "targets[0].targets[1] 500; targets[1] 200"),
    Row("single with several targets", {"strategy": {"mode": "single"}, "targets": [A, B]}, ((status(500),),), "targets[0] 500", 500),
    Row("targets without a strategy", {"targets": [A, B]}, ((says("a"),),), "targets[0] 200", body="a"),
    Row("one target of a fallback", fallback(A), ((status(500),),), "targets[0] 500", 500),
    Row("is_open is left out", fallback(with_(A, is_open=True), B), ((),), "targets[0] open; targets[1] 200"),
    Row("all open: none is left out", fallback(with_(A, is_open=True), with_(B, isOpen=True)), ((),), "targets[0] 200"),
]

RETRIES = [
    Row("none by default", A, ((status(500),),), "config 500", 500),
    Row("attempts 0", with_(A, retry={"attempts": 0}), ((status(500),),), "config 500", 500),
    *[
        Row(f"a {code} is retried", with_(A, retry={"attempts": 1}), ((status(code),),), f"config {code}; config 200", 200, 1, BACK1,)
        for code in (429, 500, 502, 503, 504, 529)
    ],
    *[
        Row(f"a {code} is not", with_(A, retry=TWO), ((status(code),),), f"config {code}", code)
        for code in (400, 401, 404, 408, 422, 501)
    ],
    Row("twice", with_(A, retry=TWO), ((status(503), status(500)),), "config 503; config 500; config 200", 200, 2, BACK2 ),
    Row("used up", with_(A, retry=TWO), ((status(503),) * 3,), "config 503; config 503; config 503", 503, -1, BACK2, more={"x-should-retry": "false"}),
    Row("then a status outside the list", with_(A, retry=TWO), ((status(500), status(400)),), "config 500; config 400", 400, 1, BACK1),
    Row("own list replaces the default", with_(A, retry={"attempts": 1, "on_status_codes": [418]}), ((status(500),),), "config 500", 500),
    Row("own list", with_(A, retry={"attempts": 1, "on_status_codes": ["418"]}), ((status(418),),), "config 418; config 200", 200, 1, BACK1),
    Row("camelCase", with_(A, retry={"attempts": 1, "onStatusCodes": [418]}), ((status(418),),), "config 418; config 200", 200, 1, BACK1),
    Row("on_error", with_(A, retry={"attempts": 1, "on_error": ["auth"]}), ((status(401),),), "config 401; config 200", 200, 1, BACK1),
    Row("more than five count as five", with_(A, retry={"attempts": 9}), ((status(503),) * 6,), "; ".join(["config 503"] * 6), 503, -1, (*BACK2, (3.2, 4.8), (6.4, 9.6), (12.8, 19.2))),
    Row("408 when listed", with_(A, retry={"attempts": 1, "on_status_codes": [408]}, request_timeout=600), ((wait_for_hang_up,),), "config first_byte_timeout; config 200", 200, 1, BACK1),
    Row("silence is not retried when there is another", with_(AB, retry={"attempts": 2, "on_status_codes": [408]}, request_timeout=600), ((wait_for_hang_up,),), "targets[0] first_byte_timeout; targets[1] 200"),
    Row("context_length is never retried", with_(A, retry={"attempts": 2, "on_status_codes": [400]}), ((status(400, TOO_LONG),),), "config 400", 400),
    Row("a refused connection is always retried", with_(NOBODY, retry={"attempts": 1, "on_status_codes": [418]}), ((),), "config connection_refused; config connection_refused", 502, -1, BACK1),
    Row("a reset is retried by default", with_(A, retry={"attempts": 1}), (((reset,),),), "config connection_closed; config 200", 200, 1, BACK1),
    Row("a reset is not when the list says so", with_(A, retry={"attempts": 1, "on_status_codes": [429]}), (((reset,),),), "config connection_closed", 502),
    Row("a cut body is retried", with_(A, retry={"attempts": 1}), (((send(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{"), hang_up),),), "config upstream_truncated; config 200", 200, 1, BACK1),
    Row("garbage is retried", with_(A, retry={"attempts": 1}), ((GARBAGE,),), "config invalid_response; config 200", 200, 1, BACK1),
    Row("retry-after", with_(A, retry={"attempts": 1, "use_retry_after_header": True}), ((status(429, retry_after="7"),),), "config 429; config 200", 200, 1, ((7, 7),)),
    Row("the documents' spelling", with_(A, retry={"attempts": 1, "use_retry_after_headers": True}), ((status(429, retry_after="7"),),), "config 429; config 200", 200, 1, ((7, 7),)),
    Row("retry-after-ms first", with_(A, retry={"attempts": 1, "use_retry_after_header": True}), ((status(429, retry_after="7", retry_after_ms="350"),),), "config 429; config 200", 200, 1, ((0.35, 0.35),)),
    Row("x-ms-retry-after-ms", with_(A, retry={"attempts": 1, "use_retry_after_header": True}), ((status(429, x_ms_retry_after_ms="20"),),), "config 429; config 200", 200, 1, ((0.02, 0.02),)),
    Row("a date that has passed", with_(A, retry={"attempts": 1, "use_retry_after_header": True}), ((status(429, retry_after="Mon, 01 Jan 2024 00:00:00 GMT"),),), "config 429; config 200", 200, 1, ((0, 0),)),
    Row("nonsense is backoff", with_(A, retry={"attempts": 1, "use_retry_after_header": True}), ((status(429, retry_after="soon"),),), "config 429; config 200", 200, 1, BACK1),
    Row("google's retryDelay", with_(A, retry={"attempts": 1, "use_retry_after_header": True}), ((status(429, QUOTA),),), "config 429; config 200", 200, 1, ((3, 3),)),
    Row("on a 503 as well", with_(A, retry={"attempts": 1, "use_retry_after_header": True}), ((status(503, retry_after="4"),),), "config 503; config 200", 200, 1, ((4, 4),)),
    Row("not on a 500", with_(A, retry={"attempts": 1, "use_retry_after_header": True}), ((status(500, retry_after="4"),),), "config 500; config 200", 200, 1, BACK1),
    Row("a minute is too long", with_(A, retry={"attempts": 1, "use_retry_after_header": True}), ((status(429, retry_after="60"),),), "config 429", 429, -1, more={"retry-after": "60"}),
    Row("a minute together is too long", with_(A, retry={"attempts": 3, "use_retry_after_header": True}), ((status(429, retry_after="40"),) * 2,), "config 429; config 429", 429, -1, ((40, 40),)),
    Row("ignored when told to", with_(A, retry={"attempts": 1, "use_retry_after_header": False}), ((status(429, retry_after="7"),),), "config 429; config 200", 200, 1, BACK1),
    Row("heeded when short and nothing is said", with_(A, retry={"attempts": 1}), ((status(429, retry_after="2"),),), "config 429; config 200", 200, 1, ((2, 2),)),
    Row("not when long", with_(A, retry={"attempts": 1}), ((status(429, retry_after="30"),),), "config 429; config 200", 200, 1, BACK1),
    Row("inherited by each leaf", with_(AB, retry={"attempts": 1}), ((status(503),) * 2, (status(500),)), "targets[0] 503; targets[0] 503; targets[1] 500; targets[1] 200", 200, 1, (*BACK1, *BACK1)),
    Row("a target's own replaces it", with_(fallback(with_(A, retry={"attempts": 0}), B), retry={"attempts": 1}), ((status(503),),), "targets[0] 503; targets[1] 200"),
    Row("total bounds attempts and waits", with_(A, retry={"attempts": 5, "use_retry_after_header": True}, timeouts={"total": 30}), ((status(503, retry_after="40"),),), "config 503", 503, -1),
    Row("with the provider in a header", {"retry": {"attempts": 1}}, ((status(503),),), "config 503; config 200", 200, 1, BACK1, headers={"x-portkey-provider": "openai", "authorization": "Bearer k", "x-portkey-custom-host": "{0}"}),
]

STREAMS = [
    Row("whole", A, ((TELLS,),), "config 200", ask=STREAM, body=TOLD),
    Row("a status before it", AB, ((status(500),), (TELLS,)), "targets[0] 500; targets[1] 200", ask=STREAM, body=TOLD),
    Row("an error as the first event", AB, ((events(b'data: {"error":{"message":"x"}}\n\n'),), (TELLS,)), "targets[0] upstream_stream_error; targets[1] 200", ask=STREAM, body=TOLD),
    Row("its code is a status for rules", fallback(A, B, on_status_codes=[429]), ((events(b'data: {"error":{"message":"x","code":429}}\n\n'),), (TELLS,)), "targets[0] upstream_stream_error; targets[1] 200", ask=STREAM, body=TOLD),
    Row("and is retried by it", with_(A, retry={"attempts": 1}), ((events(b'data: {"error":{"code":"rate_limit_exceeded"}}\n\n'), TELLS),), "config upstream_stream_error; config 200", 200, 1, BACK1, STREAM, body=TOLD),
    Row("an error after the role", AB, ((events(ROLE, b'data: {"error":{"message":"x"}}\n\n'),), (TELLS,)), "targets[0] upstream_stream_error; targets[1] 200", ask=STREAM, body=TOLD),
    Row("an error after a comment", AB, ((events(b": hold on\n\n", b"event: error\ndata: {}\n\n"),), (TELLS,)), "targets[0] upstream_stream_error; targets[1] 200", ask=STREAM, body=TOLD),
    Row("an error and nowhere to go has a status of its own", A, ((events(b'data: {"error":{"message":"x"}}\n\n'),),), "config upstream_stream_error", status=502, ask=STREAM, body=b'{"error":{"message":"x"}}'),
    Row("nothing at all", AB, ((events(),), (TELLS,)), "targets[0] invalid_response; targets[1] 200", ask=STREAM, body=TOLD),
    Row("only [DONE]", AB, ((events(DONE),), (TELLS,)), "targets[0] invalid_response; targets[1] 200", ask=STREAM, body=TOLD),
    Row("only a role", AB, ((events(ROLE, DONE),), (TELLS,)), "targets[0] invalid_response; targets[1] 200", ask=STREAM, body=TOLD),
    Row("only empty chunks", AB, ((events(chunk({}), chunk({"content": ""}), DONE),), (TELLS,)), "targets[0] invalid_response; targets[1] 200", ask=STREAM, body=TOLD),
    Row("an answer of no words is one", AB, ((events(ROLE, FINISH, DONE),),), "targets[0] 200", ask=STREAM, body=ROLE + FINISH + DONE),
    Row("cut before the first content", AB, (((events(ROLE, end=False), hang_up),), (TELLS,)), "targets[0] upstream_truncated; targets[1] 200", ask=STREAM, body=TOLD),
    Row("reset before the first content", AB, (((events(b": c\n\n", end=False), reset),), (TELLS,)), "targets[0] upstream_truncated; targets[1] 200", ask=STREAM, body=TOLD),
    Row("no first token in time", with_(AB, timeouts={"first_token": 1, "idle": 9}), (((events(ROLE, end=False), wait_for_hang_up),), (TELLS,)), "targets[0] first_token_timeout; targets[1] 200", ask=STREAM, body=TOLD),
    Row("no head in that time", with_(AB, timeouts={"first_token": 1}), ((wait_for_hang_up,), (TELLS,)), "targets[0] first_byte_timeout; targets[1] 200", ask=STREAM, body=TOLD),
    Row("first_token and nowhere to go", with_(A, timeouts={"first_token": 1, "idle": 9}), (((events(ROLE, end=False), wait_for_hang_up),),), "config first_token_timeout", 408, ask=STREAM),
    Row("a plain request has no first token", with_(A, timeouts={"first_token": 0.001}), ((says("a"),),), "config 200", body="a"),
    Row("cut after the first content", AB, (((events(ROLE, CHUNK, end=False), hang_up),),), "targets[0] 200", ask=STREAM, body="upstream_truncated"),
    Row("stalled after the first content", AB, (((events(ROLE, CHUNK, end=False), wait_for_hang_up),),), "targets[0] 200", ask=STREAM, body="idle_timeout"),
    Row("a clean end without a finish", AB, ((events(ROLE, CHUNK),),), "targets[0] 200", ask=STREAM, body="upstream_truncated"),
    Row("a clean end without [DONE]", AB, ((events(ROLE, CHUNK, FINISH),),), "targets[0] 200", ask=STREAM, body=ROLE + CHUNK + FINISH + DONE),
    Row("an event that is no JSON is left out", A, ((events(ROLE, CHUNK, b"data: {oops\n\n", CHUNK, FINISH, DONE),),), "config 200", ask=STREAM, body=TOLD),
    Row("tool calls are content", AB, ((events(ROLE, chunk({"tool_calls": [{"index": 0, "id": "t"}]}), FINISH, DONE),),), "targets[0] 200", ask=STREAM),
    Row("reasoning is content", AB, ((events(ROLE, chunk({"reasoning_content": "hm"}), FINISH, DONE),),), "targets[0] 200", ask=STREAM),
    *[
        Row(f"rescue {tokens}: cut within", with_(AB, stream_rescue={"mode": "buffer", "tokens": tokens}), (((events(ROLE, CHUNK, end=False), hang_up),), (TELLS,)), "targets[0] upstream_truncated; targets[1] 200", ask=STREAM, body=TOLD,)
        for tokens in (2, 3, "all")
    ],
    Row("rescue 1: cut after it", with_(AB, stream_rescue={"mode": "buffer", "tokens": 1}), (((events(ROLE, CHUNK, end=False), hang_up),),), "targets[0] 200", ask=STREAM, body="upstream_truncated"),
    Row("rescue all: an error within", with_(AB, stream_rescue={"mode": "buffer"}), ((events(ROLE, CHUNK, b'data: {"error":{}}\n\n'.replace(b"{}", b'{"message":"x"}')),), (TELLS,)), "targets[0] upstream_stream_error; targets[1] 200", ask=STREAM, body=TOLD),
    Row("rescue all: a whole stream", with_(AB, stream_rescue={"mode": "buffer", "tokens": "all"}), ((TELLS,),), "targets[0] 200", ask=STREAM, body=TOLD),
    Row("rescue: at most max_wait", with_(AB, stream_rescue={"mode": "buffer", "tokens": "all", "max_wait": 0.1}), (((events(ROLE, CHUNK, end=False), wait_for_hang_up),),), "targets[0] 200", ask=STREAM, body="idle_timeout"),
    Row("hedge: the second wins", fallback(A, B, hedge={"delay": 0.05}), ((wait_for_hang_up,), (TELLS,)), "targets[1] 200", ask=STREAM, body=TOLD),
    Row("hedge: plain as well", fallback(A, B, hedge={"delay": 0.05}), ((wait_for_hang_up,), (says("b"),)), "targets[1] 200", body="b"),
    Row("hedge: not when the first is quick", fallback(A, B, hedge={"delay": 30}), ((says("a"),),), "targets[0] 200", body="a"),
    Row("hedge: a quick failure leads on", fallback(A, B, hedge={"delay": 30}), ((status(500),), (says("b"),)), "targets[0] 500; targets[1] 200", body="b"),
    Row("hedge: the third when both fail", fallback(with_(A, request_timeout=3000), B, C, hedge={"delay": 0.05}), ((wait_for_hang_up,), (status(500),), (says("c"),)), "targets[1] 500; targets[0] first_byte_timeout; targets[2] 200", body="c"),
    Row("hedge: no budget, no second", fallback(A, B, hedge={"delay": 0.01, "percent": 0}), ((says("a"),),), "targets[0] 200", body="a"),
]

CHOICES = [
    Row("by metadata", choose(query("b", metadata__plan="pro"), default="a"), ((),), "targets[1] 200", headers={"x-portkey-metadata": '{"plan":"pro"}'}),
    Row("default", choose(query("b", metadata__plan="pro"), default="a"), ((),), "targets[0] 200", headers={"x-portkey-metadata": '{"plan":"free"}'}),
    Row("no metadata", choose(query("b", metadata__plan="pro"), default="c"), ((),), "targets[2] 200"),
    Row("bad metadata counts as none", choose(query("b", metadata__plan={"$ne": "pro"}), default="a"), ((),), "targets[1] 200", headers={"x-portkey-metadata": "{"}),
    Row("by a parameter", choose(query("b", params__temperature={"$gt": 0.5}), default="a"), ((),), "targets[1] 200", ask={"temperature": 0.9}),
    Row("numbers as text", choose(query("b", params__x={"$gte": "10"}), default="a"), ((),), "targets[1] 200", ask={"x": "12"}),
    Row("no coercion", choose(query("b", params__x=1), default="a"), ((),), "targets[0] 200", ask={"x": "1"}),
    Row("by a regular expression", choose(GPT, default="a"), ((),), "targets[1] 200", ask={"model": "gpt-4o"}),
    Row("a pattern with several parts", choose(query("b", params__model={"$regex": "g.*4.*o"}), default="a"), ((),), "targets[1] 200", ask={"model": "gpt-4-turbo"}),
    Row("by path", choose(query("c", url__pathname="/v1/chat/completions"), default="a"), ((),), "targets[2] 200"),
    Row("$in", choose(query("b", params__user={"$in": ["x", "y"]}), default="a"), ((),), "targets[1] 200", ask={"user": "y"}),
    Row("$nin", choose(query("b", params__user={"$nin": ["x"]}), default="a"), ((),), "targets[1] 200"),
    Row("$and", choose({"query": {"$and": [{"params.n": 1}, {"params.user": "x"}]}, "then": "b"}, default="a"), ((),), "targets[0] 200", ask={"n": 1}),
    Row("$or", choose({"query": {"$or": [{"params.n": 1}, {"params.user": "x"}]}, "then": "b"}, default="a"), ((),), "targets[1] 200", ask={"n": 1}),
    Row("the first that holds", choose(query("b", params__n=1), query("c", params__n=1)), ((),), "targets[1] 200", ask={"n": 1}),
    Row("an empty query holds", choose(query("c")), ((),), "targets[2] 200"),
    Row("the caller's body, not the override", with_(choose(query("b", params__model="m"), default="a"), override_params={"model": "other"}), ((),), "targets[1] 200"),
    Row("no match, no default", choose(query("b", params__n=7)), ((),), "", 400, body="Query router did not resolve to any valid target"),
    Row("then nobody", choose(query("nobody")), ((),), "", 400, body="Invalid target name found in the query router: nobody"),
    Row("it aborts an enclosing fallback", fallback(choose(query("b", params__n=7)), A), ((),), "", 400, body="Query router did not resolve"),
    Row("a fallback among its targets", {"strategy": {"mode": "conditional", "conditions": [query("x")]}, "targets": [with_(AB, name="x")]}, ((status(500),),), "targets[0].targets[0] 500; targets[0].targets[1] 200"),
    Row("weight 0 is never chosen", {"strategy": {"mode": "loadbalance"}, "targets": [with_(A, weight=0), with_(B, weight=0.1)]}, ((),), "targets[1] 200"),
    Row("one target to balance", {"strategy": {"mode": "loadbalance"}, "targets": [A]}, ((),), "targets[0] 200"),
    Row("a balancer doesn't fail over", {"strategy": {"mode": "loadbalance"}, "targets": [with_(A, weight=0), B]}, ((), (status(500),)), "targets[1] 500", 500),
    Row("least_busy of one", {"strategy": {"mode": "loadbalance", "policy": "least_busy"}, "targets": [with_(A, weight=0), B]}, ((),), "targets[1] 200"),
    Row("least_latency of one", {"strategy": {"mode": "loadbalance", "policy": "least_latency"}, "targets": [with_(A, weight=0), B]}, ((),), "targets[1] 200"),
]

# fmt: on


@pytest.mark.parametrize("row", [*FALLBACK, *RETRIES, *STREAMS, *CHOICES], ids=lambda row: row.name)
def test_row(row: Row, routed: RunningGateway) -> None:
    WAITS.clear()
    with contextlib.ExitStack() as stack:
        upstreams = [stack.enter_context(running_upstream()) for _ in range(3)]
        for upstream, plays in zip(upstreams, row.plays, strict=False):
            for acts in plays:
                upstream.play(*(acts if isinstance(acts, tuple) else (acts,)))
        got = ask(routed, row, upstreams)
    check(got, row)
    assert len(WAITS) == len(row.waits)
    assert all(low <= wait <= high for wait, (low, high) in zip(WAITS, row.waits, strict=True)), WAITS


def ask(gateway: RunningGateway, row: Row, upstreams: list[Upstream]) -> httpx.Response:
    config, headers = json.dumps(row.config), row.headers
    for index, upstream in enumerate(upstreams):
        place = f"{upstream.url}/v1"
        config = config.replace(f'"{{{index}}}"', json.dumps(place))
        headers = {name: place if value == f"{{{index}}}" else value for name, value in headers.items()}
    body = {"model": "m", "messages": [{"role": "user", "content": "Hello"}], **row.ask}
    return httpx.post(
        f"{gateway.v1}/chat/completions", json=body, headers={**headers, "x-portkey-config": config}, timeout=60, trust_env=False
    )  # fmt: skip


def check(got: httpx.Response, row: Row) -> None:
    trace = got.headers.get("x-penstock-trace", "")
    steps = [re.match(r"(\S+ \S+)", step) for step in trace.split("; ") if step]
    assert "; ".join(found[1] for found in steps if found) == row.attempts, got.text
    assert got.status_code == row.status, got.text
    if row.attempts:
        last = row.attempts.split("; ")[-1].split(" ")[0]
        assert got.headers["x-portkey-last-used-option-index"] == ("config" if last == "config" else f"config.{last}")
        assert got.headers["x-portkey-retry-attempt-count"] == str(row.retries)
        assert got.headers["x-portkey-cache-status"] == "DISABLED"
    assert {name: got.headers.get(name) for name in row.more} == row.more
    if isinstance(row.body, bytes):
        assert got.content == row.body
    elif row.body:
        assert row.body in got.text
    if b"upstream_truncated" in got.content or b"idle_timeout" in got.content:
        assert b"[DONE]" not in got.content


def test_there_are_enough_rows() -> None:
    rows = [*FALLBACK, *RETRIES, *STREAMS, *CHOICES]
    assert len(rows) >= 150
    assert len({row.name for row in FALLBACK}) == len(FALLBACK)
