"""Reads a connection's bytes as requests. llhttp (httptools) parses them; a head that comes again isn't parsed again.

Source: RFC 9112.
"""

from __future__ import annotations

import logging
from typing import Any, Final, Protocol

import httptools

from penstock.core.failure import Failure
from penstock.core.http import Headers
from penstock.pipeline.head_memo import HeadMemo
from penstock.server.http.head import MAX_HEAD, framing_objection, head_size, head_too_large, not_http
from penstock.server.http.incoming import IncomingRequest

_LOG: Final = logging.getLogger("penstock")
SLICE: Final = 16 << 10
"""Bytes that are parsed at a time: so many small requests can be parsed ahead at most."""
_LENGTH: Final = b"\r\ncontent-length: "
_LONGEST_LENGTH: Final = 9
"""Digits of a content-length that is read without the parser."""


class Taker(Protocol):
    """The connection whose bytes are read."""

    def take(self, request: IncomingRequest) -> None:
        """A request's head is complete."""
        ...

    def grow(self) -> None:
        """The body of the latest request is larger than it was granted."""
        ...

    def abort(self) -> None:
        """A defect of the gateway keeps it from reading on."""
        ...


class RequestReader:
    """``incoming`` is the latest request; ``is_reading``: its bytes are still coming. ``is_deaf``: what came last can't
    be read, or belongs to another protocol, so nothing is parsed any more."""

    __slots__ = (
        "_fields", "_framing", "_host", "_known", "_now", "_parser", "_taker", "incoming", "is_deaf", "is_reading",
    )  # fmt: skip

    def __init__(self, taker: Taker, now: float) -> None:
        self._taker = taker
        self._parser: Any = httptools.HttpRequestParser(self)
        self._now = now
        self._fields: Headers = []
        self._host = b""
        self._framing = 0
        self._known: _KnownHead | None = None
        self.incoming = IncomingRequest(now)
        self.is_reading = False
        self.is_deaf = False

    def feed(self, data: bytes, now: float) -> None:
        """Take at most ``SLICE`` bytes, which came at the moment ``now``."""
        is_first = not self.is_reading
        if is_first and self._known is not None:
            request = self._known.request(data, now)
            if request is not None:
                self.incoming = request
                self._taker.take(request)
                return
        self._now = now
        self._parse(data)
        if is_first and (known := _known_head(self.incoming, data)) is not None:
            if self._known is None:
                self._parser = None  # it may not be needed again: with its callbacks it takes 0.7 KB
            self._known = known

    def release(self) -> None:
        """Free parser and connection, which refer back to the reader: without this only the garbage collector would
        free them. No bytes may be fed afterwards."""
        del self._parser, self._taker

    def _parse(self, data: bytes) -> None:
        """``_framing`` counts the bytes since the last byte of a body or end of a head: at most ``SLICE`` fewer, where
        a slice held both."""
        self._framing += len(data)
        try:
            while data:
                self._parser = self._parser or httptools.HttpRequestParser(self)
                try:
                    self._parser.feed_data(data)
                    break
                except httptools.HttpParserUpgrade as upgrade:
                    data = self._after_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserCallbackError:
            _LOG.exception("a request failed while it was read")
            self._taker.abort()
        except httptools.HttpParserError:
            if not self.is_deaf:
                self._refuse(not_http())
        if self._framing > MAX_HEAD and not self.is_deaf:
            self._refuse(head_too_large())

    def _after_upgrade(self, rest: bytes) -> bytes:
        """The bytes to parse on with, after an ``upgrade`` header stopped the parser. The header is ignored, as RFC
        9110 (7.8) allows: Java's client offers HTTP/2 with every request. A new parser reads the request without it."""
        request = self.incoming
        if request.opens_socket:
            self.is_deaf, request.keep_alive, request.early = True, False, rest
            return b""
        if request.offers_upgrade:
            self._parser = httptools.HttpRequestParser(self)
            return request.head_without_offer() + rest
        request.keep_alive = False
        self.is_deaf = True
        return b""

    def _judge(self, request: IncomingRequest) -> None:
        """Look at what few heads have. After a refused head nothing is parsed."""
        fields = request.fields
        request.expects_continue = fields.get(b"expect", b"").lower() == b"100-continue"
        if b"transfer-encoding" in fields:
            request.declared = -1
        if head_size(request.method, request.target, request.headers) > MAX_HEAD:
            request.refused = head_too_large()
        else:
            request.refused = framing_objection(request.version, request.headers, fields)
        if request.refused is None:
            self._host = fields.get(b"host", b"")
        else:
            self.is_deaf = True

    def _refuse(self, failure: Failure) -> None:
        """What came can't be read: no more of it is parsed, and the request that it belongs to is answered with a
        failure."""
        self.is_deaf = True
        request = self.incoming
        if request.is_taken and not request.complete:
            request.fail(failure)
            return
        if request.complete:
            request = self.incoming = IncomingRequest(self._now)
        request.refused = failure
        self._take(request)

    def _take(self, request: IncomingRequest) -> None:
        request.is_taken = True
        self._taker.take(request)

    # Callbacks of httptools, in the order in which they come.

    def on_message_begin(self) -> None:
        self.incoming = IncomingRequest(self._now)
        self._fields = []
        self.is_reading = True

    def on_url(self, url: bytes) -> None:
        self.incoming.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._fields.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        request, parser = self.incoming, self._parser
        # Fields that come after this are trailers (RFC 9110, 6.5.1): they go to a list that nobody reads.
        request.headers, self._fields = self._fields, []
        request.method = parser.get_method().decode("ascii")
        request.version = parser.get_http_version()
        request.keep_alive = parser.should_keep_alive()
        request.offers_upgrade = parser.should_upgrade() and request.method != "CONNECT"
        if request.offers_upgrade and _opens_socket(request):
            request.offers_upgrade, request.opens_socket = False, True
        if request.offers_upgrade:
            return
        fields = request.fields = dict(request.headers)
        length = fields.get(b"content-length")
        if length is not None:
            request.declared = int(length)
        if (
            fields.get(b"host") != self._host
            or len(fields) != len(request.headers)
            or b"transfer-encoding" in fields
            or b"expect" in fields
            or request.version != "1.1"
            or self._framing > MAX_HEAD - SLICE
        ):
            self._judge(request)
        self._framing = 0
        self._take(request)

    def on_body(self, body: bytes) -> None:
        self._framing = 0
        request = self.incoming
        if request.failure is None:
            request.add(body)
            if request.size > request.granted:
                self._taker.grow()

    def on_message_complete(self) -> None:
        self._framing = 0
        request = self.incoming
        if not request.offers_upgrade:
            self.is_reading = False
            request.complete = request.failure is None
            if request.reader is not None:
                request.wake()


