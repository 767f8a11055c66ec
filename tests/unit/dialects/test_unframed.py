"""AWS's frames taken off a stream, whatever they hold."""

from __future__ import annotations

from penstock.core.events import Fail
from penstock.core.failure import Kind
from penstock.dialects.framing.aws_eventstream import Message, write_event, write_exception
from penstock.dialects.unframed import Unframed, on_one_line


class Shouting(Unframed):
    def event(self, frame: Message) -> bytes | None:
        return None if frame.payload == b"bad" else frame.payload.upper()

    def error(self, fail: Fail) -> bytes:
        return f"{fail.type}/{fail.status}/{fail.message}".encode()


def test_each_frame_becomes_an_event() -> None:
    frames = Shouting()
    assert frames.feed(write_event("x", b"a") + write_event("x", b"b")) == b"AB"
    assert (frames.finish(), frames.failure, frames.is_over) == (b"", None, False)


def test_an_exception_is_the_last() -> None:
    frames = Shouting()
    told = frames.feed(write_exception("throttlingException", b'{"message":"Full"}') + write_event("x", b"a"))
    assert (told, frames.is_over, frames.feed(b"x")) == (b"throttlingException/429/Full", True, b"")


def test_a_frame_without_an_event_ends_the_stream() -> None:
    frames = Shouting()
    assert frames.feed(write_event("x", b"a") + write_event("x", b"bad") + write_event("x", b"c")) == b"A"
    assert frames.failure is not None
    assert (frames.failure.kind, frames.is_over) == (Kind.TRUNCATED, True)


def test_json_on_one_line() -> None:
    assert on_one_line(b'{\r\n"a": 1}') == b'{"a": 1}'
