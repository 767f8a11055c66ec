"""Stage, inside an attempt: the header lines of a signer. Tokens are fetched once for all who wait, and remembered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Final

import msgspec

from penstock.auth.signer import Outgoing, Signer, Token, TokenRequest
from penstock.core.failure import Failure, Kind, RetrySafety
from penstock.core.http import Limits
from penstock.core.lru import Lru
from penstock.pipeline.subrequest import Subrequests, whole
from penstock.transport.base import Request, Transport

_EARLY: Final = 60.0
"""Seconds before its end at which a token is no longer used: a request takes its time."""
_REMEMBERED: Final = 4096
_PATIENCE: Final = 30.0


class Proof(msgspec.Struct, frozen=True):
    """The header lines that show who calls, and the token in them, if any; ``remembered`` from an earlier request."""

    lines: bytes
    token: Token | None = None
    remembered: bool = False


class Authorizer:
    """Proves who calls. ``transports`` are how tokens are asked for."""

    def __init__(self, transports: Mapping[str, Transport]) -> None:
        self._transports = transports
        self._tokens: Lru[str, Token] = Lru(_REMEMBERED)
        self._asking: Subrequests[Token | Failure] = Subrequests()

    async def lines_for(self, signer: Signer, request: Outgoing) -> Proof | Failure:
        """The proof for a request."""
        try:
            known = self._known(signer)
            token = known or await self._token(signer)
            if isinstance(token, Failure):
                return token
            return Proof(signer.lines(request, token), token, known is not None)
        except ValueError:
            text = "The credentials hold a line break or another character that can't be sent: send them without."
            return Failure(Kind.INVALID_CONFIG, text, "api_key")

    def refused(self, signer: Signer, proof: Proof) -> bool:
        """The provider doesn't take this proof. True when another may do: this token was old, so it is forgotten."""
        if proof.remembered and self._tokens.get(signer.identity) is proof.token:
            self._tokens.drop(signer.identity)
        return proof.remembered

    def _known(self, signer: Signer) -> Token | None:
        token = self._tokens.get(signer.identity)
        return token if token is not None and token.expires - _EARLY > time.time() else None

    async def _token(self, signer: Signer) -> Token | Failure | None:
        name = signer.identity
        wanted: TokenRequest | None = None
        if name not in self._asking and signer.fetch is None:
            found = signer.token_request(time.time())
            if not isinstance(found, TokenRequest):
                return found
            wanted = found
        return await self._asking.run(name, lambda: self._ask(signer, wanted))

    async def _ask(self, signer: Signer, wanted: TokenRequest | None) -> Token | Failure:
        fetch = signer.fetch
        try:
            async with asyncio.timeout(_PATIENCE):
                token = await (asyncio.to_thread(fetch) if fetch is not None else self._fetched(signer, wanted))
        except TimeoutError:
            return _unavailable(f"no access token came within {_PATIENCE:g} s.")
        if isinstance(token, Token):
            self._tokens.put(signer.identity, token)
        return token

    async def _fetched(self, signer: Signer, wanted: TokenRequest | None) -> Token | Failure:
        if wanted is None:
            return Failure(Kind.CREDENTIAL_REFUSED, "There is nobody to ask for an access token.", "api_key")
        url = wanted.url
        address = f"{url.path or '/'}?{url.query}" if url.query else url.path or "/"
        answer = await whole(
            self._transports,
            Request(url.origin, wanted.method, address.encode(), wanted.headers, wanted.body, Limits(total=_PATIENCE)),
        )
        if isinstance(answer, Failure):
            return _without_token(answer)
        status, body = answer
        token = signer.read_token(status, body, time.time())
        if isinstance(token, Failure) and status in _PASSING:
            return _unavailable(token.message)
        return token


_PASSING: Final = frozenset({408, 429, *range(500, 600)})
"""Statuses that say nothing against the credentials."""


def _without_token(failure: Failure) -> Failure:
    """What a failed token request means for the request that needs the token: that wasn't sent."""
    return failure if failure.meaning.retry is RetrySafety.NEVER else _unavailable(failure.message)


def _unavailable(why: str) -> Failure:
    return Failure(Kind.TOKEN_UNAVAILABLE, f"The access token that the request needs can't be had now: {why}")
