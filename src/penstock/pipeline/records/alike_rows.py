"""Rows of the request log for requests of one kind (observe/record_kinds.py): what these have in common is told once.

The way of most requests, beside ``row_of`` for all of them: what both make of a request is the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from penstock.core.durations import microseconds, milliseconds
from penstock.core.usage import Usage
from penstock.observe.log_extras import NO_EXTRAS
from penstock.observe.record import Record
from penstock.observe.record_kinds import RecordKind
from penstock.pipeline.records.cost import cost_of
from penstock.pipeline.records.log_rows import ChargeOf, Details, OnlyAttempt, Spooled, is_told_by_columns
from penstock.stores.sql.request_log.entry import GATEWAY, AlikeEntries, Entries, LogEntry, OwnValues

_ENCODER: Final = msgspec.json.Encoder()
_MOST: Final = 4096
"""Kinds that are remembered, as records have them."""
_MOST_CALLERS: Final = 1024
"""Callers' addresses and programs that are remembered, with what else begins the details of their rows."""


class _Common:
    """What rows of one kind have in common: ``entry`` is a row with that and nothing else, and its details say nothing
    but what ``ending`` says of the attempt: the members that don't have their defaults."""

    __slots__ = ("_values", "dialect", "ending", "entry", "is_charged", "is_stream")

    def __init__(self, record: Record) -> None:
        attempt = record.attempts[0]
        self.entry = LogEntry(
            0, "", record.workspace, record.key_id, record.key, "",
            None, None, None, GATEWAY, record.method, record.path, record.operation,
            record.provider or attempt.provider, record.model or attempt.model, record.virtual_key, record.config,
            record.status, None, None, record.stream, record.cache, 0, None, None, 1, 0, False, record.option,
        )  # fmt: skip
        self._values = list(msgspec.structs.astuple(self.entry))
        self.is_stream, self.is_charged = record.stream, attempt.is_charged
        self.dialect = record.dialect or None
        rare = OnlyAttempt(0.0, "", None, None, attempt.lane == 2, attempt.is_charged)
        self.ending = _ENCODER.encode(rare).decode().removeprefix(_ENCODER.encode(OnlyAttempt(0.0, "")).decode()[:-1])

    def row(self, own: OwnValues) -> LogEntry:
        """A row by itself, with what it has of its own."""
        values = self._values.copy()
        values[:2], values[_TRACE], values[_DETAILS] = own[:2], own[2], own[-1]
        values[_TIMES], values[_TOKENS] = own[3:6], own[6:-1]
        return LogEntry(*values)


def _places(first: str, last: str) -> slice:
    """The places of columns that follow each other."""
    return slice(LogEntry.__struct_fields__.index(first), LogEntry.__struct_fields__.index(last) + 1)


_TRACE, _DETAILS = map(LogEntry.__struct_fields__.index, ("trace_id", "details"))
_TIMES, _TOKENS = _places("latency", "upstream"), _places("input_tokens", "saved")


class AlikeRows:
    """Makes rows of requests whose columns tell their only attempt."""

    def __init__(self) -> None:
        self._known: dict[RecordKind, _Common | None] = {}
        """None for a kind whose columns don't."""
        self._beginnings: dict[tuple[str | None, ...], str] = {}
        """How the details of rows begin, by dialect, address and program."""
        self._prices: dict[tuple[str, str | None], str] = {}
        """What details say of prices, by match and version."""

    def gather(self, several: Iterable[Spooled], charge_of: ChargeOf) -> tuple[list[Entries], list[Spooled]]:
        """The rows of requests, those of a kind together, one that is alone by itself; and the requests whose rows
        ``row_of`` of log_rows.py must make."""
        alike: dict[_Common, list[OwnValues]] = {}
        others: list[Spooled] = []
        for spooled in several:
            kind = spooled.record.kind
            common = None if kind is None else self._common(kind, spooled.record)
            own = None if common is None else self._own(spooled, common, charge_of)
            if common is None or own is None:
                others.append(spooled)
            elif common in alike:
                alike[common].append(own)
            else:
                alike[common] = [own]
        rows = [
            AlikeEntries(several_own, common.entry) if len(several_own) > 1 else common.row(several_own[0])
            for common, several_own in alike.items()
        ]
        return rows, others

    def _common(self, kind: RecordKind, record: Record) -> _Common | None:
        """What rows of a record's kind have in common; None if their columns don't tell their attempt."""
        if kind in self._known:
            return self._known[kind]
        attempt = record.attempts[0]
        billed = attempt.billed
        if attempt.ended is None or (billed is not None and (billed.usage is not attempt.usage or billed.is_estimated)):
            return None  # that is this request's own
        if len(self._known) >= _MOST:
            self._known.clear()
        common = _Common(record) if is_told_by_columns(attempt, record, NO_EXTRAS) else None
        self._known[kind] = common
        return common

    def _own(self, spooled: Spooled, common: _Common, charge_of: ChargeOf) -> OwnValues | None:
        """What the row of a request has of its own; None for one that has more of that than its kind."""
        record = spooled.record
        attempt, usage = record.attempts[0], record.usage
        billed, first, ended = attempt.billed, attempt.first_content, attempt.ended
        if spooled.extras is not NO_EXTRAS or record.metadata or record.dropped or ended is None:
            return None
        if billed is not None and (billed.usage is not usage or billed.is_estimated):
            return None
        charge = None if attempt.usage is None or billed is not None else charge_of(attempt, record.at)
        usage, nanos, version, match, _ = cost_of(attempt, charge, record)
        price = self._prices.get((match, version)) or self._price(match, version)
        first_text = "" if first is None else f',"first_content":{milliseconds(first)}'
        beginning, began = self._beginning(record, common, usage), milliseconds(attempt.began)
        prompt, completion = usage.prompt or 0, usage.completion or 0
        return (
            microseconds(record.at),
            spooled.id,
            record.trace_id,
            microseconds(record.latency),
            None if first is None or not common.is_stream else microseconds(first),
            microseconds(ended - attempt.began),
            prompt,
            completion,
            usage.cached or 0,
            usage.reasoning or 0,
            prompt + completion,
            nanos,
            0 if charge is None or common.is_charged else charge.nanos,
            f'{beginning}"attempt":{{"began":{began}{price}{first_text}{common.ending}}}',
        )

    def _beginning(self, record: Record, common: _Common, usage: Usage) -> str:
        """The details of a row up to its attempt, in JSON."""
        caller = common.dialect, record.client, record.user_agent
        is_plain = not (record.labels or usage.cache_written or usage.audio_in or usage.audio_out)
        if is_plain and caller in self._beginnings:
            return self._beginnings[caller]
        written, audio = usage.cache_written or 0, (usage.audio_in or 0, usage.audio_out or 0)
        client, agent = record.client or None, record.user_agent or None
        text = _ENCODER.encode(Details((), common.dialect, (), record.labels, client, agent, written, *audio)).decode()
        text = "{" if text == "{}" else f"{text[:-1]},"
        if is_plain:
            if len(self._beginnings) >= _MOST_CALLERS:
                self._beginnings.clear()
            self._beginnings[caller] = text
        return text

    def _price(self, match: str, version: str | None) -> str:
        """What details say of the price of an attempt, in JSON."""
        if len(self._prices) >= _MOST:
            self._prices.clear()
        members: dict[str, str] = {"price_match": match, **({} if version is None else {"price_version": version})}
        text = self._prices[match, version] = f",{_ENCODER.encode(members).decode()[1:-1]}"
        return text
