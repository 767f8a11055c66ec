"""The account of one request: opened at the edge, filled by the stages, closed exactly once on every way out.

The access log, and every later reader, gets the immutable ``Record`` that closing makes; nothing else keeps score.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from msgspec.structs import replace

from penstock.core.durations import microseconds
from penstock.core.failure import Failure, Kind
from penstock.core.http import Origin
from penstock.core.operation import Operation
from penstock.core.trace_context import TraceContext
from penstock.core.usage import Usage
from penstock.observe.log_extras import NO_EXTRAS, Content, LogExtras
from penstock.observe.record import AttemptRecord, Billed, GuardVerdict, Record, Records
from penstock.observe.telemetry.span import new_span_id
from penstock.pipeline.metadata import label_text, text_labels
from penstock.routing.plan import Target
from penstock.stores.sql.ids import new_id

if TYPE_CHECKING:
    from penstock.pipeline.call import Answer

_NOTHING: Final[dict[Any, Any]] = {}
_FREE: Final = frozenset({"HIT", "REPLAYED"})
"""What an attempt says of the cache where nobody was called."""
_LONGEST_MESSAGE: Final = 2000
"""Characters of an error's text that the request log keeps."""
_FAILED: Final = 400
"""The lowest status of a request that failed."""
_SPAN_ID: Final = b"x-portkey-span-id"
_PARENT_SPAN_ID: Final = b"x-portkey-parent-span-id"
_SPAN_NAME: Final = b"x-portkey-span-name"
_SPAN: Final = frozenset({_SPAN_ID, _PARENT_SPAN_ID, _SPAN_NAME})
"""The headers that name a request's place in the caller's trace."""
IGNORES_LOG: Final = b"x-portkey-ignore-service-log"
"""The header that keeps a request out of the request log."""


class AttemptAccount:
    """One attempt at one target, while it lasts. ``usage`` and ``status`` are set as they become known.

    Times are seconds since the request's arrival. ``call`` is shared by the accounts of all requests that share one
    upstream call: one of them pays for it. ``caller`` is the key or, without one, the address of the request's caller;
    ``previous`` is the attempt before this one.

    A class with slots, as ``Account``: to set an attribute of a ``Struct`` costs ten times as much.
    """

    __slots__ = (
        "began", "billed", "cache", "call", "caller", "charged", "ended", "failure", "first_content", "is_hedge_loser",
        "lane", "model", "origin", "previous", "span_id", "status", "target", "trace_context", "usage",
    )  # fmt: skip

    def __init__(
        self,
        target: Target,
        began: float,
        caller: str = "",
        previous: AttemptAccount | None = None,
        model: str | None = None,
        lane: int = 0,
        usage: Usage | None = None,
        failure: Failure | None = None,
    ) -> None:
        self.target = target
        self.began = began
        self.model = model
        self.lane = lane
        self.status = 0
        self.first_content: float | None = None
        self.ended: float | None = None
        self.usage = usage
        self.failure = failure
        self.cache: str | None = None
        self.call: SharedCost | None = None
        self.is_hedge_loser = False
        self.caller = caller
        self.origin: Origin | None = None
        """Where the request goes, once it is prepared."""
        self.previous = previous
        self.billed: Billed | None = None
        self.charged: bool | None = None
        """What ``is_charged`` answered first."""
        self.trace_context: TraceContext | None = None
        """The trace that the provider is told of; None: it isn't told."""
        self.span_id = ""
        """The attempt's span, where the provider is told of it."""

    def is_charged(self) -> bool:
        """Whether the attempt's request pays for its call. To be asked when the attempt is over: of those who share a
        call the answer chooses one."""
        if self.charged is None:
            call = self.call
            self.charged = self.cache not in _FREE if call is None else call.is_charged_to(self)
        return self.charged

    def close(self) -> AttemptRecord:
        """The immutable account of the attempt."""
        target, failure, call = self.target, self.failure, self.call
        is_charged = self.is_charged()
        return AttemptRecord(
            target.path,
            target.provider,
            self.model,
            self.lane,
            self.status,
            self.began,
            self.first_content,
            self.ended,
            self.usage,
            None if failure is None else failure.kind.value,
            self.cache,
            is_charged,
            call is not None and not is_charged,
            self.is_hedge_loser,
            target.virtual_key,
            self.billed,
            target.region if target.options else "",
            self.span_id,
            target.identity,
        )


class Named(NamedTuple):
    """The provider and the model that a request named; None for what it did not name, or nobody knows."""

    provider: str | None = None
    model: str | None = None


NOTHING_NAMED: Final = Named()


