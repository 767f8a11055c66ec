"""The event relay: every byte goes through in order, cut after whole events, whatever pieces it came in."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.dialects.framing.sse import EventRelay, events

LINE_ENDS = [b"\n", b"\r\n", b"\r"]
STREAM = b': hi\n\ndata: {"a":"\xc5\xbe"}\n\nevent: x\ndata: 1\ndata: 2\n\ndata:[DONE]\n\n'


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    marks = [0, *sorted({cut % (len(data) + 1) for cut in cuts}), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(marks) if a != b]


@given(st.sampled_from(LINE_ENDS), st.lists(st.integers(0, 200), max_size=12))
def test_any_split_gives_the_same_bytes_cut_after_whole_events(end: bytes, cuts: list[int]) -> None:
    stream = STREAM.replace(b"\n", end)
    relay, passed = EventRelay(), []
    for piece in pieces(stream, cuts):
        ready = relay.feed(piece)
        assert not ready or ready.endswith(end * 2)
        assert not relay.mid_event
        passed.append(ready)
    assert b"".join(passed) + relay.finish() == stream


@pytest.mark.parametrize("end", LINE_ENDS)
def test_byte_by_byte(end: bytes) -> None:
    stream = STREAM.replace(b"\n", end)
    relay = EventRelay()
    assert b"".join(relay.feed(bytes([byte])) for byte in stream) + relay.finish() == stream


def test_an_unfinished_event_is_held_back_and_given_up_or_finished() -> None:
    relay = EventRelay()
    assert relay.feed(b'data: 1\n\ndata: {"par') == b"data: 1\n\n"
    assert relay.feed(b'tial"}') == b""
    assert relay.finish() == b'data: {"partial"}'
    assert relay.finish() == b""


def test_a_huge_event_goes_through_in_pieces_and_is_known_to_be_open() -> None:
    relay = EventRelay(hold=10)
    pieces = [b"data: 0123456789", b"abc", b"\n\nda", b"ta: 1\n\n"]
    assert [(relay.feed(piece), relay.mid_event) for piece in pieces] == [
        (b"data: 0123456789", True),
        (b"", True),
        (b"abc\n\n", False),
        (b"data: 1\n\n", False),
    ]


def test_the_tail_is_bounded_and_holds_the_end() -> None:
    relay = EventRelay(tail=20)
    for number in range(100):
        relay.feed(b"data: %d\n\n" % number)
    assert relay.tail().endswith(b"data: 98\n\ndata: 99\n\n")
    assert len(relay.tail()) < 40


@pytest.mark.parametrize("end", LINE_ENDS)
def test_reading_events(end: bytes) -> None:
    found = list(events(STREAM.replace(b"\n", end)))
    assert found == [(b"", b'{"a":"\xc5\xbe"}'), (b"x", b"1\n2"), (b"", b"[DONE]")]


def test_unicode_line_separators_end_no_line() -> None:
    assert list(events("data: a\u2028b\u0085c\n\n".encode())) == [(b"", "a\u2028b\u0085c".encode())]
