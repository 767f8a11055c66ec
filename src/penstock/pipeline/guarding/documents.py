"""Documents of other servers that checks read again and again, such as sets of keys: each is asked for once.

Whoever asks for the same document at the same time waits for the same call. A good reply is kept for as long as the
check says, an error for half a minute, so that a server that is away costs no request its time limit each.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from penstock.core.address import AddressPolicy
from penstock.guards.base import CheckError, OutboundReply, OutboundRequest

_MOST: Final = 256
_ERROR_SECONDS: Final = 30.0
_RENEWED_SECONDS: Final = 30.0
"""An unknown key makes a set be asked for again, and not more often than this."""

Asked = tuple[AddressPolicy, OutboundRequest]
Send = Callable[[OutboundRequest], Awaitable[OutboundReply | CheckError]]


class _Document(msgspec.Struct):
    reply: OutboundReply | CheckError
    asked: float
    ends: float


class KeptDocuments:
    """The documents of one process. ``clock`` counts seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._documents: OrderedDict[bytes, _Document] = OrderedDict()
        self._asking: dict[bytes, asyncio.Task[OutboundReply | CheckError]] = {}

    async def fetch(
        self, asked: Asked, send: Send, seconds: float, *, renews: bool = False
    ) -> OutboundReply | CheckError:
        """The reply to a request, asked for where none is kept. ``renews``: a kept one doesn't do, unless it is new."""
        key, now = _key(asked), self._clock()
        known = self._documents.get(key)
        if known is not None and now < known.ends and not (renews and now - known.asked >= _RENEWED_SECONDS):
            return known.reply
        task = self._asking.get(key)
        if task is None:
            task = self._asking[key] = asyncio.ensure_future(self._ask(key, asked[1], send, seconds))
            task.add_done_callback(lambda _: self._asking.pop(key, None))
        # A check that is given up leaves the call to those who wait with it.
        return await asyncio.shield(task)

    async def _ask(
        self, key: bytes, request: OutboundRequest, send: Send, seconds: float
    ) -> OutboundReply | CheckError:
        reply = await send(request)
        is_good = isinstance(reply, OutboundReply) and 200 <= reply.status < 300
        now = self._clock()
        self._documents[key] = _Document(reply, now, now + (seconds if is_good else min(seconds, _ERROR_SECONDS)))
        self._documents.move_to_end(key)
        while len(self._documents) > _MOST:
            self._documents.popitem(last=False)
        return reply


def _key(asked: Asked) -> bytes:
    """What tells documents apart: the body may hold a token, which isn't kept."""
    policy, request = asked
    parts = repr((policy, request.method, request.url, sorted(request.headers.items()), request.body))
    return hashlib.sha256(parts.encode()).digest()
