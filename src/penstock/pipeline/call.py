"""One caller's request on its way through the pipeline, and the answer it gets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec

from penstock.core.bound_id import ChangeId, ReadIds
from penstock.core.failure import Failure
from penstock.core.http import Headers
from penstock.core.json_text import write_json
from penstock.core.operation import Operation
from penstock.core.outcome import Outcome
from penstock.core.usage import Usage
from penstock.dialects.caller import CallerDialect, RequestBody
from penstock.dialects.stream_watch import StreamWatch
from penstock.pipeline.account import Account, AttemptAccount
from penstock.pipeline.authenticate import ANYBODY, Caller
from penstock.pipeline.head_memo import HeadMemo
from penstock.pipeline.metadata import METADATA, read_metadata
from penstock.pipeline.models.model_lists import ModelLists
from penstock.routing.javascript_value import MISSING
from penstock.routing.plan import Target
from penstock.transport.base import Reply
from penstock.transport.base import Upload as Source

if TYPE_CHECKING:
    from penstock.pipeline.guarding.memory import GuardMemory
    from penstock.pipeline.keeping.exchange import Keeping
    from penstock.pipeline.plan_memory import PlanAhead
    from penstock.pipeline.target_route import TargetRoute

_MOST_OF_A_GUARD: Final = 5
LARGEST_READ: Final = 256 << 10
"""Bytes of an array or object that are decoded for conditions, which look at 2000 characters of its text."""


class Upload(Source, Protocol):
    """The rest of a large body, which is still arriving. ``is_begun``: bytes of it were sent, so that it can't be sent
    again."""

    is_begun: bool

    async def whole(self) -> tuple[bytes, RequestBody | None] | Failure:
        """The whole body, held in memory, and its fields where it is a form."""
        ...


class Call(msgspec.Struct):
    """A caller's request: the operation, the caller's dialect, the request's headers and its body as received.

    ``fields`` are the headers by lower-case name; of a repeated header, the last value. ``parameters`` come from the
    path (``{"id": "gpt-5"}``); ``query`` is the part of the query that is forwarded to a provider of the same wire.
    ``default_provider`` serves the request when nothing names a provider. ``path_name`` is the name in ``/@NAME/v1/…``;
    ``path`` is the rest of such a path. ``request`` is the parsed body; None for an operation without a body, and until
    the body is read. ``streams``: the path says whether the answer is a stream; None where the body says it.
    ``resource`` is what a provider keeps for its callers, where the request is for that; ``ids`` are the bound ids that
    the request held, where it may hold any; ``bind`` gives, for a target, the ids of what it keeps as callers get them
    (keeping/provider_state.py). ``named_in`` is the part of the request that names its target, where no header does
    (``Choice.where``). ``guards`` is what guards found so far, None until a target has any; ``passed`` the first
    target, where all of its guards let the request pass at a glance. ``upload`` is what follows ``body`` where the body
    passes while it arrives (upload.py). ``keeps`` is what the gateway keeps of the answer itself, where it may keep any
    (keeping/conversations.py). ``memo`` is what requests with the same head share, None where it came for the first
    time. ``ahead`` is the plan where it was compiled in a thread.
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
    path_name: str | None = None
    request: RequestBody | None = None
    streams: bool | None = None
    resource: str | None = None
    memo: HeadMemo | None = None
    upload: Upload | None = None
    guards: GuardMemory | None = None
    passed: TargetRoute | None = None
    ids: ReadIds | None = None
    bind: Callable[[Target], ChangeId] | None = None
    named_in: str = ""
    keeps: Keeping | None = None
    ahead: PlanAhead | None = None
    is_unguarded: bool = False
    """Whether no guard judges the call: a guard itself asks."""

    @property
    def trace(self) -> str:
        """The trace id as text."""
        return self.trace_id.decode("utf-8", "replace")

    def attempts_left(self, most: int) -> int:
        """How many attempts the call may have in all: none after bytes of a body that nobody holds were sent, and few
        where a guard asks, of which a request may have many."""
        if self.upload is not None and self.upload.is_begun:
            return 0
        return min(most, _MOST_OF_A_GUARD) if self.is_unguarded else most

    def addressed(self, request: RequestBody) -> RequestBody:
        """The body with the model that its path names, and the form of the answer where the path says it, as members
        ``model`` and ``stream``. A publisher in the path, as Vertex AI's have one, stands before the model's name:
        ``@groq/llama``. Google's own models have none."""
        memo, streams = self.memo, self.streams
        if memo is not None and memo.address is not None and streams is not None:
            named, members = memo.address
            return RequestBody(request.body.addressed(members), named, streams)
        model = self.parameters.get("model")
        publisher = self.parameters.get("publisher", "google")
        if model is not None and publisher != "google":
            model = f"{publisher}/{model}"
        if model is None or (streams is None and model == request.model):
            return request
        if streams is None:
            body = request.body.replaced({"model": write_json(model)})
            return msgspec.structs.replace(request, body=body, model=model)
        members = {"model": write_json(model), "stream": b"true" if streams else b"false"}
        if memo is not None:
            memo.address = model, members
        return RequestBody(request.body.addressed(members), model, streams)

    def forget_body(self) -> None:
        """Free the body's memory. Called when no stage reads the body again."""
        self.body, self.request = b"", None


