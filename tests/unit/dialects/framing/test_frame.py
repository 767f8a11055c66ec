"""Every framing keeps to the one bound of a frame, and says why bytes are none without quoting them."""

import json
from collections.abc import Callable, Iterable
from types import ModuleType

import pytest

from penstock.dialects.framing import aws_eventstream, ndjson, sse
from penstock.dialects.framing.frame import MAX_FRAME, FrameError, parts


@pytest.mark.parametrize("framing", [sse, ndjson, aws_eventstream])
def test_every_framing_has_the_one_bound(framing: ModuleType) -> None:
    assert vars(framing)["MAX_FRAME"] == MAX_FRAME


def test_a_frame_error_is_a_value_error() -> None:
    assert issubclass(FrameError, ValueError)


def test_parts_are_what_stands_between_commas_and_lines() -> None:
    assert [parts(data) for data in (b"", b'"text"', b"[1,2]", b"a\r\nb")] == [0, 0, 1, 2]


PART = b"[]," * 200


def fed(feed: Callable[[bytes], Iterable[object]], pieces: list[bytes]) -> None:
    """Feed pieces of a frame that has no end."""
    for piece in pieces:
        assert list(feed(piece)) == []


@pytest.mark.parametrize("data", [PART, b": ping\n" * 100, b": ping\r" * 100], ids=["values", "lines", "returns"])
def test_an_event_of_too_many_parts_is_refused_before_it_is_read(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MOST_PARTS", 1000)
    splitter = sse.EventSplitter()
    assert list(splitter.feed(b"data: [")) == []
    with pytest.raises(FrameError, match="2 million values or lines"):
        fed(splitter.feed, [data] * 20)


def test_the_likeliest_tokens_of_a_whole_answer_are_not_too_many() -> None:
    """The last event of a response repeats all that came: here 8,192 tokens, each with the 20 that were likeliest."""
    one = {"token": "abcd", "bytes": [97, 98, 99, 100], "logprob": -1.5}
    token = json.dumps({**one, "top_logprobs": [one] * 20}).encode()
    data = b'{"type":"response.completed","logprobs":[' + b",".join([token] * 8192) + b"]}"
    event = b"data: " + data + b"\n\n"
    pieces = [event[at : at + (64 << 10)] for at in range(0, len(event), 64 << 10)]
    splitter = sse.EventSplitter()
    assert [each for piece in pieces for each in splitter.feed(piece)] == [(b"", data)]


def test_parts_are_those_of_one_event(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MOST_PARTS", 1000)
    monkeypatch.setattr(ndjson, "MOST_PARTS", 1000)
    events, lines = sse.EventSplitter(), ndjson.LineSplitter()
    for _ in range(20):
        assert [*events.feed(b"data: ["), *events.feed(PART)] == []
        assert list(events.feed(b"1]\n\n")) == [(b"", b"[" + PART + b"1]")]
        assert [*lines.feed(b"["), *lines.feed(PART)] == []
        assert lines.feed(b"1]\n") == [b"[" + PART + b"1]"]


def test_a_line_and_a_frame_of_too_many_parts_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ndjson, "MOST_PARTS", 1000)
    monkeypatch.setattr(aws_eventstream, "MOST_PARTS", 1000)
    lines, frames = ndjson.LineSplitter(), aws_eventstream.EventStream()
    frame = aws_eventstream.write_event("chunk", PART * 20)
    assert lines.feed(b"[") == []
    assert frames.feed(frame[:100]) == []
    with pytest.raises(FrameError, match="values or lines"):
        fed(lines.feed, [PART] * 20)
    with pytest.raises(FrameError, match="values or lines"):
        fed(frames.feed, [frame[at : at + 500] for at in range(100, len(frame) - 500, 500)])
    with pytest.raises(FrameError, match="values or lines"):
        frames.finish()


def test_an_event_of_too_many_parts_passes_a_relay_as_a_long_one_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MOST_PARTS", 1000)
    relay = sse.EventRelay(hold=1 << 20)
    pieces = [b"data: [", *[PART] * 20, b"1]\n\n"]
    passed = [(relay.feed(piece), relay.mid_event) for piece in pieces]
    assert b"".join([data for data, _ in passed]) == b"".join(pieces)
    assert [mid_event for _, mid_event in passed[-2:]] == [True, False]
