"""The edge: one look-up on the path finds the LLM surface; other paths are served by server/pages/."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, Final

from penstock.background import Part, stop_in_time
from penstock.core.failure import Failure, Kind
from penstock.core.forwarded import NOBODY, TrustedProxies
from penstock.core.http import Headers
from penstock.dialects.caller import CallerDialect
from penstock.observe.record import Records
from penstock.pipeline.account import Account
from penstock.pipeline.authenticate import Caller
from penstock.pipeline.call import Call
from penstock.pipeline.head_memo import HeadMemo
from penstock.pipeline.key_holder import KeyHolder
from penstock.pipeline.run import Pipeline
from penstock.pipeline.tracing import Tracing
from penstock.server.accounted import accounted
from penstock.server.asgi import AsgiClient, Scope, Send, keep_trailers_apart
from penstock.server.authentication import authenticate_caller
from penstock.server.bodies.buffering import BodyBudget
from penstock.server.bodies.media_types import BodyKind, content_type_refused
from penstock.server.bodies.receive import Receive
from penstock.server.bodies.request_body import meant_surface, read_request_body
from penstock.server.client import Client, WithoutBody, send_whole, without_body
from penstock.server.http.connection_count import ConnectionCount
from penstock.server.keepalive import respond_with_comments
from penstock.server.kept_content import ContentRule
from penstock.server.limits import RequestLimits
from penstock.server.origin import Origins, with_headers
from penstock.server.pages import explain, guard_check, me
from penstock.server.pages.metrics import MetricsPage
from penstock.server.pages.mounted import Mounted, serve_mounted
from penstock.server.pages.not_built import not_built
from penstock.server.pages.pages import METRICS, TELEMETRY, Losing, Pages, Shared, Stored, is_telemetry
from penstock.server.query_key import with_query_key
from penstock.server.request_context import RequestContext
from penstock.server.request_head import RequestHead
from penstock.server.respond import respond
from penstock.server.sessions.realtime import Sessions, with_protocol_key
from penstock.server.stream_form import in_form, is_stream
from penstock.server.surface_table import Match
from penstock.server.surfaces import DEFAULT_DIALECT, as_it_came, dialect_of, find, in_callers_wire, passed
from penstock.settings.realtime import Realtime

_LOG: Final = logging.getLogger("penstock")
_NO_SOCKET: Final = (
    "There is no WebSocket at this path: sessions are at /v1/realtime, at /v1/responses and at Gemini's "
    "BidiGenerateContent."
)


class Gateway:
    """The application: http/http1.py calls ``serve``, any ASGI server calls it as ``app(scope, receive, send)``.

    ``parts`` start and stop with it, the last part first. ``trusted_proxies`` are the
    proxies whose headers tell the caller's address. ``origins`` are the rules for requests of web pages. ``stored`` is
    the control plane's database, None without one; ``database`` is its name for people; ``admin`` is the admin API,
    None where that is off; ``metrics`` the page of metrics, None where it is off or has a port of its own. ``replicas``
    says what this process shares with others. ``contents`` says which requests are logged with their bodies, None:
    none; ``log`` is the request log, None without one. ``is_reserved``: a path that is never a provider's, as those of
    the admin API where that is off.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        records: Records,
        limits: RequestLimits,
        parts: Sequence[Part] = (),
        trusted_proxies: TrustedProxies = NOBODY,
        origins: Origins | None = None,
        stored: Stored | None = None,
        database: str = "none",
        admin: Mounted | None = None,
        metrics: MetricsPage | None = None,
        replicas: Shared | None = None,
        contents: ContentRule | None = None,
        log: Losing | None = None,
        is_reserved: Callable[[str], bool] = bool,
    ) -> None:
        self.contents = contents
        self.origins = origins or Origins()
        self.stored = stored
        self.admin = admin
        self.metrics = metrics
        self.database = database
        self.tracing: Tracing | None = None
        """How traces are followed; None where no spans are made."""
        self.key_holder: KeyHolder | None = None
        """Answers holders of gateway keys at /penstock/me."""
        self.sessions = Sessions(Realtime())
        """The sessions over WebSocket."""
        self._used_keys = {} if stored is None else stored.used_keys
        self.pipeline = pipeline
        self.records = records
        self.limits = limits
        self.budget = BodyBudget(limits.caller.buffered_bytes)
        self.connections = ConnectionCount(limits.caller.connections, limits.caller.connections_per_address)
        self._parts = parts
        self._is_reserved = is_reserved
        self._trusted_proxies = trusted_proxies
        self._has_proxies = bool(trusted_proxies)
        self.pages = Pages(stored, replicas, has_metrics=metrics is not None, log=log)

    @property
    def is_guarded(self) -> bool:
        """Whether callers need a gateway key."""
        return self.pipeline.compiler.is_guarded

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            raw_path = scope.get("raw_path") or b""
            client = AsgiClient(
                receive, send, scope.get("client"), self.limits.caller, self.budget, raw_path,
                is_head=scope["method"] == "HEAD",
            )  # fmt: skip
            query = scope.get("query_string", b"").decode("latin-1")
            try:
                await self.serve(scope["method"], scope["path"], list(scope["headers"]), client, query)
            finally:
                client.release()
        elif scope["type"] == "websocket":
            # Before it is accepted: the server answers with 403. Only the gateway's own server has sessions.
            await send({"type": "websocket.close", "code": 1011, "reason": "run the gateway with 'penstock serve'"})
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)

    def serve(
        self,
        method: str,
        path: str,
        headers: Headers,
        client: Client,
        query: str = "",
        fields: Mapping[bytes, bytes] | None = None,
        memo: HeadMemo | None = None,
    ) -> Coroutine[Any, Any, None]:
        """Answer one request. ``path`` is percent-decoded, ``query`` is not. ``fields`` are ``headers`` by name;
        ``memo`` is what earlier requests with the same head have left, None for a head that was not seen before."""
        fields = fields or dict(headers)
        if self.origins.has_cors:
            preflight = self.origins.preflight(method, fields)
            if preflight is not None and self._refused_page(fields) is None:
                return send_whole(client, 200, preflight, b"")
            client = with_headers(client, self.origins.cors(fields))
        if method == "HEAD":
            method, client = "GET", without_body(client)
        if memo is not None and memo.head is not None:
            context = self._context(method, path, memo.head.surface.dialect, headers, client, fields)
            return accounted(context, self._answer(memo.head, context, memo))
        came_as = headers
        headers, fields, query = with_query_key(headers, fields, query)
        match, name, rest = self._find(method, path)
        if match is not None and not isinstance(match, str):
            match = in_callers_wire(match, fields, query)
            if match.surface.operation.is_proxy:
                match = as_it_came(match, client.raw_path)
            if match.surface.operation.is_session:
                headers, fields = with_protocol_key(headers, fields)
            head = RequestHead(match, rest, query, name, fields, self.origins)
            if memo is not None and headers is came_as:
                memo.head = head
            context = self._context(method, path, head.surface.dialect, headers, client, fields)
            return accounted(context, self._answer(head, context))
        return self._serve_other(method, path, (match, name, rest), query, headers, client, fields)

    def _serve_other(
        self,
        method: str,
        path: str,
        found: tuple[str | None, str | None, str],
        query: str,
        headers: Headers,
        client: Client,
        fields: Mapping[bytes, bytes],
    ) -> Coroutine[Any, Any, None]:
        """``serve`` at a path that is no surface's: the admin API, pages, explanations, and what there isn't. ``found``
        is what ``_find`` gave."""
        match, name, rest = found
        if self.admin is not None and self.admin.serves(rest) and not is_telemetry(method, rest, fields):
            # Web pages need no further look: nothing there answers without a key.
            context = self._context(method, path, DEFAULT_DIALECT, headers, client, fields)
            limits = self.limits
            administering = serve_mounted(
                self.admin, context, (method, rest, query), limits.body_bytes, limits.body_silence
            )
            return accounted(context, administering)
        if (page_refused := self._refused_page(fields)) is not None:
            context = self._context(method, path, dialect_of(rest), headers, client, fields)
            return accounted(context, context.refuse(page_refused))
        if match is None and self.pages.has(rest) and method == "GET":
            if rest in {METRICS, me.PATH}:
                context = self._context(method, path, DEFAULT_DIALECT, headers, client, fields)
                return self._show_metrics(context) if rest == METRICS else self._tell_holder(context)
            status, page_headers, body = self.pages.page(rest)
            return send_whole(client, status, page_headers, body)
        context = self._context(method, path, dialect_of(rest), headers, client, fields)
        if method == "POST" and (answered := self._answer_body(rest, name, context)) is not None:
            return accounted(context, answered)
        failure, page_headers = self.pages.missing(rest, method, match)
        if b"sec-websocket-key" in fields:
            failure = Failure(Kind.NOT_IMPLEMENTED, _NO_SOCKET)
        return accounted(context, context.refuse(failure, page_headers))

    def _answer_body(self, path: str, name: str | None, context: RequestContext) -> Coroutine[Any, Any, None] | None:
        """Serve a page that reads a body; None where there is none at this path."""
        router = self.pipeline.router
        if path == explain.PATH:
            return self._answer_page(
                context, lambda caller, body: explain.answer(router, caller, context.headers, body, name)
            )
        guarding = router.guarding
        if path == guard_check.PATH and guarding is not None and guarding.answers_checks:
            return self._answer_page(context, lambda _, body: guard_check.answer(guarding, context, body))
        if is_telemetry("POST", path, context.fields):
            from penstock.server.pages import client_telemetry

            return self._answer_page(context, lambda _, __: client_telemetry.answer(context.fields), BodyKind.ANY)
        return None

    def _find(self, method: str, path: str) -> tuple[Match | str | None, str | None, str]:
        """The surface of a request, the name before its path, and the path without the name."""
        match, name, rest = find(method, path)
        if match is None and not self._is_own(rest) and not_built(rest) is None:
            match = passed(method, rest, explain.PATH)
        return match, name, rest

    def _is_own(self, path: str) -> bool:
        """Whether the gateway itself answers at a path, which is no provider's then."""
        is_page = path in {explain.PATH, guard_check.PATH} or path in TELEMETRY or self.pages.has(path)
        return is_page or self._is_reserved(path)

    async def _show_metrics(self, context: RequestContext) -> None:
        """The page of metrics. Like the other pages it makes no record, unless it is refused."""
        if self.metrics is None:
            return
        refused = await self.metrics.refused(context.fields, context.account.address) if self.is_guarded else None
        if refused is not None:
            await accounted(context, context.refuse(refused))
            return
        status, headers, body = await self.metrics.page(context.fields)
        await send_whole(context.client, status, headers, body)

    async def _tell_holder(self, context: RequestContext) -> None:
        """Tell the holder of a gateway key what it may know of it. No record is made, unless it is refused."""
        if self.key_holder is None:
            return
        catalogue = self.pipeline.compiler.catalogues.current
        answer = await me.answer(self.key_holder, catalogue, context, time.time_ns() // 1000)
        if isinstance(answer, Failure):
            await accounted(context, context.refuse(answer))
            return
        status, headers, body = answer
        await send_whole(context.client, status, [*headers, *context.ids()], body)

    def _refused_page(self, fields: Mapping[bytes, bytes]) -> Failure | None:
        """The failure if the request may come from a foreign web page. With gateway keys it can't: it needs a key."""
        return None if self.is_guarded else self.origins.refused(fields)

    async def refuse(self, method: str, path: str, headers: Headers, client: Client, failure: Failure) -> None:
        """Answer a request that the server's protocol refuses, in the dialect of its path, and record it."""
        context = self._context(method, path, dialect_of(path), headers, client, dict(headers))
        await accounted(context, context.refuse(failure))

    def _context(
        self,
        method: str,
        path: str,
        dialect: CallerDialect,
        headers: Headers,
        client: Client,
        fields: Mapping[bytes, bytes],
    ) -> RequestContext:
        """The context of one request, and its account with all that the head says of the caller."""
        account = Account(self.records, method, path)
        account.is_head = type(client) is WithoutBody
        context = RequestContext(account, dialect, headers, client, fields)
        if self._has_proxies:
            account.address = self._trusted_proxies.source(client.address, headers)
        if self.tracing is not None:
            account.trace_context = self.tracing.context(headers, context.fields, context.trace)
        named = context.fields.get(b"x-portkey-virtual-key")
        if named is not None:
            name = named.decode("utf-8", "replace").removeprefix("@")
            account.virtual_key = name if name in self.pipeline.compiler.catalogues.current.virtual_keys else None
        return context

    async def _answer_page(
        self,
        context: RequestContext,
        answer: Callable[[Caller, bytes], Awaitable[tuple[int, Headers, bytes] | Failure]],
        kind: bytes = BodyKind.JSON,
    ) -> None:
        """Serve a page that answers a body: ``answer`` gives status, headers and body. A caller needs a gateway key
        where there are any."""
        caller = authenticate_caller(context, self.pipeline.compiler.catalogues.current, self._used_keys)
        if isinstance(caller, Failure):
            await context.refuse(caller)
            return
        body = content_type_refused(context.fields, kind) or await context.client.read_body(
            context.fields, self.limits.body_bytes, self.limits.body_silence
        )
        answered = body if isinstance(body, Failure) else await answer(caller, body)
        if isinstance(answered, Failure):
            await context.refuse_body(answered)
            return
        status, fields, response_body = answered
        context.begun, context.account.status = True, status
        await send_whole(context.client, status, [*fields, *context.ids()], response_body)

    async def _answer(self, head: RequestHead, context: RequestContext, memo: HeadMemo | None = None) -> None:
        # No body in a local: a stream may last for hours.
        call = self._read_at_once(head, context, memo)
        if call is None or isinstance(call, bytes):
            call = await self._read(head, context, memo, call)
        if not isinstance(call, Call):
            await context.refuse_body(call)
            return
        if call.operation.is_session:
            await self.sessions.serve(self.pipeline, call, context)
            return
        if self.contents is not None:
            self.contents.watch(call, context)
        client, stream_form = context.client, call.dialect.delivery.stream_form
        client.watch()
        if self.limits.keepalive:
            if stream_form is not None:
                context.client = in_form(client, stream_form(head.query))
            await respond_with_comments(self.pipeline, call, context, self.limits.keepalive)
        else:
            answer = context.answer = await self.pipeline.run(call)
            # A stream may last for hours: free the request's body now.
            call.forget_body()
            if stream_form is not None and is_stream(answer.status, answer.headers):
                context.client = in_form(client, stream_form(head.query))
            if (rest := respond(answer, call, context)) is not None:
                await rest
        client.unwatch()

    def _read_at_once(
        self, head: RequestHead, context: RequestContext, memo: HeadMemo | None
    ) -> Call | Failure | bytes | None:
        """The call, if nothing of its body has to be waited for; the failure of a request that is refused before its
        body is read; the body where its surface isn't told by one look; None where the body is to be read. The caller
        is authenticated before that."""
        surface, operation = head.surface, head.surface.operation
        context.account.operation = operation
        caller = authenticate_caller(context, self.pipeline.compiler.catalogues.current, self._used_keys, memo)
        if not isinstance(caller, Caller):
            return caller
        context.caller = caller
        if caller.key is None and head.page_refused is not None:
            return head.page_refused
        refused = self.origins.refused_socket(context.fields) if operation.is_session else None
        if refused is not None or head.refused is not None:
            return refused or head.refused
        body: bytes | None = b""
        if surface.body:
            body = context.client.whole_body(context.fields, self.limits.body_bytes) if surface.takes_json else None
        if body is None or (surface.others and not surface.is_usual(body)):
            return body
        return head.call(surface, context, caller, body, memo)

    async def _read(
        self, head: RequestHead, context: RequestContext, memo: HeadMemo | None, body: bytes | None
    ) -> Call | Failure:
        """The call, whose body is read first, unless it has come; the failure of its body."""
        surface = head.surface
        read = (body, None, None) if body is not None else await read_request_body(surface, context, self.limits)
        if isinstance(read, Failure):
            return read
        body, request, upload = read
        if not surface.is_usual(body):
            surface = await meant_surface(surface, body)
            context.account.operation = surface.operation
            memo = memo if surface is head.surface else None
        return head.call(surface, context, context.caller, body, memo, request, upload)

    def start(self) -> None:
        """Start the parts. Raises what a part's start raises."""
        for part in self._parts:
            part.start()

    async def stop(self) -> None:
        """Stop the parts, the last one first."""
        self.pages.draining = True
        for part in reversed(self._parts):
            await stop_in_time(part)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                keep_trailers_apart()
                self.start()
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                await self.stop()
                await send({"type": "lifespan.shutdown.complete"})
                return
