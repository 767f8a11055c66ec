"""What a credential is that is more than a fixed header: it signs each request, or shows a token that soon expires.

A signer does no I/O. It says which request fetches its token and reads the answer; ``pipeline/authorize.py`` sends it,
remembers the token and asks for the next one in time. Only where a library insists on fetching for itself (the
credential chains of AWS and Google) is that a blocking call, ``fetch``, for a thread.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

from penstock.core.failure import Failure
from penstock.core.http import Origin, Url
from penstock.core.secret import Secret


class Outgoing(msgspec.Struct, frozen=True):
    """A request that is about to leave. ``headers`` are whole lines, ``address`` is path and query as sent."""

    method: bytes
    origin: Origin
    address: bytes
    headers: bytes
    body: bytes

    @property
    def url(self) -> str:
        return f"{self.origin.scheme}://{self.origin.authority}{self.address.decode('latin-1')}"


class Token(msgspec.Struct, frozen=True):
    """A credential for a while. ``expires`` is in seconds since 1970; ``key_id`` and ``session`` are AWS's."""

    secret: Secret
    expires: float
    key_id: str = ""
    session: Secret = Secret("")


class TokenRequest(msgspec.Struct, frozen=True):
    """How a token is asked for."""

    url: Url
    headers: bytes
    body: bytes
    method: bytes = b"POST"


class Signer(Protocol):
    """Credentials of one caller, or of the gateway itself.

    ``identity`` tells them apart and shows nothing of them. ``is_own``: they are the gateway's own identity, and never
    go to a host that a caller names. ``fetch`` gets a token where a library must do it, else None. ``is_costly``:
    the private key takes milliseconds to sign, so ``token_request`` and ``lines`` are work for a thread.
    """

    @property
    def identity(self) -> str: ...

    @property
    def is_own(self) -> bool: ...

    @property
    def is_costly(self) -> bool: ...

    @property
    def fetch(self) -> Callable[[], Token | Failure] | None: ...

    def token_request(self, now: float) -> TokenRequest | Failure | None:
        """The request for a token; None when it needs none, or has ``fetch``."""
        ...

    def read_token(self, status: int, body: bytes, now: float) -> Token | Failure:
        """What came of it."""
        ...

    def lines(self, request: Outgoing, token: Token | None) -> bytes:
        """The header lines that prove who calls. Raises ValueError when one can't be a header."""
        ...
