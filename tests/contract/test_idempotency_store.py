"""What every ``IdempotencyStore`` does: one owner for a key, whose word counts as long as its claim lasts."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
import pytest

from penstock.core.usage import Usage
from penstock.stores.base import Claim, IdempotencyStore, KeptAnswer
from penstock.stores.redis.connection import RedisConnection
from penstock.stores.redis.guard import RedisGuard
from penstock.stores.redis.idempotency import RedisIdempotency
from redis_server import RedisServer

KEY, PRINT = b"\x00key\xff", b"print"
ANSWER = KeptAnswer(200, [(b"content-type", b"a/b"), (b"x", b"\xff")], b"\x00body", "config abc", "m", Usage(1, 2, 3))
LARGEST = 1000


class Shelf(msgspec.Struct):
    """A store under test, and the server that it is on."""

    store: IdempotencyStore
    server: RedisServer
    pattern: str

    def let_pass(self, seconds: float) -> None:
        self.server.age(self.pattern, seconds)

    async def owned(self, key: bytes = KEY) -> str:
        claim = await self.store.claim(key, PRINT)
        assert claim is not None
        assert claim.owner
        return claim.owner

    async def found(self, key: bytes = KEY) -> Claim | None:
        """What another process is told, which asks with another request."""
        return await self.store.claim(key, b"other")


@pytest.fixture
async def shelf(redis: RedisServer) -> AsyncIterator[Shelf]:
    organisation = redis.organisation()
    guard = RedisGuard(RedisConnection(redis.address), 60.0, "the test goes on")
    yield Shelf(RedisIdempotency(guard, LARGEST, organisation), redis, f"penstock:{{{organisation}}}:*")
    await guard.close()


async def test_the_first_claim_has_an_owner_and_the_next_one_waits(shelf: Shelf) -> None:
    first = await shelf.owned()
    assert await shelf.found() == Claim(PRINT)
    assert await shelf.owned(b"another key") != first


async def test_an_answer_is_kept_for_its_time(shelf: Shelf) -> None:
    await shelf.store.keep(KEY, await shelf.owned(), ANSWER, 600.0)
    shelf.let_pass(590.0)
    assert await shelf.found() == Claim(PRINT, answer=ANSWER)
    shelf.let_pass(10.0)
    await shelf.owned()


async def test_a_released_key_is_free(shelf: Shelf) -> None:
    await shelf.store.release(KEY, await shelf.owned())
    await shelf.owned()


async def test_an_answer_that_is_too_large_frees_its_key(shelf: Shelf) -> None:
    large = msgspec.structs.replace(ANSWER, body=b"x" * (LARGEST + 1))
    await shelf.store.keep(KEY, await shelf.owned(), large, 600.0)
    await shelf.owned()


async def test_a_claim_ends_unless_it_is_renewed(shelf: Shelf) -> None:
    owner = await shelf.owned()
    shelf.let_pass(shelf.store.lease - 1)
    await shelf.store.renew(KEY, owner)
    shelf.let_pass(shelf.store.lease - 1)
    assert await shelf.found() == Claim(PRINT)
    shelf.let_pass(1)
    await shelf.owned()


async def test_who_has_lost_a_claim_changes_nothing(shelf: Shelf) -> None:
    lost = await shelf.owned()
    shelf.let_pass(shelf.store.lease)
    owner = await shelf.owned()
    await shelf.store.renew(KEY, lost)
    await shelf.store.release(KEY, lost)
    await shelf.store.keep(KEY, lost, ANSWER, 600.0)
    assert await shelf.found() == Claim(PRINT)
    await shelf.store.keep(KEY, owner, ANSWER, 600.0)
    await shelf.store.release(KEY, owner)
    assert await shelf.found() == Claim(PRINT, answer=ANSWER)


async def test_a_store_that_is_down_raises_nothing(shelf: Shelf) -> None:
    owner = await shelf.owned()
    shelf.server.kill()
    try:
        assert await shelf.found() is None
        await shelf.store.renew(KEY, owner)
        await shelf.store.keep(KEY, owner, ANSWER, 60.0)
        await shelf.store.release(KEY, owner)
    finally:
        shelf.server.start()
