"""Entries in a ring: what another worker finds at any moment."""

from __future__ import annotations

import fcntl
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.stores.kept_entries import KeptEntries, _read

SIZE = 256


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[KeptEntries]:
    entries = KeptEntries(tmp_path, "lines", "own", SIZE)
    entries.open("they are lost")
    yield entries
    entries.carried_out(range(10_000))
    entries.close()


def found(kept: KeptEntries) -> list[bytes]:
    assert kept._ring is not None
    return [*_read(bytes(kept._ring))]


def test_what_is_not_carried_out_is_left(tmp_path: Path, kept: KeptEntries) -> None:
    numbers = [kept.put(each) for each in (b"a", b"bb", b"")]
    kept.carried_out(numbers[:1])
    assert kept._file._file is not None
    fcntl.flock(kept._file._file, fcntl.LOCK_UN)
    ((path, entries),) = KeptEntries(tmp_path, "lines", "other", 0).left()
    assert entries == [b"bb", b""]
    kept.close()
    assert path.exists(), "what is left is not removed"
    kept.carried_out(numbers)
    assert found(kept) == []


def test_an_entry_behind_one_that_is_under_way_stays(kept: KeptEntries) -> None:
    first, second = kept.put(b"first"), kept.put(b"second")
    kept.carried_out([second])
    assert found(kept) == [b"first", b"second"]
    kept.carried_out([first])
    assert found(kept) == []


@given(st.lists(st.tuples(st.integers(0, 90), st.integers(0, 4)), max_size=60))
def test_the_ring_holds_what_fits_in_order(steps: list[tuple[int, int]]) -> None:
    """Entries of any length, of which some are carried out in between: what a reader finds is what waits."""
    kept, ring, waiting = KeptEntries(None, "lines", "own", SIZE), bytearray(SIZE), []
    kept._ring = memoryview(ring)
    kept._head = kept._ring[:16].cast("q")
    kept._put_head()
    for (length, done), byte in zip(steps, itertools.cycle(range(256)), strict=False):
        data = bytes([byte]) * length
        number = kept.put(data)
        if number is not None:
            waiting.append((number, data))
        assert [*_read(bytes(ring))] == [each for _, each in waiting]
        kept.carried_out([each for each, _ in waiting[:done]])
        del waiting[:done]
        assert [*_read(bytes(ring))] == [each for _, each in waiting]
    if not waiting:
        assert kept.put(b"x" * 200) is not None


def test_what_has_no_room_is_not_kept(kept: KeptEntries) -> None:
    assert kept.put(bytes(SIZE)) is None
    assert kept.put(None) is None
    assert found(kept) == []


@pytest.mark.parametrize(
    "data", [b"", b"short", bytes(16) + b"\xff" * 64, (16).to_bytes(8, "little") * 2 + b"\xff" * 9]
)
def test_a_damaged_file_ends_where_it_makes_no_sense(data: bytes) -> None:
    assert [*_read(data)] == []


def test_without_a_folder_nothing_is_kept() -> None:
    entries = KeptEntries(None, "lines", "own", SIZE)
    entries.open("they are lost")
    assert (entries.put(b"a"), [*entries.left()]) == (None, [])
    entries.carried_out([None])
    entries.close()
