"""The way out for checks: one request to another server, under the address policy, within a time and a size."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

import msgspec

from penstock.auth import entra, sigv4
from penstock.auth.signer import Signer
from penstock.core.address import AddressPolicy
from penstock.core.failure import Failure, Kind
from penstock.core.http import Limits, Origin, Url, header_line
from penstock.guards.base import (
    CheckError,
    CloudIdentity,
    ModelQuestion,
    ModelReply,
    OutboundReply,
    OutboundRequest,
)
from penstock.pipeline.guarding.breaker import HostBreaker
from penstock.pipeline.guarding.documents import KeptDocuments
from penstock.pipeline.guarding.tasks import GuardTasks
from penstock.pipeline.subrequest import whole_reply
from penstock.pipeline.upstream import Upstream
from penstock.routing import custom_host
from penstock.transport.base import Request

_TIMEOUTS = frozenset({Kind.CONNECT_TIMEOUT, Kind.FIRST_BYTE_TIMEOUT, Kind.IDLE_TIMEOUT, Kind.TOTAL_TIMEOUT})
_BROKEN = frozenset({Kind.CONNECTION_REFUSED, Kind.CONNECTION_CLOSED})
"""Failures of a connection before a byte of the reply came."""
_RESOLVE_SECONDS = 3.0
_FAIR_SECONDS = 1.0
"""A shorter time limit than this says nothing of the server that misses it."""


Knows = Callable[[Origin, str], Awaitable[bool]]
"""(a host, who named it) -> whether its name has an address that may be called."""


class GuardOutbound(msgspec.Struct, frozen=True):
    """Implements ``guards.base.Outbound``. ``policy`` says which hosts checks may reach: a text of a caller's or of a
    model's may name the host. ``environment`` is the operator's, for the gateway's own identity."""

    upstream: Upstream
    policy: AddressPolicy
    caller: str = ""
    breaker: HostBreaker = msgspec.field(default_factory=HostBreaker)
    environment: Mapping[str, str] | None = None
    documents: KeptDocuments | None = None
    models: Callable[[ModelQuestion], Awaitable[ModelReply | CheckError]] | None = None
    telling: GuardTasks | None = None
    knows: Knows | None = None

    async def send(self, request: OutboundRequest) -> OutboundReply | CheckError:
        prepared, signer = self._prepared(request), self._signer(request.identity)
        if isinstance(prepared, CheckError):
            return prepared
        if isinstance(signer, CheckError):
            return signer
        host = f"{self.caller} {prepared.origin}"
        if not self.breaker.enter(host, time.monotonic()):
            return CheckError("The other server fails, or is asked too often, and is not asked for now.")
        reply: OutboundReply | CheckError | None = None
        try:
            reply = await self._sent(prepared, signer, request)
        finally:
            self.breaker.leave(host, time.monotonic(), fails=_fails(reply, request))
        return reply

    async def _sent(
        self, prepared: Request, signer: Signer | None, request: OutboundRequest
    ) -> OutboundReply | CheckError:
        began = time.monotonic()
        reply = await self.upstream.send(prepared, signer)
        if isinstance(reply, Failure) and reply.kind in _BROKEN:
            # A pooled connection may have ended while it was idle, and asking for a judgement twice changes nothing.
            left = request.timeout - (time.monotonic() - began)
            if left > 0:
                again = msgspec.structs.replace(prepared, limits=Limits(left, left, left, left), fresh=True)
                reply = await self.upstream.send(again, signer)
        if isinstance(reply, Failure):
            return _error(reply)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in reply.headers}
        if not request.limit:
            reply.close()
            return OutboundReply(reply.status, headers, b"")
        read = await whole_reply(reply, request.limit)
        return _error(read) if isinstance(read, Failure) else OutboundReply(read[0], headers, read[1])

    def _signer(self, identity: CloudIdentity | None) -> Signer | CheckError | None:
        if identity is None:
            return None
        options = {name: value.reveal() for name, value in identity.options.items() if value.reveal()}
        environment = self.environment if identity.lends_own else None
        if identity.cloud == "aws":
            signer: Signer | Failure | None = sigv4.signer("bedrock", options, None, environment)
        else:
            signer = entra.signer(options, None, environment)
        if signer is None or isinstance(signer, Failure) or (signer.is_own and not identity.lends_own):
            return CheckError("The call can't be signed with these credentials.")
        return signer

    async def fetch(
        self, request: OutboundRequest, seconds: float, *, renews: bool = False
    ) -> OutboundReply | CheckError:
        if self.documents is None:
            return await self.send(request)
        return await self.documents.fetch((self.policy, request), self.send, seconds, renews=renews)

    async def send_all(self, requests: Sequence[OutboundRequest]) -> Sequence[OutboundReply | CheckError]:
        return await asyncio.gather(*(self.send(request) for request in requests))

    def tell(self, request: OutboundRequest) -> bool:
        return self.telling is not None and self.telling.start(self.send(request))

    async def resolves(self, hosts: Sequence[str]) -> Sequence[bool]:
        return await asyncio.gather(*(self._resolves(host) for host in hosts))

    async def _resolves(self, host: str) -> bool:
        url = custom_host.judge(f"https://[{host}]" if ":" in host else f"https://{host}", self.policy)
        if self.knows is None or not isinstance(url, Url):
            return False
        try:
            async with asyncio.timeout(_RESOLVE_SECONDS):
                return await self.knows(url.origin, self.caller)
        except TimeoutError:
            return False

    async def ask_model(self, question: ModelQuestion) -> ModelReply | CheckError:
        return CheckError("no model can be asked here.") if self.models is None else await self.models(question)

    def _prepared(self, request: OutboundRequest) -> Request | CheckError:
        url = custom_host.judge(request.url, self.policy)
        if not isinstance(url, Url):
            return CheckError("The address is refused by the gateway's address policy.")
        if url.origin.scheme not in self.upstream.transports or url.origin.scheme not in {"http", "https"}:
            return CheckError("The address is no http or https URL.")
        try:
            headers = b"".join([header_line(name, value) for name, value in request.headers.items()])
        except ValueError:
            return CheckError("A header can't be sent.")
        target = (url.path or "/") + (f"?{url.query}" if url.query else "")
        limits = Limits(request.timeout, request.timeout, request.timeout, request.timeout)
        return Request(
            url.origin,
            request.method.encode(),
            target.encode("ascii", "replace"),
            headers,
            request.body,
            limits,
            self.caller,
        )


def _fails(reply: OutboundReply | CheckError | None, request: OutboundRequest) -> bool | None:
    """Whether the other server failed; None where nothing is known of it: a wait that was cut short, say."""
    if isinstance(reply, OutboundReply):
        return reply.status >= 500
    if reply is None or (reply.name == "TimeoutError" and request.timeout < _FAIR_SECONDS):
        return None
    return True


def _error(failure: Failure) -> CheckError:
    """What a check says of a call that failed. The failure's own text may name an address of the operator's."""
    if failure.kind in _TIMEOUTS:
        return CheckError("The other server did not answer in time.", "TimeoutError")
    if failure.kind is Kind.ADDRESS_REFUSED:
        return CheckError("The address is refused by the gateway's address policy.")
    return CheckError(f"The other server can't be asked ({failure.kind.value}).")
