"""Requests of one kind are counted as they would be one by one."""

from __future__ import annotations

from mmap import mmap
from typing import Any

import pytest

from penstock.core.usage import Usage
from penstock.observe.metrics.alike import Alike, AlikeLabels, histogram, is_ordinary
from penstock.observe.metrics.families import DURATION
from penstock.observe.metrics.recorder import Bounds, Recorder
from penstock.observe.metrics.table import SIZE, Series, Table, read_series
from penstock.observe.record import AttemptRecord, Billed, Record
from penstock.observe.record_kinds import RecordKinds
from penstock.prices.charge import Charge

KINDS = RecordKinds()
LABELS = AlikeLabels((), (), (), None, ("openai", "gpt"), (), None)


class Prices:
    is_loading = False

    def charge_of(self, attempt: AttemptRecord, at: float) -> Charge | None:
        return None if attempt.model == "unpriced" else Charge(1_000_000, "v", "exact")


def attempt(**more: Any) -> AttemptRecord:
    told = {"model": "gpt", "status": 200, "ended": 0.75, "first_content": 0.5, "usage": Usage(30, 12, 42), **more}
    return AttemptRecord(target="config", provider="openai", lane=1, began=0.25, **told)


def record(first: AttemptRecord, **more: Any) -> Record:
    told = {"status": 200, "operation": "chat", "provider": "openai", "model": "gpt", "key": "k", **more}
    made = Record(1.0, "POST", "/v1/chat/completions", latency=1.0, attempts=(first,), **told)
    KINDS.assign(made)
    return made


ALIKE = (
    record(attempt()),
    record(attempt(), stream=True, cache="MISS"),
    record(attempt(model="unpriced"), model="unpriced", key=None),
    record(attempt(usage=None), operation=None),
    record(attempt(billed=Billed(Usage(5, 6), 70))),
    record(attempt(ended=1.5)),
    record(attempt(is_charged=False, cache="HIT"), cache="HIT"),
    record(attempt(is_charged=False, is_shared=True)),
)
UNUSUAL = (
    record(attempt(ended=None)),
    record(attempt(usage=Usage(9, 9, cached=3))),
)
OUT_OF_THE_ORDINARY = (
    record(attempt(), status=500),
    record(attempt(status=0)),
)
OF_NO_KIND = (
    record(attempt(), failure="timeout"),
    record(attempt(failure="timeout")),
)


def counted(several: list[Record], *, is_alone: bool) -> set[Series]:
    table = Table(mmap(-1, SIZE))
    recorder = Recorder(table, Bounds(9, (), has_gen_ai=True), Prices())
    for each in several:
        (recorder._count if is_alone else recorder.count)(each)
        if is_alone:
            recorder.settle()
    recorder.settle()
    found = {each for each in read_series(table.snapshot()) if any(each.values)}
    del recorder
    return {Series(each.family, each.labels, tuple(round(value, 9) for value in each.values)) for each in found}


@pytest.mark.parametrize("each", [*ALIKE, *UNUSUAL, *OUT_OF_THE_ORDINARY, *OF_NO_KIND])
def test_requests_of_one_kind_are_added_up_as_they_are_counted_alone(each: Record) -> None:
    assert counted([each] * 3, is_alone=False) == counted([each] * 3, is_alone=True)


def test_many_kinds_are_added_to_the_table_before_they_are_asked_for() -> None:
    several = [record(attempt(), key=f"k{number}") for number in range(100)]
    assert counted(several * 2, is_alone=False) == counted(several * 2, is_alone=True)


def test_many_requests_of_a_kind_are_added_to_the_table_before_they_are_asked_for() -> None:
    recorder = Recorder(Table(mmap(-1, SIZE)), Bounds(), Prices())
    each = record(attempt())
    for _ in range(5000):
        recorder.count(each)
    assert each.kind is not None
    waiting = recorder._alike[each.kind]
    assert waiting is not None
    assert waiting.count < 2000
    assert counted([each] * 5000, is_alone=False) == counted([each] * 5000, is_alone=True)


@pytest.mark.parametrize("each", ALIKE)
def test_what_is_ordinary_is_added_up(each: Record) -> None:
    assert is_ordinary(each)
    assert Alike(LABELS).add(each)


@pytest.mark.parametrize("each", UNUSUAL)
def test_what_is_unusual_is_left_to_be_counted_alone(each: Record) -> None:
    alike = Alike(LABELS)
    assert not alike.add(each)
    assert alike.count == alike.prompt == len(alike.latencies) == len(alike.upstream) == 0


@pytest.mark.parametrize("each", OUT_OF_THE_ORDINARY)
def test_kinds_that_are_out_of_the_ordinary(each: Record) -> None:
    assert not is_ordinary(each)


def test_durations_are_told_by_their_sum_and_their_buckets() -> None:
    first, second, *_ = DURATION.buckets
    numbers = histogram(DURATION, [first, second, 1e9])
    assert numbers[:3] == [first + second + 1e9, 1.0, 1.0]
    assert numbers[-1] == 1.0
    assert sum(numbers[1:]) == 3
