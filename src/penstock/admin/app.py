"""The admin API as an ASGI application: finds the route, signs the caller in, reads the body, answers every failure."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Mapping
from typing import Any, Final

from sqlalchemy.exc import IntegrityError
from starlette.requests import Request
from starlette.routing import Route, Router

from penstock.admin import idempotency
from penstock.admin.answer import REQUEST_ID, Answer, error, refused
from penstock.admin.prefixes import BASE
from penstock.admin.presented import presented
from penstock.admin.refused_calls import RefusedCalls
from penstock.admin.request_body import Gone, decode, read_body
from penstock.admin.route import AdminCall, AdminRoute
from penstock.control.actor import Actor, Origin
from penstock.control.audit import Entry
from penstock.control.members import is_plain, query_values
from penstock.control.plane import ControlPlane
from penstock.control.refusal import Refusal, Why
from penstock.control.sign_in import sign_in
from penstock.stores.sql.database import DatabaseError
from penstock.stores.sql.ids import random_id

_LOG: Final = logging.getLogger("penstock")
_NOT_GIVEN: Final = frozenset({"NOT_GIVEN", "None", "undefined", "null"})
"""What clients write into a path for an argument that their user forgot."""
_RETRY_SECONDS: Final = 5
_Send = Callable[[dict[str, Any]], Awaitable[None]]
_Receive = Callable[[], Awaitable[Any]]


class AdminApp:
    """The application. ``open_plane`` gives the control plane, again for each call; ``admin_digest`` is the SHA-256 of
    PENSTOCK_ADMIN_KEY, None where it is not set."""

    def __init__(
        self,
        open_plane: Callable[[], Awaitable[ControlPlane]],
        routes: Iterable[AdminRoute],
        admin_digest: bytes | None = None,
    ) -> None:
        self._open_plane = open_plane
        self._admin_digest = admin_digest
        self._refused = RefusedCalls()
        by_path: dict[str, dict[str, AdminRoute]] = {}
        for route in routes:
            by_path.setdefault(route.path, {})[route.method] = route
        paths = sorted(by_path, key=_literals_first)
        self._router = Router(
            [Route(BASE + path, _Endpoint(self, by_path[path])) for path in paths],
            redirect_slashes=False,
            default=_Endpoint(self, {}),
        )

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._router(scope, receive, send)

    async def serve(self, request: Request, receive: _Receive, send: _Send, routes: Mapping[str, AdminRoute]) -> None:
        """Answer one request, whatever happens."""
        request_id = random_id()
        try:
            plane = await self._open_plane()
            answer = await self._answer(plane, request, receive, routes, _origin(request, request_id))
        except Gone:
            return
        except Refusal as refusal:
            answer = refused(refusal)
        except DatabaseError as problem:
            _LOG.error("%s", problem)
            answer = refused(Refusal(Why.UNAVAILABLE, "the database can't be used now", retry_after=_RETRY_SECONDS))
        except IntegrityError:
            answer = refused(Refusal(Why.CONFLICT, "another change came between, or a name is taken: try again"))
        except Exception:
            _LOG.exception("a call of the admin API failed inside the gateway")
            answer = refused(Refusal(Why.DEFECT, f"the gateway failed: its log tells more of request {request_id}"))
        await _respond(answer, request_id, send)

    async def _answer(
        self,
        plane: ControlPlane,
        request: Request,
        receive: _Receive,
        routes: Mapping[str, AdminRoute],
        origin: Origin,
    ) -> Answer:
        if not all(map(is_plain, (request.url.path, *(text for pair in _pairs(request) for text in pair)))):
            raise Refusal(Why.INVALID, "the path or the query holds a character that no name here has")
        route = routes.get(request.method)
        if route is not None and route.is_public:
            actor = Actor("public", "public", origin=origin)
        else:
            shown = presented(request.headers)
            actor = await self._signed_in(plane, shown.text, origin)
            shown.check_forgery(request.method, request.headers)
        if not routes:
            raise Refusal(Why.ABSENT, f"the admin API has no {request.url.path[:200]}")
        if route is None:
            return _wrong_method(request, routes)
        try:
            return await _call(plane, actor, request, receive, route)
        except Refusal as refusal:
            if refusal.why is Why.FORBIDDEN:
                await self._tell(plane, actor, 403, "refused")
            raise

    async def _signed_in(self, plane: ControlPlane, presented: str, origin: Origin) -> Actor:
        try:
            return await sign_in(plane, presented, origin, self._admin_digest)
        except Refusal as refusal:
            status = 403 if refusal.why is Why.FORBIDDEN else 401
            await self._tell(plane, Actor("nobody", "nobody", origin=origin), status, "sign_in")
            raise refusal from None

    async def _tell(self, plane: ControlPlane, actor: Actor, status: int, action: str) -> None:
        """Tell the audit log of a refused call, unless its source was refused too often."""
        source = actor.origin.address or "unknown"
        if self._refused.is_told(source):
            async with plane.change(actor, revises=False) as change:
                change.record(Entry(action, "call", "", actor.workspace_id, status=status))


class _Endpoint:
    """The routes of one path, by their methods."""

    def __init__(self, app: AdminApp, routes: Mapping[str, AdminRoute]) -> None:
        self._app = app
        self._routes = routes

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await self._app.serve(Request(scope), receive, send, self._routes)


async def _call(plane: ControlPlane, actor: Actor, request: Request, receive: _Receive, route: AdminRoute) -> Answer:
    """The answer of a route to a caller who is known. Raises Refusal, Gone and DatabaseError."""
    arguments = _arguments(request)
    actor.require(*route.scopes)
    body = b"" if request.method == "GET" else await read_body(receive, request.headers)
    call = AdminCall(plane, actor, arguments, query_values(_pairs(request)), decode(body), request.headers)
    claim = None
    if request.method == "POST":
        target = f"{request.url.path}?{request.url.query}"
        claim = idempotency.claim(request.headers, presented(request.headers).text, target, body)
    return await route.handler(call) if claim is None else await claim.answer(call, route.handler)


def _pairs(request: Request) -> list[tuple[str, str]]:
    """The names and values of the query."""
    return request.query_params.multi_items()


def _literals_first(path: str) -> tuple[tuple[bool, str], ...]:
    """The order in which paths are tried: ``/api-keys/{id}/rotate`` before ``/api-keys/{type}/{sub_type}``."""
    return tuple((segment.startswith("{"), segment) for segment in path.split("/"))


def _origin(request: Request, request_id: str) -> Origin:
    client = request.client
    return Origin(
        request_id,
        request.method,
        request.url.path[:1024],
        request.url.query[:1024],
        None if client is None else client.host,
    )


def _arguments(request: Request) -> dict[str, str]:
    """The arguments of the path. Raises Refusal for one that the client's user forgot."""
    for name, value in request.path_params.items():
        if value in _NOT_GIVEN:
            raise Refusal(Why.ABSENT, f"the argument {name} is missing: the path says {value} in its place")
    return dict(request.path_params)


