"""One caller's request on its way through the pipeline, and the answer it gets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from penstock.core.failure import Failure
from penstock.core.http import Headers
from penstock.core.outcome import Outcome
from penstock.core.usage import Usage
from penstock.dialects.caller import CallerDialect, RequestBody
from penstock.dialects.stream_watch import StreamWatch
from penstock.pipeline.account import Account, AttemptAccount, read_metadata
from penstock.pipeline.authenticate import ANYBODY, Caller
from penstock.providers.row import Operation
from penstock.routing.conditions import MISSING
from penstock.routing.plan import Target
from penstock.transport.base import Reply


class Call(msgspec.Struct):
    """What the caller asks for: the operation, in which dialect, the request's headers and its body as received.

    ``fields`` are the headers by lower-case name; of a repeated one, the last. ``parameters`` come from the path
    (``{"id": "gpt-5"}``); ``query`` is the part of the query that goes on to a provider of the same wire.
    ``default_provider`` serves where nothing else names a provider. ``request`` is the body, read; None for an
    operation without one, and until it was read.
    """

    operation: Operation
    dialect: CallerDialect
    headers: Headers
    fields: Mapping[bytes, bytes]
    body: bytes
    trace_id: bytes
    account: Account
    path: str = ""
    parameters: Mapping[str, str] = {}
    query: str = ""
    hops: int = 0
    caller: Caller = ANYBODY
    default_provider: str | None = None
    request: RequestBody | None = None

    @property
    def trace(self) -> str:
        """The trace id as text."""
        return self.trace_id.decode("utf-8", "replace")

    def forget_body(self) -> None:
        """Let go of the body, once nobody will ask for it again."""
        self.body, self.request = b"", None


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
        request = self._call.request
        if request is None or name not in request.body:
            return MISSING
        try:
            return request.body.value(name)
        except ValueError:
            return MISSING

    def metadata(self, name: str) -> Any:
        if self._metadata is None:
            self._metadata = read_metadata(self._call.fields.get(b"x-portkey-metadata"))
        return self._metadata.get(name, MISSING)


class Answer(msgspec.Struct):
    """What goes back: a status, headers and a body that is whole or still arriving.

    ``body`` is what is known already. ``rest`` is the provider's reply when more is to come; a stream passes through
    ``watch``. ``target`` is None when no target was reached at all. ``attempt`` is the account of the attempt that the
    answer comes from.
    """

    status: int
    headers: Headers
    body: bytes
    outcome: Outcome
    rest: Reply | None = None
    watch: StreamWatch | None = None
    usage: Usage | None = None
    target: Target | None = None
    model: str | None = None
    dropped: tuple[str, ...] = ()
    cache_status: str = "DISABLED"
    attempt: AttemptAccount | None = None
    broken: Failure | None = None
    """What cut the answer short after it had begun."""
    on_close: tuple[Callable[[Failure | None], None], ...] = ()
    """Called once when the answer is closed, with what cut it short, if anything."""

    @property
    def failure(self) -> Failure | None:
        return self.outcome.failure

    def close(self) -> None:
        """Give up what is still arriving."""
        if self.rest is not None:
            self.rest.close()
        callbacks, self.on_close = self.on_close, ()
        for callback in callbacks:
            callback(self.broken)
