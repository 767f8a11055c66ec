"""Stage, inside an attempt: the header lines of a signer. Requests that need the same access token share one fetch; the
token is remembered."""

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
from penstock.pipeline.off_loop.thread import LARGE, off_loop
from penstock.pipeline.subrequest import Subrequests, whole
from penstock.transport.base import Request, Transport

_EARLY: Final = 60.0
"""Seconds before its expiry at which a token is no longer used: the request itself takes time."""
_REMEMBERED: Final = 4096
_PATIENCE: Final = 30.0


class Proof(msgspec.Struct, frozen=True):
    """The header lines of a signer, and the token in them, if any. ``remembered``: the token was fetched for an earlier
    request."""

    lines: bytes
    token: Token | None = None
    remembered: bool = False


class Authorizer:
    """Makes the header lines of signers. ``transports`` send the requests for access tokens."""

    def __init__(self, transports: Mapping[str, Transport]) -> None:
        self._transports = transports
        self._tokens: Lru[str, Token] = Lru(_REMEMBERED)
        self._asking: Subrequests[Token | Failure] = Subrequests()

    async def lines_for(self, signer: Signer, request: Outgoing) -> Proof | Failure:
        """The header lines for a request, or the failure when no access token can be fetched."""
        try:
            remembered = self._known(signer)
            token = remembered or await self._token(signer)
            if isinstance(token, Failure):
                return token
            is_costly = (token is None and signer.is_costly) or len(request.body) > LARGE
            lines = await off_loop(lambda: signer.lines(request, token)) if is_costly else signer.lines(request, token)
            return Proof(lines, token, remembered is not None)
        except ValueError:
            text = "The credentials hold a line break or another character that can't be sent: send them without."
            return Failure(Kind.INVALID_CONFIG, text, "api_key")

    def refused(self, signer: Signer, proof: Proof) -> bool:
        """The provider refused the token. Returns whether a new token may help: a remembered token may have been
        revoked, so it is forgotten."""
        if proof.remembered and self._tokens.get(signer.identity) is proof.token:
            self._tokens.drop(signer.identity)
        return proof.remembered

    def _known(self, signer: Signer) -> Token | None:
        token = self._tokens.get(signer.identity)
        return token if token is not None and token.expires - _EARLY > time.time() else None

    async def _token(self, signer: Signer) -> Token | Failure | None:
        name = signer.identity
        token_request: TokenRequest | None = None
        if name not in self._asking and signer.fetch is None:
            now = time.time()
            request = (
                await off_loop(lambda: signer.token_request(now)) if signer.is_costly else signer.token_request(now)
            )
            if not isinstance(request, TokenRequest):
                return request
            token_request = request
        return await self._asking.run(name, lambda: self._ask(signer, token_request))

    async def _ask(self, signer: Signer, token_request: TokenRequest | None) -> Token | Failure:
        fetch = signer.fetch
        try:
            async with asyncio.timeout(_PATIENCE):
                token = await (asyncio.to_thread(fetch) if fetch is not None else self._fetched(signer, token_request))
        except TimeoutError:
            return _unavailable(f"no access token came within {_PATIENCE:g} s.")
        if isinstance(token, Token):
            self._tokens.put(signer.identity, token)
        return token

    async def _fetched(self, signer: Signer, token_request: TokenRequest | None) -> Token | Failure:
        if token_request is None:
            return Failure(Kind.CREDENTIAL_REFUSED, "There is nobody to ask for an access token.", "api_key")
        url = token_request.url
        address = f"{url.path or '/'}?{url.query}" if url.query else url.path or "/"
        answer = await whole(
            self._transports,
            Request(
                url.origin,
                token_request.method,
                address.encode(),
                token_request.headers,
                token_request.body,
                Limits(total=_PATIENCE),
            ),
        )
        if isinstance(answer, Failure):
            return _without_token(answer)
        status, body = answer
        token = signer.read_token(status, body, time.time())
        if isinstance(token, Failure) and status in _PASSING:
            return _unavailable(token.message)
        return token


_PASSING: Final = frozenset({408, 429, *range(500, 600)})
"""Statuses of temporary errors, which don't mean that the credentials are wrong."""


def _without_token(failure: Failure) -> Failure:
    """The failure of a request whose token request failed: the request itself wasn't sent."""
    return failure if failure.meaning.retry is RetrySafety.NEVER else _unavailable(failure.message)


def _unavailable(reason: str) -> Failure:
    return Failure(Kind.TOKEN_UNAVAILABLE, f"The access token that the request needs can't be had now: {reason}")
