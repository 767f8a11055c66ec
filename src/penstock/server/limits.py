"""What one caller may take of the gateway: time for its bytes, memory for its bodies, connections."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

import msgspec

from penstock.core.failure import Failure, Kind
from penstock.core.http import Headers


class CallerLimits(msgspec.Struct, frozen=True):
    """Limits of the edge beside the size of a body and the longest silence in it (``RequestLimits``).

    ``head`` (seconds) runs from the first byte of a request to the end of its headers. A body may take ``body`` seconds
    in all, and must arrive at ``body_rate`` bytes a second on average. ``write`` is for how many seconds a caller may
    take no byte of its answer. ``buffered_bytes`` bounds the bodies of all requests of this process together.
    ``connections`` is how many there may be, ``connections_per_address`` how many from one address. 0: no limit.
    """

    head: float = 30.0
    body: float = 600.0
    body_rate: int = 1024
    write: float = 90.0
    buffered_bytes: int = 256 << 20
    connections: int = 16384
    connections_per_address: int = 8192

    def body_due(self, began: float, last: float, received: int, silence: float) -> float:
        """The time at which an incomplete body is too late: ``began`` with the end of the headers, ``last`` is when the
        latest byte came, ``silence`` the longest wait for the next."""
        due = last + silence
        if self.body_rate:
            due = min(due, began + silence + received / self.body_rate)
        return min(due, began + (self.body or math.inf))

    def body_late(self, began: float, last: float, received: int, silence: float) -> Failure:
        """The failure of a body for which ``body_due`` has passed: the limit that it broke first."""
        due = self.body_due(began, last, received, silence)
        if due == last + silence:
            return fell_silent(silence)
        if self.body and due == began + self.body:
            text = f"The request body took longer than {self.body:g} s (setting body_deadline): send less, or faster."
        else:
            text = (
                f"The request body came at less than {self.body_rate} bytes a second (setting body_min_rate): send it "
                "again, faster."
            )
        return Failure(Kind.BODY_TIMEOUT, text)


class RequestLimits(msgspec.Struct, frozen=True):
    """Limits of the edge: bytes of a request body, seconds without bytes while it is read, and the seconds between
    keep-alive comments (0: none); ``upload_bytes`` are the bytes of a body that passes while it arrives."""

    body_bytes: int = 100 << 20
    body_silence: float = 60.0
    keepalive: float = 0.0
    caller: CallerLimits = CallerLimits()
    upload_bytes: int = 512 << 20


def advice(failure: Failure) -> Headers:
    """The header that tells a caller what helps: when to come again, which encodings of a body are read."""
    return list(_ADVICE.get(failure.kind, ()))


_SOON: Final = ((b"retry-after", b"1"),)
_ADVICE: Final[Mapping[Kind, tuple[tuple[bytes, bytes], ...]]] = {
    Kind.BODIES_EXHAUSTED: _SOON,
    Kind.CONNECTIONS_EXHAUSTED: _SOON,
    Kind.UNSUPPORTED_ENCODING: ((b"accept-encoding", b"gzip, deflate"),),  # RFC 9110, 15.5.16
}


def fell_silent(seconds: float) -> Failure:
    """The failure when a caller stops sending in the middle of a request."""
    text = f"No byte of the request body arrived for {seconds:g} s (setting body_timeout): send it again."
    return Failure(Kind.BODY_TIMEOUT, text)


def too_large(limit: int) -> Failure:
    """The failure of a request body over the limit."""
    text = f"The request body is larger than {limit} bytes (setting max_body_bytes): send less, or ask the operator."
    return Failure(Kind.BODY_TOO_LARGE, text)
