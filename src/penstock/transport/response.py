"""The HTTP/1.1 responses of a connection, one after the other, sans-I/O: bytes in, head and body pieces out.

Wraps llhttp (httptools) and adds: the end of a body without length, skipping interim responses, the limit of framing
bytes, and the check that a response is whole. Source: RFC 9112.
"""

from __future__ import annotations

import math
import re
from typing import Any, Final

import httptools

from penstock.core.http import WITHOUT_BODY, Headers

_MAX_INTERIM: Final = 16
_LOOKED_AT: Final = frozenset({b"content-length", b"transfer-encoding", b"keep-alive", b"content-encoding"})
_LEAST: Final = 100
_SWITCHING: Final = 101
_LEAST_FINAL: Final = 200
_BEYOND: Final = 600
"""RFC 9110, 15: a status outside of 100 to 599 is invalid, and a proxy answers in its place as if it were a 5xx."""


class Malformed(Exception):
    """The peer violates HTTP/1.1; the text is a clause that names the violation."""


class _OverrunError(Exception):
    """There are bytes after the end of the response: the parser stops at them."""


class _NoBodyError(Exception):
    """The request was for the head alone, whatever the head says of a body: the parser stops behind it."""


class ResponseReader:
    """Parses bytes until ``complete``. ``head_complete`` is set first; ``take()`` returns the body so far. ``begin()``
    makes it ready for the next response, which is read by the same parser.

    ``promised_idle`` is the peer's announced keep-alive time in seconds, minus a margin. ``is_encoded``: the head names
    a content coding.
    ``max_framing`` bounds the bytes of the head, and later of framing (chunk extensions, trailers) without any body.
    httptools reports a header field only when it is complete, so fed bytes are counted as well as reported bytes.
    Bytes after the end of the response never reach the body; ``overrun``: there were such bytes, or there may be, and
    the parser reads no other response. ``may_switch``: the request asked for another protocol; after a response of
    status 101 (``switched``) the body is whatever comes. ``is_bodiless``: the request was HEAD (RFC 9112, 6.3).
    ``pieces`` are the body since it was last taken, and ``on_body`` is their ``append``: a callback in C costs the
    pieces of a stream no Python call.
    """

    __slots__ = (
        "_framing", "_interim", "_max_framing", "_parser", "complete", "framed", "head_complete", "headers",
        "is_bodiless", "is_encoded", "keep_alive", "may_switch", "on_body", "overrun", "pieces", "promised_idle",
        "status", "switched",
    )  # fmt: skip

    def __init__(self, max_framing: int) -> None:
        self._max_framing = max_framing
        self.pieces: list[bytes] = []
        self.on_body = self.pieces.append
        self._parser: Any = httptools.HttpResponseParser(self)
        self.switched = self.keep_alive = self.overrun = False
        self._framing = 0
        self.begin()

    def begin(self, may_switch: bool = False) -> None:
        """Expect the next response. Only after a response that was ``complete`` and taken, and after which the peer
        keeps the connection: such a response leaves all attributes that aren't set here as ``__init__`` set them."""
        self.may_switch = may_switch
        self.status = self._interim = 0
        self.headers: Headers = []
        self.head_complete = self.complete = self.framed = self.is_encoded = self.is_bodiless = False
        self.promised_idle = math.inf

    def feed(self, data: bytes) -> None:
        """Take bytes as they arrived. Raises Malformed."""
        if self.complete:
            self.overrun = True
            return
        pieces = self.pieces
        before = len(pieces)
        self._framing += len(data)
        try:
            if self.switched:
                self.on_body(data)
            else:
                self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._switch(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            self._refuse_unless_complete(error)
        if len(pieces) > before or self.complete:
            self._framing = 0
        elif self._framing > self._max_framing:
            raise self._too_much()

    def _switch(self, rest: bytes) -> None:
        if not (self.may_switch and self.status == _SWITCHING):
            raise Malformed("it switched protocols") from None
        if rest:
            self.on_body(rest)

    def _refuse_unless_complete(self, error: Exception) -> None:
        if isinstance(error.__context__, Malformed):
            raise error.__context__ from None
        if not self.complete:
            raise Malformed(f"its response is not valid HTTP ({error})") from None
        self.overrun = True

    def _too_much(self) -> Malformed:
        return Malformed(f"it sent more than {self._max_framing} bytes of headers")

    def end(self) -> bool:
        """The peer closed the connection normally. Returns whether the response is whole."""
        if self.head_complete and not self.framed:
            self.complete = True
        return self.complete

    def take(self) -> bytes:
        """Take the body bytes that arrived since the last call."""
        pieces = self.pieces
        if len(pieces) == 1:
            return pieces.pop()
        body = b"".join(pieces)
        pieces.clear()
        return body

    def release(self) -> None:
        """Free the parser; no bytes may be fed afterwards. The parser and its callbacks form a reference cycle, which
        otherwise only the garbage collector would free."""
        self._parser = None

    # Callbacks of httptools, in the order in which they come.

    def on_message_begin(self) -> None:
        if self.complete:
            raise _OverrunError

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.head_complete:
            self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        # Of fewer bytes, the head can't be too large.
        if self._framing > self._max_framing and _size(self.headers) > self._max_framing:
            raise self._too_much()
        status = self._parser.get_status_code()
        if not _LEAST_FINAL <= status < _BEYOND:
            self._take_interim(status)
            return
        self.status = status
        self.head_complete = True
        self.keep_alive = self._parser.should_keep_alive()
        self.framed = status in WITHOUT_BODY
        # What the head's fields say of the body and of the connection.
        for name, value in self.headers:
            if name not in _LOOKED_AT:
                continue
            if name == b"content-length" or _is_chunked(name, value):
                self.framed = True
            elif name == b"keep-alive":
                self.promised_idle = _promised_idle(value)
            elif name == b"content-encoding":
                self.is_encoded = True
        if self.is_bodiless:
            self.complete = True
            raise _NoBodyError

    def _take_interim(self, status: int) -> None:
        """The head of a response that isn't the final one: another follows, or another protocol. Raises Malformed."""
        if not _LEAST <= status < _BEYOND:
            raise Malformed(f"its response has the status {status}, which HTTP does not know")
        if status == _SWITCHING and self.may_switch:
            self.status, self.head_complete, self.switched = status, True, True
            return
        self._interim += 1
        if self._interim > _MAX_INTERIM:
            raise Malformed(f"it sent more than {_MAX_INTERIM} interim responses")

    def on_message_complete(self) -> None:
        if self.head_complete:
            self.complete = not self.switched
        else:
            self.headers = []


def _is_chunked(name: bytes, value: bytes) -> bool:
    return name == b"transfer-encoding" and value.lower().endswith(b"chunked")


def _size(headers: Headers) -> int:
    """The bytes of a head's fields."""
    return sum(len(name) + len(value) + 4 for name, value in headers)


def _promised_idle(value: bytes) -> float:
    timeout_match = re.search(rb"timeout\s*=\s*(\d{1,6})", value)
    return max(int(timeout_match[1]) - 1, 0) if timeout_match else math.inf
