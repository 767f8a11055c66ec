"""Counts the records of finished requests. Label sets are bounded: docs/metrics.md#labels.

Requests that are like others are added up first (alike.py), and with ``settle`` to the table.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Protocol

import msgspec

from penstock.core.failure import blame_of
from penstock.core.lru import Lru
from penstock.core.usage import Usage
from penstock.observe.metrics import families
from penstock.observe.metrics.alike import Alike, AlikeLabels, histogram, is_ordinary
from penstock.observe.metrics.families import NONE, OTHER, Family
from penstock.observe.metrics.gen_ai import GenAiRecorder
from penstock.observe.metrics.names import BoundedNames
from penstock.observe.metrics.table import Metric, Table
from penstock.observe.record import AttemptRecord, Record
from penstock.observe.record_kinds import RecordKind

_CLASSES: Final = {number: f"{number}xx" for number in range(1, 6)}
_CANCELLED: Final = "cancelled"
_STREAM: Final = {True: "true", False: "false"}
_NANOS: Final = 1e-9
_MOST_UNPRICED: Final = 1000
"""Requests whose cost waits for prices, shortly after the first start."""
_MOST_FAILED: Final = 1000
"""Targets that have failed whose names are remembered: circuits are told by them."""
_MOST_ALIKE: Final = 4096
"""Kinds of requests that are remembered: callers choose the names of models."""
_MOST_UNSETTLED: Final = 64
"""Kinds of requests whose numbers are added to the table at once: some 500 microseconds."""
_MOST_OF_A_KIND: Final = 1024
"""Requests of a kind that wait to be added to the table, which is else done some times a second."""


class Charged(Protocol):
    """The charge of an attempt, in nanodollars."""

    @property
    def nanos(self) -> int: ...


class ChargeReader(Protocol):
    """Tells what attempts cost by the prices in force. ``is_loading``: prices are still read."""

    @property
    def is_loading(self) -> bool: ...

    def charge_of(self, attempt: AttemptRecord, at: float) -> Charged | None: ...


class Bounds(msgspec.Struct, frozen=True):
    """How many values a label has at most, and the members of metadata that are counted by. ``has_gen_ai``: calls of
    models are also counted by OpenTelemetry's names, for OTLP."""

    values: int = 200
    metadata: tuple[str, ...] = ()
    has_gen_ai: bool = False


