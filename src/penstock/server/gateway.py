"""The edge: one look-up on the path finds the LLM surface; other paths are served by pages.py and explain.py."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, Final, Protocol

import msgspec

from penstock.core.failure import Failure, Kind
from penstock.core.http import Headers
from penstock.observe.record import Records
from penstock.pipeline.account import Account
from penstock.pipeline.authenticate import authenticate
from penstock.pipeline.call import Call
from penstock.pipeline.prepare import HOPS_HEADER
from penstock.pipeline.relay import Broken
from penstock.pipeline.run import Pipeline
from penstock.server import explain
from penstock.server.asgi import AsgiClient, Scope, Send
from penstock.server.client import Client
from penstock.server.keepalive import DEFECT, respond_in_time
from penstock.server.origin import Origins, with_headers
from penstock.server.pages import Pages
from penstock.server.receive import Receive
from penstock.server.request_context import RequestContext
from penstock.server.respond import refusal, respond
from penstock.server.surfaces import DEFAULT_DIALECT, SURFACES, BodyKind, Match

_LOG: Final = logging.getLogger("penstock")


class Part(Protocol):
    """A background service that starts and stops with the gateway."""

    def start(self) -> None: ...

    async def stop(self) -> None: ...


class RequestLimits(msgspec.Struct, frozen=True):
    """Limits of the edge: bytes of a request body, seconds without bytes while it is read, and the seconds between
    keep-alive comments (0: none)."""

    body_bytes: int = 100 << 20
    body_silence: float = 60.0
    keepalive: float = 0.0


class Gateway:
    """The application: http1.py calls ``serve``, any ASGI server calls the gateway as ``app(scope, receive, send)``.

    ``parts`` start and stop with the server's lifespan. ``origins`` are the rules for requests of web pages.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        records: Records,
        limits: RequestLimits,
        parts: Sequence[Part] = (),
        origins: Origins | None = None,
    ) -> None:
        self.origins = origins or Origins()
        self.pipeline = pipeline
        self.records = records
        self.limits = limits
        self._parts = parts
        self.pages = Pages()

    @property
    def is_guarded(self) -> bool:
        """Whether callers need a gateway key."""
        return self.pipeline.compiler.is_guarded

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            client = AsgiClient(receive, send, scope.get("client"))
            query = scope.get("query_string", b"").decode("latin-1")
            await self.serve(scope["method"], scope["path"], list(scope["headers"]), client, query)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)

    async def serve(self, method: str, path: str, headers: Headers, client: Client, query: str = "") -> None:
        """Answer one request. ``path`` is percent-decoded, ``query`` is not."""
        if self.origins.has_cors:
            fields = dict(headers)
            preflight = self.origins.preflight(method, fields)
            if preflight is not None and self._refused_page(fields) is None:
                await client.send_head(200, preflight, b"", more=False)
                return
            client = with_headers(client, self.origins.cors(fields))
        match = SURFACES.find(method, path)
        if isinstance(match, Match):
            context = RequestContext(Account(self.records, method, path), match.surface.dialect, headers, client)
            await self._accounted(context, self._answer(match, path, query, context))
        elif (page_refused := self._refused_page(dict(headers))) is not None:
            context = RequestContext(Account(self.records, method, path), SURFACES.dialect_of(path), headers, client)
            await self._accounted(context, context.refuse(page_refused))
        elif match is None and self.pages.has(path):
            status, page_headers, body = self.pages.page(path, method)
            await client.send_head(status, page_headers, body, more=False)
        elif path == explain.PATH and method == "POST":
            await self._explain(headers, client)
        else:
            failure, page_headers = self.pages.missing(path, method, match)
            context = RequestContext(Account(self.records, method, path), SURFACES.dialect_of(path), headers, client)
            await self._accounted(context, context.refuse(failure, page_headers))

    def _refused_page(self, fields: Mapping[bytes, bytes]) -> Failure | None:
        """The failure if the request may come from a foreign web page. With gateway keys it can't: it needs a key."""
        return None if self.is_guarded else self.origins.refused(fields)

    async def _explain(self, headers: Headers, client: Client) -> None:
        fields = dict(headers)
        caller = authenticate(fields, self.pipeline.compiler.catalogues.current)
        body = caller if isinstance(caller, Failure) else await self._read_body(fields, BodyKind.JSON, client)
        if isinstance(body, Failure) or isinstance(caller, Failure):
            failure = body if isinstance(body, Failure) else caller
            if isinstance(failure, Failure) and failure.kind is not Kind.CLIENT_DISCONNECTED:
                status, fields_out, response_body = refusal(failure, DEFAULT_DIALECT)
                await client.send_head(status, fields_out, response_body, more=False)
            return
        status, fields_out, response_body = explain.answer(self.pipeline.router, caller, headers, body)
        await client.send_head(status, fields_out, response_body, more=False)

    async def _accounted(self, context: RequestContext, serving: Coroutine[Any, Any, None]) -> None:
        """Serve one request, handle its cancellation and defects, and close its account."""
        account, client = context.account, context.client
        try:
            await serving
        except Broken:
            pass  # the server closes the connection of a response that was not completed
        except asyncio.CancelledError:
            account.is_cancelled = True
            if not client.gone:
                raise
            # The gateway itself cancelled the task because the caller left: the cancellation ends here.
            task = asyncio.current_task()
            if task is not None:
                task.uncancel()
        except Exception:
            _LOG.exception("a request failed inside the gateway")
            account.failure = DEFECT
            if not context.begun:
                await context.refuse(DEFECT)
        finally:
            account.has_left = client.gone
            if context.answer is not None:
                context.answer.close()
            account.close()

    async def _answer(self, match: Match, path: str, query: str, context: RequestContext) -> None:
        call = await self._read(match, path, query, context)
        if isinstance(call, Failure):
            if call.kind is Kind.CLIENT_DISCONNECTED:
                context.account.failure = call
            else:
                await context.refuse(call)
            return
        client = context.client
        client.watch()
        if self.limits.keepalive:
            await respond_in_time(self.pipeline, call, context, self.limits.keepalive)
        else:
            answer = context.answer = await self.pipeline.run(call)
            # A stream may last for hours: free the request's body now.
            call.forget_body()
            await respond(answer, call, context)
        client.unwatch()

    async def _read(self, match: Match, path: str, query: str, context: RequestContext) -> Call | Failure:
        """The call, or the failure to answer with. The caller is authenticated before the body is read."""
        surface, fields, account = match.surface, context.fields, context.account
        account.operation = surface.operation
        caller = authenticate(fields, self.pipeline.compiler.catalogues.current)
        if isinstance(caller, Failure):
            return caller
        if caller.key is None:
            refused = self.origins.refused(fields)
            if refused is not None:
                return refused
        else:
            account.key, account.labels = caller.key.name, caller.key.labels
        body = b""
        if surface.body:
            read = await self._read_body(fields, surface.body, context.client)
            if isinstance(read, Failure):
                return read
            body = read
        hops = fields.get(HOPS_HEADER, b"")
        return Call(
            surface.operation,
            surface.dialect,
            context.headers,
            fields,
            body,
            context.trace_id,
            account,
            path,
            match.parameters,
            _forwarded(query, surface.forwarded_query) if query else "",
            int(hops[:4]) if hops.isdigit() else 0,
            caller,
            surface.default_provider,
        )

    async def _read_body(self, fields: Mapping[bytes, bytes], kind: bytes, client: Client) -> bytes | Failure:
        limits = self.limits
        return _content_type_refused(fields, kind) or await client.read_body(
            fields, limits.body_bytes, limits.body_silence
        )

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


def _content_type_refused(fields: Mapping[bytes, bytes], kind: bytes) -> Failure | None:
    media_type = fields.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if media_type == kind or (not media_type and kind == BodyKind.JSON):
        return None
    wanted = kind.decode()
    return Failure(
        Kind.INVALID_CONTENT_TYPE,
        f"This endpoint takes {'JSON' if kind == BodyKind.JSON else 'a form'}: send the header content-type: {wanted}.",
        "content-type",
        "Invalid content type passed",
    )


def _forwarded(query: str, names: frozenset[str]) -> str:
    """The pairs of a query that are forwarded to a provider, unchanged."""
    return "&".join([pair for pair in query.split("&") if pair.partition("=")[0] in names])
