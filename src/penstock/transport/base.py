"""The one door to providers: ``send(Request) -> Reply | Failure``.

http1.py is the real network, echo/ the built-in provider; a test or another client fits behind the same door.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol, runtime_checkable

import msgspec

from penstock.core.failure import Failure
from penstock.core.http import Headers, Limits, Origin


class Upload(Protocol):
    """The rest of a request's body, read while it is sent. ``rest`` are its bytes, -1 if nobody says how many."""

    @property
    def rest(self) -> int: ...

    async def read(self) -> bytes | Failure:
        """The next bytes; ``b""`` at the end; the failure of a body that came to none."""
        ...


class Request(msgspec.Struct):
    """One upstream call.

    ``target`` is the origin-form request target (path and query). ``headers`` is a serialised block of
    ``name: value CRLF`` lines that was checked when it was built; the transport adds Host, Content-Length and
    nothing else. ``body`` is sent as it is.

    ``caller`` is the key or address of the caller, whose look-ups of host names have a share of their own. ``fresh``
    asks for a new connection: the last attempt found that its own had been closed by the provider. ``switches``: the
    request asks for another protocol, and a reply of status 101 is a ``Switched``. ``upload`` follows ``body``.
    """

    origin: Origin
    method: bytes
    target: bytes
    headers: bytes
    body: bytes
    limits: Limits
    caller: str = ""
    fresh: bool = False
    switches: bool = False
    upload: Upload | None = None


class Reply(Protocol):
    """A response whose head has arrived; the body is read piece by piece.

    ``headers`` have lower-case names, hop-by-hop and framing headers included as received.
    """

    status: int
    headers: Headers

    @property
    def failure(self) -> Failure | None:
        """Why the body ended early; None while it is still coming and after a complete one."""
        ...

    async def read(self) -> bytes:
        """The next bytes of the body as they arrive; ``b""`` at its end, complete or not (see ``failure``)."""
        ...

    def close(self) -> None:
        """Give the reply up: an unfinished one closes its connection at once. Harmless when called again."""
        ...


@runtime_checkable
class Switched(Reply, Protocol):
    """A reply of status 101: from now on the connection carries bytes of another protocol, both ways. Its body is what
    the provider sends; no time limit is left."""

    def write(self, data: bytes) -> Awaitable[None] | None:
        """Send bytes. Returns what to await before the next, if the provider reads more slowly than they come."""
        ...


Take = Callable[[bytes], Awaitable[None] | None]
"""Takes the next bytes of a body, and returns what to await before the next, if there is anything."""


def pass_on(reply: Reply, take: Take, take_known: Take | None = None) -> Awaitable[None]:
    """Hand the rest of a reply's body to ``take`` as it arrives, to its end (see ``Reply.failure``). What ``take``
    raises is raised here. The reply's headers may be gone afterwards.

    A reply with a method ``pass_on(take)`` does so by itself, in the turn of the event loop in which the bytes arrive.
    One with a method ``pass_on_known(take, take_known)`` hands what it knows to be whole events with an answer's text
    to ``take_known``.
    """
    if take_known is not None:
        knowing: Callable[[Take, Take], Awaitable[None]] | None = getattr(reply, "pass_on_known", None)
        if knowing is not None:
            return knowing(take, take_known)
    # A look at the attribute: isinstance() with a runtime-checkable protocol takes some microseconds of every stream.
    by_itself: Callable[[Take], Awaitable[None]] | None = getattr(reply, "pass_on", None)
    return _read_on(reply, take) if by_itself is None else by_itself(take)


async def _read_on(reply: Reply, take: Take) -> None:
    while data := await reply.read():
        await hand_on(data, take)


def whole_body(reply: Reply) -> bytes | None:
    """The body of a reply of which nothing was read, if all of it has come with its head; it can still be read. A reply
    with a method ``whole()`` tells it; of any other it isn't known."""
    whole: Callable[[], bytes | None] | None = getattr(reply, "whole", None)
    return None if whole is None else whole()


async def hand_on(data: bytes, take: Take) -> None:
    """Hand one piece to ``take``, and return when the next may follow."""
    full = take(data)
    if full is not None:
        await full


class Transport(Protocol):
    """Something that carries a request to a provider."""

    def send(self, request: Request) -> Coroutine[Any, Any, Reply | Failure]:
        """Send the request and wait for the response head.

        Expected failures are returned. Cancelling the caller closes the upstream connection at once.
        """
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...
