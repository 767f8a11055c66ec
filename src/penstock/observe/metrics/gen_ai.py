"""Counts attempts at models by the metrics that OpenTelemetry has for generative AI: docs/telemetry.md#metrics."""

from __future__ import annotations

from collections.abc import Callable

from penstock.observe.metrics import families
from penstock.observe.metrics.families import Family
from penstock.observe.metrics.table import Metric
from penstock.observe.record import AttemptRecord, Record
from penstock.observe.telemetry.conventions import NO_MODEL, OPERATIONS, provider_name


class GenAiRecorder:
    """Counts attempts. ``metric`` makes a metric of a family. A label that is empty stands for none."""

    def __init__(self, metric: Callable[[Family], Metric]) -> None:
        self._tokens = metric(families.GEN_AI_TOKENS)
        self._duration = metric(families.GEN_AI_DURATION)
        self._first_chunk = metric(families.GEN_AI_FIRST_CHUNK)

    def count(self, record: Record, attempt: AttemptRecord, named: tuple[str, str]) -> None:
        """Count an attempt that the request pays for. ``named`` are its provider and its model, as labels."""
        operation = record.operation
        if operation is None or operation in NO_MODEL:
            return
        labels = (OPERATIONS.get(operation, operation), provider_name(named[0]), named[1])
        if attempt.ended is not None:
            self._duration.observe((*labels, attempt.failure or ""), attempt.ended - attempt.began)
        if record.stream and attempt.first_content is not None and attempt.failure is None:
            self._first_chunk.observe(labels, attempt.first_content - attempt.began)
        usage = attempt.usage if attempt.billed is None else attempt.billed.usage
        if usage is not None:
            for kind, count in (("input", usage.prompt), ("output", usage.completion)):
                if count is not None:
                    self._tokens.observe((*labels, kind), count)
