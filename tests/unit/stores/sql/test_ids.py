"""Ids of rows: version 7, sorted by time."""

import uuid

from hypothesis import given
from hypothesis import strategies as st

from penstock.stores.sql.ids import new_id, random_id

TIMES = st.integers(0, (1 << 48) * 1000 - 1)
BITS = st.integers(0, (1 << 74) - 1)


@given(TIMES, BITS)
def test_an_id_is_a_uuid_of_version_7_that_holds_its_time(time: int, bits: int) -> None:
    made = uuid.UUID(new_id(time, bits))
    assert (made.version, made.variant, made.int >> 80) == (7, uuid.RFC_4122, time // 1000)


@given(TIMES, TIMES, BITS, BITS)
def test_later_ids_sort_later(one: int, other: int, bits: int, others: int) -> None:
    first, second = sorted((one, other))
    assert first == second or new_id(first, bits) < new_id(second, others)


def test_no_id_comes_twice() -> None:
    assert len({random_id() for _ in range(1000)}) == 1000