class SharedCost:
    """Decides which request pays for one upstream call. ``participants`` is the number of requests that share it."""

    __slots__ = ("_asked", "_is_paid", "participants")

    def __init__(self) -> None:
        self.participants = 0
        self._is_paid = False
        self._asked = 0

    def is_charged_to(self, attempt: AttemptAccount) -> bool:
        """Whether the request of this attempt pays for the call: the only request pays; of several requests the first
        one whose account closes with a known usage, and if none does, the last one. Each attempt asks once."""
        self._asked += 1
        pays = not self._is_paid and (attempt.usage is not None or self._asked >= self.participants)
        self._is_paid = self._is_paid or pays
        return pays


class Reserved(Protocol):
    """What a request holds of its limits (pipeline/admission/reservation.py)."""

    request: str

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Response headers that tell how the rates stood when the request was let through."""
        ...

    def begin_first(self, target: Target, account: AttemptAccount) -> bool:
        """Begin an attempt that takes just what the request has reserved; False if it needs ``begin_attempt``."""
        ...

    async def begin_attempt(self, target: Target, account: AttemptAccount) -> Failure | None:
        """Reserve for any other attempt; the failure with which the attempt ends if it doesn't fit."""
        ...

    def answered(self, account: AttemptAccount, answer: Answer | None) -> None:
        """An attempt that has begun has its answer, or None if it was cancelled before."""
        ...

    def close(self, attempts: Sequence[AttemptAccount]) -> None:
        """Settle what the request's attempts took, and give back the rest."""
        ...


