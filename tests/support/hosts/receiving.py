"""An OTLP receiver on a loopback socket: it reads what a gateway sends with OpenTelemetry's own message types."""

from __future__ import annotations

import contextlib
import gzip
from collections.abc import Iterator
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from penstock.settings.telemetry import Telemetry
from serving import until
from upstream import Act, Received, Upstream, reply, running_upstream

TRACES, METRICS = "/v1/traces", "/v1/metrics"


def value_of(value: Any) -> Any:
    """An ``AnyValue``."""
    kind = value.WhichOneof("value")
    return [value_of(each) for each in value.array_value.values] if kind == "array_value" else getattr(value, kind)


def attributes_of(message: Any) -> dict[str, Any]:
    return {each.key: value_of(each.value) for each in message.attributes}


class Span:
    """One span as it was received; ``resource`` are the attributes of its resource."""

    def __init__(self, message: Any, resource: dict[str, Any], schema: str) -> None:
        self.message = message
        self.resource = resource
        self.schema = schema
        self.name: str = message.name
        self.trace_id: str = message.trace_id.hex()
        self.span_id: str = message.span_id.hex()
        self.parent: str = message.parent_span_id.hex()
        self.attributes = attributes_of(message)

    @property
    def seconds(self) -> float:
        nanos: int = self.message.end_time_unix_nano - self.message.start_time_unix_nano
        return nanos / 1e9


class Receiver:
    """``upstream`` is the server; ``prefix`` stands before the receiver's paths."""

    def __init__(self, upstream: Upstream, prefix: str) -> None:
        self.upstream = upstream
        self.prefix = prefix
        self.endpoint = upstream.url + prefix

    def play(self, *acts: Act) -> None:
        self.upstream.play(*acts)

    def requests(self, path: str = TRACES) -> list[Received]:
        return [each for each in list(self.upstream.received) if each.target == self.prefix + path]

    def spans(self, requests: list[Received] | None = None) -> list[Span]:
        """Every span so far, as often as it came."""
        found = []
        for request in self.requests() if requests is None else requests:
            assert request.headers["content-type"] == "application/x-protobuf"
            message = ExportTraceServiceRequest.FromString(gzip.decompress(request.body))
            for resource in message.resource_spans:
                for scope in resource.scope_spans:
                    assert scope.scope.name == "penstock"
                    found += [Span(each, attributes_of(resource.resource), scope.schema_url) for each in scope.spans]
        return found

    def wait_for_spans(self, number: int) -> list[Span]:
        until(lambda: len(self.spans()) >= number)
        return self.spans()

    def metrics(self) -> dict[str, Any]:
        """The metrics that came last, by name."""
        (resource,) = ExportMetricsServiceRequest.FromString(
            gzip.decompress(self.requests(METRICS)[-1].body)
        ).resource_metrics
        return {each.name: each for scope in resource.scope_metrics for each in scope.metrics}


def rejecting(number: int, reason: str) -> Act:
    """An answer that says that some spans were rejected."""
    partial = ExportTracePartialSuccess(rejected_spans=number, error_message=reason)
    body = ExportTraceServiceResponse(partial_success=partial).SerializeToString()
    return reply(200, body, "application/x-protobuf")


@contextlib.contextmanager
def running_receiver(prefix: str = "") -> Iterator[Receiver]:
    with running_upstream() as upstream:
        yield Receiver(upstream, prefix)


def telemetry(receiver: Receiver, **settings: Any) -> Telemetry:
    """Settings for a receiver that is asked often, and for spans alone unless they say otherwise."""
    return Telemetry(**{"endpoint": receiver.endpoint, "interval": 0.1, "metrics": False, **settings})
