"""Callers that leave: ``python -m bench.aborts``. In eight situations, the time from a caller's abort to the moment at
which the provider sees its connection closed; a caller who is gone must cost the provider nothing.

    python -m bench.aborts                # 200 aborts in each situation
    python -m bench.aborts --times 10     # the small form, as in tests/e2e/test_storm.py
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench import local
from bench.local import LocalGateway, chunk, event

_PATIENCE: Final = 30.0
_LIMIT: Final = 0.020
"""Seconds: the 99th percentile must not exceed it on an idle machine."""
_STREAM: Final = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
_BODY: Final = b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{"id":'
_FLOOD: Final = chunk(event("x" * 60_000)) * 200


@dataclass(frozen=True)
class Situation:
    """What goes on when the caller leaves. ``path`` is the provider's behaviour; ``wants`` is what the caller has read
    before it leaves; ``calls`` is the number of calls to the provider by then."""

    name: str
    path: str
    stream: bool
    wants: bytes = b""
    calls: int = 1
    is_anthropic: bool = False
    strategy: str = ""
    settles: float = 0.0
    """Seconds until all buffers on the way are full."""

    def config(self, port: int) -> dict[str, Any]:
        def target(path: str) -> dict[str, Any]:
            host = f"http://{local.HOST}:{port}/{path}/v1"
            return {"provider": "openai", "api_key": "sk-bench", "custom_host": host}

        if self.strategy == "fallback":
            return {"strategy": {"mode": "fallback"}, "targets": [target("refuse"), target(self.path)]}
        if self.strategy == "hedge":
            strategy = {"mode": "fallback", "hedge": {"delay": 0.01, "percent": 100}}
            return {"strategy": strategy, "targets": [target(self.path), target(self.path)]}
        return target(self.path)


SITUATIONS: Final = (
    Situation("a plain answer that has not begun", "silent", stream=False),
    Situation("a plain answer in its middle", "body", stream=False),
    Situation("a stream that has not begun", "silent", stream=True),
    Situation("a stream in its middle", "stream", stream=True, wants=b"tide"),
    Situation("a translated stream in its middle", "stream", stream=True, wants=b"tide", is_anthropic=True),
    Situation("the second target of a fallback", "stream", stream=True, wants=b"tide", strategy="fallback"),
    Situation("a hedged request, both calls", "silent", stream=False, calls=2, strategy="hedge"),
    Situation("a stream that is read too slowly", "flood", stream=True, wants=b"xx", settles=0.05),
)


class Provider:
    """Notes when each of its connections is closed from the other side."""

    def __init__(self) -> None:
        self.calls = 0
        self.closed: asyncio.Queue[float] = asyncio.Queue()

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            path = (await reader.readuntil(b"\r\n\r\n")).split(b"/", 2)[1]
            if path == b"refuse":
                writer.write(b"HTTP/1.1 500 X\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
                return
            self.calls += 1
            answers: Mapping[bytes, bytes] = {
                b"silent": b"",
                b"body": _BODY,
                b"stream": _STREAM + chunk(event("tide")),
                b"flood": _STREAM + _FLOOD,
            }
            writer.write(answers[path])
            while await reader.read(65_536):
                pass
            self.closed.put_nowait(time.perf_counter())
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            self.closed.put_nowait(time.perf_counter())
        finally:
            writer.transport.abort()


def run(times: int, home: Path) -> dict[str, list[float]]:
    """The seconds of each abort, by situation."""
    with local.running(home, {}) as gateway:
        return asyncio.run(_run(times, gateway))


async def _run(times: int, gateway: LocalGateway) -> dict[str, list[float]]:
    provider = Provider()
    server = await asyncio.start_server(provider.handle, local.HOST, 0)
    port = server.sockets[0].getsockname()[1]
    taken: dict[str, list[float]] = {}
    async with server:
        for situation in SITUATIONS:
            taken[situation.name] = [await _abort(situation, provider, port, gateway) for _ in range(times)]
        server.close()
    return taken


async def _abort(situation: Situation, provider: Provider, port: int, gateway: LocalGateway) -> float:
    """Seconds from one abort to the end of the last call of the provider."""
    provider.calls = 0
    headers = {"x-portkey-config": json.dumps(situation.config(port))}
    path = local.MESSAGES if situation.is_anthropic else local.CHAT
    async with asyncio.timeout(_PATIENCE):
        async with local.connected(gateway.port) as connection:
            connection.send(local.request(path, local.chat_body(stream=situation.stream), headers))
            while provider.calls < situation.calls:
                await asyncio.sleep(0.001)
            if situation.wants:
                await connection.reader.readuntil(situation.wants)
            await asyncio.sleep(situation.settles)
            started = time.perf_counter()
        ended = [await provider.closed.get() for _ in range(situation.calls)]
    return max(ended) - started


def percentile_99(seconds: list[float]) -> float:
    return sorted(seconds)[min(len(seconds) - 1, int(len(seconds) * 0.99))]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.aborts", description=__doc__)
    parser.add_argument("--times", type=int, default=200)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="penstock-aborts-") as home:
        taken = run(options.times, Path(home))
    is_slow = False
    for name, seconds in taken.items():
        p99 = percentile_99(seconds)
        is_slow = is_slow or p99 > _LIMIT
        print(f"{name}: median {statistics.median(seconds) * 1000:.2f} ms, p99 {p99 * 1000:.2f} ms")
    return 1 if is_slow else 0


if __name__ == "__main__":
    sys.exit(main())
