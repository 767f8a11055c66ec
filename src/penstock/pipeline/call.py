"""One caller's request on its way through the pipeline, and the answer it gets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from penstock.core.failure import Failure
from penstock.core.http import Headers
from penstock.core.json_text import read_json
from penstock.core.outcome import Outcome
from penstock.core.usage import Usage
from penstock.dialects.framing.sse import EventRelay
from penstock.dialects.openai.relay.body import Request
from penstock.dialects.openai.relay.stream import Scan
from penstock.providers.row import Operation
from penstock.routing.conditions import MISSING
from penstock.routing.plan import Target
from penstock.transport.base import Reply


class Call(msgspec.Struct):
    """What the caller asks for: the operation, the request's headers and its body as received.

    ``chat`` is the body, read; None for an operation without one, and until it was read. ``withheld`` is the header
    that carried the caller's gateway key.
    """

    operation: Operation
    headers: Headers
    fields: Mapping[bytes, bytes]
    """The same headers by lower-case name; of a repeated one, the last."""
    body: bytes
    trace_id: bytes
    path: str = ""
    hops: int = 0
    chat: Request | None = None
    withheld: bytes = b""


class RequestView:
    """A call as conditions see it (``routing.conditions.View``): each part is decoded when it is first looked at."""

    __slots__ = ("_call", "_metadata")

    def __init__(self, call: Call) -> None:
        self._call = call
        self._metadata: dict[str, Any] | None = None

    @property
    def pathname(self) -> str:
        return self._call.path

    def param(self, name: str) -> Any:
        chat = self._call.chat
        if chat is None or name not in chat.body:
            return MISSING
        try:
            return chat.body.value(name)
        except ValueError:
            return MISSING

    def metadata(self, name: str) -> Any:
        if self._metadata is None:
            self._metadata = read_metadata(self._call.fields.get(b"x-portkey-metadata"))
        return self._metadata.get(name, MISSING)


def read_metadata(raw: bytes | None) -> dict[str, Any]:
    """The caller's own labels; anything but a JSON object counts as none (docs/portkey.md#metadata)."""
    try:
        value = read_json(raw or b"{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


class Answer(msgspec.Struct):
    """What goes back: a status, headers and a body that is whole or still arriving.

    ``body`` is what is known already. ``rest`` is the provider's reply when more is to come; in a stream it passes
    through ``relay`` and under the eyes of ``scan``. ``target`` is None when no target was reached at all. ``released``
    is called once when the answer is closed, with what cut it short, if anything.
    """

    status: int
    headers: Headers
    body: bytes
    outcome: Outcome
    rest: Reply | None = None
    relay: EventRelay | None = None
    scan: Scan | None = None
    usage: Usage | None = None
    target: Target | None = None
    model: str | None = None
    dropped: tuple[str, ...] = ()
    cache_status: str = "DISABLED"
    trace: str = ""
    broken: Failure | None = None
    """What cut the answer short after it had begun."""
    released: Callable[[Failure | None], None] | None = None

    @property
    def failure(self) -> Failure | None:
        return self.outcome.failure

    def close(self) -> None:
        """Give up what is still arriving."""
        if self.rest is not None:
            self.rest.close()
        if self.released is not None:
            released, self.released = self.released, None
            released(self.broken)