class Recorder:
    """Counts records in a table. ``charges`` tells what they cost, None: nothing does."""

    def __init__(self, table: Table, bounds: Bounds, charges: ChargeReader | None = None) -> None:
        self._charges = charges
        self._providers = BoundedNames(bounds.values)
        self._models = BoundedNames(bounds.values)
        self._keys = BoundedNames(bounds.values)
        self._metadata = {name: BoundedNames(bounds.values) for name in bounds.metadata}
        self._unpriced: list[Record] = []
        self._alike: dict[RecordKind, Alike | None] = {}
        """What is counted of each kind of requests; None of those that are counted one by one."""
        self._unsettled: list[Alike] = []
        self._failed: Lru[str, tuple[str, str]] = Lru(_MOST_FAILED)
        """The provider and the model of targets that have failed, as labels, by the targets' identities."""

        def metric(family: Family) -> Metric:
            return Metric(table, family, OTHER)

        self._requests = metric(families.REQUESTS)
        self._errors = metric(families.ERRORS)
        self._duration = metric(families.DURATION)
        self._own = metric(families.OWN)
        self._cache = metric(families.CACHE)
        self._attempts = metric(families.ATTEMPTS)
        self._attempt_errors = metric(families.ATTEMPT_ERRORS)
        self._retries = metric(families.RETRIES)
        self._fallbacks = metric(families.FALLBACKS)
        self._hedges = metric(families.HEDGES)
        self._upstream = metric(families.UPSTREAM)
        self._first_token = metric(families.FIRST_TOKEN)
        self._tokens = metric(families.TOKENS)
        self._cost = metric(families.COST)
        self._without_price = metric(families.UNPRICED)
        self._key_requests = metric(families.KEY_REQUESTS)
        self._key_tokens = metric(families.KEY_TOKENS)
        self._key_cost = metric(families.KEY_COST)
        self._metadata_requests = metric(families.METADATA_REQUESTS)
        self._metadata_tokens = metric(families.METADATA_TOKENS)
        self._metadata_cost = metric(families.METADATA_COST)
        self._gen_ai = GenAiRecorder(metric) if bounds.has_gen_ai else None

    def count(self, record: Record) -> None:
        """Count one request with its attempts."""
        kind = record.kind
        if kind is None or (self._metadata and record.metadata):
            self._count(record)
            return
        if kind not in self._alike:
            if len(self._alike) >= _MOST_ALIKE:
                self._alike.clear()
            self._alike[kind] = Alike(self._labels_of(record)) if is_ordinary(record) else None
        alike = self._alike[kind]
        if alike is None or not alike.add(record):
            self._count(record)
            return
        if alike.count == 1:
            if len(self._unsettled) >= _MOST_UNSETTLED:
                self._settle()
            self._unsettled.append(alike)
        if alike.labels.called is not None:
            self._add_call(alike, alike.labels.called, record)
        if alike.count >= _MOST_OF_A_KIND:
            self._settle()

    def _labels_of(self, record: Record) -> AlikeLabels:
        """The labels of an ordinary request."""
        attempt, operation = record.attempts[0], record.operation or NONE
        provider, model = record.provider or attempt.provider, record.model or attempt.model
        named = self._provider(provider), self._model(model, may_join=True)
        called = self._attempt_names(attempt) if is_call(attempt) else None
        return AlikeLabels(
            (operation, *named, _CLASSES.get(record.status // 100, OTHER)),
            (operation, _STREAM[record.stream]),
            (operation,),
            None if record.cache is None else (record.cache.lower(),),
            called,
            () if called is None else (*called, _CLASSES.get(attempt.status // 100, _CANCELLED)),
            None if record.key is None else (self._keys.label(record.key),),
        )

    def _add_call(self, alike: Alike, called: tuple[str, str], record: Record) -> None:
        """Count what the call of an ordinary request cost, and what else is counted one by one."""
        attempt, charges = record.attempts[0], self._charges
        if record.stream and attempt.first_content is not None:
            self._first_token.observe(called, attempt.first_content - attempt.began)
        if self._gen_ai is not None:
            self._gen_ai.count(record, attempt, called)
        if charges is None or (attempt.usage is None and attempt.billed is None):
            return
        if charges.is_loading:
            self._count_cost(record)
            return
        nanos = nanos_of(attempt, record.at, charges)
        if nanos is None:
            alike.unpriced += 1
        else:
            alike.nanos += nanos

    def settle(self) -> None:
        """Add what was counted to the table, and the cost of requests that waited for prices, if these are read by
        now."""
        self._settle()
        if self._unpriced and not (self._charges is not None and self._charges.is_loading):
            waiting, self._unpriced = self._unpriced, []
            for record in waiting:
                self._count_cost(record)

    def _settle(self) -> None:
        for alike in self._unsettled:
            labels, count, tokens = alike.labels, alike.count, alike.prompt + alike.completion
            self._requests.add(labels.requests, count)
            self._duration.merge(labels.duration, histogram(families.DURATION, alike.latencies))
            self._own.merge(labels.own, histogram(families.OWN, alike.own))
            if labels.cache is not None:
                self._cache.add(labels.cache, count)
            if labels.called is not None:
                self._settle_calls(alike, labels.called)
            if labels.key is not None:
                self._key_requests.add(labels.key, count)
                self._key_tokens.add(labels.key, tokens)
                if alike.nanos:
                    self._key_cost.add(labels.key, alike.nanos * _NANOS)
            alike.clear()
        self._unsettled.clear()

    def _settle_calls(self, alike: Alike, called: tuple[str, str]) -> None:
        self._attempts.add(alike.labels.attempts, alike.count)
        self._upstream.merge(called, histogram(families.UPSTREAM, alike.upstream))
        for kind, number in (("input", alike.prompt), ("output", alike.completion)):
            if number:
                self._tokens.add((*called, kind), number)
        if alike.nanos:
            self._cost.add(called, alike.nanos * _NANOS)
        if alike.unpriced:
            self._without_price.add(called, alike.unpriced)

    def _count(self, record: Record) -> None:
        """Count any request."""
        attempts, operation = record.attempts, record.operation or NONE
        last = attempts[-1] if attempts else None
        provider = record.provider or (last.provider if last is not None else None)
        model = record.model or (last.model if last is not None else None)
        # Callers choose model names: one that a provider has answered for exists.
        named = self._provider(provider), self._model(model, may_join=record.status < 400)
        self._requests.add((operation, *named, _CLASSES.get(record.status // 100, OTHER)))
        self._duration.observe((operation, _STREAM[record.stream]), record.latency)
        self._own.observe((operation,), own_time(record))
        if record.failure is not None:
            blame = blame_of(record.failure, record.status)
            self._errors.add((record.failure, OTHER if blame is None else blame.value, named[0]))
        if record.cache is not None:
            self._cache.add((record.cache.lower(),))
        tokens = self._count_attempts(record)
        self._count_groups(record, tokens)
        self._count_cost(record)

    def _provider(self, provider: str | None) -> str:
        return NONE if provider is None else self._providers.label(provider)

    def _model(self, model: str | None, *, may_join: bool) -> str:
        return NONE if not model else self._models.label(model, may_join=may_join)

    def _count_attempts(self, record: Record) -> int:
        """Count the calls that the request pays for, and their tokens. Returns the sum of the tokens."""
        previous: AttemptRecord | None = None
        tokens = 0
        for attempt in record.attempts:
            if not attempt.is_charged:
                continue  # nobody was called, or another request counts the call
            named = self._attempt_names(attempt)
            if previous is not None:
                self._further(previous, attempt).add((named[0],))
            previous = attempt
            if attempt.failure is not None:
                self._failed.put(attempt.identity, named)
            if not is_call(attempt):
                continue
            self._attempts.add((*named, _CLASSES.get(attempt.status // 100, _CANCELLED)))
            if attempt.failure is not None:
                self._attempt_errors.add((named[0], attempt.failure))
            if attempt.ended is not None:
                self._upstream.observe(named, attempt.ended - attempt.began)
            if record.stream and attempt.first_content is not None and attempt.failure is None:
                self._first_token.observe(named, attempt.first_content - attempt.began)
            tokens += self._count_tokens(named, attempt)
            if self._gen_ai is not None:
                self._gen_ai.count(record, attempt, named)
        return tokens

    def _attempt_names(self, attempt: AttemptRecord) -> tuple[str, str]:
        return self._provider(attempt.provider), self._model(attempt.model, may_join=0 < attempt.status < 400)

    def names_of(self, target: str) -> tuple[str, str]:
        """The labels of a target that has failed: its provider and its model."""
        return self._failed.get(target) or (NONE, NONE)

    def _further(self, previous: AttemptRecord, attempt: AttemptRecord) -> Metric:
        """The metric of an attempt that is not the first."""
        if previous.ended is None or attempt.began < previous.ended:
            return self._hedges
        return self._retries if attempt.target == previous.target else self._fallbacks

    def _count_tokens(self, named: tuple[str, str], attempt: AttemptRecord) -> int:
        usage = attempt.usage if attempt.billed is None else attempt.billed.usage
        if usage is None:
            return 0
        total = 0
        for name, count in token_classes(usage):
            if count > 0:
                self._tokens.add((*named, name), count)
                total += count
        return total

    def _count_groups(self, record: Record, tokens: int) -> None:
        """Count by gateway key and by members of the metadata."""
        if record.key is not None:
            key = (self._keys.label(record.key),)
            self._key_requests.add(key)
            self._key_tokens.add(key, tokens)
        for pair in self._metadata_pairs(record):
            self._metadata_requests.add(pair)
            self._metadata_tokens.add(pair, tokens)

    def _metadata_pairs(self, record: Record) -> Iterable[tuple[str, str]]:
        values = record.metadata
        if not values:
            return ()
        return [(name, names.label(values[name])) for name, names in self._metadata.items() if values.get(name)]

    def _count_cost(self, record: Record) -> None:
        charges = self._charges
        if charges is None:
            return
        if charges.is_loading and len(self._unpriced) < _MOST_UNPRICED:
            self._unpriced.append(record)
            return
        total = 0
        for attempt in record.attempts:
            if not attempt.is_charged or (attempt.usage is None and attempt.billed is None):
                continue
            nanos = nanos_of(attempt, record.at, charges)
            if nanos is None:
                self._without_price.add(self._attempt_names(attempt))
            elif nanos:
                self._cost.add(self._attempt_names(attempt), nanos * _NANOS)
                total += nanos
        if total:
            if record.key is not None:
                self._key_cost.add((self._keys.label(record.key),), total * _NANOS)
            for pair in self._metadata_pairs(record):
                self._metadata_cost.add(pair, total * _NANOS)


def is_call(attempt: AttemptRecord) -> bool:
    """Whether an attempt is a call of a provider that its request pays for: not an answer from the cache, nor a call
    that another request counts, nor an attempt that was refused before there was a request for the provider."""
    return attempt.is_charged and attempt.lane != 0


def nanos_of(attempt: AttemptRecord, at: float, charges: ChargeReader) -> int | None:
    """What an attempt cost: what limits were charged for it, else by the prices in force."""
    if attempt.billed is not None:
        return attempt.billed.nanos
    charge = charges.charge_of(attempt, at)
    return None if charge is None else charge.nanos


def token_classes(usage: Usage) -> Sequence[tuple[str, int]]:
    """The tokens of a call in classes that no token is in twice: their sum is the call's total."""
    # Some hosts tell more of a part than of the whole.
    prompt, completion = usage.prompt or 0, usage.completion or 0
    cached, reasoning = min(usage.cached or 0, prompt), min(usage.reasoning or 0, completion)
    written = min(usage.cache_written or 0, prompt - cached)
    return (
        ("input", prompt - cached - written),
        ("cache_read", cached),
        ("cache_write", written),
        ("output", completion - reasoning),
        ("reasoning", reasoning),
    )


def own_time(record: Record) -> float:
    """Seconds of a request that no attempt covers: before the first attempt and after the end of the last. Pauses
    between attempts are the retry policy's, and count as neither."""
    if not record.attempts:
        return record.latency
    ends = [record.latency if attempt.ended is None else attempt.ended for attempt in record.attempts]
    return max(0.0, record.attempts[0].began + record.latency - max(ends))
