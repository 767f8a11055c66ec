"""The page /metrics: on the gateway's port behind an admin key, or on a port of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Final, Protocol

from penstock.core.failure import Failure
from penstock.core.http import NO_SNIFF, Headers
from penstock.core.session_cookie import session_of
from penstock.dialects.caller import NO_STORE
from penstock.server.asgi import Scope, Send
from penstock.server.bodies.receive import Receive
from penstock.server.origin import Origins
from penstock.server.pages.pages import METRICS

_LONGEST_KEY: Final = 4096
_TEXT: Final = b"text/plain; charset=utf-8"


class Source(Protocol):
    """What the page shows: a content type and a text, in the format that an Accept header asks for."""

    def page(self, accept: str) -> Awaitable[tuple[bytes, bytes]]: ...


class Admission(Protocol):
    """Who may read the page: the failure for a key that was shown, from an address; None if it may."""

    def refused(self, presented: str, address: str | None) -> Awaitable[Failure | None]: ...


class MetricsPage:
    """The page. ``admission`` is None where everybody may read it."""

    def __init__(self, source: Source, admission: Admission | None = None) -> None:
        self._source = source
        self._admission = admission

    async def refused(self, fields: Mapping[bytes, bytes], address: str | None) -> Failure | None:
        """The failure for a request that shows no key that may read the page."""
        return None if self._admission is None else await self._admission.refused(_presented(fields), address)

    async def page(self, fields: Mapping[bytes, bytes]) -> tuple[int, Headers, bytes]:
        """Status, headers and body."""
        accept = fields.get(b"accept", b"").decode("latin-1")
        content_type, body = await self._source.page(accept)
        return 200, [(b"content-type", content_type), NO_STORE, NO_SNIFF, (b"vary", b"Accept")], body


def _presented(fields: Mapping[bytes, bytes]) -> str:
    """The key that a request shows: x-portkey-api-key, else a bearer token, as Prometheus sends it, else the session of
    the console."""
    key = fields.get(b"x-portkey-api-key", b"").decode("utf-8", "replace")
    if not key:
        scheme, _, token = fields.get(b"authorization", b"").decode("utf-8", "replace").partition(" ")
        key = token if scheme.lower() == "bearer" else ""
    if not key:
        cookies, site = (fields.get(name, b"").decode("latin-1") for name in (b"cookie", b"sec-fetch-site"))
        key = session_of(cookies, site)
    return key.strip()[:_LONGEST_KEY]


class MetricsApp:
    """The page as an ASGI application, for a port of its own. ``origins`` keeps web pages out."""

    def __init__(self, page: MetricsPage, origins: Origins) -> None:
        self._page = page
        self._origins = origins

    async def __call__(self, scope: Scope, _: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        fields = dict(scope["headers"])
        refused = self._origins.refused(fields)
        if refused is not None:
            await _send(send, refused.status, [(b"content-type", _TEXT)], f"{refused.message}\n".encode())
        elif scope["path"] != METRICS:
            await _send(send, 404, [(b"content-type", _TEXT)], b"Metrics are at /metrics.\n")
        elif scope["method"] not in {"GET", "HEAD"}:
            await _send(send, 405, [(b"content-type", _TEXT), (b"allow", b"GET")], b"/metrics takes GET.\n")
        else:
            await _send(send, *await self._page.page(fields))


async def _send(send: Send, status: int, headers: Headers, body: bytes) -> None:
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})