def _wrong_method(request: Request, routes: Mapping[str, AdminRoute]) -> Answer:
    allowed = ", ".join(routes)
    message = f"{request.url.path[:200]} takes {allowed}, not {request.method[:16]}"
    return error(405, "AB01", Why.INVALID.value, message, headers={"allow": allowed})


async def _respond(answer: Answer, request_id: str, send: _Send) -> None:
    headers = {"content-type": "application/json", "cache-control": "no-store", "x-content-type-options": "nosniff"}
    headers |= {REQUEST_ID: request_id, **answer.headers}
    if answer.pieces is not None:
        await _stream(answer.status, headers, answer.pieces, send)
        return
    body = answer.encoded()
    await send(_start(answer.status, {**headers, "content-length": str(len(body))}))
    await send({"type": "http.response.body", "body": body})


async def _stream(status: int, headers: Mapping[str, str], pieces: AsyncIterator[bytes], send: _Send) -> None:
    """Send a body in pieces. Their generator is closed at once where the caller leaves: it may hold a connection."""
    closing = contextlib.aclosing(pieces) if isinstance(pieces, AsyncGenerator) else contextlib.nullcontext(pieces)
    async with closing:
        await send(_start(status, headers))
        async for piece in pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def _start(status: int, headers: Mapping[str, str]) -> dict[str, Any]:
    encoded = [(name.encode(), value.encode("latin-1", "replace")) for name, value in headers.items()]
    return {"type": "http.response.start", "status": status, "headers": encoded}
