"""The composition root's part for alerts: what people are told of, by which channels, and who tells it once."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from penstock.background import Part
from penstock.core.address import AddressPolicy
from penstock.limits.counters import Alert
from penstock.limits.limit import Limit
from penstock.observe.alerts.deliveries import DeliveriesLost
from penstock.observe.alerts.notice import Notice
from penstock.observe.metrics.collector import Collector
from penstock.observe.record import Records
from penstock.pipeline.admission.admit import log_alerts
from penstock.routing.advice import Advice, CircuitOpened
from penstock.routing.health import Health
from penstock.server.pages.pages import Shared
from penstock.settings import Settings, SettingsError
from penstock.settings.alerts import Alerts as AlertSettings
from penstock.stores.base import CatalogueSource
from penstock.stores.catalogue import Catalogue
from penstock.stores.sql.database_error import DatabaseError
from penstock.transport.base import Transport
from penstock.transport.post import ClosingTransport, Poster

if TYPE_CHECKING:
    from penstock.observe.alerts.channels import Channel
    from penstock.observe.alerts.teller import Teller
    from penstock.observe.alerts.watch import Watch
    from penstock.stores.sql.control_store import ControlStore
    from penstock.stores.sql.database import Database
    from penstock.stores.sql.deliveries import SqlDeliveries

T = TypeVar("T")
OpenDatabase = Callable[[], Awaitable["Database"]]


class StoredDeliveries:
    """The deliveries in the control plane's database, which is opened when there is something to tell.
    ``open_database`` is None without one: then this process alone knows what it has told."""

    open_database: OpenDatabase | None = None

    async def claim(self, notice: Notice, channel: str, now: float, until: float) -> bool:
        text = msgspec.json.encode(notice).decode()
        return await self._lost_or(lambda rows: rows.claim(notice.id, channel, text, now, until))

    async def renew(self, notice_id: str, channel: str, lease: float, until: float) -> bool:
        return await self._lost_or(lambda rows: rows.renew(notice_id, channel, lease, until))

    async def finish(self, notice_id: str, channel: str, *, is_told: bool) -> None:
        await self._lost_or(lambda rows: rows.finish(notice_id, channel, is_told=is_told))

    async def overdue(self, channel: str, now: float, until: float) -> Sequence[Notice]:
        found = await self._lost_or(lambda rows: rows.overdue(channel, now, until))
        return [msgspec.json.decode(text, type=Notice) for text in found]

    async def addresses(self, notice: Notice) -> Sequence[str]:
        """Whom a notice is told to by mail, beside those who are told everything."""
        owner = notice.owner
        try:
            return () if owner is None else await self._lost_or(lambda rows: rows.addresses_of(owner))
        except DeliveriesLost:
            return ()

    async def _lost_or(self, ask: Callable[[SqlDeliveries], Awaitable[T]]) -> T:
        from penstock.stores.sql.deliveries import SqlDeliveries

        if self.open_database is None:
            raise DeliveriesLost
        try:
            return await ask(SqlDeliveries(await self.open_database()))
        except DatabaseError as error:
            raise DeliveriesLost from error


class AlertParts:
    """What tells people; nothing without a channel. ``folder`` is where several workers count, None for one alone."""

    def __init__(
        self,
        settings: AlertSettings,
        deliveries: StoredDeliveries,
        transport: Transport | None = None,
        tellers: Sequence[Teller] = (),
        folder: Path | None = None,
    ) -> None:
        self.tellers = tellers
        self._folder = folder
        self._deliveries = deliveries
        self._stored: ControlStore | None = None
        self._shared: Shared | None = None
        self._settings = settings
        self._transport = transport
        self._watch: Watch | None = None
        self._collector: Collector | None = None

    def tell_budgets(self, alerts: Sequence[Alert]) -> None:
        """Tell the log and people what budgets have crossed."""
        log_alerts(alerts)
        if self._watch is not None:
            self._watch.budgets(alerts)

    def tell(self, notice: Notice) -> None:
        """Tell people of a notice, if they are told of its kind."""
        if notice.kind in self._settings.on:
            self._notify(notice)

    def parts(
        self,
        records: Records,
        health: Health,
        collector: Collector | None,
        stored: ControlStore | None,
        shared: Shared | None,
        catalogues: CatalogueSource,
    ) -> list[Part]:
        """The parts of the gateway. From now on the circuits of ``health`` are watched, ``stored`` and ``shared`` are
        asked whether they are lost, ``stored`` knows what is told, and ``catalogues`` whose budgets are."""
        if not self.tellers or self._transport is None:
            return []
        from penstock.observe.alerts.watch import Watch, WatchSettings  # for those who are told something

        self._stored, self._shared, self._collector = stored, shared, collector
        self._deliveries.open_database = None if stored is None else stored.open
        asked = self._settings
        watch_settings = WatchSettings(
            frozenset(asked.on),
            asked.repeat_seconds,
            asked.error_rate,
            asked.error_window,
            asked.error_requests,
            self._folder,
        )
        watch = self._watch = Watch(
            records,
            watch_settings,
            self._notify,
            self._lost,
            self._is_first,
            owner_name=lambda limit: owner_name(catalogues.current, limit),
        )
        tell = health.on_advice

        def heard(advice: Advice, now: float) -> None:
            if tell is not None:
                tell(advice, now)
            if isinstance(advice, CircuitOpened):
                watch.circuit_opened(advice.tenant, advice.saved, advice.target, advice.cooldown, now)

        health.on_advice = heard
        return [ClosingTransport(self._transport), *self.tellers, watch]

    def _notify(self, notice: Notice) -> None:
        for teller in self.tellers:
            teller.notify(notice)

    def _lost(self) -> Iterator[str]:
        if self._stored is not None and self._stored.is_lost:
            yield "database"
        if self._shared is not None and self._shared.is_lost:
            yield "Redis"
        if self._shared is not None and self._shared.limits_are_lost:
            yield "store of the counters"

    def _is_first(self) -> bool:
        return self._collector is None or self._collector.is_first


def owner_name(catalogue: Catalogue, limit: Limit) -> str | None:
    """What people call the owner of a limit: the name of a gateway key, ``@slug`` of a provider; None for any other."""
    if limit.level == "api_key":
        return next((key.name for key in catalogue.keys if key.id == limit.owner), None)
    for slug, applied in catalogue.limits.virtual_keys.items():
        if any(each.limit.id == limit.id for each in applied):
            return f"@{slug}"
    return None


def alerts_of(
    settings: Settings, make_transport: Callable[[], Transport], policy: AddressPolicy, folder: str = ""
) -> AlertParts:
    """What tells people of what the settings name, over a transport of its own. ``folder`` is where several workers
    count, empty for a worker alone. Raises SettingsError."""
    alerts, deliveries = settings.alerts, StoredDeliveries()
    if alerts.email_to and not alerts.smtp:
        problem = "alerts.email_to: nothing is mailed without a mail server: set alerts.smtp, or leave email_to out"
        raise SettingsError([problem], settings)
    if not alerts.on or not (alerts.webhook or alerts.slack or alerts.smtp):
        return AlertParts(alerts, deliveries)
    from penstock.observe.alerts.teller import Teller

    transport = make_transport()
    try:
        channels = list(_channels(alerts, transport, policy, deliveries))
    except ValueError as error:
        raise SettingsError([str(error)], settings) from None
    tellers = [Teller(channel, deliveries) for channel in channels]
    return AlertParts(alerts, deliveries, transport, tellers, Path(folder) if folder else None)


def _channels(
    alerts: AlertSettings, transport: Transport, policy: AddressPolicy, deliveries: StoredDeliveries
) -> Iterator[Channel]:
    """The channels that are set. Raises ValueError with the setting's name."""
    from penstock.observe.alerts.channels import Mail, Slack, Webhook

    def poster(name: str, url: str) -> Poster:
        try:
            return Poster(transport, url, {}, alerts.timeout)
        except ValueError as error:
            raise ValueError(f"alerts.{name}: {error}") from None

    if alerts.webhook:
        sender = poster("webhook", alerts.webhook)
        try:
            yield Webhook(sender, alerts.webhook_secret)
        except ValueError as error:
            raise ValueError(f"alerts.webhook_secret: {error}") from None
    if alerts.slack:
        yield Slack(poster("slack", alerts.slack))
    if alerts.smtp:
        from penstock.transport.mail import Mailer, MailServer  # with the library of mails, for those who send some

        try:
            server = MailServer.parse(alerts.smtp)
        except ValueError as error:
            raise ValueError(f"alerts.smtp: {error}") from None
        mailer = Mailer(server, alerts.email_from or f"penstock@{socket.gethostname()}", alerts.timeout, policy)
        yield Mail(mailer.send, alerts.email_to, deliveries.addresses)
