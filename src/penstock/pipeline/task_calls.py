"""A task in a host's own wire (dialects/task_dialect.py): its requests are sent, their replies are read as one.

Some hosts take one text a request: then several requests are under way at a time. The first reply that is no answer
stands for all, and the others are given up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from penstock.core.failure import Failure
from penstock.dialects.caller import JSON
from penstock.dialects.task_dialect import ReadReplies, WholeReply
from penstock.pipeline.off_loop.thread import LARGE, off_loop
from penstock.pipeline.replies.wrapped_reply import WrappedReply, headers_for, unusable
from penstock.transport.base import Reply, Request

_AT_ONCE: Final = 8
"""Requests of one task that are under way at a time."""
_LARGEST: Final = 32 << 20
"""Bytes of all replies of one task: 2,048 vectors of 3,072 numbers have about as many."""

Send = Callable[[Request], Awaitable[Reply | Failure]]


async def send_each(requests: Sequence[Request], send: Send, provider: str) -> Reply | Failure:
    """Send all requests of a task. The reply holds all replies, or is the first one that is no answer."""
    room = asyncio.Semaphore(_AT_ONCE)

    async def ask(request: Request) -> Reply | Failure | WholeReply:
        async with room:
            reply = await send(request)
            if isinstance(reply, Failure) or not 200 <= reply.status < 300:
                return reply
            return await _whole(reply, _LARGEST // len(requests), provider)

    tasks = [asyncio.ensure_future(ask(request)) for request in requests]
    decisive: Reply | Failure | WholeReply | None = None
    try:
        for task in asyncio.as_completed(tasks):
            decisive = await task
            if not isinstance(decisive, WholeReply):
                return decisive
        wholes = [task.result() for task in tasks]
        return _Wholes([each for each in wholes if isinstance(each, WholeReply)])
    finally:
        for each in tasks:
            each.cancel()
        for other in await asyncio.gather(*tasks, return_exceptions=True):
            if other is not decisive and not isinstance(other, Failure | WholeReply | BaseException):
                other.close()


async def _whole(reply: Reply, limit: int, provider: str) -> WholeReply | Failure:
    """A reply, read to its end."""
    parts, size = [], 0
    try:
        while data := await reply.read():
            parts.append(data)
            size += len(data)
            if size > limit:
                reply.close()
                return unusable(provider, f"sent a reply of more than {limit >> 20} MiB")
    except BaseException:
        reply.close()
        raise
    return WholeReply(reply.headers, b"".join(parts)) if reply.failure is None else reply.failure


class _Wholes:
    """Replies that are whole, as one reply; ``TaskReply`` reads them."""

    status = 200
    failure: Failure | None = None

    def __init__(self, wholes: Sequence[WholeReply]) -> None:
        self.wholes = wholes
        self.headers = wholes[0].headers

    async def read(self) -> bytes:
        return b""

    def close(self) -> None:
        """Nothing is open."""


class TaskReply(WrappedReply):
    """The reply to a task in the caller's wire."""

    def __init__(self, inner: Reply, read: ReadReplies, provider: str) -> None:
        super().__init__(inner, headers_for(inner, JSON))
        self._read = read
        self._provider = provider
        self._own_failure: Failure | None = None
        self._has_begun = False

    @property
    def failure(self) -> Failure | None:
        return self._own_failure or self._inner.failure

    async def read(self) -> bytes:
        if self._has_begun:
            return b""
        self._has_begun = True
        if isinstance(self._inner, _Wholes):
            wholes = self._inner.wholes
        else:
            whole = await _whole(self._inner, _LARGEST, self._provider)
            if isinstance(whole, Failure):
                self._own_failure = whole
                return b""
            wholes = [whole]
        is_large = sum(len(each.body) for each in wholes) > LARGE
        result = await off_loop(lambda: self._read(wholes)) if is_large else self._read(wholes)
        if isinstance(result, Failure):
            self._own_failure = result
            return b""
        return result