class RequestView:
    """A call as conditions and sticky fields see it (``routing.conditions.View``): each part is decoded once."""

    __slots__ = ("_call", "_metadata", "_params")

    def __init__(self, call: Call) -> None:
        self._call = call
        self._metadata: dict[str, Any] | None = None
        self._params: dict[str, Any] = {}

    @property
    def pathname(self) -> str:
        return self._call.path

    def param(self, name: str) -> Any:
        if name not in self._params:
            self._params[name] = self._decoded(name)
        return self._params[name]

    def metadata(self, name: str) -> Any:
        if self._metadata is None:
            self._metadata = read_metadata(self._call.fields.get(METADATA))
        return self._metadata.get(name, MISSING)

    def _decoded(self, name: str) -> Any:
        request = self._call.request
        if request is None or name not in request.body:
            return MISSING
        try:
            return request.body.beginning(name, LARGEST_READ)
        except ValueError:
            return MISSING


class Untold(Protocol):
    """``untold`` names what of an answer so far was left out (dialects/untold.py)."""

    @property
    def untold(self) -> tuple[str, ...]: ...


NO_CACHE: Final = frozenset({"", "DISABLED"})
"""Cache statuses of answers that no cache had to do with."""


class Answer(msgspec.Struct):
    """The response to a call: a status, headers and a body that is whole or still arriving.

    ``body`` holds the bytes received so far. ``rest`` is the provider's reply when more bytes will follow; a stream
    passes through ``watch``. ``target`` is None when no target was attempted. ``attempt`` is the account of the attempt
    that produced the answer.
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
    untold: Untold | None = None
    """What the caller's wire has no place for, where the answer is translated: more of it may come with the rest."""
    cache_status: str = "DISABLED"
    """Empty where nobody came to look into the cache."""
    attempt: AttemptAccount | None = None
    model_lists: ModelLists | None = None
    """The models that may be named in a session that the answer opens; None: any."""
    broken: Failure | None = None
    """The failure that cut the answer short after its first bytes."""
    is_cut: bool = False
    """A guard ended the provider's call before it told its usage: what it cost is estimated."""
    on_close: tuple[Callable[[Failure | None], None], ...] = ()
    """Callbacks, each called once when the answer is closed, with ``broken`` as the argument."""

    @property
    def failure(self) -> Failure | None:
        return self.outcome.failure

    @property
    def has_content(self) -> bool:
        """Whether this is an answer with content: a good one, or a stream that told an error right behind its first
        content."""
        return self.watch is not None or self.outcome.ok

    def close(self) -> None:
        """Close the reply that is still arriving and run the callbacks."""
        if self.rest is not None:
            self.rest.close()
        if self.on_close:
            callbacks, self.on_close = self.on_close, ()
            for callback in callbacks:
                callback(self.broken)
