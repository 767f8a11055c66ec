"""One caller's request on its way through the pipeline, and the answer it gets."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from penstock.core.failure import Failure
from penstock.core.http import Headers
from penstock.core.outcome import Outcome
from penstock.core.usage import Usage
from penstock.dialects.framing.sse import EventRelay
from penstock.providers.row import Operation
from penstock.routing.plan import Target
from penstock.transport.base import Reply


class Call(msgspec.Struct):
    """What the caller asks for: the operation, the request's headers and its body as received."""

    operation: Operation
    headers: Headers
    fields: Mapping[bytes, bytes]
    """The same headers by lower-case name; of a repeated one, the last."""
    body: bytes
    trace_id: bytes
    hops: int = 0


class Answer(msgspec.Struct):
    """What goes back: a status, headers and a body that is whole or still arriving.

    ``body`` is what is known already. ``rest`` is the provider's reply when more is to come; in a stream it passes
    through ``relay``. ``target`` is None when no target was reached at all.
    """

    status: int
    headers: Headers
    body: bytes
    outcome: Outcome
    rest: Reply | None = None
    relay: EventRelay | None = None
    usage: Usage | None = None
    target: Target | None = None
    model: str | None = None
    dropped: tuple[str, ...] = ()

    @property
    def failure(self) -> Failure | None:
        return self.outcome.failure

    def close(self) -> None:
        """Give up what is still arriving."""
        if self.rest is not None:
            self.rest.close()
