"""Sends requests to providers, signed where the provider needs it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from time import monotonic
from typing import Any, Final

import msgspec

from penstock.auth.signer import Outgoing, Signer
from penstock.core.failure import Failure, Kind
from penstock.pipeline.authorize import Authorizer, Proof
from penstock.pipeline.deadline import shortened
from penstock.pipeline.models.model_alias import ModelAliases
from penstock.transport.base import Reply, Request, Transport

_NO_WAIT: Final = 0.001
_UNAUTHORIZED: Final = 401


class Upstream(msgspec.Struct, frozen=True):
    """Sends requests to providers. ``model_aliases`` resolves aliases (an inference profile's ARN) to models."""

    transports: Mapping[str, Transport]
    authorizer: Authorizer
    model_aliases: ModelAliases

    def send(self, request: Request, signer: Signer | None) -> Coroutine[Any, Any, Reply | Failure]:
        """Send a request, signed if there is a signer."""
        transport = self.transports[request.origin.scheme]
        return transport.send(request) if signer is None else self._send_signed(request, signer, transport)

    async def _send_signed(self, request: Request, signer: Signer, transport: Transport) -> Reply | Failure:
        """If the provider refuses a remembered token with 401, the request is sent once more with a new token."""
        began = monotonic()
        proof = await self._authorized(request, signer)
        if isinstance(proof, Failure):
            return proof
        reply = await transport.send(_with_proof(request, proof, began))
        if isinstance(reply, Failure) or reply.status != _UNAUTHORIZED or not self.authorizer.refused(signer, proof):
            return reply
        reply.close()
        renewed = await self._authorized(_with_proof(request, None, began), signer)
        return renewed if isinstance(renewed, Failure) else await transport.send(_with_proof(request, renewed, began))

    async def _authorized(self, request: Request, signer: Signer) -> Proof | Failure:
        """The header lines of the signer. A token must arrive within the request's ``first_byte`` limit."""
        outgoing = Outgoing(request.method, request.origin, request.target, request.headers, request.body)
        limit = request.limits.first_byte
        try:
            async with asyncio.timeout(limit or None):
                return await self.authorizer.lines_for(signer, outgoing)
        except TimeoutError:
            text = f"The access token that the request needs did not come within {limit:g} s (first_byte_timeout)."
            return Failure(Kind.FIRST_BYTE_TIMEOUT, text, sent=False)


def _with_proof(request: Request, proof: Proof | None, began: float) -> Request:
    """The request with the header lines of the proof, its ``first_byte`` limit cut by the time since ``began``."""
    limits, waited = request.limits, monotonic() - began
    if limits.first_byte and waited > _NO_WAIT:
        limits = shortened(limits, first_byte=max(limits.first_byte - waited, _NO_WAIT))
    lines = b"" if proof is None else proof.lines
    return msgspec.structs.replace(request, headers=request.headers + lines, limits=limits)
