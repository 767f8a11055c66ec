"""The way out for checks: one request to another server, under the address policy, within a time and a size."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import msgspec

from penstock.core.address import AddressPolicy
from penstock.core.failure import Failure, Kind
from penstock.core.http import Limits, Url, header_line
from penstock.guards.base import CheckError, OutboundReply, OutboundRequest
from penstock.pipeline.guard_documents import KeptDocuments
from penstock.pipeline.subrequest import whole_reply
from penstock.routing import custom_host
from penstock.transport.base import Request, Transport

_TIMEOUTS = frozenset({Kind.CONNECT_TIMEOUT, Kind.FIRST_BYTE_TIMEOUT, Kind.IDLE_TIMEOUT, Kind.TOTAL_TIMEOUT})


class GuardOutbound(msgspec.Struct, frozen=True):
    """Implements ``guards.base.Outbound``. ``policy`` says which hosts checks may reach: a text of a caller's or of a
    model's may name the host."""

    transports: Mapping[str, Transport]
    policy: AddressPolicy
    caller: str = ""
    documents: KeptDocuments | None = None

    async def send(self, request: OutboundRequest) -> OutboundReply | CheckError:
        prepared = self._prepared(request)
        if isinstance(prepared, CheckError):
            return prepared
        reply = await self.transports[prepared.origin.scheme].send(prepared)
        if isinstance(reply, Failure):
            return _error(reply)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in reply.headers}
        if request.method == "HEAD":
            reply.close()
            return OutboundReply(reply.status, headers, b"")
        read = await whole_reply(reply, request.limit)
        return _error(read) if isinstance(read, Failure) else OutboundReply(read[0], headers, read[1])

    async def fetch(
        self, request: OutboundRequest, seconds: float, *, renews: bool = False
    ) -> OutboundReply | CheckError:
        if self.documents is None:
            return await self.send(request)
        return await self.documents.fetch((self.policy, request), self.send, seconds, renews=renews)

    async def send_all(self, requests: Sequence[OutboundRequest]) -> Sequence[OutboundReply | CheckError]:
        return await asyncio.gather(*(self.send(request) for request in requests))

    def _prepared(self, request: OutboundRequest) -> Request | CheckError:
        url = custom_host.judge(request.url, self.policy)
        if not isinstance(url, Url):
            return CheckError("The address is refused by the gateway's address policy.")
        if url.origin.scheme not in self.transports or url.origin.scheme not in {"http", "https"}:
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


def _error(failure: Failure) -> CheckError:
    """What a check says of a call that failed. The failure's own text may name an address of the operator's."""
    if failure.kind in _TIMEOUTS:
        return CheckError("The other server did not answer in time.", "TimeoutError")
    if failure.kind is Kind.ADDRESS_REFUSED:
        return CheckError("The address is refused by the gateway's address policy.")
    return CheckError(f"The other server can't be asked ({failure.kind.value}).")
