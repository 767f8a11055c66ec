"""Records of requests as rows of the request log: priced, without secrets, compressed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Final

import msgspec

from penstock.core.durations import microseconds, milliseconds
from penstock.core.usage import Usage
from penstock.observe.log_extras import Content, LogExtras
from penstock.observe.record import AttemptRecord, GuardVerdict, Record
from penstock.observe.redactor import Redactor
from penstock.pipeline.records.cost import cost_of
from penstock.prices.charge import Charge
from penstock.stores.sql.request_log.entry import GATEWAY, LogEntry
from penstock.stores.sql.request_log.stored_content import StoredContent, packed

ChargeOf = Callable[[AttemptRecord, float], "Charge | None"]
"""The charge of an attempt of a request that arrived at a moment, in seconds since 1970; None: it is unknown."""
_ENCODER: Final = msgspec.json.Encoder()
_NO_USAGE: Final = Usage()
_HIT: Final = frozenset({"HIT", "REPLAYED"})
_FEW: Final = 20
"""Members of metadata that are looked through at once."""


class Spooled(msgspec.Struct, frozen=True, gc=False):
    """What the spool holds of one request, all of it UTF-8. ``id`` is that of its row."""

    id: str
    record: Record
    extras: LogExtras = msgspec.field(name="noted")
    """Its name in the spool is ``noted``: an earlier version may have left entries there."""


def is_quick(spooled: Spooled, redactor: Redactor) -> bool:
    """Whether the row of a request takes microseconds: it has no content, no pattern of the operator's looks through
    its texts, and these are few."""
    extras, metadata = spooled.extras, spooled.record.metadata
    if extras.content is not None or (metadata is not None and len(metadata) > _FEW):
        return False
    return not redactor.may_be_slow or not (metadata or extras.message or any(extras.messages))


def charges_of(record: Record, charge_of: ChargeOf) -> list[Charge | None]:
    """The charges of a request's attempts; None where the price is unknown, or what limits were charged is what the row
    says."""
    at = record.at
    return [charge_of(each, at) if each.billed is None or each.cache in _HIT else None for each in record.attempts]


def row_of(spooled: Spooled, charges: Sequence[Charge | None], redactor: Redactor) -> LogEntry:
    """The row of a request. ``charges`` are those of its attempts."""
    record, extras = spooled.record, spooled.extras
    attempts, usage, metadata = record.attempts, record.usage or _NO_USAGE, record.metadata
    last = attempts[-1] if attempts else None
    sums, only = _Sums(), None
    details: tuple[AttemptDetails, ...] = ()
    if last is not None and is_told_by_columns(last, record, extras):
        only = sums.add_only(last, charges[0], record)
    else:
        details = tuple([sums.add(*each, spooled, redactor) for each in zip(attempts, charges, strict=True)])
    are_several = len(attempts) > 1
    prompt, completion = usage.prompt or 0, usage.completion or 0
    first_content, upstream = sums.first_content, sums.upstream
    # In the order of its members: by their names it would take four times as long.
    return LogEntry(
        microseconds(record.at),
        spooled.id,
        record.workspace,
        record.key_id,
        record.key,
        record.trace_id,
        extras.span_id,
        extras.parent_span_id,
        extras.span_name,
        GATEWAY,
        record.method,
        record.path,
        record.operation,
        record.provider or (None if last is None else last.provider),
        record.model or (None if last is None else last.model),
        record.virtual_key,
        record.config,
        record.status,
        record.failure,
        None if extras.message is None else redactor.text(extras.message),
        record.stream,
        record.cache,
        microseconds(record.latency),
        None if first_content is None or not record.stream else microseconds(first_content),
        None if upstream is None else microseconds(upstream),
        len(attempts),
        _retries(attempts) if are_several else 0,
        are_several and any(attempt.target != attempts[0].target for attempt in attempts),
        record.option,
        prompt,
        completion,
        usage.cached or 0,
        usage.reasoning or 0,
        prompt + completion,
        sums.nanos,
        sums.saved,
        redactor.labels(metadata) if metadata else {},
        _ENCODER.encode(_details(record, usage, details, only)).decode(),
        None if extras.content is None else content_of(extras.content, redactor),
    )


def content_of(content: Content, redactor: Redactor) -> bytes:
    """Headers and bodies as the column of a row."""
    return packed(
        StoredContent(
            redactor.headers(content.request_headers),
            redactor.body(content.request),
            redactor.headers(content.response_headers),
            redactor.body(content.response),
            content.is_truncated,
        )
    )


def is_told_by_columns(attempt: AttemptRecord, record: Record, extras: LogExtras) -> bool:
    """Whether an attempt is the request's only one and answered it, maybe from the cache, so that the columns of the
    row tell nearly all of it: as most requests are."""
    if len(record.attempts) != 1 or record.failure is not None or attempt.failure is not None or extras.messages:
        return False
    if attempt.ended is None or attempt.is_hedge_loser or attempt.status != record.status:
        return False
    is_hit = attempt.cache in _HIT and attempt.billed is None and record.usage is None
    if attempt.is_shared or not (attempt.is_charged or is_hit):
        return False
    if (attempt.target, attempt.provider, attempt.model) != (record.option, record.provider, record.model):
        return False
    billed = attempt.billed
    is_billed_so = billed is None or (billed.usage is attempt.usage and not billed.is_estimated)
    return is_billed_so and attempt.virtual_key == record.virtual_key and attempt.cache == record.cache


class _Sums:
    """What the attempts of a request come to. ``nanos`` is what they cost, None if one's price is unknown; ``saved`` is
    what answers from the cache would have cost, where that is known. ``upstream`` are the seconds in which providers
    were asked, ``first_content`` runs from the request's arrival to the last attempt's first content."""

    __slots__ = ("first_content", "nanos", "number", "saved", "upstream")

    def __init__(self) -> None:
        self.nanos: int | None = 0
        self.number = self.saved = 0
        self.first_content: float | None = None
        self.upstream: float | None = None

    def add_only(self, attempt: AttemptRecord, charge: Charge | None, record: Record) -> OnlyAttempt:
        """Add the only attempt; what the row's columns don't tell of it."""
        _, self.nanos, version, match, _ = cost_of(attempt, charge, record)
        if charge is not None and not attempt.is_charged:
            self.saved = charge.nanos
        self.first_content, self.upstream = attempt.first_content, (attempt.ended or 0.0) - attempt.began
        return only_attempt(attempt, match, version)

    def add(
        self, attempt: AttemptRecord, charge: Charge | None, spooled: Spooled, redactor: Redactor
    ) -> AttemptDetails:
        """Add the next attempt of a request; what the row tells of it."""
        messages = spooled.extras.messages
        usage, nanos, version, match, is_estimated = cost_of(attempt, charge, spooled.record)
        began, first_content, ended = attempt.began, attempt.first_content, attempt.ended
        self.nanos = None if self.nanos is None or nanos is None else self.nanos + nanos
        if charge is not None and attempt.cache in _HIT and not attempt.is_charged:
            self.saved += charge.nanos
        if first_content is not None:
            self.first_content = first_content
        if ended is not None and not attempt.is_hedge_loser:
            self.upstream = ended - began + (self.upstream or 0.0)
        message = messages[self.number] if self.number < len(messages) else None
        self.number += 1
        # In the order of its members.
        return AttemptDetails(
            self.number,
            attempt.target,
            attempt.provider,
            attempt.status,
            milliseconds(began),
            usage.prompt or 0,
            usage.completion or 0,
            match,
            attempt.model,
            attempt.virtual_key,
            attempt.failure,
            None if message is None else redactor.text(message),
            None if first_content is None else milliseconds(first_content),
            None if ended is None else milliseconds(ended),
            attempt.lane == 2,
            attempt.cache,
            attempt.is_charged,
            attempt.is_shared,
            attempt.is_hedge_loser,
            nanos,
            is_estimated,
            version,
        )


def _retries(attempts: tuple[AttemptRecord, ...]) -> int:
    return sum([second.target == first.target for first, second in pairwise(attempts)])


class AttemptDetails(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """An attempt under the names of the admin API. Times are in milliseconds, the cost in nanodollars."""

    number: int
    target: str
    provider: str
    status: int
    began: float
    req_units: int
    res_units: int
    price_match: str
    model: str | None = None
    virtual_key: str | None = None
    error: str | None = None
    error_message: str | None = None
    first_content: float | None = None
    ended: float | None = None
    translated: bool = False
    cache: str | None = None
    is_charged: bool = False
    is_shared: bool = False
    is_hedge_loser: bool = False
    nanos: int | None = None
    is_estimated: bool = False
    price_version: str | None = None


class OnlyAttempt(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What a row's columns don't tell of its only attempt, which answered: its members are those of ``AttemptDetails``,
    and control/logs/rows.py takes the others from the columns."""

    began: float
    price_match: str
    price_version: str | None = None
    first_content: float | None = None
    translated: bool = False
    is_charged: bool = True


