"""The ASGI application: the LLM surfaces, found by one look-up on the path; everything else beside them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Final, Protocol

import msgspec

from penstock.core.failure import Failure, Kind
from penstock.observe.record import Records
from penstock.pipeline.call import Call
from penstock.pipeline.run import Pipeline
from penstock.server.asgi import Receive, Scope, Send
from penstock.server.exchange import Exchange
from penstock.server.keepalive import respond_in_time
from penstock.server.receive import Departure, read_body
from penstock.server.respond import Broken, refusal, respond
from penstock.server.site import Site
from penstock.server.surfaces import SURFACES, Surface

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
    """``app(scope, receive, send)``. ``parts`` start and stop with the server's lifespan."""

    def __init__(self, pipeline: Pipeline, records: Records, bounds: Bounds, parts: Sequence[Part] = ()) -> None:
        self._pipeline = pipeline
        self.records = records
        self._bounds = bounds
        self._parts = parts
        self.site = Site()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            surface = SURFACES.get(scope["path"])
            if surface is not None and scope["method"] == surface.method:
                await self._serve(surface, scope, receive, send)
            else:
                await self.site(scope, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)

    async def _serve(self, surface: Surface, scope: Scope, receive: Receive, send: Send) -> None:
        """One LLM request from its first byte to its record."""
        exchange = Exchange(surface, scope)
        try:
            await self._answer(exchange, receive, send)
        except Broken:
            pass  # the server closes the connection of a response that was not completed
        except asyncio.CancelledError:
            exchange.cancelled = True
            if not exchange.caller_left:
                raise
            # The cancellation was our own doing and ends here.
            task = asyncio.current_task()
            if task is not None:
                task.uncancel()
        except Exception:
            _LOG.exception("a request failed inside the gateway")
            await _refuse_if_silent(exchange, send)
        finally:
            if exchange.answer is not None:
                exchange.answer.close()
            self.records.push(exchange.record())

    async def _answer(self, exchange: Exchange, receive: Receive, send: Send) -> None:
        fields = exchange.fields
        body: bytes | Failure = b""
        if exchange.surface.method == "POST":
            body = _content_type_refused(fields) or await read_body(
                receive, fields, self._bounds.body_bytes, self._bounds.body_silence
            )
        if isinstance(body, Failure):
            await _refuse(exchange, body, send)
            return
        call = Call(exchange.surface.operation, exchange.headers, fields, body, exchange.trace_id, exchange.hops)
        exchange.departure = Departure(receive)
        if self._bounds.keepalive:
            await respond_in_time(self._pipeline, call, exchange, self._bounds.keepalive, send)
        else:
            exchange.answer = await self._pipeline.run(call)
            await respond(exchange.answer, send, exchange.sent)
        exchange.departure.forget()

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


async def _refuse(exchange: Exchange, failure: Failure, send: Send) -> None:
    exchange.refused = failure
    if failure.kind is Kind.CLIENT_DISCONNECTED:
        return
    status, headers, body = refusal(failure, [(b"x-portkey-trace-id", exchange.trace_id)])
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _refuse_if_silent(exchange: Exchange, send: Send) -> None:
    if exchange.sent.first_byte is None:
        text = "The gateway failed on this request: this is a defect of the gateway, please report it."
        await _refuse(exchange, Failure(Kind.INTERNAL, text), send)
