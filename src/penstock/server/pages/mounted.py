"""An ASGI application at paths of the gateway: the admin API, under the gateway's own protocol and under any server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol
from urllib.parse import quote

from penstock.core.failure import Failure
from penstock.core.http import Headers
from penstock.core.session_cookie import CONSOLE, session_of
from penstock.observe.record import Records
from penstock.server.asgi import App, Message, Scope, Send
from penstock.server.bodies.receive import Receive
from penstock.server.request_context import RequestContext

_LARGEST: Final = 2 << 20
"""Bytes of a body, unless the gateway takes even less."""
_READS: Final = frozenset({"GET", "HEAD"})
_KEYS: Final = frozenset({b"x-portkey-api-key", b"authorization"})
"""Where a program shows its key."""
_FAILED: Final = 400
_NO_RECORDS: Final = Records()
_OF_FILES: Final = b"content-disposition"
"""A response header of rows that are kept in a file: thousands of them, with what was asked and answered."""
_NOT_PASSED: Final = frozenset({b"content-encoding", b"content-length", b"transfer-encoding", b"connection"})
"""Request headers of the body as it came: the application gets it unpacked and whole."""


class Mounted(Protocol):
    """The application. ``serves`` tells whether a path, percent-decoded, is one of its own."""

    def serves(self, path: str) -> bool: ...

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...


async def serve_mounted(
    app: App, context: RequestContext, target: tuple[str, str, str], largest: int, silence: float
) -> None:
    """Have an application answer a request. ``target`` is the method, the path and the query; ``largest`` bounds the
    body, ``silence`` the seconds without a byte of it."""
    method, path, query = target
    is_read = is_console_read(method, path, context.fields)
    exchange = _Exchange(context, min(largest, _LARGEST), silence, is_console_read=is_read)
    address = context.account.address
    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "http",
        "method": method,
        "path": path,
        "raw_path": quote(path).encode(),
        "root_path": "",
        "query_string": query.encode("latin-1", "replace"),
        "headers": [(name, value) for name, value in context.headers if name not in _NOT_PASSED],
        "client": None if address is None else (address, 0),
    }
    await app(scope, exchange.receive, exchange.send)


def is_console_read(method: str, path: str, fields: Mapping[bytes, bytes]) -> bool:
    """Whether a request is one of those that the console makes every few seconds: it reads a file of the console, or
    shows nothing but the cookie of the console's session. Like those of other pages, no record is made of it if it
    succeeds."""
    if method not in _READS:
        return False
    if path == CONSOLE or path.startswith(f"{CONSOLE}/"):
        return True
    return _KEYS.isdisjoint(fields) and bool(session_of(fields.get(b"cookie", b"").decode("latin-1")))


class _Exchange:
    """One request and its response, as ASGI's messages."""

    def __init__(self, context: RequestContext, largest: int, silence: float, *, is_console_read: bool) -> None:
        self._context = context
        self._largest = largest
        self._silence = silence
        self._is_console_read = is_console_read
        self._is_read = False
        self._status = 0
        self._headers: Headers = []

    async def receive(self) -> Message:
        """The whole body in one message; later, and where the body is refused, the end. The message of the end holds
        the ``failure`` then."""
        if self._is_read:
            return {"type": "http.disconnect"}
        self._is_read = True
        context = self._context
        body = await context.client.read_body(context.fields, self._largest, self._silence)
        if isinstance(body, Failure):
            context.account.failure = body
            return {"type": "http.disconnect", "failure": body}
        return {"type": "http.request", "body": body, "more_body": False}

    def _leaves_no_record(self) -> bool:
        """Whether the answer is one that the console shows, and no file that somebody takes along."""
        if not self._is_console_read or self._status >= _FAILED or self._context.account.records.has_console_reads:
            return False
        return not any(name == _OF_FILES for name, _ in self._headers)

    async def send(self, message: dict[str, Any]) -> None:
        context = self._context
        if message["type"] == "http.response.start":
            self._status = message["status"]
            self._headers = [(name, value) for name, value in message["headers"] if name != b"content-length"]
            return
        body, more = message.get("body", b""), message.get("more_body", False)
        if not context.begun:
            context.begun, context.account.status = True, self._status
            if self._leaves_no_record():
                context.account.records = _NO_RECORDS
            waiting = context.client.send_head(self._status, self._headers, body, more=more)
            if waiting is not None:
                await waiting
        elif more:
            await context.client.send(body)
        else:
            await context.client.end(body)
