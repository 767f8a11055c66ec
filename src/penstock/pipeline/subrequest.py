"""Subrequests: small requests that the gateway itself sends while it serves a request (an access token, a model's
profile). Requests that wait for the same subrequest share it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final, Generic, TypeVar

from penstock.core.failure import Failure, Kind
from penstock.core.lru import Lru
from penstock.transport.base import Reply, Request, Transport

T = TypeVar("T")

_LARGEST: Final = 64 << 10


class Subrequests(Generic[T]):
    """Running subrequests, by name."""

    def __init__(self) -> None:
        self._under_way: dict[str, asyncio.Task[T]] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._under_way

    async def run(self, name: str, subrequest: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """The result of the subrequest called ``name``, which is started if it isn't running. A cancelled waiter
        doesn't cancel the subrequest."""
        task = self._under_way.get(name)
        if task is None:
            task = self._under_way[name] = asyncio.create_task(subrequest(), name="subrequest")
            task.add_done_callback(lambda _: self._under_way.pop(name, None))
        return await asyncio.shield(task)


class RememberedSubrequests(Generic[T]):
    """Subrequests whose results are remembered, by name: at most ``most`` of them."""

    def __init__(self, most: int) -> None:
        self._known: Lru[str, tuple[T, float]] = Lru(most)
        self._under_way: Subrequests[T] = Subrequests()

    def known(self, name: str) -> T | None:
        """The remembered result; None if there is none, or no longer."""
        known = self._known.get(name)
        return None if known is None or known[1] < time.monotonic() else known[0]

    async def run(self, name: str, subrequest: Callable[[], Coroutine[Any, Any, tuple[T, float]]]) -> T:
        """The result of the subrequest called ``name`` (``Subrequests.run``). It comes with the seconds for which it is
        remembered."""

        async def remembered() -> T:
            result, seconds = await subrequest()
            self._known.put(name, (result, time.monotonic() + seconds))
            return result

        return await self._under_way.run(name, remembered)


async def whole(transports: Mapping[str, Transport], request: Request) -> tuple[int, bytes] | Failure:
    """The status and the body of the response, or the failure; a body over ``_LARGEST`` bytes is a failure."""
    reply = await transports[request.origin.scheme].send(request)
    return reply if isinstance(reply, Failure) else await whole_reply(reply)


async def whole_reply(reply: Reply, largest: int = _LARGEST) -> tuple[int, bytes] | Failure:
    """The status and the body of a response, which is closed; a body over ``largest`` bytes is a failure."""
    try:
        body = b""
        while data := await reply.read():
            body += data
            if len(body) > largest:
                return Failure(Kind.INVALID_RESPONSE, "What came back is far too long.", sent=True)
        return (reply.status, body) if reply.failure is None else reply.failure
    finally:
        reply.close()
