"""Records of requests as rows of the request log: priced, without secrets, compressed."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any, Final

import msgspec

from penstock.core.usage import Usage
from penstock.observe.noted import Content, Noted
from penstock.observe.record import AttemptRecord, Record
from penstock.observe.redactor import Redactor
from penstock.prices.charge import Charge
from penstock.stores.sql.log_content import Kept, packed
from penstock.stores.sql.log_entry import LogEntry

ChargeOf = Callable[[AttemptRecord, float], "Charge | None"]
"""The charge of an attempt of a request that arrived at a moment, in seconds since 1970; None: it is unknown."""
_NO_USAGE: Final = Usage()
_HIT: Final = frozenset({"HIT", "REPLAYED"})


class Spooled(msgspec.Struct, frozen=True):
    """What the spool holds of one request. ``id`` is that of its row."""

    id: str
    record: Record
    noted: Noted


def row_of(spooled: Spooled, charge_of: ChargeOf, redactor: Redactor) -> LogEntry:
    """The row of a request."""
    record, noted = spooled.record, spooled.noted
    attempts = record.attempts
    costs = [_cost(attempt, record.at, charge_of) for attempt in attempts]
    usage = record.usage or _NO_USAGE
    return LogEntry(
        id=spooled.id,
        at=microseconds(record.at),
        trace_id=record.trace_id,
        method=record.method,
        path=record.path,
        status=record.status,
        latency=microseconds(record.latency),
        workspace_id=record.workspace,
        key_id=record.key_id,
        key_name=record.key,
        span_id=noted.span_id,
        parent_span_id=noted.parent_span_id,
        span_name=noted.span_name,
        operation=record.operation,
        provider=record.provider or (attempts[-1].provider if attempts else None),
        model=record.model or (attempts[-1].model if attempts else None),
        virtual_key=record.virtual_key,
        config=record.config,
        error=record.failure,
        message=None if noted.message is None else redactor.text(noted.message),
        is_stream=record.stream,
        cache=record.cache,
        first_token=_first_token(record),
        upstream=_upstream(attempts),
        attempts=len(attempts),
        retries=sum(second.target == first.target for first, second in pairwise(attempts)),
        is_fallback=any(attempt.target != attempts[0].target for attempt in attempts[1:]),
        target=record.option,
        input_tokens=usage.prompt or 0,
        output_tokens=usage.completion or 0,
        cached_tokens=usage.cached or 0,
        reasoning_tokens=usage.reasoning or 0,
        total_tokens=usage.total or (usage.prompt or 0) + (usage.completion or 0),
        amount=_sum(costs),
        saved=sum(_saved(attempt, record.at, charge_of) for attempt in attempts),
        metadata=redactor.labels(record.metadata or {}),
        details=_details(spooled, costs, redactor),
        content=None if noted.content is None else content_of(noted.content, redactor),
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
    return round(seconds * 1_000_000)


class _Cost(msgspec.Struct, frozen=True):
    """What an attempt took and cost: ``nanos`` None if its price is unknown."""

    usage: Usage
    nanos: int | None
    price_version: str | None = None
    price_match: str = "none"
    is_estimated: bool = False


def _cost(attempt: AttemptRecord, at: float, charge_of: ChargeOf) -> _Cost:
    billed = attempt.billed
    if billed is not None:
        return _Cost(billed.usage, billed.nanos, billed.price_version or None, billed.price_match, billed.is_estimated)
    if not attempt.is_charged or attempt.usage is None:
        return _Cost(_NO_USAGE, 0)
    charge = charge_of(attempt, at)
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


def _saved(attempt: AttemptRecord, at: float, charge_of: ChargeOf) -> int:
    """What an answer from the cache would have cost; 0 where that is unknown."""
    if attempt.cache not in _HIT:
        return 0
    charge = charge_of(attempt, at)
    return 0 if charge is None else charge.nanos


def _first_token(record: Record) -> int | None:
    """From the request's arrival to the first content of a stream."""
    if not record.stream:
        return None
    times = [attempt.first_content for attempt in record.attempts if attempt.first_content is not None]
    return microseconds(times[-1]) if times else None


def _upstream(attempts: tuple[AttemptRecord, ...]) -> int | None:
    """The time in which providers were asked."""
    times = [each.ended - each.began for each in attempts if each.ended is not None and not each.is_hedge_loser]
    return microseconds(sum(times)) if times else None


def _details(spooled: Spooled, costs: list[_Cost], redactor: Redactor) -> dict[str, Any]:
    record, noted = spooled.record, spooled.noted
    messages = [*noted.messages, *[None] * len(record.attempts)]
    usage = record.usage or _NO_USAGE
    details: dict[str, Any] = {
        "attempts": [
            _attempt(number, attempt, cost, None if message is None else redactor.text(message))
            for number, (attempt, cost, message) in enumerate(zip(record.attempts, costs, messages, strict=False), 1)
        ],
        "dialect": record.dialect,
        "dropped": list(record.dropped),
        "labels": dict(record.labels),
        "address": record.client,
        "user_agent": record.user_agent,
        "cache_written": usage.cache_written,
        "audio_input": usage.audio_in,
        "audio_output": usage.audio_out,
        "skipped": record.skipped,
        "guards": [msgspec.to_builtins(verdict) for verdict in record.guards],
    }
    return {name: value for name, value in details.items() if value}


def _attempt(number: int, attempt: AttemptRecord, cost: _Cost, message: str | None) -> dict[str, Any]:
    """An attempt under the names of the admin API. Times are in milliseconds, the cost in nanodollars."""
    told = {
        "number": number,
        "target": attempt.target,
        "provider": attempt.provider,
        "model": attempt.model,
        "virtual_key": attempt.virtual_key,
        "status": attempt.status,
        "error": attempt.failure,
        "error_message": message,
        "began": _milliseconds(attempt.began),
        "first_content": _milliseconds(attempt.first_content),
        "ended": _milliseconds(attempt.ended),
        "translated": attempt.lane == 2,
        "cache": attempt.cache,
        "is_charged": attempt.is_charged,
        "is_shared": attempt.is_shared,
        "is_hedge_loser": attempt.is_hedge_loser,
        "req_units": cost.usage.prompt or 0,
        "res_units": cost.usage.completion or 0,
        "nanos": cost.nanos,
        "is_estimated": cost.is_estimated,
        "price_version": cost.price_version,
        "price_match": cost.price_match,
    }
    return {name: value for name, value in told.items() if value is not None and value is not False}


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)
