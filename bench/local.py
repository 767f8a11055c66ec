"""A gateway of this checkout as a process on loopback, and raw callers of it: for the tests of endurance, which need
neither nginx nor wrk (storm.py, aborts.py, stops.py, soak.py)."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httptools

from bench import process
from bench.disconnects import Answer
from bench.failure import MeasurementError

HOST: Final = "127.0.0.1"
CHAT: Final = "/v1/chat/completions"
MESSAGES: Final = "/v1/messages"
DONE: Final = b"data: [DONE]\n\n"
LAST_CHUNK: Final = b"0\r\n\r\n"
_STARTED: Final = re.compile(rb"listens on http://127\.0\.0\.1:(\d+)")
_PATIENCE: Final = 60.0


@dataclass(frozen=True)
class LocalGateway:
    """A running gateway. Its log has both the access log and its messages."""

    process: process.Process
    port: int

    def records(self) -> list[dict[str, Any]]:
        """The lines of the access log so far."""
        lines = self.process.log.read_bytes().splitlines()
        return [json.loads(line) for line in lines if line.startswith(b'{"time"')]

    def messages(self) -> str:
        """Everything else that the gateway wrote."""
        lines = self.process.log.read_text("utf-8", errors="replace").splitlines()
        return "\n".join(line for line in lines if not line.startswith("{"))


@contextmanager
def running(
    home: Path, settings: Mapping[str, str], *, program: Sequence[str] = ("-m", "penstock")
) -> Iterator[LocalGateway]:
    """Serve with these PENSTOCK_* settings (without the prefix) until the block ends."""
    environment = {f"PENSTOCK_{name}": value for name, value in settings.items()} | {"XDG_DATA_HOME": str(home)}
    command = [sys.executable, *program, "serve", "--port", "0"]
    log = home / "gateway.log"
    log.write_bytes(b"")
    with process.running(command, frozenset(os.sched_getaffinity(0)), log, environment) as server:
        yield LocalGateway(server, _port(server))


def _port(server: process.Process) -> int:
    until = time.monotonic() + _PATIENCE
    while server.running and time.monotonic() < until:
        if (found := _STARTED.search(server.log.read_bytes())) is not None:
            return int(found[1])
        time.sleep(0.01)
    raise MeasurementError(f"the gateway did not start: {server.last_words()}")


@dataclass
class Connection:
    """A caller's connection, and what came over it since its last request."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def answer(self, answer: Answer, begun: bytes = b"") -> Answer:
        """Read one response to its end, or to the end of the connection. ``begun`` is what was read of it before."""
        parser = httptools.HttpResponseParser(answer)
        try:
            while not answer.complete and (data := begun or await self.reader.read(65_536)):
                begun = b""
                parser.feed_data(data)
                answer.status = parser.get_status_code()
        except (ConnectionError, httptools.HttpParserError):
            pass  # the answer is not complete
        return answer


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Connection]:
    """A connection to a port of this machine, aborted when the block ends."""
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        yield Connection(reader, writer)
    finally:
        writer.transport.abort()


def request(path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    """The bytes of a POST request."""
    fields = {"host": HOST, "content-type": "application/json", "content-length": str(len(body)), **headers}
    lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


def chat_body(*, stream: bool, model: str = "m") -> bytes:
    """The body of a chat request, which Anthropic's wire takes as well."""
    message = {"role": "user", "content": "Which way does the tide run?"}
    return json.dumps({"model": model, "messages": [message], "max_tokens": 64, "stream": stream}).encode()


def event(text: str | None) -> bytes:
    """One event of a stream: a piece of text, or (None) the end of the choice."""
    choice: dict[str, Any] = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    if text is None:
        choice |= {"delta": {}, "finish_reason": "stop"}
    members = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    return b"data: " + json.dumps(members).encode() + b"\n\n"


def chunk(data: bytes) -> bytes:
    """One chunk of a body (RFC 9112, 7.1)."""
    return b"%x\r\n%b\r\n" % (len(data), data)