class Account:
    """Everything that is known of one request. ``reservation`` is what it holds of its limits, None without any.
    ``is_head``: its caller wants the head of the answer alone. Such a request is judged as the GET that ``method`` is
    then, and recorded as HEAD.

    A class whose slots are all set when it is made: to set an attribute of a ``Struct`` costs ten times as much, and
    to read a default of the class costs as much as a call.
    """

    __slots__ = (
        "_id", "address", "answered_by", "arrived", "at", "attempts", "cache", "config", "content", "dialect",
        "dropped", "failure", "fields", "first_byte", "guards", "has_left", "is_cancelled", "is_closed", "is_head",
        "key", "key_id", "labels", "metadata", "method", "named", "operation", "parameters", "path", "records",
        "reservation", "skipped", "status", "stream", "trace", "trace_context", "trace_id", "virtual_key", "workspace",
    )  # fmt: skip

    def __init__(self, records: Records, method: str, path: str) -> None:
        self.records = records
        self.method = method
        self.path = path
        self.at = time.time()
        """Seconds since 1970."""
        self.arrived = time.monotonic()
        self._id = ""
        self.trace_id = b""
        self.operation: Operation | None = None
        self.dialect: str | None = None
        self.fields: Mapping[bytes, bytes] = _NOTHING
        """The request's headers by name: what the request log notes of them is read when the account is closed."""
        self.metadata: bytes | None = None
        self.address: str | None = None
        self.virtual_key: str | None = None
        """The virtual key that the request's headers name, if it exists."""
        self.key: str | None = None
        self.key_id: str | None = None
        self.workspace: str | None = None
        self.labels: Mapping[str, str] = _NOTHING
        self.config: str | None = None
        self.reservation: Reserved | None = None
        self.attempts: list[AttemptAccount] = []
        self.answered_by: AttemptAccount | None = None
        self.named: Named = NOTHING_NAMED
        """What the request named, where no attempt tells it."""
        self.dropped: tuple[str, ...] = ()
        self.cache: str | None = None
        self.trace = ""
        self.skipped = 0
        self.stream = False
        self.status = 0
        self.failure: Failure | None = None
        self.first_byte: float | None = None
        self.has_left = self.is_cancelled = self.is_closed = self.is_head = False
        self.content: Content | None = None
        """Headers and bodies, where the request log keeps them."""
        self.trace_context: TraceContext | None = None
        """The trace of the request; None where no spans are made."""
        self.parameters: Mapping[str, bytes] = _NOTHING
        """The parameters of the request that its spans tell, as JSON."""
        self.guards: list[GuardVerdict] = []
        """What guards decided, where they did not simply pass."""

    @property
    def id(self) -> str:
        """The request's id, which its caller is told and which its row in the request log has. It is no secret: who
        reads the row shows a key for it."""
        if not self._id:
            self._id = new_id(microseconds(self.at), random.getrandbits(62))
        return self._id

    def attempt(self, target: Target) -> AttemptAccount:
        """Open the account of one more attempt."""
        previous = self.attempts[-1] if self.attempts else None
        attempt = AttemptAccount(target, time.monotonic() - self.arrived, self.key or self.address or "", previous)
        if self.trace_context is not None and self.trace_context.propagates:
            attempt.trace_context, attempt.span_id = self.trace_context, new_span_id()
        self.attempts.append(attempt)
        return attempt

    def elapsed(self) -> float:
        """Seconds since the request arrived."""
        return time.monotonic() - self.arrived

    def close(self) -> None:
        """Publish the record. Harmless when called again."""
        if self.is_closed:
            return
        self.is_closed = True
        if self.reservation is not None:
            self.reservation.close(self.attempts)
        keeper = self.records.keeper
        if keeper is not None and not self.is_logged:
            keeper = None
        if keeper is None and not self.records.queues:
            return
        record = self._record()
        if self.records.kinds is not None:
            self.records.kinds.assign(record)
        if self.content is not None and self.records.contents is not None and self.is_logged:
            self.records.contents.put(record, self.content)
        self.records.publish(record)
        if keeper is not None:
            keeper.keep(record, self._extras(record), self.id)

    @property
    def is_logged(self) -> bool:
        """Whether the request gets a row in the request log: requests of LLM endpoints do, unless their header says
        otherwise; nobody can fill the log without a key that is known."""
        if self.operation is None or (self.failure is not None and self.failure.kind is Kind.INVALID_GATEWAY_KEY):
            return False
        ignored = self.fields.get(IGNORES_LOG)
        return ignored is None or ignored.lower() not in {b"true", b"1"}

    def _extras(self, record: Record) -> LogExtras:
        fields = self.fields
        is_plain = self.content is None and _SPAN.isdisjoint(fields)
        if is_plain and record.kind is not None:
            return NO_EXTRAS  # a record of a kind tells no failure
        failures = [attempt.failure for attempt in self.attempts]
        if is_plain and self.failure is None and not any(failures):
            return NO_EXTRAS
        return LogExtras(
            label_text(fields.get(_SPAN_ID)),
            label_text(fields.get(_PARENT_SPAN_ID)),
            label_text(fields.get(_SPAN_NAME)),
            _message(self.failure),
            tuple(map(_message, failures)),
            self.content,
        )

    def _record(self) -> Record:
        attempts = tuple([attempt.close() for attempt in self.attempts])
        status, failure = self._end()
        # Of a request that none answered, as its caller left, the last attempt is told.
        answered = self.answered_by or (self.attempts[-1] if self.attempts else None)
        target, virtual_key = None, self.virtual_key
        if answered is not None:
            target = answered.target
            virtual_key = target.virtual_key or virtual_key
        # In the order of its members: by their names it would take five times as long, and with more than 30 of them
        # half as long again.
        record = Record(
            self.at,
            "HEAD" if self.is_head else self.method,
            self.path,
            status,
            time.monotonic() - self.arrived,
            None if self.operation is None else self.operation.text,
            self.dialect,
            self.named.provider if target is None else target.provider,
            self.named.model if answered is None or answered.model is None else answered.model,
            self.stream,
            self.first_byte,
            _total(attempts),
            failure,
            self.trace_id.decode("utf-8", "replace"),
            None if target is None else target.path,
            self.dropped,
            None if self.metadata is None else text_labels(self.metadata),
            self.trace,
            self.cache,
            self.skipped,
            self.key,
            self.labels,
            self.address,
            label_text(self.fields.get(b"user-agent")),
            virtual_key,
            self.config,
            attempts,
            "" if self.reservation is None else self.reservation.request,
            self.key_id,
            self.workspace,
        )
        head_status = self.status if status != self.status and self.status else None
        if self.trace_context is None and head_status is None and not self.guards:
            return record
        return replace(
            record,
            trace_context=self.trace_context,
            parameters=self.parameters,
            guards=tuple(self.guards),
            head_status=head_status,
        )

    def _end(self) -> tuple[int, str | None]:
        """The status and the failure of the record, whether or not the head of a good answer was sent. 499: the caller
        left first. 503: the gateway stopped. 500: a defect of the gateway. Else that of the failure."""
        failure = self.failure
        if self.has_left or (failure is not None and failure.kind is Kind.CLIENT_DISCONNECTED):
            return 499, Kind.CLIENT_DISCONNECTED.value
        if failure is None and not self.is_cancelled:
            return self.status or 500, None
        status, kind = (503, Kind.SHUTTING_DOWN) if failure is None else (failure.status, failure.kind)
        return self.status if self.status >= _FAILED else status, kind.value


def _total(attempts: tuple[AttemptRecord, ...]) -> Usage | None:
    """The usage that this request pays for; None when no attempt of the request has a known or an estimated usage."""
    if len(attempts) == 1:
        return _used(attempts[0])
    charged = [usage for attempt in attempts if (usage := _used(attempt)) is not None]
    if len(charged) <= 1:
        return charged[0] if charged else None
    total = charged[0]
    for usage in charged[1:]:
        total = total.plus(usage)
    return total


def _used(attempt: AttemptRecord) -> Usage | None:
    """The usage that limits were charged, which is an estimate where the provider told none; else what it told."""
    if not attempt.is_charged:
        return None
    return attempt.usage if attempt.billed is None else attempt.billed.usage


def _message(failure: Failure | None) -> str | None:
    return None if failure is None else failure.message[:_LONGEST_MESSAGE]
