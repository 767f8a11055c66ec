"""A scripted host of realtime sessions for tests: OpenAI's wire over WebSocket, as the library websockets serves it."""

from __future__ import annotations

import contextlib
import json
import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import Server, ServerConnection, serve

USAGE: dict[str, Any] = {
    "total_tokens": 30,
    "input_tokens": 20,
    "output_tokens": 10,
    "input_token_details": {"cached_tokens": 4, "text_tokens": 8, "audio_tokens": 12},
    "output_token_details": {"text_tokens": 3, "audio_tokens": 7},
}
Play = Callable[[ServerConnection], None]


def echo(connection: ServerConnection) -> None:
    """Tell of the session, answer each ``response.create``, send all else back as it came."""
    connection.send(json.dumps({"type": "session.created", "session": {"id": "sess_1", "model": "m"}}))
    with contextlib.suppress(ConnectionClosed):
        for message in connection:
            if isinstance(message, str) and '"response.create"' in message:
                connection.send(json.dumps({"type": "response.output_text.delta", "delta": "Hi"}))
                done = {"type": "response.done", "response": {"id": "resp_1", "status": "completed", "usage": USAGE}}
                connection.send(json.dumps(done))
            else:
                connection.send(message)


class RealtimeHost:
    """``url`` is its base URL (http); ``requests`` are the heads that came; ``closed`` gets each session's close code,
    ``reasons`` the reason with it; ``play`` is what the next sessions do; ``refusal`` is a status in place of a session.
    """

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[Request] = []
        self.closed: queue.Queue[int | None] = queue.Queue()
        self.reasons: list[str] = []
        self.play: Play = echo
        self.refusals: list[int] = []

    def handle(self, connection: ServerConnection) -> None:
        try:
            self.play(connection)
        except ConnectionClosed:
            pass
        finally:
            with contextlib.suppress(Exception):
                connection.close()
            self.reasons.append(connection.close_reason or "")
            self.closed.put(connection.close_code)

    def judge(self, connection: ServerConnection, request: Request) -> Response | None:
        self.requests.append(request)
        if not self.refusals:
            return None
        response = connection.respond(self.refusals.pop(0), json.dumps({"error": {"message": "no", "type": "x"}}))
        response.headers["content-type"] = "application/json"
        return response

    @property
    def last(self) -> Request:
        return self.requests[-1]

    def headers(self) -> dict[str, Any]:
        return {name.lower(): value for name, value in self.last.headers.raw_items()}


@contextlib.contextmanager
def running_host() -> Iterator[RealtimeHost]:
    host = RealtimeHost()
    server: Server = serve(
        host.handle, "127.0.0.1", 0, process_request=host.judge, select_subprotocol=lambda *_: None,
        compression=None, max_size=None,
    )  # fmt: skip
    host.url = f"http://127.0.0.1:{server.socket.getsockname()[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield host
    finally:
        server.shutdown()
        thread.join(300)
