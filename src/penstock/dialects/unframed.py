"""AWS's frames taken off a stream: what is inside goes on as server-sent events, whatever the frames hold.

Source: https://smithy.io/2.0/aws/amazon-eventstream.html.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from penstock.core.events import Fail
from penstock.core.failure import Failure, Kind
from penstock.dialects.aws_exceptions import frame_failure
from penstock.dialects.framing.aws_eventstream import EventStream, Message
from penstock.dialects.framing.frame import FrameError


class Unframed(ABC):
    """A ``StreamTransform``: frames in, events out. An exception of AWS's becomes an error event, the last."""

    def __init__(self) -> None:
        self.failure: Failure | None = None
        self._frames = EventStream()
        self.is_over = False

    @abstractmethod
    def event(self, frame: Message) -> bytes | None:
        """The event that a frame holds, nothing for one that says nothing; None for a frame that holds no event."""

    @abstractmethod
    def error(self, fail: Fail) -> bytes:
        """The event that tells an exception."""

    def feed(self, data: bytes) -> bytes:
        """Take bytes as they came; the events that are whole now."""
        if self.is_over:
            return b""
        try:
            frames = self._frames.feed(data)
        except FrameError as error:
            return self._unreadable(str(error))
        return b"".join([self._event(frame) for frame in frames])

    def finish(self) -> bytes:
        """The provider's reply has ended in good order: whether the answer had is for its reader to see."""
        if not self.is_over:
            try:
                self._frames.finish()
            except FrameError as error:
                return self._unreadable(str(error))
        return b""

    def _unreadable(self, what: str) -> bytes:
        self.is_over = True
        text = f"The provider's stream can't be read: {what}."
        self.failure = Failure(Kind.TRUNCATED, text, sent=True)
        return b""

    def _event(self, frame: Message) -> bytes:
        """What a frame becomes: nothing, once the stream has ended."""
        if self.is_over:
            return b""
        fail = frame_failure(frame)
        if fail is not None:
            self.is_over = True
            return self.error(fail)
        event = self.event(frame)
        return self._unreadable("a frame of it holds no event") if event is None else event


def on_one_line(data: bytes) -> bytes:
    """JSON without the line breaks between its tokens, which would end a line of an event."""
    return data.replace(b"\r", b"").replace(b"\n", b"") if b"\n" in data or b"\r" in data else data
