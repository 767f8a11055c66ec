"""Requests of one kind (observe/record_kinds.py) that were answered by their only attempt.

Most requests are like others. Their series are the same ones, so that their numbers are added up here, and to the table
some times a second: what is left for each request are three numbers more in lists of Python's, and a few additions.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from itertools import repeat
from typing import Final, NamedTuple

from penstock.observe.metrics.families import Family, Labels
from penstock.observe.record import Record

_FAILED: Final = 400


def is_ordinary(record: Record) -> bool:
    """Whether a record of one kind, and so all others of it, can be counted here."""
    return record.status < _FAILED and 0 < record.attempts[0].status < _FAILED


class AlikeLabels(NamedTuple):
    """The labels of the series of one kind of requests, by what is counted. ``called`` are the provider and the model
    that were called; None where nobody was, or another request counts the call."""

    requests: Labels
    duration: Labels
    own: Labels
    cache: Labels | None
    called: tuple[str, str] | None
    attempts: Labels
    key: Labels | None


class Alike:
    """The numbers of one kind of requests since they were last added to the table: ``latencies``, the gateway's ``own``
    part of them and the ``upstream`` part in seconds, tokens and cost of calls that are paid for."""

    __slots__ = ("completion", "count", "labels", "latencies", "nanos", "own", "prompt", "unpriced", "upstream")

    def __init__(self, labels: AlikeLabels) -> None:
        self.labels = labels
        self.latencies: list[float] = []
        self.own: list[float] = []
        self.upstream: list[float] = []
        self.clear()

    def clear(self) -> None:
        """Begin anew."""
        self.latencies.clear()
        self.own.clear()
        self.upstream.clear()
        self.count = self.prompt = self.completion = self.nanos = self.unpriced = 0

    def add(self, record: Record) -> bool:
        """Count one more request, but for its cost. False: it has an unusual usage, or no end, and is not counted."""
        attempt = record.attempts[0]
        ended = attempt.ended
        if ended is None:
            return False
        if self.labels.called is not None:
            usage = attempt.usage if attempt.billed is None else attempt.billed.usage
            if usage is not None:
                if usage.cached or usage.cache_written or usage.reasoning:
                    return False
                self.prompt += usage.prompt or 0
                self.completion += usage.completion or 0
            self.upstream.append(ended - attempt.began)
        latency = record.latency
        own = attempt.began + latency - ended
        self.latencies.append(latency)
        self.own.append(own if own > 0.0 else 0.0)
        self.count += 1
        return True


def histogram(family: Family, seconds: Sequence[float]) -> list[float]:
    """Durations as the table has them: their sum, then the count of each bucket."""
    numbers = [0.0] * family.width
    numbers[0] = sum(seconds)
    for bucket, count in Counter(map(bisect_left, repeat(family.buckets), seconds)).items():
        numbers[1 + bucket] += count
    return numbers
