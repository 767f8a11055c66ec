"""One request of a connection, filled as its bytes arrive."""

from __future__ import annotations

import asyncio
import sys
from typing import Final
from urllib.parse import unquote

from penstock.core.failure import Failure
from penstock.core.http import Headers
from penstock.pipeline.head_memo import HeadMemo
from penstock.server.bodies.buffering import BodyBuffer

_NO_FIELDS: Final[dict[bytes, bytes]] = {}


class IncomingRequest(BodyBuffer):
    """A request and its body (``BodyBuffer``).

    ``began`` (seconds of the event loop) is when its first byte came; while its body is waited for, when that began.
    ``is_taken``: the head is complete. ``complete``: the body is, too. ``refused`` is what is wrong with the head,
    ``failure`` what is wrong with the body. ``declared`` is the length of the body, -1 if it is not known. ``granted``
    bytes of the body may arrive before the next look at the limits. ``reader`` is set while somebody waits for the
    body. ``fields`` are ``headers`` by name. ``opens_socket``: it asks for a WebSocket where there are some; ``early``
    are the bytes that came right behind it. ``memo`` is what requests with the same head share, None for the first.
    """

    # Defaults of the class: what most requests don't set. To read one takes a longer way than what ``__init__`` sets.
    target = b""
    method = ""
    version = "1.1"
    keep_alive = False
    offers_upgrade = False
    early = b""
    expects_continue = False
    is_taken = False
    complete = False
    declared = 0
    granted = sys.maxsize
    reader: asyncio.Future[None] | None = None
    memo: HeadMemo | None = None
    in_pieces = False
    _taken = 0
    _path_and_query: tuple[str, str] | None = None

    def __init__(self, began: float) -> None:
        self.began = began
        self.headers: Headers = []
        self.fields: dict[bytes, bytes] = _NO_FIELDS
        self.opens_socket = False
        self.refused: Failure | None = None
        self.failure: Failure | None = None

    def again(self, began: float, body: bytes) -> IncomingRequest:
        """Another request with the same head but for its content-length, and with this body, which is complete."""
        request = IncomingRequest(began)
        request.target, request.method, request.keep_alive = self.target, self.method, self.keep_alive
        request.headers, request.fields = self.headers, self.fields
        request.memo, request._path_and_query = self.memo, self._path_and_query
        request.is_taken = request.complete = True
        request.size = request.declared = size = len(body)
        request._piece = body
        if size != self.declared:
            length = b"%d" % size
            request.headers = [
                (b"content-length", length) if field[0] == b"content-length" else field for field in self.headers
            ]
            request.fields = {**self.fields, b"content-length": length}
        return request

    def begin_pieces(self) -> None:
        """From now on the body is taken in pieces: each piece is told to the connection (``granted``)."""
        self.in_pieces, self.granted = True, -1

    @property
    def unread(self) -> int:
        """Bytes of a body in pieces that nobody has taken yet."""
        return self.size - self._taken

    def take_piece(self) -> bytes:
        """What came since the last look."""
        self._taken = self.size
        return self.take()

    def fail(self, failure: Failure) -> None:
        """The rest of the body will not be read; what was read is dropped."""
        if self.failure is None and not self.complete:
            self.failure = failure
            self.take()
            self.wake()

    def wake(self) -> None:
        """Tell who waits for the body that it is complete, or failed."""
        if self.reader is not None and not self.reader.done():
            self.reader.set_result(None)

    def head_without_offer(self) -> bytes:
        """The head as bytes, without the header ``upgrade``."""
        lines = [b"%b %b HTTP/%b\r\n" % (self.method.encode(), self.target, self.version.encode())]
        lines += [b"%b: %b\r\n" % field for field in self.headers if field[0] != b"upgrade"]
        return b"".join(lines) + b"\r\n"

    def path_and_query(self) -> tuple[str, str]:
        """The decoded path and the raw query of the target, in origin form or (to a proxy) in absolute form."""
        if self._path_and_query is None:
            path, query = self._split_target()
            self._path_and_query = unquote(path) if "%" in path else path, query
        return self._path_and_query

    @property
    def raw_path(self) -> str:
        """The path as it came, percent-encoded."""
        return self._split_target()[0]

    def _split_target(self) -> tuple[str, str]:
        """Path and query, both as they came."""
        target = self.target
        if not target.startswith(b"/") and b"://" in target:
            after = target.partition(b"://")[2]
            authority, question, query = after.partition(b"?")
            target = b"/" + authority.partition(b"/")[2] + question + query
        path, _, query = target.partition(b"?")
        return path.decode("latin-1"), query.decode("latin-1")
