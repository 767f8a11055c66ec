"""Series in memory: what is written is read back, in this process and by another; what is full counts as ``other``."""

import math
from collections.abc import Iterator
from mmap import mmap

import pytest

from penstock.observe.metrics import families
from penstock.observe.metrics.families import FAMILIES, Family
from penstock.observe.metrics.table import HEADER_SIZE, SIZE, Metric, Table, read_header, read_series


@pytest.fixture
def memory() -> Iterator[mmap]:
    with mmap(-1, SIZE) as made:
        yield made


def found(table: Table) -> dict[tuple[Family, tuple[str, ...]], tuple[float, ...]]:
    return {(FAMILIES[each.family], each.labels): each.values for each in read_series(table.snapshot())}


def test_counts_gauges_and_histograms(memory: mmap) -> None:
    table = Table(memory)
    cost, pool = Metric(table, families.COST, "other"), Metric(table, families.POOL, "other")
    own = Metric(table, families.OWN, "other")
    cost.add(("openai", 'gpt "4"\n'), 0.5)
    cost.add(("openai", 'gpt "4"\n'), 0.25)
    pool.set(("idle",), 3)
    for seconds in (0.0001, 0.0002, 0.5, 99.0):
        own.observe(("chat",), seconds)
    series = found(table)
    assert series[families.COST, ("openai", 'gpt "4"\n')] == (0.75,)
    assert series[families.POOL, ("idle",)] == (3,)
    total, *buckets = series[families.OWN, ("chat",)]
    assert total == pytest.approx(99.5003)
    assert (buckets[0], buckets[10], buckets[-1], sum(buckets)) == (2, 1, 1, 4)
    pool.forget()
    assert math.isnan(found(table)[families.POOL, ("idle",)][0])
    table.close()


def test_a_counter_of_another_part_is_followed(memory: mmap) -> None:
    table = Table(memory)
    lost = Metric(table, families.LOST, "other")
    for total in (2, 2, 5):
        lost.follow(("ledger",), total)
    assert found(table)[families.LOST, ("ledger",)] == (5,)
    table.close()


def test_what_has_no_room_counts_as_other() -> None:
    with mmap(-1, 1024) as memory:
        table = Table(memory)
        keys, pool = Metric(table, families.KEY_REQUESTS, "other"), Metric(table, families.POOL, "other")
        for number in range(100):
            keys.add((f"key-{number}",))
        pool.set(("in_use",), 7)
        series = found(table)
        assert len(series) < 30
        assert sum(values[0] for (family, _), values in series.items() if family is families.KEY_REQUESTS) == 100
        assert (families.POOL, ("in_use",)) not in series
        assert series[families.KEY_REQUESTS, ("other",)][0] > 70
        table.close()


def test_a_table_too_small_for_its_families_is_refused() -> None:
    with mmap(-1, HEADER_SIZE) as memory:
        table = Table(memory)
        with pytest.raises(ValueError, match="without room"):
            Metric(table, families.COST, "other")
        table.close()


def test_a_table_that_a_dead_process_left_goes_on_without_its_gauges(memory: mmap) -> None:
    first = Table(memory)
    Metric(first, families.KEY_REQUESTS, "other").add(("a",), 5)
    Metric(first, families.WAITING, "other").set(("ledger",), 9)
    first.refreshed(12.5)
    left = first.snapshot()
    assert read_header(left) == (len(left), 12.5, True)

    with mmap(-1, SIZE) as again:
        again[: len(left)] = left
        second = Table(again)
        Metric(second, families.KEY_REQUESTS, "other").add(("a",))
        series = found(second)
        assert series[families.KEY_REQUESTS, ("a",)] == (6,)
        assert math.isnan(series[families.WAITING, ("ledger",)][0])
        assert read_header(second.snapshot()) == (len(left), 0.0, True)
        second.close()
    first.close()


def test_memory_of_another_release_is_begun_anew(memory: mmap) -> None:
    memory[:] = b"x" * len(memory)
    assert read_header(memory[:HEADER_SIZE]) is None
    assert read_header(b"short") is None
    table = Table(memory)
    assert found(table) == {}
    table.close()


def test_an_entry_that_is_cut_off_is_not_read(memory: mmap) -> None:
    table = Table(memory)
    Metric(table, families.KEY_REQUESTS, "other").add(("a",))
    snapshot = table.snapshot()
    assert len(list(read_series(snapshot))) == 2
    assert len(list(read_series(snapshot[:-1]))) == 1
    table.close()
