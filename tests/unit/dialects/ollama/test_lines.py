"""Lines as events and back: no byte of a line changes, however the stream is cut."""

from hypothesis import given
from hypothesis import strategies as st

from penstock.dialects.framing.frame import MAX_FRAME
from penstock.dialects.ollama.lines import LINES, LineEncoder, LineEvents, stream_form

STREAM = b'{"a": 1.50,"b":"\xc3\xa4\\n"}\n{"done":true}\n'


@given(st.lists(st.integers(0, len(STREAM))))
def test_every_split_gives_the_same_lines(cuts: list[int]) -> None:
    events, encoder, found, at = LineEvents(), LineEncoder(), b"", 0
    for cut in [*sorted(cuts), len(STREAM)]:
        found += encoder.feed(events.feed(STREAM[at:cut]))
        at = cut
    assert found + encoder.finish(events.finish()) == STREAM
    assert events.failure is None


def test_a_last_line_without_end_and_line_ends_of_windows() -> None:
    events = LineEvents()
    assert events.feed(b'{"a":\r1}\r\n\r\n{"b"') + events.feed(b":2}") == b'data: {"a": 1}\n\n'
    assert events.finish() == b'data: {"b":2}\n\n'


def test_a_stream_of_events_passes() -> None:
    events = LineEvents()
    assert events.feed(b"da") == b""
    assert events.feed(b'ta: {"a":1}\n\n') == b'data: {"a":1}\n\n'
    assert (events.feed(b"data: x"), events.finish()) == (b"data: x", b"")


def test_a_comment_is_no_line() -> None:
    assert LineEncoder().feed(b":\n\n") == b""
    assert LineEncoder().finish(b"data:\n\ndata:") == b""
    assert (stream_form("alt=sse"), LINES.content_type) == (LINES, b"application/x-ndjson")


def test_a_line_without_end_ends_the_stream() -> None:
    events = LineEvents()
    for _ in range(MAX_FRAME // (1 << 20) + 1):
        events.feed(b"x" * (1 << 20))
    assert events.failure is not None
    assert (events.feed(b"\n"), events.is_over) == (b"", True)
