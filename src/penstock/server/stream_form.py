"""Streams in the form that their caller asked for, where that isn't server-sent events.

Inside the gateway every stream is one of server-sent events; here, at its last step, each event is written otherwise.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, Final, cast

from penstock.core.http import Headers, content_type
from penstock.dialects.caller import EVENT_STREAM
from penstock.dialects.framing.frame import FrameError
from penstock.dialects.stream_form import StreamEncoder, StreamForm
from penstock.pipeline.relay import Broken
from penstock.server.client import Client
from penstock.transport.base import Take

_ERRORS: Final = 400


def is_stream(status: int, headers: Headers) -> bool:
    """Whether an answer is a stream of events. An error is told whole, whatever its host calls its media type."""
    return status < _ERRORS and content_type(headers).startswith(EVENT_STREAM)


def in_form(client: Client, form: StreamForm | None) -> Client:
    """The client, whose streams arrive in this form."""
    return client if form is None else cast("Client", _InForm(client, form))


class _InForm:
    """A caller's connection. Answers that are no streams pass as they are."""

    def __init__(self, client: Client, form: StreamForm) -> None:
        self._client = client
        self._form = form
        self._encoder: StreamEncoder | None = None
        self._send: Take = getattr(client, "write", client.send)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def send_head(self, status: int, headers: Headers, body: bytes, *, more: bool) -> Awaitable[None] | None:
        if is_stream(status, headers):
            self._encoder = self._form.encoder()
            field = (b"content-type", self._form.content_type)
            headers = [field if name == b"content-type" else (name, value) for name, value in headers]
            body = self._fed(body) if more else self._finished(body)
        return self._client.send_head(status, headers, body, more=more)

    def write(self, body: bytes) -> Awaitable[None] | None:
        ready = self._fed(body)
        return self._send(ready) if ready else None

    async def send(self, body: bytes) -> None:
        ready = self._fed(body)
        if ready:
            await self._client.send(ready)

    async def end(self, body: bytes) -> None:
        await self._client.end(self._finished(body))

    def _fed(self, body: bytes) -> bytes:
        if self._encoder is None:
            return body
        try:
            return self._encoder.feed(body)
        except FrameError:
            raise Broken from None

    def _finished(self, body: bytes) -> bytes:
        if self._encoder is None:
            return body
        try:
            return self._encoder.finish(body)
        except FrameError:
            raise Broken from None
