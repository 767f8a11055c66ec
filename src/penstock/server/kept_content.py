"""Which requests the request log keeps with their headers and bodies, and how it gets them: docs/request-log.md."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Any, Final, cast

import msgspec

from penstock.core.content_switch import HEADER, keeps_content
from penstock.core.http import Headers
from penstock.observe.log_extras import Content
from penstock.pipeline.call import Call
from penstock.server.client import Client
from penstock.server.request_context import RequestContext
from penstock.stores.catalogue import GatewayKey

_HEADER: Final = HEADER.encode()


class ContentRule(msgspec.Struct, frozen=True):
    """``is_kept`` is what holds where neither a key nor its workspace says anything; ``limit`` are the bytes that are
    kept of one body."""

    is_kept: bool = False
    limit: int = 256 << 10

    def applies(self, key: GatewayKey | None, fields: Mapping[bytes, bytes]) -> bool:
        """Whether the content of a request is kept."""
        narrower, may = (None, False) if key is None else (key.logs_content, key.may_log_content)
        header = fields.get(_HEADER)
        word = None if header is None else header.decode("latin-1")
        return keeps_content(self.is_kept, narrower, word, may_switch_on=may)

    def watch(self, call: Call, context: RequestContext) -> None:
        """Keep the content of a call whose answer has not begun, if it is to be kept."""
        if self.applies(call.caller.key, call.fields):
            content = Content(self.limit, call.headers)
            content.keep_request(call.body)
            context.account.content = content
            kind = _KeepingWriter if hasattr(context.client, "write") else _Keeping
            context.client = cast("Client", kind(context.client, content))


class _Keeping:
    """A caller's connection that keeps the beginning of what is sent."""

    def __init__(self, client: Any, content: Content) -> None:
        self._client = client
        self._content = content

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def send_head(self, status: int, headers: Headers, body: bytes, *, more: bool) -> Awaitable[None] | None:
        self._content.response_headers = headers
        self._content.keep_response(body)
        waiting: Awaitable[None] | None = self._client.send_head(status, headers, body, more=more)
        return waiting

    async def send(self, body: bytes) -> None:
        self._content.keep_response(body)
        await self._client.send(body)

    async def end(self, body: bytes) -> None:
        self._content.keep_response(body)
        await self._client.end(body)


class _KeepingWriter(_Keeping):
    """… of our own server, which writes at once (server/http/http1_client.py)."""

    def write(self, body: bytes) -> Awaitable[None] | None:
        self._content.keep_response(body)
        waiting: Awaitable[None] | None = self._client.write(body)
        return waiting
