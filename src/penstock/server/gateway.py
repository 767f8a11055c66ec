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
from penstock.server.exchange import Exchange
from penstock.server.keepalive import DEFECT, respond_in_time
from penstock.server.receive import Receive
from penstock.server.respond import Broken, refusal, respond
from penstock.server.site import Site
from penstock.server.surfaces import SURFACES

_LOG: Final = logging.getLogger("penstock")
_JSON_TYPES: Final = frozenset({b"", b"application/json"})


class Part(Protocol):
    """Something that runs as long as the gateway does."""

    def start(self) -> None: ...

    async def stop(self) -> None: ...


class Bounds(msgspec.Struct, frozen=True):
    """What the edge allows: bytes of a request body, seconds of silence in it, seconds between keep-alive comments."""

    body_bytes: int = 100 << 20
    body_silence: float = 60.0
    keepalive: float = 0.0


class Gateway:
    """What is served: ``serve`` to our own protocol (http1.py), ``app(scope, receive, send)`` to any ASGI server.

    ``parts`` start and stop with the server's lifespan.
    """

    def __init__(self, pipeline: Pipeline, records: Records, bounds: Bounds, parts: Sequence[Part] = ()) -> None:
        self.pipeline = pipeline
        self.records = records
        self.bounds = bounds
        self._parts = parts
        self.site = Site()

    @property
    def is_guarded(self) -> bool:
        """Whether callers need a gateway key."""
        return self.pipeline.configure.is_guarded

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self.serve(scope["method"], scope["path"], list(scope["headers"]), AsgiClient(receive, send))
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)

    async def serve(self, method: str, path: str, headers: Headers, client: Client) -> None:
        """Answer one request, whatever it is."""
        surface = SURFACES.get(path)
        if surface is not None and method == surface.method:
            await self._serve_llm(Exchange(surface, method, path, headers, client))
        elif path == explain.PATH and method == "POST":
            await self._explain(headers, client)
        else:
            status, fields, body = self.site.page(path, method)
            await client.begin(status, fields, body, more=False)

    async def _explain(self, headers: Headers, client: Client) -> None:
        body = await self._read_body(dict(headers), client)
        if not isinstance(body, Failure):
            status, fields, told = explain.answer(self.pipeline.router, headers, body)
            await client.begin(status, fields, told, more=False)
        elif body.kind is not Kind.CLIENT_DISCONNECTED:
            status, fields, told = refusal(body)
            await client.begin(status, fields, told, more=False)

    async def _serve_llm(self, exchange: Exchange) -> None:
        """One LLM request from its first byte to its record."""
        try:
            await self._answer(exchange, exchange.client)
        except Broken:
            pass  # the server closes the connection of a response that was not completed
        except asyncio.CancelledError:
            exchange.cancelled = True
            if not exchange.client.gone:
                raise
            # The cancellation was our own doing and ends here.
            task = asyncio.current_task()
            if task is not None:
                task.uncancel()
        except Exception:
            _LOG.exception("a request failed inside the gateway")
            await _refuse_if_silent(exchange)
        finally:
            if exchange.answer is not None:
                exchange.answer.close()
            self.records.push(exchange.record())

    async def _answer(self, exchange: Exchange, client: Client) -> None:
        call = await self._read(exchange, client)
        if isinstance(call, Failure):
            await _refuse(exchange, call)
            return
        client.watch()
        if self.bounds.keepalive:
            await respond_in_time(self.pipeline, call, exchange, self.bounds.keepalive, client)
        else:
            answer = exchange.answer = await self.pipeline.run(call)
            # A stream may last for hours: the request's body need not.
            del call
            await respond(answer, client, exchange.sent)
        client.unwatch()

    async def _read(self, exchange: Exchange, client: Client) -> Call | Failure:
        fields = exchange.fields
        body: bytes | Failure = b""
        if exchange.surface.method == "POST":
            body = await self._read_body(fields, client)
        if isinstance(body, Failure):
            return body
        return Call(
            exchange.surface.operation,
            exchange.headers,
            fields,
            body,
            exchange.trace_id,
            exchange.path,
            exchange.hops,
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
                self.site.draining = True
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


async def _refuse(exchange: Exchange, failure: Failure) -> None:
    exchange.refused = failure
    if failure.kind is not Kind.CLIENT_DISCONNECTED:
        status, headers, body = refusal(failure, [(b"x-portkey-trace-id", exchange.trace_id)])
        await exchange.client.begin(status, headers, body, more=False)


async def _refuse_if_silent(exchange: Exchange) -> None:
    if not exchange.sent.begun:
        await _refuse(exchange, DEFECT)
