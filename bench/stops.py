"""Stopping under load: ``python -m bench.stops``. Streams, plain requests and uploads are under way when the gateway is
told to stop; each must get a complete answer, or be told, and have its line in the access log.

    python -m bench.stops                                     # 200 streams, 20 plain requests, a grace of 2 s
    python -m bench.stops --streams 20 --plain 4 --grace 1    # the small form, as in tests/e2e/test_stopping.py
    python -m bench.stops --again TERM                        # a second signal, when the stop has begun
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench import local, machine
from bench.disconnects import Answer
from bench.local import Connection, LocalGateway

_HEAD: Final = b"HTTP/1.1 200 OK\r\nconnection: close\r\n"
_ANSWER: Final = b'{"choices":[{"index":0,"message":{"role":"assistant","content":"In."},"finish_reason":"stop"}]}'
_PLAIN: Final = _HEAD + b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(_ANSWER) + _ANSWER
_STREAM: Final = _HEAD + b"content-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
_BEGUN: Final = _STREAM + local.chunk(local.event("a"))
_FINISHED: Final = local.chunk(local.event(None) + local.DONE) + local.LAST_CHUNK
_PATIENCE: Final = 60.0


@dataclass(frozen=True)
class Load:
    """What is under way: each number is one of requests. Every second upload is completed after the signal."""

    streams: int = 200
    plain: int = 20
    finishing: int = 20
    """Streams whose provider finishes them when the stop has begun."""
    uploads: int = 10
    idle: int = 20
    grace: int = 2
    first: signal.Signals = signal.SIGTERM
    second: signal.Signals | None = None
    """A signal that follows when the stop has begun."""
    workers: int = 1
    to_group: bool = False
    """Send the signals to the whole process group, as a terminal does."""


@dataclass
class Outcome:
    """What came of it: how each request ended, by kind and ending, and how the process did."""

    fates: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    """From the signal to the end of the process."""
    exit_code: int | None = None
    lines: Counter[str] = field(default_factory=Counter)
    messages: str = ""

    def problems(self, load: Load) -> list[str]:
        """What must not be."""
        found = [f"{count} × {fate}" for fate, count in self.fates.items() if fate.endswith(("cut", "hung"))]
        requests = load.streams + load.plain + load.finishing + load.uploads
        if sum(self.lines.values()) != requests:
            found.append(f"{requests} requests left {sum(self.lines.values())} lines in the access log")
        limit = load.grace + 3.0 if load.second is None else 3.0
        if self.seconds > limit:
            found.append(f"the process ended after {self.seconds:.1f} s")
        if self.exit_code != 0:
            found.append(f"exit code {self.exit_code}")
        if "Traceback" in self.messages:
            found.append("a traceback on standard error")
        return found


class Provider:
    """Begins streams and never answers plain requests; ``finish`` ends the streams that asked for it."""

    def __init__(self) -> None:
        self.arrived = 0
        self._waiting: list[asyncio.StreamWriter] = []

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            self.arrived += 1
            if b"/finishing" in head or b"/stream" in head:
                writer.write(_BEGUN)
            if b"/finishing" in head:
                self._waiting.append(writer)
            if b"/upload" in head:
                writer.write(_PLAIN)
            while await reader.read(65_536):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def finish(self) -> None:
        for writer in self._waiting:
            writer.write(_FINISHED)


def run(load: Load, home: Path) -> Outcome:
    """Start a gateway, load it, stop it."""
    settings = {"SHUTDOWN_GRACE": str(load.grace), "WORKERS": str(load.workers)}
    with local.running(home, settings) as gateway:
        outcome = asyncio.run(_run(load, gateway))
        outcome.exit_code = gateway.process.popen.wait(_PATIENCE)
        outcome.lines.update(f"{line['status']} {line.get('failure', '')}".strip() for line in gateway.records())
        outcome.messages = gateway.messages()
    return outcome


async def _run(load: Load, gateway: LocalGateway) -> Outcome:
    provider, outcome = Provider(), Outcome()
    server = await asyncio.start_server(provider.handle, local.HOST, 0)
    port = server.sockets[0].getsockname()[1]
    kinds = {"stream": load.streams, "plain": load.plain, "finishing": load.finishing, "upload": load.uploads}
    async with AsyncExitStack() as stack, server:
        connections = [
            (kind, await stack.enter_async_context(local.connected(gateway.port)))
            for kind, count in kinds.items()
            for _ in range(count)
        ]
        idle = [await stack.enter_async_context(local.connected(gateway.port)) for _ in range(load.idle)]
        rest = [_send(connection, kind, port) for kind, connection in connections]
        begun = [await _begun(connection, kind) for kind, connection in connections]
        await _until(lambda: provider.arrived == load.streams + load.plain + load.finishing)
        answers = [
            asyncio.create_task(_read(connection, kind, read))
            for (kind, connection), read in zip(connections, begun, strict=True)
        ]
        closed = [asyncio.create_task(connection.reader.read()) for connection in idle]
        started = time.monotonic()
        _signal(gateway, load, load.first)
        if closed:  # the stop has begun
            await asyncio.wait(closed, timeout=_PATIENCE)
        provider.finish()
        for number, ((_, connection), more) in enumerate(zip(connections, rest, strict=True)):
            if number % 2:
                connection.send(more)
        if load.second is not None:
            _signal(gateway, load, load.second)
        await asyncio.wait([*answers, *closed], timeout=_PATIENCE)
        await _until(lambda: not gateway.process.running)
        outcome.seconds = time.monotonic() - started
        outcome.fates.update(task.result() if task.done() else "hung" for task in answers)
        outcome.fates.update("idle, closed" if task.done() else "idle, hung" for task in closed)
        for task in (*answers, *closed):
            task.cancel()
    return outcome


def _signal(gateway: LocalGateway, load: Load, number: signal.Signals) -> None:
    pid = gateway.process.popen.pid
    if load.to_group:
        os.killpg(pid, number)
    else:
        os.kill(pid, number)


def _send(connection: Connection, kind: str, port: int) -> bytes:
    """Send a request, but of an upload only the head; the rest of it."""
    body = local.chat_body(stream=kind in {"stream", "finishing"})
    host = f"http://{local.HOST}:{port}/{kind}/v1"
    headers = {"x-portkey-provider": "openai", "x-portkey-custom-host": host, "authorization": "Bearer sk-bench"}
    is_upload = kind == "upload"
    data = local.request(local.CHAT, body, {**headers, "expect": "100-continue"} if is_upload else headers)
    sent = len(data) - len(body) if is_upload else len(data)
    connection.send(data[:sent])
    return data[sent:]


async def _begun(connection: Connection, kind: str) -> bytes:
    """Wait until a request is under way; what was read of its response."""
    if kind == "upload":
        await connection.reader.readuntil(b"100 Continue\r\n\r\n")
    return await connection.reader.readuntil(b"\n\n") if kind in {"stream", "finishing"} else b""


async def _read(connection: Connection, kind: str, begun: bytes) -> str:
    answer = await connection.answer(Answer(), begun)
    return f"{kind}, {fate(answer)}"


def fate(answer: Answer) -> str:
    """How a request ended for its caller: ``complete``, ``told`` that the gateway stops, or ``cut``."""
    if not answer.complete:
        return "cut"
    if b'"shutting_down"' in answer.body:
        return "told"
    is_whole = b"data: [DONE]" in answer.body or not answer.body.startswith(b"data:")
    return "complete" if answer.status == 200 and is_whole else "cut"


async def _until(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + _PATIENCE
    while not condition() and time.monotonic() < until:
        await asyncio.sleep(0.01)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.stops", description=__doc__)
    default = Load()
    for name in ("streams", "plain", "finishing", "uploads", "idle", "grace", "workers"):
        parser.add_argument(f"--{name}", type=int, default=getattr(default, name))
    parser.add_argument("--again", choices=["TERM", "INT"], help="a second signal, when the stop has begun")
    options = vars(parser.parse_args())
    again = options.pop("again")
    load = Load(**options, second=signal.Signals[f"SIG{again}"] if again else None)
    machine.allow_many_files()
    with tempfile.TemporaryDirectory(prefix="penstock-stops-") as home:
        outcome = run(load, Path(home))
    problems = outcome.problems(load)
    told = {"callers": outcome.fates, "log": outcome.lines, "seconds": round(outcome.seconds, 2)}
    print(json.dumps({**told, "exit": outcome.exit_code, "problems": problems}, indent=2))
    print(outcome.messages)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
