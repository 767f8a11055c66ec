"""``GET /v1/realtime`` with an upgrade: a session over WebSocket, between the caller and one target.

The target is chosen before the upgrade is answered, as for any request: whatever refuses is an ordinary answer. From
then on frames pass unchanged, both ways. Usage is added up from the provider's events. Source: docs/realtime.md.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final, Protocol
from urllib.parse import parse_qsl

from penstock.core.body import Body
from penstock.core.failure import Failure, Kind
from penstock.core.http import Headers
from penstock.core.json_text import write_json
from penstock.dialects.caller import RequestBody
from penstock.pipeline.authenticate import QUERY_KEY
from penstock.pipeline.call import Answer, Call
from penstock.pipeline.open_socket import SUBPROTOCOLS, SWITCHING, offered_protocols
from penstock.pipeline.run import Pipeline
from penstock.server.request_context import RequestContext
from penstock.server.respond import respond
from penstock.server.sessions.socket_bytes import SocketBytes
from penstock.server.sessions.standing import Standing
from penstock.settings.realtime import Realtime
from penstock.transport.base import Switched

_SHOWN_KEY: Final = "openai-insecure-api-key."
"""How the subprotocol begins in which a browser shows its key: it can set no header.
https://platform.openai.com/docs/guides/realtime-websocket"""


class SocketClient(Protocol):
    """The caller's connection, as far as a session needs it beside ``Client``."""

    @property
    def socket(self) -> SocketBytes | None:
        """The bytes that come after the upgrade; None where the server can't switch."""
        ...

    def switch(self, headers: Headers) -> None:
        """Send the head of the response with status 101."""
        ...

    def write_bytes(self, data: bytes) -> asyncio.Future[None] | None:
        """Send bytes of the session. Returns what to await, if the caller reads more slowly than we write."""
        ...


def with_protocol_key(headers: Headers, fields: Mapping[bytes, bytes]) -> tuple[Headers, Mapping[bytes, bytes]]:
    """Headers, and the same by name: the key of a subprotocol stands where a key of the query does."""
    offered = fields.get(SUBPROTOCOLS, b"").decode("latin-1")
    shown = [each.strip() for each in offered.split(",") if each.strip().startswith(_SHOWN_KEY)]
    if not shown or QUERY_KEY in fields:
        return headers, fields
    value = shown[0].removeprefix(_SHOWN_KEY).encode("latin-1")
    return [*headers, (QUERY_KEY, value)], {**fields, QUERY_KEY: value}


