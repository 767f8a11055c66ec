"""A stream as an array of JSON, however it is cut."""

import json
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from penstock.dialects.gemini.caller.array import ArrayEncoder, stream_form
from penstock.dialects.gemini.caller.stream import KEEP_ALIVE

STREAM = b'data: {"a":1}\n\n' + KEEP_ALIVE + b'data: {"a":2}\r\n\r\ndata: {"a":3}\n\n'


@given(st.lists(st.integers(0, len(STREAM)), max_size=5))
def test_any_cut_gives_the_same_array(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(STREAM)]
    encoder = ArrayEncoder()
    pieces = [encoder.feed(STREAM[start:end]) for start, end in pairwise(places)]
    assert json.loads(b"".join(pieces) + encoder.finish(b"")) == [{"a": 1}, {"a": 2}, {"a": 3}]


def test_each_element_is_sent_at_once_and_the_end_closes_it() -> None:
    encoder = ArrayEncoder()
    assert encoder.feed(KEEP_ALIVE) == b"\n"
    assert encoder.feed(b'data: {"a":1}\n\n') == b'[{"a":1}'
    assert encoder.finish(b'data: {"a":2}') == b',\r\n{"a":2}]'
    assert ArrayEncoder().finish(b"") == b"[]"


def test_what_is_no_json_is_no_element() -> None:
    encoder = ArrayEncoder()
    sent = encoder.feed(b'data:\n\ndata: {"a":1}\n\ndata:\n\n') + encoder.finish(b"data: [DONE]\n\n")
    assert json.loads(sent) == [{"a": 1}]


def test_the_query_says_which_form() -> None:
    for query in ("alt=sse", "key=1&alt=sse", "$alt=sse", "%24alt=sse"):
        assert stream_form(query) is None
    for query in ("", "alt=json", "xalt=sse"):
        assert stream_form(query) is not None
