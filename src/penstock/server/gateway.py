"""The edge: the LLM surfaces, found by one look-up on the path; everything else beside them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Final, Protocol

import msgspec

from penstock.core.failure import Failure, Kind
from penstock.core.http import Headers
from penstock.observe.record import Records
from penstock.pipeline.call import Call
from penstock.pipeline.run import Pipeline
from penstock.server import explain
from penstock.server.asgi import AsgiClient, Scope, Send
from penstock.server.client import Client
from penstock.server.keepalive import DEFECT, respond_in_time
from penstock.server.pages import Pages
from penstock.server.receive import Receive
from penstock.server.request_context import RequestContext
from penstock.server.respond import Broken, refusal, respond
from penstock.server.surfaces import SURFACES

_LOG: Final = logging.getLogger("penstock")
_JSON_TYPES: Final = frozenset({b"", b"application/json"})


class Part(Protocol):
    """Something that runs as long as the gateway does."""

    def start(self) -> None: ...

    async def stop(self) -> None: ...


class RequestLimits(msgspec.Struct, frozen=True):
    """What the edge allows: bytes of a request body, seconds of silence in it, seconds between keep-alive comments."""

    body_bytes: int = 100 << 20
    body_silence: float = 60.0
    keepalive: float = 0.0


class Gateway:
    """What is served: ``serve`` to our own protocol (http1.py), ``app(scope, receive, send)`` to any ASGI server.

    ``parts`` start and stop with the server's lifespan.
    """

    def __init__(self, pipeline: Pipeline, records: Records, bounds: RequestLimits, parts: Sequence[Part] = ()) -> None:
        self.pipeline = pipeline
        self.records = records
        self.bounds = bounds
        self._parts = parts
        self.pages = Pages()

    @property
    def is_guarded(self) -> bool:
        """Whether callers need a gateway key."""
        return self.pipeline.compiler.is_guarded

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self.serve(scope["method"], scope["path"], list(scope["headers"]), AsgiClient(receive, send))
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)

    async def serve(self, method: str, path: str, headers: Headers, client: Client) -> None:
        """Answer one request, whatever it is."""
        surface = SURFACES.get(path)
        if surface is not None and method == surface.method:
            await self._serve_llm(RequestContext(surface, method, path, headers, client))
        elif path == explain.PATH and method == "POST":
            await self._explain(headers, client)
        else:
            status, fields, body = self.pages.page(path, method)
            await client.send_head(status, fields, body, more=False)

    async def _explain(self, headers: Headers, client: Client) -> None:
        body = await self._read_body(dict(headers), client)
        if not isinstance(body, Failure):
            status, fields, told = explain.answer(self.pipeline.router, headers, body)
            await client.send_head(status, fields, told, more=False)
        elif body.kind is not Kind.CLIENT_DISCONNECTED:
            status, fields, told = refusal(body)
            await client.send_head(status, fields, told, more=False)

    async def _serve_llm(self, context: RequestContext) -> None:
        """One LLM request from its first byte to its record."""
        try:
            await self._answer(context, context.client)
        except Broken:
            pass  # the server closes the connection of a response that was not completed
        except asyncio.CancelledError:
            context.cancelled = True
            if not context.client.gone:
                raise
            # The cancellation was our own doing and ends here.
            task = asyncio.current_task()
            if task is not None:
                task.uncancel()
        except Exception:
            _LOG.exception("a request failed inside the gateway")
            await _refuse_if_silent(context)
        finally:
            if context.answer is not None:
                context.answer.close()
            self.records.push(context.record())

    async def _answer(self, context: RequestContext, client: Client) -> None:
        call = await self._read(context, client)
        if isinstance(call, Failure):
            await _refuse(context, call)
            return
        client.watch()
        if self.bounds.keepalive:
            await respond_in_time(self.pipeline, call, context, self.bounds.keepalive, client)
        else:
            answer = context.answer = await self.pipeline.run(call)
            # A stream may last for hours: the request's body need not.
            del call
            await respond(answer, client, context.sent)
        client.unwatch()

    async def _read(self, context: RequestContext, client: Client) -> Call | Failure:
        fields = context.fields
        body: bytes | Failure = b""
        if context.surface.method == "POST":
            body = await self._read_body(fields, client)
        if isinstance(body, Failure):
            return body
        return Call(
            context.surface.operation,
            context.headers,
            fields,
            body,
            context.trace_id,
            context.path,
            context.hops,
        )

    async def _read_body(self, fields: dict[bytes, bytes], client: Client) -> bytes | Failure:
        bounds = self.bounds
        return _content_type_refused(fields) or await client.read_body(fields, bounds.body_bytes, bounds.body_silence)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                for part in self._parts:
                    part.start()
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                self.pages.draining = True
                for part in reversed(self._parts):
                    await part.stop()
                await send({"type": "lifespan.shutdown.complete"})
                return


def _content_type_refused(fields: dict[bytes, bytes]) -> Failure | None:
    media_type = fields.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if media_type in _JSON_TYPES:
        return None
    return Failure(
        Kind.INVALID_CONTENT_TYPE,
        "This endpoint takes JSON: send the header content-type: application/json.",
        "content-type",
        "Invalid content type passed",
    )


async def _refuse(context: RequestContext, failure: Failure) -> None:
    context.refused = failure
    if failure.kind is not Kind.CLIENT_DISCONNECTED:
        status, headers, body = refusal(failure, [(b"x-portkey-trace-id", context.trace_id)])
        await context.client.send_head(status, headers, body, more=False)


async def _refuse_if_silent(context: RequestContext) -> None:
    if not context.sent.begun:
        await _refuse(context, DEFECT)
