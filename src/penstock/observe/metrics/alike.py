"""Requests of one kind: one attempt, which answered, of the same operation, model, key and class of status.

Most requests are like others. Their series are the same ones, so that their numbers are added up here, and to the table
some times a second: what is left for each request are additions to numbers of Python's.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Final, NamedTuple

from penstock.observe.metrics import families
from penstock.observe.metrics.families import Labels
from penstock.observe.record import Record

Kind = tuple[str | bool | int | None, ...]
"""What requests have in common whose series are the same ones."""
_FAILED: Final = 400
_DURATION: Final = families.DURATION.buckets
_OWN: Final = families.OWN.buckets
_UPSTREAM: Final = families.UPSTREAM.buckets


def kind_of(record: Record) -> Kind | None:
    """The kind of a request; None where one of its steps is out of the ordinary."""
    attempts, status = record.attempts, record.status
    if len(attempts) != 1 or status >= _FAILED or record.failure is not None:
        return None
    attempt = attempts[0]
    if not attempt.is_charged or attempt.ended is None or attempt.failure is not None:
        return None
    if not 0 < attempt.status < _FAILED:
        return None
    usage = attempt.usage if attempt.billed is None else attempt.billed.usage
    if usage is not None and (usage.cached or usage.cache_written or usage.reasoning):
        return None
    return (
        record.operation,
        record.provider,
        record.model,
        record.stream,
        status // 100,
        record.cache,
        record.key,
        attempt.provider,
        attempt.model,
        attempt.status // 100,
    )


class AlikeLabels(NamedTuple):
    """The labels of the series of one kind of requests, by what is counted. ``called`` are the provider and the model
    that were called."""

    requests: Labels
    duration: Labels
    own: Labels
    cache: Labels | None
    attempts: Labels
    called: tuple[str, str]
    key: Labels | None


class Alike:
    """The numbers of one kind of requests since they were last added to the table. Those of a histogram stand as in
    the table: the sum, then the count of each bucket."""

    __slots__ = ("completion", "count", "duration", "labels", "nanos", "own", "prompt", "unpriced", "upstream")

    def __init__(self, labels: AlikeLabels) -> None:
        self.labels = labels
        self.clear()

    def clear(self) -> None:
        """Begin anew."""
        self.duration = [0.0] * families.DURATION.width
        self.own = [0.0] * families.OWN.width
        self.upstream = [0.0] * families.UPSTREAM.width
        self.count = self.prompt = self.completion = self.nanos = self.unpriced = 0

    def add(self, record: Record) -> None:
        """Count one more request, but for its cost."""
        attempt, latency = record.attempts[0], record.latency
        began, ended = attempt.began, attempt.ended or 0.0
        took, own = ended - began, began + latency - ended
        if own < 0.0:
            own = 0.0
        self.count += 1
        numbers = self.duration
        numbers[0] += latency
        numbers[1 + bisect_left(_DURATION, latency)] += 1.0
        numbers = self.own
        numbers[0] += own
        numbers[1 + bisect_left(_OWN, own)] += 1.0
        numbers = self.upstream
        numbers[0] += took
        numbers[1 + bisect_left(_UPSTREAM, took)] += 1.0
        usage = attempt.usage if attempt.billed is None else attempt.billed.usage
        if usage is not None:
            self.prompt += usage.prompt or 0
            self.completion += usage.completion or 0
