"""Messages, judged by OpenTelemetry's own types."""

from __future__ import annotations

import math

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from penstock.observe.metrics import families
from penstock.observe.metrics.families import FAMILIES
from penstock.observe.telemetry.otlp import Rejected, metrics_message, read_rejected, spans_message
from penstock.observe.telemetry.span import Attributes, Span, SpanKind
from receiving import attributes_of

VALUES: Attributes = {
    "text": "ü\ud800",
    "yes": True,
    "no": False,
    "whole": -5,
    "real": 0.25,
    "list": ("a", ""),
    "empty": "",
}


def test_spans() -> None:
    span = Span(
        "a" * 32, "b" * 16, "c" * 16, "chat m", SpanKind.CLIENT, 5, 1 << 61, {**VALUES}, "v=1", "timeout", 3, True
    )
    other = Span("a" * 32, "d" * 16, "", "x", SpanKind.SERVER, 1, 2, {})
    message = ExportTraceServiceRequest.FromString(
        spans_message([span, other], {"service.name": "p"}, "https://schema")
    )
    (resource,) = message.resource_spans
    (scope,) = resource.scope_spans
    first, second = scope.spans
    assert attributes_of(resource.resource) == {"service.name": "p"}
    assert (scope.scope.name, scope.schema_url, resource.schema_url) == ("penstock", "https://schema", "https://schema")
    assert attributes_of(first) == {**VALUES, "text": "ü?", "list": ["a", ""]}
    assert (first.trace_id.hex(), first.parent_span_id.hex(), first.trace_state) == ("a" * 32, "c" * 16, "v=1")
    assert (first.start_time_unix_nano, first.end_time_unix_nano, first.kind) == (5, 1 << 61, 3)
    assert (first.status.code, first.status.message, first.flags) == (2, "timeout", 0x303)
    assert (second.parent_span_id, second.status.code, second.flags, second.kind) == (b"", 0, 0x101, 2)


def test_metrics() -> None:
    counts = [0.0] * len(families.DURATION.buckets) + [2.0]
    series: dict[int, dict[tuple[str, ...], list[float]]] = {
        FAMILIES.index(families.COST): {("openai", "m"): [1.5]},
        FAMILIES.index(families.DURATION): {("chat", "true"): [7.0, *counts]},
        FAMILIES.index(families.MEMORY): {("0",): [3.0], ("1",): [math.nan]},
        FAMILIES.index(families.ERRORS): {},
    }
    message = ExportMetricsServiceRequest.FromString(metrics_message(series, {}, 10, 20))
    cost, duration, memory = message.resource_metrics[0].scope_metrics[0].metrics
    (point,) = cost.sum.data_points
    assert (cost.name, cost.unit, cost.sum.is_monotonic, cost.sum.aggregation_temporality) == (
        "penstock_cost_dollars", "", True, 2,
    )  # fmt: skip
    assert (point.start_time_unix_nano, point.time_unix_nano, point.as_double) == (10, 20, 1.5)
    assert attributes_of(point) == {"provider": "openai", "model": "m"}
    (observed,) = duration.histogram.data_points
    assert (duration.unit, observed.count, observed.sum) == ("s", 2, 7.0)
    assert list(observed.explicit_bounds) == list(families.DURATION.buckets)
    assert list(observed.bucket_counts) == [int(count) for count in counts]
    (figure,) = memory.gauge.data_points
    assert (memory.unit, figure.as_double, figure.start_time_unix_nano) == ("By", 3.0, 0)


def test_what_a_receiver_rejects() -> None:
    answer = ExportTraceServiceResponse(
        partial_success=ExportTracePartialSuccess(rejected_spans=3, error_message="old")
    )
    assert read_rejected(answer.SerializeToString()) == Rejected(3, "old")
    for nothing in (b"", b"{}", b"\x0a\x00", b"\x0a\x05ab", b"<html>", b"\x08\x01"):
        assert read_rejected(nothing) == Rejected()
