"""Documents that checks read again and again: asked for once, kept for a while, errors for a shorter one."""

from __future__ import annotations

import asyncio

from penstock.core.address import AddressPolicy
from penstock.guards.base import CheckError, OutboundReply, OutboundRequest
from penstock.pipeline.guarding.documents import KeptDocuments

REQUEST = OutboundRequest("GET", "https://issuer.example/keys")
ASKED = (AddressPolicy(), REQUEST)


class Server:
    def __init__(self) -> None:
        self.now = 0.0
        self.calls = 0
        self.reply: OutboundReply | CheckError = OutboundReply(200, {}, b"{}")

    async def send(self, _: OutboundRequest) -> OutboundReply | CheckError:
        self.calls += 1
        await asyncio.sleep(0)
        return self.reply


async def test_who_asks_at_the_same_time_waits_for_the_same_call() -> None:
    server = Server()
    kept = KeptDocuments(lambda: server.now)
    await asyncio.gather(*(kept.fetch(ASKED, server.send, 60) for _ in range(5)))
    assert server.calls == 1
    server.now = 59
    await kept.fetch(ASKED, server.send, 60)
    assert server.calls == 1
    server.now = 61
    await kept.fetch(ASKED, server.send, 60)
    assert server.calls == 2


async def test_an_error_is_kept_for_half_a_minute() -> None:
    server = Server()
    server.reply = CheckError("away")
    kept = KeptDocuments(lambda: server.now)
    for now, calls in ((0, 1), (29, 1), (31, 2)):
        server.now = now
        assert isinstance(await kept.fetch(ASKED, server.send, 600), CheckError)
        assert server.calls == calls


async def test_a_document_is_renewed_at_most_twice_a_minute() -> None:
    server = Server()
    kept = KeptDocuments(lambda: server.now)
    for now, calls in ((0, 1), (10, 1), (31, 2), (40, 2)):
        server.now = now
        await kept.fetch(ASKED, server.send, 600, renews=True)
        assert server.calls == calls


async def test_what_one_policy_allows_another_may_not() -> None:
    server = Server()
    kept = KeptDocuments(lambda: server.now)
    await kept.fetch(ASKED, server.send, 60)
    await kept.fetch((AddressPolicy(("issuer.example",)), REQUEST), server.send, 60)
    assert server.calls == 2
