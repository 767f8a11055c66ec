"""Spans and metrics as OTLP's messages in Protocol Buffers, and what a receiver answers.

Source: https://github.com/open-telemetry/opentelemetry-proto; the numbers of fields stand beside their names there.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from penstock import __version__
from penstock.observe.metrics.families import FAMILIES, Family, Labels
from penstock.observe.telemetry.model_metrics import in_version
from penstock.observe.telemetry.protobuf import (
    data,
    double,
    fixed32,
    fixed64,
    integer,
    packed_double,
    packed_fixed64,
    read_fields,
    text,
)
from penstock.observe.telemetry.span import Span, Value

_SCOPE: Final = data(1, text(1, "penstock") + text(2, __version__))
_ERROR: Final = 2
_CUMULATIVE: Final = 2
_HAS_REMOTE, _IS_REMOTE = 0x100, 0x200
_UNITS: Final = {"seconds": "s", "bytes": "By"}

Resource = Mapping[str, str]


def spans_message(spans: Iterable[Span], resource: Resource, schema: str = "") -> bytes:
    """An ``ExportTraceServiceRequest``."""
    schema_url = text(3, schema) if schema else b""
    scope = _SCOPE + b"".join([data(2, _span(span)) for span in spans]) + schema_url
    return data(1, _resource(resource) + data(2, scope) + schema_url)


def metrics_message(
    series: Mapping[int, Mapping[Labels, Sequence[float]]],
    resource: Resource,
    start: int,
    now: int,
    version: str = "latest",
) -> bytes:
    """An ``ExportMetricsServiceRequest``. ``series`` are the numbers of all series by the index of their family and by
    labels; counters have counted since ``start``. Times are nanoseconds since 1970. ``version`` is that of the
    conventions."""
    metrics = [
        data(2, _metric(family, some, start, now))
        for index, points in series.items()
        if points
        for family, some in in_version(FAMILIES[index], points, version)
    ]
    return data(1, _resource(resource) + data(2, _SCOPE + b"".join(metrics)))


class Rejected(msgspec.Struct, frozen=True):
    """What a receiver did not take of a batch, and why."""

    count: int = 0
    reason: str = ""


def read_rejected(answer: bytes) -> Rejected:
    """What an ``Export…ServiceResponse`` says was rejected. Something else than such a message rejects nothing."""
    try:
        partial = next((value for number, value in read_fields(answer) if number == 1), b"")
        fields = dict(read_fields(partial)) if isinstance(partial, bytes) else {}
    except ValueError:
        return Rejected()
    count, reason = fields.get(1, 0), fields.get(2, b"")
    return Rejected(
        count if isinstance(count, int) and count < 1 << 63 else 0,
        reason.decode("utf-8", "replace")[:200] if isinstance(reason, bytes) else "",
    )


def _resource(resource: Resource) -> bytes:
    return data(1, b"".join([_attribute(1, name, value) for name, value in resource.items()]))


def _attribute(field: int, name: str, value: Value) -> bytes:
    return data(field, text(1, name) + data(2, _value(value)))


def _value(value: Value) -> bytes:
    match value:
        case bool():
            return integer(2, value)
        case str():
            return text(1, value)
        case int():
            return integer(3, value)
        case float():
            return double(4, value)
        case tuple():
            return data(5, b"".join([data(1, text(1, each)) for each in value]))


def _span(span: Span) -> bytes:
    parts = [data(1, bytes.fromhex(span.trace_id)), data(2, bytes.fromhex(span.span_id))]
    if span.state:
        parts.append(text(3, span.state))
    if span.parent:
        parts.append(data(4, bytes.fromhex(span.parent)))
    parts += [text(5, span.name), integer(6, span.kind), fixed64(7, span.start), fixed64(8, span.end)]
    parts += [_attribute(9, name, value) for name, value in span.attributes.items()]
    if span.error is not None:
        parts.append(data(15, text(2, span.error) + integer(3, _ERROR)))
    parts.append(fixed32(16, span.flags | _HAS_REMOTE | (_IS_REMOTE if span.is_parent_remote else 0)))
    return b"".join(parts)


def _metric(family: Family, points: Mapping[Labels, Sequence[float]], start: int, now: int) -> bytes:
    unit = family.unit or next((unit for word, unit in _UNITS.items() if family.name.endswith(f"_{word}")), "")
    head = text(1, family.name) + text(2, family.help) + (text(3, unit) if unit else b"")
    if family.kind == "histogram":
        written = [data(1, _histogram(family, labels, values, start, now)) for labels, values in points.items()]
        return head + data(9, b"".join(written) + integer(2, _CUMULATIVE))
    is_sum = family.kind == "counter"
    begun = fixed64(2, start) if is_sum else b""
    written = [
        data(1, begun + fixed64(3, now) + double(4, values[0]) + _labels(7, family, labels))
        for labels, values in points.items()
        if not math.isnan(values[0])
    ]
    return head + (
        data(7, b"".join(written) + integer(2, _CUMULATIVE) + integer(3, 1)) if is_sum else data(5, b"".join(written))
    )


def _histogram(family: Family, labels: Labels, values: Sequence[float], start: int, now: int) -> bytes:
    counts = [int(count) for count in values[1:]]
    return (
        fixed64(2, start)
        + fixed64(3, now)
        + fixed64(4, sum(counts))
        + double(5, values[0])
        + packed_fixed64(6, counts)
        + packed_double(7, family.buckets)
        + _labels(9, family, labels)
    )


def _labels(field: int, family: Family, labels: Labels) -> bytes:
    pairs = zip(family.labels, labels, strict=True)
    return b"".join([_attribute(field, name, value) for name, value in pairs if value])
