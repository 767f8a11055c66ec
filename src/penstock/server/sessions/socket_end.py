"""One end of a WebSocket session: frames over the bytes of a connection. The library websockets knows the frames.

Frames are told as they arrive, fragments too, and sent on as they are; pings are answered here. Source: RFC 6455.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import Final

from websockets.frames import Close, CloseCode, Frame, Opcode
from websockets.protocol import CLIENT, OPEN, SERVER, Protocol

_PING: Final = b"penstock"
_SLICE: Final = 16 << 10
"""Bytes that are parsed in one turn of the event loop."""
_UNSENDABLE: Final = frozenset({1005, 1006, 1015})
"""Codes that stand for the absence of one (RFC 6455, 7.4.1)."""
_LONGEST_REASON: Final = 120
"""Bytes of a reason: a control frame holds 125 with its code (RFC 6455, 5.5)."""


class Gone(Exception):
    """The end sends nothing any more: closed without a word, or silent beyond its limit."""


class SocketEnd:
    """``read`` gives the next bytes, b"" at their end; ``write`` takes bytes and returns what to await, if anything."""

    def __init__(
        self,
        read: Callable[[], Awaitable[bytes]],
        write: Callable[[bytes], Awaitable[None] | None],
        *,
        is_caller: bool,
        max_bytes: int,
        ping_seconds: float,
        now: Callable[[], float],
    ) -> None:
        self._read = read
        self._write = write
        self._ping_seconds = ping_seconds
        self._now = now
        self._heard = now()
        self._is_asked = False
        self._unread = b""
        """Bytes that came and were not parsed yet."""
        self._protocol = Protocol(SERVER if is_caller else CLIENT, state=OPEN, max_size=max_bytes)
        self.close_code: int | None = None
        """The code of the end's close frame, 1005 for one without; None before it."""
        self.close_reason = ""

    @property
    def is_open(self) -> bool:
        """Whether no close frame passed in either direction."""
        return self._protocol.state is OPEN

    @property
    def is_between_messages(self) -> bool:
        """Whether no fragmented message is being sent."""
        return not self._protocol.expect_continuation_frame

    @property
    def fault(self) -> tuple[int, str] | None:
        """Code and reason if the end broke the protocol or sent too much; None as long as it didn't."""
        sent = self._protocol.close_sent
        if self._protocol.parser_exc is None or sent is None:
            return None
        return sent.code, sent.reason

    async def frames(self) -> list[Frame]:
        """The next frames of messages, none when only other frames came. Raises Gone.

        Of what came at once a slice is parsed in one turn of the event loop: a slice of pings holds thousands.
        """
        if self._unread:
            await asyncio.sleep(0)
        else:
            self._unread = await self._read()
            self._heard, self._is_asked = self._now(), False
            if not self._unread:
                self._protocol.receive_eof()
                raise Gone
        data, self._unread = self._unread[:_SLICE], self._unread[_SLICE:]
        self._protocol.receive_data(data)
        await self._flush()
        found = []
        for event in self._protocol.events_received():
            if not isinstance(event, Frame):
                continue
            if event.opcode is Opcode.CLOSE:
                close = Close.parse(bytes(event.data))
                self.close_code, self.close_reason = int(close.code), close.reason
            elif event.opcode not in {Opcode.PING, Opcode.PONG}:
                found.append(event)
        return found

    def silence_due(self) -> float:
        """When the end has been silent for as long as it may, before or after it was asked for a sign of life."""
        if not self._ping_seconds or not self.is_open:
            return math.inf
        return self._heard + self._ping_seconds * (2 if self._is_asked else 1)

    def ask(self, now: float) -> None:
        """Ask an end that is silent for a sign of life. Raises Gone if it was asked already."""
        if now < self.silence_due():
            return
        if self._is_asked:
            raise Gone
        self._is_asked = True
        self._protocol.send_ping(_PING)
        # Nobody waits until it is taken: an end that reads nothing must not hold up the session's clock.
        self._write(b"".join(self._protocol.data_to_send()))

    async def send(self, frame: Frame) -> None:
        """Send a frame of a message on. Waits while the end reads more slowly."""
        if not self.is_open:
            return
        data = bytes(frame.data)  # no copy of bytes
        if frame.opcode is Opcode.TEXT:
            self._protocol.send_text(data, frame.fin)
        elif frame.opcode is Opcode.BINARY:
            self._protocol.send_binary(data, frame.fin)
        else:
            self._protocol.send_continuation(data, frame.fin)
        await self._flush()

    async def say(self, text: bytes) -> None:
        """Send a message of the gateway's own, if there is one and none is half sent."""
        if text and self.is_open and self.is_between_messages:
            self._protocol.send_text(text)
            await self._flush()

    async def close(self, code: int, reason: str = "") -> None:
        """Send a close frame. Harmless when called again."""
        if not self.is_open:
            return
        if code in _UNSENDABLE:
            self._protocol.send_close()
        else:
            short = reason.encode()[:_LONGEST_REASON].decode("utf-8", "ignore")
            self._protocol.send_close(code, short)
        await self._flush()

    async def _flush(self) -> None:
        data = b"".join(self._protocol.data_to_send())
        if not data:
            return
        # Both directions of a session send: one answers pings, the other sends on. The bytes keep their order, since
        # they are written before anything is awaited.
        full = self._write(data)
        if full is not None:
            await full


GOING_AWAY: Final = int(CloseCode.GOING_AWAY)
INTERNAL_ERROR: Final = int(CloseCode.INTERNAL_ERROR)
POLICY_VIOLATION: Final = int(CloseCode.POLICY_VIOLATION)
NORMAL: Final = int(CloseCode.NORMAL_CLOSURE)
