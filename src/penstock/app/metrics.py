"""The composition root's part for metrics: what is counted, what is read of other parts, who may see it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from ipaddress import ip_address
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from penstock.app.limits import request_limits
from penstock.background import Part
from penstock.core.durations import microseconds
from penstock.core.failure import Failure, Kind
from penstock.limits.applied import Applied
from penstock.limits.counters import Counters, CountersUnavailable
from penstock.limits.limit import Limit
from penstock.observe.metrics import families
from penstock.observe.metrics.collector import Collector, Reading
from penstock.observe.metrics.recorder import Bounds
from penstock.observe.record import Records
from penstock.pipeline.guarding.verdicts import GuardVerdicts
from penstock.pipeline.records.cost import Costs
from penstock.pipeline.records.request_log import RequestLog
from penstock.routing.health import Health
from penstock.server.http.connection_count import ConnectionCount
from penstock.server.origin import Origins
from penstock.server.pages.metrics import MetricsApp, MetricsPage
from penstock.server.pages.own_port import OwnPort
from penstock.server.tls import TlsFiles
from penstock.settings import METRICS_FOLDER, Settings
from penstock.stores.base import CatalogueSource
from penstock.stores.catalogue import Catalogue, key_digest
from penstock.stores.sql.database_error import DatabaseError
from penstock.transport.http1 import Http1Transport

if TYPE_CHECKING:
    from penstock.control.plane import ControlPlane
    from penstock.observe.alerts.teller import Teller
    from penstock.observe.telemetry.exporter import Exporter

_SCOPE: Final = "analytics.view"
_MOST_BUDGETS: Final = 200
"""Budgets that are shown: each is a look-up in the store of counters."""
_CIRCUIT_STATES: Final = ("closed", "open", "half_open")
_OWN_NAME: Final = "the metrics"
_LOG_READER: Final = "request_log"


class Counted(msgspec.Struct):
    """What metrics are made of. ``connections`` are the callers', once there is a gateway; ``exporters`` send spans and
    metrics to an OTLP receiver, ``tellers`` tell people of alerts."""

    records: Records
    health: Health
    upstream: Http1Transport
    catalogues: CatalogueSource
    counters: Counters
    costs: Costs
    log: RequestLog | None = None
    connections: ConnectionCount | None = None
    exporters: tuple[Exporter, ...] = ()
    tellers: Sequence[Teller] = ()
    guards: GuardVerdicts | None = None

    def readings(self) -> Iterator[Reading]:
        """The gauges of this worker's parts."""
        pool = self.upstream.connection_counts()
        yield Reading(families.POOL, ("in_use",), pool.in_use)
        yield Reading(families.POOL, ("idle",), pool.idle)
        yield Reading(families.POOL_WAITING, (), pool.waiting)
        circuits = self.health.circuits()
        for state in _CIRCUIT_STATES:
            yield Reading(families.CIRCUITS, (state,), circuits[state])
        if self.connections is not None:
            yield Reading(families.CALLERS, (), self.connections.total)
        if self.log is not None:
            yield Reading(families.LOST, (_LOG_READER,), self.log.lost)
            yield Reading(families.WAITING, (_LOG_READER,), self.log.waiting)
        for exporter in self.exporters:
            for why, lost in exporter.lost.items():
                yield Reading(families.TELEMETRY_LOST, (exporter.signal, why), lost)
        for teller in self.tellers:
            for result, count in teller.counts.items():
                yield Reading(families.ALERTS, (teller.channel.name, result), count)

        for (check, verdict), count in ({} if self.guards is None else self.guards.counts).items():
            yield Reading(families.GUARD_VERDICTS, (check, verdict), count)

    async def budgets(self) -> Iterable[Reading]:
        """What is left of the budgets in force, those of policies left out: they have a bucket for each value."""
        return [reading async for reading in budgets_left(self.catalogues.current, self.counters)]


class MetricsParts(msgspec.Struct):
    """The parts of the gateway, the collector among them, and the page unless that has a port of its own."""

    parts: list[Part] = []
    collector: Collector | None = None
    page: MetricsPage | None = None


