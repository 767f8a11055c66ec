"""A client of an ASGI application in the same process: no port, no server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from penstock.cli.terminal import Terminal
from penstock.server.asgi import App, Message

_ASGI: Final = {"version": "3.0", "spec_version": "2.4"}


async def ask(app: App, headers: Mapping[str, str], body: bytes, terminal: Terminal) -> None:
    """One chat completion; the reply goes to the terminal as it comes. Leaving early cancels it, as hanging up does."""
    incoming: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]
    outgoing: asyncio.Queue[Message | None] = asyncio.Queue()
    over = asyncio.Event()

    async def receive() -> Message:
        if incoming:
            return incoming.pop()
        await over.wait()
        return {"type": "http.disconnect"}

    async with _running(app):
        serving = asyncio.ensure_future(app(_scope(headers), receive, outgoing.put))
        serving.add_done_callback(lambda _: outgoing.put_nowait(None))
        try:
            while (message := await outgoing.get()) is not None:
                _show(message, terminal)
            await serving
        finally:
            serving.cancel()
            over.set()


def _show(message: Message, terminal: Terminal) -> None:
    if message["type"] == "http.response.start":
        content_type = dict(message["headers"]).get(b"content-type", b"")
        terminal.head(message["status"], content_type.decode("latin-1"))
    else:
        terminal.body(message.get("body", b""))


@asynccontextmanager
async def _running(app: App) -> AsyncIterator[None]:
    """The application between its start and its stop."""
    incoming: asyncio.Queue[Message] = asyncio.Queue()
    outgoing: asyncio.Queue[Message] = asyncio.Queue()
    lifespan = asyncio.ensure_future(app({"type": "lifespan", "asgi": _ASGI}, incoming.get, outgoing.put))
    # An application that fails to start never answers: its end is answer enough, and is raised below.
    lifespan.add_done_callback(lambda _: outgoing.put_nowait({}))
    await incoming.put({"type": "lifespan.startup"})
    await outgoing.get()
    try:
        yield
    finally:
        await incoming.put({"type": "lifespan.shutdown"})
        await lifespan


def _scope(headers: Mapping[str, str]) -> dict[str, Any]:
    path = "/v1/chat/completions"
    return {
        "type": "http",
        "asgi": _ASGI,
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": None,
        "server": None,
    }
