"""Events are counted however their bytes are split."""

from __future__ import annotations

from itertools import pairwise

from bench.streams import EventCounter
from hypothesis import given
from hypothesis import strategies as st

STREAM = b'data: {"delta":"data"}\n\n: comment\n\ndata: {}\n\ndata: [DONE]\n\n'


@given(st.lists(st.integers(0, len(STREAM))))
def test_events_are_counted_however_the_bytes_are_split(cuts: list[int]) -> None:
    counter = EventCounter()
    bounds = [0, *sorted(cuts), len(STREAM)]
    for start, end in pairwise(bounds):
        counter.feed(STREAM[start:end])
    assert counter.events == 3
