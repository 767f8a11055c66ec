"""What the request log keeps of a request beside its record: spans, texts of errors, headers and bodies."""

from __future__ import annotations

from typing import Final, Protocol

import msgspec

from penstock.core.http import Headers
from penstock.observe.record import Record


class Content(msgspec.Struct):
    """Headers and bodies of a request and its answer. Of a body the first ``limit`` bytes are kept."""

    limit: int
    request_headers: Headers
    request: bytes = b""
    response_headers: Headers = []
    response: bytearray = msgspec.field(default_factory=bytearray)
    is_truncated: bool = False

    def keep_request(self, body: bytes) -> None:
        self.request, self.is_truncated = bytes(body[: self.limit]), self.is_truncated or len(body) > self.limit

    def keep_response(self, piece: bytes) -> None:
        """Keep a further piece of the answer's body."""
        room = max(self.limit - len(self.response), 0)
        self.response += piece[:room]
        self.is_truncated = self.is_truncated or len(piece) > room


class LogExtras(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """``messages`` are the texts of the attempts' errors, ``message`` is that of the request's."""

    span_id: str | None = None
    parent_span_id: str | None = None
    span_name: str | None = None
    message: str | None = None
    messages: tuple[str | None, ...] = ()
    content: Content | None = None


NO_EXTRAS: Final = LogExtras()


class ContentKeeper(Protocol):
    """What keeps contents for spans (telemetry/contents.py)."""

    def put(self, record: Record, content: Content) -> None:
        """Keep the content of a finished request. Never waits."""
        ...


class Keeper(Protocol):
    """The request log as an account sees it (pipeline/records/request_log.py)."""

    def keep(self, record: Record, extras: LogExtras, id_: str) -> None:
        """Keep a finished request. Never waits."""
        ...
