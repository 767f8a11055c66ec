"""Requests to the built-in provider, and its answers, without real time."""

from __future__ import annotations

import json
from typing import Any

from paths import ROOT
from penstock.core.failure import Failure
from penstock.core.http import Limits, Origin
from penstock.transport.base import Request
from penstock.transport.echo import EchoTransport
from penstock.transport.echo.player import EchoReply

DOCS = (ROOT / "docs" / "echo.md").read_text("utf-8")


WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}},
    },
}


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
