"""What every ``ReplyStore`` does, whatever it keeps replies in. An implementation adds a parameter to ``shelf``."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import msgspec
import pytest

from penstock.core.usage import Usage
from penstock.stores.base import Entry, ReplyStore
from penstock.stores.memory import MemoryReplyStore
from penstock.stores.redis.connection import RedisConnection
from penstock.stores.redis.guard import RedisGuard
from penstock.stores.redis.replies import RedisReplyStore
from redis_server import RedisServer

LARGEST = 1 << 20


class Shelf(msgspec.Struct):
    """A store under test, which takes entries of up to ``LARGEST`` bytes, and the way to let seconds pass for it."""

    store: ReplyStore
    let_pass: Callable[[float], Awaitable[None]]

    async def found(self, *keys: bytes) -> list[bytes]:
        return [key for key in keys if await self.store.get(key) is not None]


def in_memory() -> Shelf:
    now = 1000.0

    async def let_pass(seconds: float) -> None:
        nonlocal now
        now += seconds

    return Shelf(MemoryReplyStore(8 * LARGEST, LARGEST, lambda: now), let_pass)


@contextlib.asynccontextmanager
async def in_redis(server: RedisServer) -> AsyncIterator[Shelf]:
    organisation = server.organisation()
    guard = RedisGuard(RedisConnection(server.address), 60.0, "the test goes on")

    async def let_pass(seconds: float) -> None:
        server.age(f"penstock:{{{organisation}}}:*", seconds)

    yield Shelf(RedisReplyStore(guard, LARGEST - 1, organisation), let_pass)
    await guard.close()


@pytest.fixture(params=["memory", "redis"])
async def shelf(request: pytest.FixtureRequest) -> AsyncIterator[Shelf]:
    if request.param == "memory":
        yield in_memory()
    else:
        async with in_redis(request.getfixturevalue("redis")) as made:
            yield made


def entry(body: bytes = b"{}") -> Entry:
    return Entry(200, b"application/json", body, False, "m", Usage(1, 2, 3))


@pytest.mark.parametrize(
    "kept",
    [
        entry(),
        entry(b"\x00\xff" * 100),
        Entry(200, b"text/event-stream", b"data: [DONE]\n\n", True, None, None),
        Entry(201, b"", b"", False, "modèle", Usage(0, 0, 0)),
    ],
    ids=["plain", "any bytes", "stream", "empty"],
)
async def test_an_entry_comes_back_as_it_was_put(shelf: Shelf, kept: Entry) -> None:
    await shelf.store.put(b"k", kept, 60.0)
    stored = await shelf.store.get(b"k")
    assert stored is not None
    assert stored.entry == kept


async def test_a_key_without_entry_has_none(shelf: Shelf) -> None:
    await shelf.store.put(b"k", entry(), 60.0)
    assert await shelf.found(b"", b"other", b"k\x00", b"K") == []


async def test_any_bytes_are_a_key(shelf: Shelf) -> None:
    keys = [b"a", b"\x00\xff\n", b"x" * 200]
    for key in keys:
        await shelf.store.put(key, entry(key), 60.0)
    for key in keys:
        stored = await shelf.store.get(key)
        assert stored is not None
        assert stored.entry.body == key


async def test_a_second_entry_replaces_the_first(shelf: Shelf) -> None:
    await shelf.store.put(b"k", entry(b"1"), 60.0)
    await shelf.let_pass(5.0)
    await shelf.store.put(b"k", entry(b"2"), 60.0)
    stored = await shelf.store.get(b"k")
    assert stored is not None
    assert stored.entry.body == b"2"
    assert stored.age < 5.0


async def test_an_entry_tells_its_age(shelf: Shelf) -> None:
    await shelf.store.put(b"k", entry(), 60.0)
    await shelf.let_pass(7.5)
    stored = await shelf.store.get(b"k")
    assert stored is not None
    assert stored.age >= 7.5


async def test_a_look_up_does_not_extend_the_time_to_live(shelf: Shelf) -> None:
    await shelf.store.put(b"k", entry(), 60.0)
    await shelf.let_pass(50.0)
    assert await shelf.found(b"k") == [b"k"]
    await shelf.let_pass(10.0)
    assert await shelf.found(b"k") == []


async def test_a_replacement_has_a_time_to_live_of_its_own(shelf: Shelf) -> None:
    await shelf.store.put(b"k", entry(), 60.0)
    await shelf.store.put(b"k", entry(), 600.0)
    await shelf.let_pass(500.0)
    assert await shelf.found(b"k") == [b"k"]


@pytest.mark.parametrize("ttl", [0.0, -1.0])
async def test_without_time_to_live_nothing_is_kept_and_nothing_stays(shelf: Shelf, ttl: float) -> None:
    await shelf.store.put(b"k", entry(), 60.0)
    await shelf.store.put(b"k", entry(), ttl)
    assert await shelf.found(b"k") == []


async def test_an_entry_that_is_too_large_leaves_nothing_old_behind(shelf: Shelf) -> None:
    for key in (b"k", b"other"):
        await shelf.store.put(key, entry(), 60.0)
    await shelf.store.put(b"k", entry(b"x" * LARGEST), 60.0)
    assert await shelf.found(b"k", b"other") == [b"other"]