class MetricsAdmission:
    """Lets in who shows an admin key, or a key of the organisation with the scope ``analytics.view``. ``open_plane`` is
    None without a database; ``admin_key`` tells the text of PENSTOCK_ADMIN_KEY, empty without one."""

    def __init__(self, open_plane: Callable[[], Awaitable[ControlPlane]] | None, admin_key: Callable[[], str]) -> None:
        self._open_plane = open_plane
        self._admin_key = admin_key

    async def refused(self, presented: str, address: str | None) -> Failure | None:
        """The failure for a key that was shown, or for none; None for a key that may read metrics."""
        key = self._admin_key()
        digest = key_digest(key) if key else None
        if presented and key_digest(presented) == digest:
            return None
        if self._open_plane is None:
            return _unknown("There is no database of admin keys: set PENSTOCK_ADMIN_KEY and send it as a bearer token")
        from penstock.control.actor import Origin
        from penstock.control.refusal import Refusal, Why
        from penstock.control.scopes import allows
        from penstock.control.sign_in import sign_in

        try:
            plane = await self._open_plane()
            actor = await sign_in(plane, presented, Origin(path="/metrics", address=address), digest)
        except DatabaseError:
            return Failure(Kind.STORE_UNAVAILABLE, "The database that knows admin keys can't be used now.")
        except Refusal as refusal:
            if refusal.why is Why.FORBIDDEN:
                return Failure(Kind.NOT_ALLOWED, "This key is not allowed from your address.")
            return _unknown("Metrics need an admin key, as a bearer token or in x-portkey-api-key")
        if actor.workspace_id is None and allows(actor.scopes, _SCOPE):
            return None
        return Failure(Kind.NOT_ALLOWED, f"Metrics need a key of the organisation with the scope {_SCOPE}.")


def _unknown(text: str) -> Failure:
    return Failure(
        Kind.INVALID_GATEWAY_KEY,
        f"{text}; or set metrics.open = true, or metrics.listen to a port of their own.",
        "authorization",
    )


def sends_gen_ai(settings: Settings) -> bool:
    """Whether metrics go to an OTLP receiver, where those of OpenTelemetry's own names are among them."""
    return bool(settings.telemetry.endpoint) and settings.telemetry.metrics


def metrics_of(
    settings: Settings,
    counted: Counted,
    environ: Mapping[str, str],
    admission: MetricsAdmission,
) -> MetricsParts:
    """The parts that count and show; nothing where metrics are off."""
    metrics = settings.metrics
    if not metrics.enabled:
        return MetricsParts()
    folder = environ.get(METRICS_FOLDER, "")
    collector = Collector(
        counted.records,
        Bounds(metrics.max_values, metrics.metadata, sends_gen_ai(settings)),
        counted.costs,
        Path(folder) if folder else None,
        [counted.readings],
        [counted.budgets],
        counted.health.broken,
    )
    address = metrics.address
    if address is None:
        return MetricsParts([collector], collector, MetricsPage(collector, None if metrics.open else admission))
    origins = Origins(is_loopback=_is_loopback(address[0]), allowed_hosts=settings.server.allowed_hosts)
    files = TlsFiles.of(settings.server)
    app = MetricsApp(MetricsPage(collector), origins)
    own_port = OwnPort(
        app, address, request_limits(settings.server), None if files is None else files.context, _OWN_NAME
    )
    return MetricsParts([collector, own_port], collector)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def budgets_left(
    catalogue: Catalogue, counters: Counters, clock: Callable[[], float] = time.time
) -> AsyncIterator[Reading]:
    """What is left of each budget in its present window. A store that can't be reached ends the list."""
    now = microseconds(clock())
    for owner, applied in islice(_budgets(catalogue), _MOST_BUDGETS):
        limit = applied.limit
        try:
            usage = await counters.usage(applied.key_at(now))
        except CountersUnavailable:
            return
        left = limit.cap - usage.settled - usage.reserved
        unit, scale = _unit(limit)
        yield Reading(families.BUDGET_LEFT, (limit.level, owner, limit.id, unit), left * scale)


def _unit(limit: Limit) -> tuple[str, float]:
    return ("dollars", 1e-9) if limit.kind == "cost" else (limit.kind, 1.0)


def _budgets(catalogue: Catalogue) -> Iterator[tuple[str, Applied]]:
    """The budgets that have one bucket, and the names of their owners."""
    limits = catalogue.limits
    owners: list[tuple[str, tuple[Applied, ...]]] = [
        ("organisation", limits.organisation),
        *limits.workspaces.items(),
        *limits.virtual_keys.items(),
        *((key.name, key.limits) for key in catalogue.keys),
    ]
    for owner, every in owners:
        yield from ((owner, applied) for applied in every if applied.limit.is_budget)
