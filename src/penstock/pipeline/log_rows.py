"""Records of requests as rows of the request log: priced, without secrets, compressed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Final

import msgspec

from penstock.core.usage import Usage
from penstock.observe.noted import Content, Noted
from penstock.observe.record import AttemptRecord, GuardVerdict, Record
from penstock.observe.redactor import Redactor
from penstock.prices.charge import Charge
from penstock.stores.sql.log_content import Kept, packed
from penstock.stores.sql.log_entry import GATEWAY, LogEntry

ChargeOf = Callable[[AttemptRecord, float], "Charge | None"]
"""The charge of an attempt of a request that arrived at a moment, in seconds since 1970; None: it is unknown."""
_ENCODER: Final = msgspec.json.Encoder()
_NO_USAGE: Final = Usage()
_HIT: Final = frozenset({"HIT", "REPLAYED"})
_FEW: Final = 20
"""Members of metadata that are looked through at once."""


class Spooled(msgspec.Struct, frozen=True, tag_field="kind", tag="record", gc=False):
    """What the spool holds of a request whose row can't be made at once. ``id`` is that of its row."""

    id: str
    record: Record
    noted: Noted


def is_quick(spooled: Spooled, redactor: Redactor) -> bool:
    """Whether the row of a request takes microseconds: it has no content, no pattern of the operator's looks through
    its texts, and these are few."""
    noted, metadata = spooled.noted, spooled.record.metadata
    if noted.content is not None or (metadata is not None and len(metadata) > _FEW):
        return False
    return not redactor.may_be_slow or not (metadata or noted.message or any(noted.messages))


def charges_of(record: Record, charge_of: ChargeOf) -> list[Charge | None]:
    """The charges of a request's attempts; None where the price is unknown, or what limits were charged is what the row
    says."""
    at = record.at
    return [charge_of(each, at) if each.billed is None or each.cache in _HIT else None for each in record.attempts]


def row_of(spooled: Spooled, charges: Sequence[Charge | None], redactor: Redactor) -> LogEntry:
    """The row of a request. ``charges`` are those of its attempts. Raises UnicodeEncodeError for half of a surrogate
    pair, which callers can put into names and labels."""
    record, noted = spooled.record, spooled.noted
    attempts, usage, metadata = record.attempts, record.usage or _NO_USAGE, record.metadata
    costs = list(map(_cost, attempts, charges))
    last = attempts[-1] if attempts else None
    are_several = len(attempts) > 1
    prompt, completion = usage.prompt or 0, usage.completion or 0
    # In the order of its members: by their names it would take four times as long.
    return LogEntry(
        microseconds(record.at),
        spooled.id,
        record.workspace,
        record.key_id,
        record.key,
        record.trace_id,
        noted.span_id,
        noted.parent_span_id,
        noted.span_name,
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
        None if noted.message is None else redactor.text(noted.message),
        record.stream,
        record.cache,
        microseconds(record.latency),
        _first_token(attempts) if record.stream else None,
        _upstream(attempts),
        len(attempts),
        _retries(attempts) if are_several else 0,
        are_several and any(attempt.target != attempts[0].target for attempt in attempts),
        record.option,
        prompt,
        completion,
        usage.cached or 0,
        usage.reasoning or 0,
        usage.total or prompt + completion,
        _sum(costs),
        _saved(attempts, charges),
        redactor.labels(metadata) if metadata else {},
        _ENCODER.encode(_details(record, noted, costs, redactor)).decode(),
        None if noted.content is None else content_of(noted.content, redactor),
    )


def content_of(content: Content, redactor: Redactor) -> bytes:
    """Headers and bodies as the column of a row."""
    return packed(
        Kept(
            redactor.headers(content.request_headers),
            redactor.body(content.request),
            redactor.headers(content.response_headers),
            redactor.body(content.response),
            content.is_truncated,
        )
    )


def microseconds(seconds: float) -> int:
    return int(seconds * 1_000_000 + 0.5)  # round() takes twice as long


class _Cost(msgspec.Struct, frozen=True):
    """What an attempt took and cost: ``nanos`` None if its price is unknown."""

    usage: Usage
    nanos: int | None
    price_version: str | None = None
    price_match: str = "none"
    is_estimated: bool = False


def _cost(attempt: AttemptRecord, charge: Charge | None) -> _Cost:
    billed = attempt.billed
    if billed is not None:
        return _Cost(billed.usage, billed.nanos, billed.price_version or None, billed.price_match, billed.is_estimated)
    if not attempt.is_charged or attempt.usage is None:
        return _Cost(_NO_USAGE, 0)
    if charge is None:
        return _Cost(attempt.usage, None)
    return _Cost(attempt.usage, charge.nanos, charge.price_version, charge.price_match)


def _sum(costs: list[_Cost]) -> int | None:
    total = 0
    for cost in costs:
        if cost.nanos is None:
            return None
        total += cost.nanos
    return total


def _saved(attempts: tuple[AttemptRecord, ...], charges: Sequence[Charge | None]) -> int:
    """What answers from the cache would have cost; 0 where that is unknown."""
    pairs = zip(attempts, charges, strict=True)
    return sum([charge.nanos for attempt, charge in pairs if charge is not None and attempt.cache in _HIT])


def _retries(attempts: tuple[AttemptRecord, ...]) -> int:
    return sum([second.target == first.target for first, second in pairwise(attempts)])


def _first_token(attempts: tuple[AttemptRecord, ...]) -> int | None:
    """From the request's arrival to the first content of a stream."""
    times = [attempt.first_content for attempt in attempts if attempt.first_content is not None]
    return microseconds(times[-1]) if times else None


def _upstream(attempts: tuple[AttemptRecord, ...]) -> int | None:
    """The time in which providers were asked."""
    times = [each.ended - each.began for each in attempts if each.ended is not None and not each.is_hedge_loser]
    return microseconds(sum(times)) if times else None


class AttemptDetails(msgspec.Struct, frozen=True, omit_defaults=True):
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


class Details(msgspec.Struct, frozen=True, omit_defaults=True):
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


def _details(record: Record, noted: Noted, costs: list[_Cost], redactor: Redactor) -> Details:
    usage, messages = record.usage or _NO_USAGE, noted.messages
    attempts = []
    for index, attempt in enumerate(record.attempts):
        message = messages[index] if index < len(messages) else None
        told = None if message is None else redactor.text(message)
        attempts.append(_attempt(index + 1, attempt, costs[index], told))
    return Details(
        tuple(attempts),
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
    )


def _attempt(number: int, attempt: AttemptRecord, cost: _Cost, message: str | None) -> AttemptDetails:
    usage = cost.usage
    return AttemptDetails(
        number,
        attempt.target,
        attempt.provider,
        attempt.status,
        _milliseconds(attempt.began),
        usage.prompt or 0,
        usage.completion or 0,
        cost.price_match,
        attempt.model,
        attempt.virtual_key,
        attempt.failure,
        message,
        None if attempt.first_content is None else _milliseconds(attempt.first_content),
        None if attempt.ended is None else _milliseconds(attempt.ended),
        attempt.lane == 2,
        attempt.cache,
        attempt.is_charged,
        attempt.is_shared,
        attempt.is_hedge_loser,
        cost.nanos,
        cost.is_estimated,
        cost.price_version,
    )


def _milliseconds(seconds: float) -> float:
    """Seconds in milliseconds, to the microsecond."""
    return int(seconds * 1_000_000 + 0.5) / 1000