def only_attempt(attempt: AttemptRecord, match: str, version: str | None) -> OnlyAttempt:
    """What the columns don't tell of an only attempt, with the match and the version of its price."""
    first = attempt.first_content
    # In the order of its members: by their names it would take longer.
    return OnlyAttempt(
        milliseconds(attempt.began),
        match,
        version,
        None if first is None else milliseconds(first),
        attempt.lane == 2,
        attempt.is_charged,
    )


class Details(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """The members of a row that nobody searches, as its column holds them in JSON: without what has its default."""

    attempts: tuple[AttemptDetails, ...] = ()
    dialect: str | None = None
    dropped: tuple[str, ...] = ()
    labels: Mapping[str, str] = {}
    address: str | None = None
    user_agent: str | None = None
    cache_written: int = 0
    audio_input: int = 0
    audio_output: int = 0
    skipped: int = 0
    guards: tuple[GuardVerdict, ...] = ()
    attempt: OnlyAttempt | None = None
    """In place of ``attempts``, where one is told by the columns."""
    head_status: int | None = None


def _details(
    record: Record, usage: Usage, attempts: tuple[AttemptDetails, ...], attempt: OnlyAttempt | None
) -> Details:
    return Details(
        attempts,
        record.dialect or None,
        record.dropped,
        record.labels or {},
        record.client or None,
        record.user_agent or None,
        usage.cache_written or 0,
        usage.audio_in or 0,
        usage.audio_out or 0,
        record.skipped,
        record.guards,
        attempt,
        record.head_status,
    )
