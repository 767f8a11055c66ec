"""The composition root's part for OpenTelemetry: what is sent to an OTLP receiver, and how requests' traces are
followed."""

from __future__ import annotations

import socket
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from penstock import __version__
from penstock.background import Part
from penstock.observe.metrics.collector import Collector
from penstock.observe.metrics.recorder import ChargeReader
from penstock.observe.record import Records
from penstock.observe.redactor import Redactor
from penstock.pipeline.tracing import Tracing
from penstock.server.gateway import Gateway
from penstock.settings import METRICS_FOLDER, Settings, SettingsError
from penstock.settings.telemetry import Telemetry as TelemetrySettings
from penstock.transport.base import Transport
from penstock.transport.post import ClosingTransport, Poster

if TYPE_CHECKING:
    from penstock.observe.telemetry.exporter import Exporter


class Telemetry(msgspec.Struct):
    """What reports to an OTLP receiver; nothing where none is set. ``tracing`` is None where no spans are made."""

    settings: TelemetrySettings
    resource: Mapping[str, str] = {}
    transport: Transport | None = None
    spans: Exporter | None = None
    metrics: Exporter | None = None
    redactor: Redactor | None = None
    """Of contents in spans; None where there are none."""
    scheme: str = "http"
    """Of the gateway's own port."""

    @property
    def exporters(self) -> tuple[Exporter, ...]:
        return tuple(each for each in (self.spans, self.metrics) if each is not None)

    @property
    def tracing(self) -> Tracing | None:
        if self.spans is None:
            return None
        settings = self.settings
        return Tracing(settings.sample_ratio, settings.propagate, frozenset(settings.baggage))

    @property
    def is_failing(self) -> bool:
        """Whether the receiver did not take what was sent to it last."""
        return any(exporter.is_failing for exporter in self.exporters)

    @property
    def lost(self) -> int:
        """Spans and points of metrics that the receiver did not get."""
        return sum(sum(exporter.lost.values()) for exporter in self.exporters)

    def follow(self, gateway: Gateway) -> None:
        """Have a gateway note the traces of its requests, and tell on its health page of what is lost."""
        if self.exporters:
            gateway.tracing, gateway.pages.telemetry = self.tracing, self

    def parts(self, records: Records, charges: ChargeReader, collector: Collector | None) -> list[Part]:
        """The parts of the gateway. They stop in the opposite order: the transport last."""
        settings, parts = self.settings, list[Part]()
        if self.transport is None:
            return parts
        from penstock.observe.telemetry.reporter import MetricsReporter, SpanReporter, SpanSettings

        parts.append(ClosingTransport(self.transport))
        if self.spans is not None:
            span_settings = SpanSettings(
                settings.queue_size,
                settings.batch_size,
                settings.interval,
                settings.flush_seconds,
                settings.conventions,
                self.scheme,
            )
            parts.append(SpanReporter(records, self.spans, self.resource, span_settings, charges, self.redactor))
        if self.metrics is not None and collector is not None:
            interval, flush, version = settings.metrics_interval, settings.flush_seconds, settings.conventions
            parts.append(MetricsReporter(collector, self.metrics, self.resource, interval, flush, version))
        return parts


def telemetry_of(settings: Settings, make_transport: Callable[[], Transport], environ: Mapping[str, str]) -> Telemetry:
    """What the settings ask to be sent, over a transport of its own. Raises SettingsError."""
    telemetry = settings.telemetry
    if not telemetry.endpoint:
        return Telemetry(telemetry)
    from penstock.observe.telemetry.exporter import Exporter  # its wire is loaded where there is a receiver

    transport = make_transport()
    headers = dict(each.partition("=")[::2] for each in telemetry.headers)

    def exporter(signal: str) -> Exporter:
        url = f"{telemetry.endpoint.rstrip('/')}/v1/{'traces' if signal == 'spans' else signal}"
        try:
            poster = Poster(transport, url, headers, telemetry.timeout)
        except ValueError as error:
            raise SettingsError([f"telemetry.endpoint: {error}"], settings) from None
        return Exporter(signal, poster, telemetry.retry_seconds)

    return Telemetry(
        telemetry,
        resource_of(telemetry, environ.get(METRICS_FOLDER, "")),
        transport,
        exporter("spans") if telemetry.traces else None,
        exporter("metrics") if telemetry.metrics and settings.metrics.enabled else None,
        Redactor(settings.logs.redact) if telemetry.content else None,
        "https" if settings.server.tls_cert else "http",
    )


def resource_of(telemetry: TelemetrySettings, folder: str) -> dict[str, str]:
    """The attributes of the resource. The workers of one gateway, which share a folder of counts, are one instance."""
    host = socket.gethostname()
    instance = uuid.uuid5(uuid.NAMESPACE_URL, f"{host}/{Path(folder).name}") if folder else uuid.uuid4()
    own = {
        "service.name": telemetry.service_name,
        "service.version": __version__,
        "service.instance.id": str(instance),
        "host.name": host,
        "telemetry.sdk.name": "penstock",
        "telemetry.sdk.language": "python",
        "telemetry.sdk.version": __version__,
    }
    return own | dict(each.partition("=")[::2] for each in telemetry.resource)
