"""Replies in memory are bounded by real bytes, and the least recently used entry goes first.

What every store of replies does: tests/contract/test_reply_store.py.
"""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.usage import Usage
from penstock.stores.base import Entry, ReplyStore
from penstock.stores.memory import MemoryReplyStore

FOREVER = 1e9
SMALL = 2000
"""More than a small entry takes, and less than two."""


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def read(self) -> float:
        return self.now


def entry(body: bytes = b"{}", *, model: str | None = None) -> Entry:
    return Entry(200, b"application/json", body, False, model, Usage(1, 2, 3))


async def found(store: ReplyStore, *keys: bytes) -> list[bytes]:
    return [key for key in keys if await store.get(key) is not None]


async def test_the_bytes_of_an_entry_that_was_replaced_are_free_again() -> None:
    store = MemoryReplyStore(1 << 20, 1 << 20)
    await store.put(b"k", entry(b"1" * 1000), FOREVER)
    larger = store.used
    await store.put(b"k", entry(b"2"), FOREVER)
    assert len(store) == 1
    assert store.used == larger - 999


async def test_an_entry_lives_until_the_clock_reaches_its_end_and_then_takes_no_bytes() -> None:
    clock = Clock()
    store = MemoryReplyStore(1 << 20, 1 << 20, clock.read)
    await store.put(b"k", entry(), 10.0)
    clock.now = 9.9
    stored = await store.get(b"k")
    assert stored is not None
    assert stored.age == 9.9
    clock.now = 10.0
    assert await found(store, b"k") == []
    assert (len(store), store.used) == (0, 0)


async def test_the_least_recently_used_entry_goes_first() -> None:
    store = MemoryReplyStore(3 * SMALL, SMALL)
    body = b"x" * 1200
    for key in (b"1", b"2", b"3"):
        await store.put(key, entry(body), FOREVER)
    assert await found(store, b"1") == [b"1"]
    await store.put(b"4", entry(body), FOREVER)
    assert await found(store, b"1", b"2", b"3", b"4") == [b"1", b"3", b"4"]


async def test_one_large_entry_may_push_out_several() -> None:
    store = MemoryReplyStore(10_000, 10_000)
    for number in range(5):
        await store.put(b"%d" % number, entry(b"x" * 1000), FOREVER)
    await store.put(b"large", entry(b"x" * 7000), FOREVER)
    assert await found(store, b"0", b"1", b"2", b"3", b"4", b"large") == [b"4", b"large"]


async def test_an_entry_larger_than_the_whole_store_pushes_nothing_out() -> None:
    store = MemoryReplyStore(2 * SMALL, 1 << 20)
    await store.put(b"k", entry(), FOREVER)
    await store.put(b"large", entry(b"x" * 2 * SMALL), FOREVER)
    assert await found(store, b"k", b"large") == [b"k"]


@pytest.mark.parametrize("max_entry_bytes", [0, 1 << 20])
async def test_no_bytes_keep_nothing(max_entry_bytes: int) -> None:
    store = MemoryReplyStore(0, max_entry_bytes)
    await store.put(b"k", entry(b""), FOREVER)
    assert (len(store), store.used, await store.get(b"k")) == (0, 0, None)


KEYS = st.sampled_from([b"a", b"b", b"c", b"d"])
PUTS = st.tuples(KEYS, st.integers(0, 3000), st.integers(0, 20))


@given(st.lists(st.one_of(KEYS, PUTS), max_size=60))
async def test_the_count_is_true_and_bounded_whatever_happens(steps: list[bytes | tuple[bytes, int, int]]) -> None:
    clock = Clock()
    store = MemoryReplyStore(3 * SMALL, 2 * SMALL, clock.read)
    ends: dict[bytes, float] = {}
    for now, step in enumerate(steps):
        clock.now = now
        if isinstance(step, bytes):
            assert await store.get(step) is None or ends[step] > now
        else:
            key, size, life = step
            await store.put(key, entry(b"x" * size), life)
            ends[key] = now + life
        assert store.used <= 3 * SMALL
    clock.now = FOREVER
    assert await found(store, b"a", b"b", b"c", b"d") == []
    assert (len(store), store.used) == (0, 0)


@pytest.mark.parametrize("size", [0, 300, 20_000])
@pytest.mark.parametrize("model", ["gpt-4o-mini", "\N{MUSICAL SYMBOL G CLEF}" * 200])
async def test_the_memory_that_it_takes_is_what_it_counts(size: int, model: str) -> None:
    """Every object of an entry is made anew, as an answer's are; three times what fits is put."""
    limit = 1 << 20
    clock = Clock()
    store = MemoryReplyStore(limit, limit, clock.read)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for number in range(3 * limit // (size + 600)):
            prompt, completion, total = (1000 * number + count for count in range(3))
            made = Entry(
                200, b"text/plain; n=%d" % number, b"%d" % number + b"x" * size, False, f"{model}{number}",
                Usage(prompt, completion, total),
            )  # fmt: skip
            clock.now = number + 0.5
            await store.put(b"%032d" % number, made, FOREVER)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert store.used > 0.9 * limit
    assert 0.7 * limit < after - before < 1.3 * limit
