"""Writes in a thread of their own: in order, bounded, never waited for without a limit."""

import io
import os
import threading
from pathlib import Path
from typing import Any

from penstock.observe.outlet import Outlet, raw


def outlet(out: Any, failures: list[Exception], size: int = 10) -> Outlet[bytes]:
    return Outlet(out, lambda item: [item], size=size, failed=failures.append, name="test")


def test_what_is_put_is_written_in_order() -> None:
    out = io.BytesIO()
    outlet_ = outlet(out, [])
    assert all(outlet_.put(b"%d\n" % number) for number in range(5))
    assert outlet_.flush(60)
    assert outlet_.close(60)
    assert out.getvalue() == b"0\n1\n2\n3\n4\n"
    assert outlet_.close(60)


class Scripted(io.RawIOBase):
    """A file whose writes go as a test says: bytes that are taken, or an exception."""

    def __init__(self, *script: Any) -> None:
        self.script = list(script)
        self.taken = b""

    def write(self, data: Any) -> Any:
        step = self.script.pop(0) if self.script else len(data)
        if isinstance(step, Exception):
            raise step
        self.taken += bytes(data[:step])
        return step


def test_a_file_that_takes_little_at_a_time_gets_everything() -> None:
    out = Scripted(1, 2)
    outlet_ = outlet(out, [])
    outlet_.put(b"abcdef\n")
    assert outlet_.close(60)
    assert out.taken == b"abcdef\n"


def test_a_failure_is_told_and_a_torn_line_ended() -> None:
    out, failures = Scripted(3, OSError("full")), list[Exception]()
    outlet_ = outlet(out, failures)
    outlet_.put(b"abcdef\n")
    outlet_.put(b"ghi\n")
    assert outlet_.close(60)
    assert out.taken == b"abc\nghi\n"
    assert [str(error) for error in failures] == ["full"]


def test_an_item_that_can_not_be_encoded_ends_nothing() -> None:
    out, failures = io.BytesIO(), list[Exception]()
    outlet_: Outlet[str] = Outlet(out, lambda text: [text.encode()], size=9, failed=failures.append, name="test")
    outlet_.put("\ud800")
    outlet_.put("fine\n")
    assert outlet_.close(60)
    assert (out.getvalue(), len(failures)) == (b"fine\n", 1)


def test_a_full_queue_refuses_and_a_blocked_write_is_not_waited_for() -> None:
    release = threading.Event()

    class Blocked(io.BytesIO):
        def write(self, data: Any) -> int:
            release.wait(300)
            return super().write(data)

    out = Blocked()
    outlet_ = outlet(out, [], size=2)
    assert [outlet_.put(b"x"), outlet_.put(b"y"), outlet_.put(b"z")] == [True, True, False]
    assert outlet_.is_full
    assert not outlet_.flush(0)
    assert not outlet_.close(0)
    release.set()


def test_a_pipe_that_is_set_to_non_blocking_is_waited_for() -> None:
    readable, writable = os.pipe()
    os.set_blocking(writable, False)
    with os.fdopen(readable, "rb") as reader, os.fdopen(writable, "wb", buffering=0) as out:
        outlet_ = outlet(out, [])
        outlet_.put(b"x" * 200_000)
        assert len(reader.read(200_000)) == 200_000
        assert outlet_.close(60)


def test_the_file_below_a_buffered_one() -> None:
    with Path(os.devnull).open("wb") as buffered:
        assert raw(buffered) is buffered.raw
    memory = io.BytesIO()
    assert raw(memory) is memory