class Sessions:
    """The sessions of this process."""

    def __init__(self, settings: Realtime, now: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._now = now
        self._running: Counter[str] = Counter()

    async def serve(self, pipeline: Pipeline, call: Call, context: RequestContext) -> None:
        """Open a session, and relay it to its end."""
        key, refused = _handshake(context)
        if refused is None:
            refused = self._too_many(call)
        if refused is not None:
            await context.refuse(refused)
            return
        client = context.client
        call.request = named = _named(call)
        client.watch()
        tenant = call.caller.tenant
        self._running[tenant] += 1
        try:
            answer = context.answer = await pipeline.run(call)
            if answer.status != SWITCHING or not isinstance(answer.rest, Switched):
                if (rest := respond(answer, call, context)) is not None:
                    await rest
            else:
                standing = Standing(pipeline, call, answer, named)
                await self._relay(answer, answer.rest, key, call, context, standing)
        finally:
            self._running[tenant] -= 1
            if not self._running[tenant]:
                del self._running[tenant]
        client.unwatch()

    def _too_many(self, call: Call) -> Failure | None:
        most = self._settings.max_sessions
        if not most or self._running[call.caller.tenant] < most:
            return None
        text = f"There are {most} sessions already (setting realtime.max_sessions): close one first."
        return Failure(Kind.RATE_LIMIT_EXCEEDED, text)

    async def _relay(
        self,
        answer: Answer,
        upstream: Switched,
        key: str,
        call: Call,
        context: RequestContext,
        standing: Standing,
    ) -> None:
        from websockets.utils import accept_key  # its frames are loaded by the first session: few gateways have one

        from penstock.pipeline.keeping.session_ids import session_ids
        from penstock.server.sessions.realtime_session import Session
        from penstock.server.sessions.socket_end import SocketEnd

        settings, account = self._settings, context.account
        client: SocketClient = context.client  # type: ignore[assignment]
        source, events = client.socket, call.dialect.relay.session
        if source is None or events is None:
            return
        context.begun, account.first_byte, account.status = True, account.elapsed(), SWITCHING
        if answer.attempt is not None:
            answer.attempt.status = SWITCHING
        account.stream = True
        protocol = _chosen_protocol(call)
        chosen = [] if protocol is None else [(SUBPROTOCOLS, protocol.encode("latin-1"))]
        client.switch([*answer.headers, (b"sec-websocket-accept", accept_key(key).encode()), *chosen])
        most, ping, now = settings.max_message_bytes, settings.ping_seconds, self._now
        caller_end = SocketEnd(
            source.read, client.write_bytes, is_caller=True, max_bytes=most, ping_seconds=ping, now=now
        )
        upstream_end = SocketEnd(
            upstream.read, upstream.write, is_caller=False, max_bytes=most, ping_seconds=ping, now=now
        )
        ids = session_ids(call, answer.target, standing.id_secrets)
        session = Session(
            caller_end, upstream_end, answer, events, call.trace, self._now, ids, lambda: context.client.gone
        )
        try:
            await session.run(settings, standing.refusal)
        finally:
            account.failure = session.failure
            answer.broken = session.failure if session.is_providers_fault else None
            if answer.attempt is not None:
                answer.attempt.ended, answer.attempt.failure = account.elapsed(), answer.broken


def _handshake(context: RequestContext) -> tuple[str, Failure | None]:
    """The key of the caller's handshake, and what is wrong with it. Source: RFC 6455, 4.2.1."""
    fields = context.fields
    if fields.get(b"upgrade", b"").lower() != b"websocket":
        return "", _bad(
            "This endpoint is a WebSocket: connect with wss:// (or ws://), as an SDK's realtime client does."
        )
    if getattr(context.client, "socket", None) is None:
        if hasattr(context.client, "socket"):
            return "", _bad(
                "The request does not ask to switch: it needs HTTP/1.1, the header connection: Upgrade, and its path "
                "without a slash at the end. A proxy before the gateway may have taken the header out.",
                "connection",
            )
        text = "This server can't open a WebSocket here: run the gateway with 'penstock serve'."
        return "", Failure(Kind.NOT_IMPLEMENTED, text)
    if fields.get(b"sec-websocket-version") != b"13":
        return "", _bad("The WebSocket's version must be 13.", "sec-websocket-version")
    key = fields.get(b"sec-websocket-key", b"")
    try:
        is_valid = len(base64.b64decode(key, validate=True)) == 16
    except binascii.Error:
        is_valid = False
    return key.decode("latin-1"), None if is_valid else _bad("The key must be 16 bytes in base64.", "sec-websocket-key")


def _bad(text: str, param: str | None = None) -> Failure:
    return Failure(Kind.INVALID_REQUEST, text, param)


def _named(call: Call) -> RequestBody:
    """The request as routing sees it: its query names the model, which Azure's clients call a deployment."""
    pairs = dict(parse_qsl(call.query))
    model = pairs.get("model", pairs.get("deployment"))
    return RequestBody(Body({} if model is None else {"model": write_json(model)}), model, stream=True)


def _chosen_protocol(call: Call) -> str | None:
    """The subprotocol that the caller is answered with, never one that holds a credential."""
    offered = offered_protocols(call)
    return "realtime" if "realtime" in offered else None
