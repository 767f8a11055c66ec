"""Buckets and quantiles."""

from __future__ import annotations

from bisect import bisect_left

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.control.analytics.sums import MINUTE, quantile, ratio, source_of, span_of, totals_of
from penstock.control.logs.filters import LogFilter
from penstock.control.refusal import Refusal
from penstock.stores.sql.request_log.usage import DAY, HOUR
from penstock.stores.sql.request_log.usage_users import WEEK
from penstock.stores.sql.schema import request_log, total_day, total_hour, usage_day, usage_hour
from penstock.stores.sql.schema.request_log import LATENCY_BOUNDS, LATENCY_COUNTS


@pytest.mark.parametrize(
    ("length", "size"), [(HOUR, MINUTE), (2 * HOUR, MINUTE), (3 * DAY, HOUR), (90 * DAY, DAY), (91 * DAY, WEEK)]
)
def test_a_span_has_buckets_of_a_size_that_fits(length: int, size: int) -> None:
    assert span_of(LogFilter(0, length)).size == size


@given(st.integers(0, 2**50), st.integers(1, 500 * DAY))
def test_buckets_cover_their_span_and_no_more(since: int, length: int) -> None:
    span = span_of(LogFilter(since, since + length))
    starts = span.starts()
    assert starts[0] <= since < starts[0] + span.size
    assert starts[-1] < since + length <= starts[-1] + span.size
    assert all((start - span.offset) % span.size == 0 for start in starts)


def test_a_week_begins_on_monday_and_spans_are_bounded() -> None:
    assert span_of(LogFilter(0, 100 * DAY)).starts()[1] == 4 * DAY
    with pytest.raises(Refusal):
        span_of(LogFilter(0, 4000 * DAY))


def test_sums_come_from_the_smallest_table_that_knows() -> None:
    assert source_of(LogFilter(), MINUTE).table is request_log
    assert source_of(LogFilter(), HOUR).table is usage_hour
    assert source_of(LogFilter(texts={"model": ("m",)}), WEEK).table is usage_day
    assert source_of(LogFilter(metadata={"a": "b"}), DAY).table is request_log
    assert source_of(LogFilter(texts={"trace_id": ("t",)}), DAY).table is request_log


def test_sums_of_all_together_come_from_their_own_tables() -> None:
    assert totals_of(LogFilter(), MINUTE).table is request_log
    assert totals_of(LogFilter(workspaces=("w",)), HOUR).table is total_hour
    assert totals_of(LogFilter(), WEEK).table is total_day
    assert totals_of(LogFilter(texts={"model": ("m",)}), WEEK).table is usage_day


@given(st.lists(st.integers(0, 60_000), min_size=1, max_size=200), st.sampled_from([0.5, 0.9, 0.99]))
def test_a_quantile_is_within_the_bounds_of_the_true_one(latencies: list[int], share: float) -> None:
    counts = [0] * len(LATENCY_COUNTS)
    for latency in latencies:
        counts[bisect_left(LATENCY_BOUNDS, latency)] += 1
    told = quantile(counts, share)
    ordered = sorted(latencies)
    true = next(value for rank, value in enumerate(ordered, 1) if rank >= share * len(ordered))
    number = bisect_left(LATENCY_BOUNDS, true)
    low = LATENCY_BOUNDS[number - 1] if number else 0
    assert low <= told
    assert number == len(LATENCY_BOUNDS) or told <= LATENCY_BOUNDS[number]


def test_nothing_is_no_error() -> None:
    assert (quantile([0] * len(LATENCY_COUNTS), 0.5), ratio(1, 0)) == (0.0, 0.0)
