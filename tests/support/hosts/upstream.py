"""A scripted provider on a loopback socket: it keeps what it received and plays what a test wrote for it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import queue
import socket
import struct
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, NamedTuple

Act = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

COMPLETION = {
    "id": "chatcmpl-1", "object": "chat.completion", "created": 1700000000, "model": "m",
    "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "Hi", "refusal": None}, "logprobs": None,
         "finish_reason": "stop"}
    ],
    "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4},
}  # fmt: skip


def chunk(delta: dict[str, Any], finish: str | None = None, **members: Any) -> bytes:
    """One event of a stream."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    body = {"id": "c", "object": "chat.completion.chunk", "created": 1700000000, "model": "m", "choices": [choice]}
    return b"data: " + json.dumps({**body, **members}).encode() + b"\n\n"


CHUNK = chunk({"content": "Hi"})
ROLE = chunk({"role": "assistant", "content": ""})
FINISH = chunk({}, "stop")
DONE = b"data: [DONE]\n\n"


class Received(NamedTuple):
    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def send(data: bytes) -> Act:
    async def act(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()

    return act


def reply(status: int = 200, body: bytes | None = None, content_type: str = "application/json", **headers: str) -> Act:
    content = json.dumps(COMPLETION).encode() if body is None else body
    fields = {"content-type": content_type, "content-length": str(len(content)), **headers}
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
    return send(f"HTTP/1.1 {status} X\r\n{lines}\r\n".encode() + content)


def events(*data: bytes, end: bool = True) -> Act:
    """A chunked event stream; unless ``end``, its last chunk never comes."""
    blocks = b"".join(b"%x\r\n%b\r\n" % (len(block), block) for block in data)
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    return send(head + blocks + (b"0\r\n\r\n" if end else b""))


async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def reset(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def wait_for_hang_up(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        await reader.read()


def held(release: threading.Event, arrived: threading.Event | None = None) -> Act:
    """Answer nothing more until the test says so; ``arrived`` is set when the request is here."""

    async def act(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
        if arrived is not None:
            arrived.set()
        await asyncio.to_thread(release.wait, 300)

    return act


@contextlib.contextmanager
def refusing_port(host: str = "127.0.0.1") -> Iterator[int]:
    """A port that refuses connections: it is bound, so that no other process gets it, and not listened on."""
    with socket.socket() as bound:
        bound.bind((host, 0))
        yield bound.getsockname()[1]


class Upstream:
    """``url`` is its address; ``received`` what arrived; ``left`` gets an item whenever the other side hangs up."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.received: list[Received] = []
        self.left: queue.Queue[None] = queue.Queue()
        self._arrived = threading.Condition()
        self._scripts: queue.SimpleQueue[tuple[Act, ...]] = queue.SimpleQueue()
        self._open: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    def play(self, *acts: Act) -> None:
        """What the next request that has no script yet gets; without a script it is a plain completion."""
        self._scripts.put(acts)

    def forget_script(self) -> None:
        """Forget what the next request was to get, if it never came."""
        with contextlib.suppress(queue.Empty):
            self._scripts.get_nowait()

    def wait_for_request(self, number: int = 1) -> None:
        """Wait until so many requests have arrived in all."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.received) >= number, 300)

    @property
    def last(self) -> Received:
        return self.received[-1]

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open[task] = writer
        try:
            while (request := await _read(reader)) is not None:
                with self._arrived:
                    self.received.append(request)
                    self._arrived.notify_all()
                try:
                    script = self._scripts.get_nowait()
                except queue.Empty:
                    script = (reply(),)
                for act in script:
                    await act(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self.left.put(None)
            writer.close()
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()

    async def stop(self, server: asyncio.Server) -> None:
        """Break all connections off, and take no more.

        The server is closed when no task is left: a connection that it is just taking in would stay open otherwise.
        """
        while asyncio.all_tasks() - {asyncio.current_task()}:
            while self._open:
                task, writer = self._open.popitem()
                writer.transport.abort()
                task.cancel()
            await asyncio.sleep(0)
        server.close()


async def _read(reader: asyncio.StreamReader) -> Received | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head[:-4].split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Received(method, target, headers, await reader.readexactly(int(headers.get("content-length", 0))))


@contextlib.contextmanager
def running_upstream() -> Iterator[Upstream]:
    """Serve in a thread until the block ends."""
    ready: queue.Queue[tuple[Upstream, asyncio.AbstractEventLoop, asyncio.Event]] = queue.Queue()

    async def serve() -> None:
        stop = asyncio.Event()
        upstream = Upstream("")
        server = await asyncio.start_server(upstream.handle, "127.0.0.1", 0, limit=1 << 24)
        upstream.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        ready.put((upstream, asyncio.get_running_loop(), stop))
        await stop.wait()
        await upstream.stop(server)

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    upstream, loop, stop = ready.get(timeout=60)
    try:
        yield upstream
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(300)
        assert not thread.is_alive()
