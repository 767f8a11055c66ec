"""One request to a provider and its response, on a connection (connection.py) that carries one exchange at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Final

from penstock.core.failure import Failure, Kind
from penstock.core.http import Headers, Limits
from penstock.transport.base import Take, Upload
from penstock.transport.deadlines import Deadlines
from penstock.transport.response import Malformed
from penstock.transport.turns import STREAM_TURN, is_stream
from penstock.transport.uploading import UnreadBytes, Uploading
from penstock.transport.wakeup import Wakeup

if TYPE_CHECKING:
    from penstock.transport.connection import Connection

_ENDLESS: Final = Limits(0, 0, 0, 0)
"""After a switch of protocols it is the new protocol's business how long it is silent."""


class HttpExchange(Wakeup):
    """A running request and its response: the ``Reply`` of http1.py.

    ``status`` is 0 until the head has arrived; ``is_encoded``: the head names a content coding. Its task awaits the
    exchange itself, until more of the response has arrived or the exchange has ended.
    """

    __slots__ = (
        "_asked", "_connection", "_defect", "_full", "_is_stream", "_last_byte", "_left", "_limits", "_over", "_paused",
        "_reader", "_rest", "_started", "_take", "_unread", "_unread_bytes", "_uploading", "failure", "headers",
        "is_encoded", "status",
    )  # fmt: skip

    def __init__(self, connection: Connection, limits: Limits, started: float, may_switch: bool) -> None:
        self._loop = connection.loop  # as in Wakeup, without a call
        self._callback = None
        self._is_cancelled = False
        self._connection = connection
        self._limits = limits
        self._started = self._asked = started
        self._reader = connection.reader
        self._reader.begin(may_switch)
        self._rest = b""
        """What nobody has read when the exchange is over: the reader is the next exchange's then."""
        self._left = b""
        """What is left of a large piece of a stream, which is read in turns."""
        self._unread = 0
        """The bytes that have come, framing included, since the body was last taken."""
        self._over = False
        self._paused = False
        self._take: Take | None = None
        """Takes the body as it arrives, until it wants something to be awaited (``_full``) or fails (``_defect``)."""
        self._full: Awaitable[None] | None = None
        self._defect: Exception | None = None
        self._last_byte = started
        self._uploading: Uploading | None = None
        self._unread_bytes: UnreadBytes | None = None
        self.failure: Failure | None = None
        self.status = 0
        self.headers: Headers = []
        self.is_encoded = False
        self._is_stream = False
        """Whether the head, which is gone by now, named a type of streams."""

    def whole(self) -> bytes | None:
        """The body, where all of it is here before any of it was read (``base.whole_body``)."""
        return self._rest if self._over and self.failure is None else None

    async def read(self) -> bytes:
        try:
            if self._left:
                await asyncio.sleep(0)
            while not (data := self._taken()):
                if self._over:
                    return b""
                await self
        except BaseException:
            self.close()
            raise
        if self._paused and not (self._over or self._left):
            self._paused = False
            self._last_byte = self._connection.loop.time()
            self._connection.resume_reading()
        return data

    async def pass_on(self, take: Take) -> None:
        """Hand the body to ``take`` (``base.pass_on``). The task sleeps while ``received`` hands on what arrives."""
        self._is_stream = is_stream(self.headers)
        self.headers = []  # a stream may last for hours
        if not self._over:  # else the reader is the next exchange's
            self._reader.headers = self.headers
        while True:
            if self._over or self._left or self._reader.pieces:
                data = await self.read()
                if not data:
                    return
                full = take(data)
            else:
                self._take = take
                try:
                    await self
                except BaseException:
                    self.close()
                    raise
                finally:
                    self._take = None
                if self._defect is not None:
                    raise self._defect
                full, self._full = self._full, None
            if full is not None:
                await full

    def write(self, data: bytes) -> Awaitable[None] | None:
        """Send bytes after the protocol was switched (``base.Switched``)."""
        return self._connection.write_more(data)

    def send_upload(self, upload: Upload) -> None:
        """Send the rest of the request's body as it arrives. The head of the response may come before its end."""
        self._uploading = Uploading(self._connection.loop, upload, self)
        self._unread_bytes = UnreadBytes(self._connection.transport)

    @property
    def is_incomplete(self) -> bool:
        """Whether nothing was sent of the upload that ends the request. A provider can't act on such a request, and it
        can be sent again (RFC 9112, 8)."""
        return self._uploading is not None and not self._uploading.is_begun

    def has_unread(self) -> bool:
        """Whether there are bytes of the response, or its end, that the event loop hasn't read yet."""
        return self._connection.is_open and self._connection.has_unread()

    def send(self, data: bytes) -> Awaitable[None] | None:
        """Send more of the request's body (``uploading.Receiver``): the provider's time to answer begins anew."""
        self._asked = self._connection.loop.time()
        return self._connection.write_more(data)

    def close(self) -> None:
        self._finish(reusable=False)
        self._rest = self._left = b""
        self.wake_soon()

    def _taken(self) -> bytes:
        """The bytes of the body that arrived since the last look; of a stream, as many as are worked on in one turn of
        the event loop: a provider may send nothing but ends of events."""
        if self._left:
            data = self._left
        elif not self._over:
            data, self._unread = self._reader.take(), 0
        else:
            data, self._rest = self._rest, b""
        if len(data) <= STREAM_TURN or not (self._is_stream or is_stream(self.headers)):
            self._left = b""
            return data
        self._left = data[STREAM_TURN:]
        return data[:STREAM_TURN]

    # Called by the connection and the timer until the exchange ends.

    def received(self, data: bytes) -> None:
        connection, reader = self._connection, self._reader
        self._last_byte = connection.loop.time()
        try:
            reader.feed(data)
        except Malformed as malformed:
            self._note_head()
            self.fail(_invalid(connection.host, malformed))
            return
        if not self.status:
            self._note_head()
        if reader.complete:
            # The task itself reads the rest.
            connection.promised_idle = reader.promised_idle
            is_sent = self._uploading is None or self._uploading.is_over
            self._finish(reusable=reader.keep_alive and not reader.overrun and is_sent)
        elif (take := self._take) is not None and len(data) <= STREAM_TURN:
            pieces = reader.pieces
            if not pieces:
                return
            try:
                full = take(pieces.pop() if len(pieces) == 1 else reader.take())
            except Exception as error:  # for the task: the event loop would close the provider's connection
                self._defect = error
            else:
                if full is None:
                    return
                self._full = full
            self._take = None
        else:
            self._keep(len(data))
        if self.status:
            self.wake()

    def _keep(self, size: int) -> None:
        """So many bytes came that are not taken at once: no more are read while too many wait."""
        connection, self._unread = self._connection, self._unread + size
        if self._unread > connection.bounds.unread and self._reader.pieces and not self._paused:
            self._paused = True
            connection.pause_reading()

    def _note_head(self) -> None:
        """Take over what the head of the response says, once it is complete."""
        reader = self._reader
        if self.status or not reader.head_complete:
            return
        self.status, self.headers, self.is_encoded = reader.status, reader.headers, reader.is_encoded
        if reader.switched:
            self._limits = _ENDLESS
        elif self._uploading is not None and self.status >= 300:
            self._uploading.stop()

    def ended(self, error: Exception | None) -> None:
        """The connection has closed; ``error`` is None if the peer closed it normally."""
        if self._unread_bytes is not None and (rest := self._unread_bytes.take()):
            self.received(rest)
            if self._over:
                return
        if error is None and self._reader.end():
            self._finish(reusable=False)
            self.wake_soon()
        else:
            self.fail(self._connection.broken(error, head_complete=self._reader.head_complete))

    def fail(self, failure: Failure) -> None:
        """End the exchange with a failure."""
        self.failure = failure
        self._finish(reusable=False)
        self.wake_soon()

    def look(self) -> None:
        """Fail if a limit has passed, else look again when the next limit is due."""
        connection, reader = self._connection, self._reader
        now = connection.loop.time()
        if self._uploading is not None and self._uploading.waits_for_caller:
            self._asked = now
        # While the caller has unread bytes, the provider isn't considered idle.
        last_byte = now if reader.pieces or self._left else self._last_byte
        deadlines = Deadlines(self._limits, self._started, self._asked)
        due, kind = deadlines.next(head_complete=reader.head_complete, last_byte=last_byte)
        if now >= due:
            self.fail(deadlines.failure(kind, connection.host))
        else:
            connection.look_by(due)

    def _finish(self, *, reusable: bool) -> None:
        if self._over:
            return
        self._rest = self._reader.take()
        self._over = True
        if self._uploading is not None:
            self._uploading.stop()
        if self._unread_bytes is not None:
            self._unread_bytes.close()
        self._connection.finished(reusable=reusable)


def _invalid(host: str, malformed: Malformed) -> Failure:
    return Failure(Kind.INVALID_RESPONSE, f"The provider at {host} can't be understood: {malformed}.", sent=True)