_SOCKET_PATHS: Final = (b"/realtime", b"/responses", b".BidiGenerateContent")
"""How the paths end that have a WebSocket."""


def _opens_socket(request: IncomingRequest) -> bool:
    """Whether a request that offers another protocol asks for a WebSocket, at a path that has one."""
    is_socket = any(name == b"upgrade" and value.lower() == b"websocket" for name, value in request.headers)
    return is_socket and request.method == "GET" and request.target.partition(b"?")[0].endswith(_SOCKET_PATHS)


class _KnownHead:
    """The head of a request that the parser took. SDKs send the same head with each request of a connection but for
    the digits of content-length: bytes that equal it up to these digits mean what it meant."""

    __slots__ = ("_before", "_behind", "_request")

    def __init__(self, request: IncomingRequest, before: bytes, behind: bytes) -> None:
        request.path_and_query()  # told once for all
        self._request = request.again(0.0, b"")
        # With the content-length that it came with: requests of this length share the head.
        self._request.headers, self._request.fields = request.headers, request.fields
        self._request.declared = request.declared
        self._request.memo = HeadMemo()
        self._before = before
        self._behind = behind

    def request(self, data: bytes, now: float) -> IncomingRequest | None:
        """The request if the bytes are one whole request with this head, else None."""
        at = len(self._before)
        if not data.startswith(self._before):
            return None
        end = data.find(b"\r", at, at + _LONGEST_LENGTH + 1)
        digits = data[at:end]
        if end < 0 or not digits.isdigit() or not data.startswith(self._behind, end):
            return None
        start = end + len(self._behind)
        if len(data) - start != int(digits):
            return None
        return self._request.again(now, data[start:])


def _known_head(request: IncomingRequest, data: bytes) -> _KnownHead | None:
    """The head of an ordinary request that came in one piece, alone and whole; None for any other."""
    end = data.find(b"\r\n\r\n") + 4
    is_whole = request.complete and request.refused is None and request.declared == request.size == len(data) - end
    if not is_whole or request.version != "1.1" or not request.keep_alive or request.expects_continue:
        return None
    line = data[:end].lower().find(_LENGTH)
    at = line + len(_LENGTH)
    behind = data.find(b"\r", at, end)
    return _KnownHead(request, data[:at], data[behind:end]) if line > 0 and data[at:behind].isdigit() else None
