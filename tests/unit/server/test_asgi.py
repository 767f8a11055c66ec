"""The caller's end of a request under any ASGI server, in the messages that ASGI demands."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from penstock.server.asgi import AsgiClient, keep_trailers_apart
from penstock.server.bodies.buffering import BodyBudget


class Server:
    """The other side: gives the messages in their order, then waits for ``left``. ``sent`` is what it was sent."""

    def __init__(self, *messages: dict[str, Any]) -> None:
        self.sent: list[dict[str, Any]] = []
        self.left = asyncio.Event()
        self._messages = list(messages)

    async def receive(self) -> dict[str, Any]:
        if self._messages:
            return self._messages.pop(0)
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)


@pytest.mark.parametrize(("peer", "address"), [(("10.0.0.1", 99), "10.0.0.1"), (None, None), ([], None)])
def test_where_a_caller_is(peer: Any, address: str | None) -> None:
    server = Server()
    assert AsgiClient(server.receive, server.send, peer).address == address


def test_the_path_as_it_came() -> None:
    server = Server()
    assert AsgiClient(server.receive, server.send).raw_path == ""
    assert AsgiClient(server.receive, server.send, raw_path=b"/a%2Fb\xff?c").raw_path == "/a%2Fb\xff"


async def test_a_body_comes_in_pieces() -> None:
    server = Server({"type": "http.request", "body": b"a", "more_body": True}, {"type": "http.request", "body": b"b"})
    assert await AsgiClient(server.receive, server.send).read_body({}, 10, 60) == b"ab"


async def test_a_whole_response_has_a_length() -> None:
    server = Server()
    await AsgiClient(server.receive, server.send).send_head(200, [(b"a", b"b")], b"xyz", more=False)
    assert server.sent == [
        {"type": "http.response.start", "status": 200, "headers": [(b"a", b"b"), (b"content-length", b"3")]},
        {"type": "http.response.body", "body": b"xyz", "more_body": False},
    ]


async def test_a_response_in_pieces_has_none() -> None:
    server, headers = Server(), [(b"a", b"b")]
    client = AsgiClient(server.receive, server.send)
    await client.send_head(200, headers, b"x", more=True)
    await client.send(b"y")
    await client.end(b"")
    assert server.sent[0]["headers"] == headers
    assert [(each["body"], each["more_body"]) for each in server.sent[1:]] == [(b"x", True), (b"y", True), (b"", False)]


async def test_a_hang_up_while_it_is_watched_cancels_the_answer() -> None:
    server = Server()
    client = AsgiClient(server.receive, server.send)
    assert not client.gone

    async def answer() -> None:
        client.watch()
        await asyncio.Event().wait()

    task = asyncio.create_task(answer())
    await asyncio.sleep(0)
    server.left.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert client.gone


async def test_a_hang_up_after_the_answer_is_its_normal_end() -> None:
    server = Server()
    client = AsgiClient(server.receive, server.send)
    client.unwatch()
    client.watch()
    client.unwatch()
    server.left.set()
    for _ in range(5):
        await asyncio.sleep(0)
    assert not client.gone


async def test_a_body_is_held_until_the_head_is_sent() -> None:
    server, budget = Server({"type": "http.request", "body": b"abc"}), BodyBudget(1 << 20)
    client = AsgiClient(server.receive, server.send, budget=budget)
    await client.read_body({b"content-length": b"3"}, 10, 60)
    assert budget.held >= 3
    await client.send_head(200, [], b"", more=True)
    assert budget.held == 0


def test_uvicorn_is_kept_from_merging_trailers() -> None:
    """tests/e2e/test_smuggling.py sends trailers: this fails when uvicorn no longer works as the change assumes."""
    keep_trailers_apart()
    changed = HttpToolsProtocol.on_headers_complete
    keep_trailers_apart()
    assert HttpToolsProtocol.on_headers_complete is changed
    assert changed.__module__ == "penstock.server.asgi"


@pytest.mark.parametrize("order", ["import uvicorn, penstock.asgi", "import penstock.asgi, uvicorn",
                                   "import uvicorn.protocols.http.httptools_impl, penstock.asgi"])  # fmt: skip
def test_trailers_are_kept_apart_without_a_lifespan(order: str, tmp_path: Path) -> None:
    """``uvicorn --lifespan off penstock.asgi:app``: nothing tells the gateway that the server starts."""
    look = "from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol as P; print(P.on_headers_complete.__module__)"
    done = subprocess.run(
        [sys.executable, "-c", f"{order}; {look}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    assert done.stdout.strip() == "penstock.server.asgi"


def test_another_server_needs_no_uvicorn(tmp_path: Path) -> None:
    """It is not installed with the gateway: ``granian --interface asgi penstock.asgi:app``."""
    without = "import sys; sys.modules['uvicorn'] = None; import penstock.asgi; print(type(penstock.asgi.app).__name__)"
    done = subprocess.run(
        [sys.executable, "-c", without], cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False
    )
    assert (done.stdout.strip(), done.stderr) == ("Gateway", "")
