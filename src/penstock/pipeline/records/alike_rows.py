"""Rows of the request log for requests of one kind (observe/record_kinds.py): what these have in common is told once.

The way of most requests, beside ``row_of`` for all of them: what both make of a request is the same.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import msgspec

from penstock.core.durations import microseconds
from penstock.observe.log_extras import NO_EXTRAS
from penstock.observe.record import Record
from penstock.observe.record_kinds import RecordKind
from penstock.pipeline.records.log_rows import ChargeOf, Details, Spooled, cost_of, is_told_by_columns, only_attempt
from penstock.prices.charge import Charge
from penstock.stores.sql.request_log.entry import GATEWAY, LogEntry

_ENCODER: Final = msgspec.json.Encoder()
_MOST: Final = 4096
"""Kinds that are remembered, as records have them."""


class _Common(NamedTuple):
    """The columns that rows of one kind have in common, in their order: those before the trace's id, those between it
    and the times, those before the tokens; and the members of the details."""

    caller: tuple[Any, ...]
    request: tuple[Any, ...]
    route: tuple[Any, ...]
    is_stream: bool
    dialect: str | None


class AlikeRows:
    """Makes rows of requests whose columns tell their only attempt."""

    def __init__(self) -> None:
        self._known: dict[RecordKind, _Common | None] = {}
        """None for a kind whose columns don't."""

    def row_of(self, spooled: Spooled, charge_of: ChargeOf) -> LogEntry | None:
        """The row of a request; None where ``row_of`` of log_rows.py must make it."""
        record = spooled.record
        kind = record.kind
        if kind is None or spooled.extras is not NO_EXTRAS or record.metadata or record.dropped:
            return None
        attempt, usage = record.attempts[0], record.usage
        billed = attempt.billed
        if attempt.ended is None or (billed is not None and (billed.usage is not usage or billed.is_estimated)):
            return None
        if kind not in self._known:
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[kind] = _common(record)
        common = self._known[kind]
        if common is None:
            return None
        charge = None if attempt.usage is None or billed is not None else charge_of(attempt, record.at)
        return _row(spooled, common, charge)


def _row(spooled: Spooled, common: _Common, charge: Charge | None) -> LogEntry:
    record, attempt = spooled.record, spooled.record.attempts[0]
    first, ended = attempt.first_content, attempt.ended or 0.0
    usage, nanos, version, match, _ = cost_of(attempt, charge)
    details = Details(
        (),
        common.dialect,
        (),
        record.labels,
        record.client or None,
        record.user_agent or None,
        usage.cache_written or 0,
        usage.audio_in or 0,
        usage.audio_out or 0,
        0,
        (),
        only_attempt(attempt, match, version),
    )
    prompt, completion = usage.prompt or 0, usage.completion or 0
    values = (
        microseconds(record.at),
        spooled.id,
        *common.caller,
        record.trace_id,
        *common.request,
        microseconds(record.latency),
        None if first is None or not common.is_stream else microseconds(first),
        microseconds(ended - attempt.began),
        *common.route,
        prompt,
        completion,
        usage.cached or 0,
        usage.reasoning or 0,
        usage.total or prompt + completion,
        nanos,
        0 if charge is None or attempt.is_charged else charge.nanos,
        {},
        _ENCODER.encode(details).decode(),
    )
    return LogEntry(*values)


def _common(record: Record) -> _Common | None:
    """What rows of a record's kind have in common; None if their columns don't tell their attempt."""
    attempt = record.attempts[0]
    if not is_told_by_columns(attempt, record, NO_EXTRAS):
        return None
    return _Common(
        (record.workspace, record.key_id, record.key),
        (
            None, None, None, GATEWAY, record.method, record.path, record.operation,
            record.provider or attempt.provider, record.model or attempt.model, record.virtual_key, record.config,
            record.status, None, None, record.stream, record.cache,
        ),
        (1, 0, False, record.option),
        record.stream,
        record.dialect or None,
    )  # fmt: skip
