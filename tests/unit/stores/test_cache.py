"""Cached answers in memory: bounded by real bytes, fixed expiry, what was not used for longest goes first."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.usage import Usage
from penstock.stores.cache import Cache, Entry, MemoryCache

FOREVER = 1e9
SMALL = 2000
"""More than a small entry takes, and less than two."""


def entry(body: bytes = b"{}", *, model: str | None = None, stored: float = 0.0, expires: float = FOREVER) -> Entry:
    return Entry(200, b"application/json", body, False, model, Usage(1, 2, 3), stored, expires)


def found(cache: Cache, *keys: bytes, now: float = 0.0) -> list[bytes]:
    return [key for key in keys if cache.get(key, now) is not None]


def test_what_was_put_is_found_until_it_is_replaced() -> None:
    cache = MemoryCache(1 << 20, 1 << 20)
    first, second = entry(b"1" * 1000), entry(b"2")
    cache.put(b"k", first, 0.0)
    assert cache.get(b"k", 0.0) is first
    assert cache.get(b"other", 0.0) is None
    larger = cache.used
    cache.put(b"k", second, 0.0)
    assert cache.get(b"k", 0.0) is second
    assert len(cache) == 1
    assert cache.used == larger - 999


def test_a_hit_does_not_extend_the_expiry() -> None:
    cache = MemoryCache(1 << 20, 1 << 20)
    cache.put(b"k", entry(expires=10.0), 0.0)
    assert found(cache, b"k", now=9.9) == [b"k"]
    assert found(cache, b"k", now=10.0) == []
    assert (len(cache), cache.used) == (0, 0)


def test_what_has_expired_already_is_not_kept() -> None:
    cache = MemoryCache(1 << 20, 1 << 20)
    cache.put(b"k", entry(expires=10.0), 10.0)
    assert len(cache) == 0


def test_what_was_not_used_for_longest_goes_first() -> None:
    cache = MemoryCache(3 * SMALL, SMALL)
    body = b"x" * 1200
    for key in (b"1", b"2", b"3"):
        cache.put(key, entry(body), 0.0)
    assert found(cache, b"1") == [b"1"]
    cache.put(b"4", entry(body), 0.0)
    assert found(cache, b"1", b"2", b"3", b"4") == [b"1", b"3", b"4"]


def test_one_large_entry_may_push_out_several() -> None:
    cache = MemoryCache(10_000, 10_000)
    for number in range(5):
        cache.put(b"%d" % number, entry(b"x" * 1000), 0.0)
    cache.put(b"large", entry(b"x" * 7000), 0.0)
    assert found(cache, b"0", b"1", b"2", b"3", b"4", b"large") == [b"4", b"large"]


def test_what_is_too_large_is_not_kept_and_leaves_nothing_old_behind() -> None:
    cache = MemoryCache(1 << 20, SMALL)
    for key in (b"k", b"other"):
        cache.put(key, entry(), 0.0)
    cache.put(b"k", entry(b"x" * SMALL), 0.0)
    assert found(cache, b"k", b"other") == [b"other"]


def test_what_is_larger_than_the_whole_cache_pushes_nothing_out() -> None:
    cache = MemoryCache(2 * SMALL, 1 << 20)
    cache.put(b"k", entry(), 0.0)
    cache.put(b"large", entry(b"x" * 2 * SMALL), 0.0)
    assert found(cache, b"k", b"large") == [b"k"]


@pytest.mark.parametrize("max_entry_bytes", [0, 1 << 20])
def test_no_bytes_keep_nothing(max_entry_bytes: int) -> None:
    cache = MemoryCache(0, max_entry_bytes)
    cache.put(b"k", entry(b""), 0.0)
    assert (len(cache), cache.used, cache.get(b"k", 0.0)) == (0, 0, None)


KEYS = st.sampled_from([b"a", b"b", b"c", b"d"])
PUTS = st.tuples(KEYS, st.integers(0, 3000), st.integers(0, 20))


@given(st.lists(st.one_of(KEYS, PUTS), max_size=60))
def test_the_count_is_true_and_bounded_whatever_happens(steps: list[bytes | tuple[bytes, int, int]]) -> None:
    cache = MemoryCache(3 * SMALL, 2 * SMALL)
    for now, step in enumerate(steps):
        if isinstance(step, bytes):
            kept = cache.get(step, now)
            assert kept is None or kept.expires > now
        else:
            key, size, life = step
            cache.put(key, entry(b"x" * size, expires=now + life), now)
        assert cache.used <= 3 * SMALL
    for key in (b"a", b"b", b"c", b"d"):
        cache.get(key, FOREVER)
    assert (len(cache), cache.used) == (0, 0)


@pytest.mark.parametrize("size", [0, 300, 20_000])
@pytest.mark.parametrize("model", ["gpt-4o-mini", "\N{MUSICAL SYMBOL G CLEF}" * 200])
def test_the_memory_that_it_takes_is_what_it_counts(size: int, model: str) -> None:
    """Every object of an entry is made anew, as an answer's are; three times what fits is put."""
    limit = 1 << 20
    cache = MemoryCache(limit, limit)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for number in range(3 * limit // (size + 600)):
            prompt, completion, total = (1000 * number + count for count in range(3))
            made = Entry(
                200, b"text/plain; n=%d" % number, b"%d" % number + b"x" * size, False, f"{model}{number}",
                Usage(prompt, completion, total), number + 0.5, number + FOREVER,
            )  # fmt: skip
            cache.put(b"%032d" % number, made, float(number))
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert cache.used > 0.9 * limit
    assert 0.7 * limit < after - before < 1.3 * limit
