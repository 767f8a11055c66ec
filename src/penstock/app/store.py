"""The composition root's part for the database: what is read from it, counted by it and written to it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from penstock.background import Background, Part
from penstock.core.money import NANOS
from penstock.limits.allowance import OutageRules
from penstock.limits.counters import Alert
from penstock.limits.limit import Limit
from penstock.limits.memory import MemoryCounters
from penstock.observe.record import Records
from penstock.pipeline.admission.admit import Admitter, log_alerts
from penstock.pipeline.key_holder import ReadUsage
from penstock.pipeline.records.cost import Costs, CurrentPrices
from penstock.pipeline.records.ledger import Ledger
from penstock.providers.registry import PROVIDERS
from penstock.settings import Settings, SettingsError, database_had_keys
from penstock.stores.balance_applier import BalanceApplier
from penstock.stores.base import CatalogueSource
from penstock.stores.catalogue import Catalogue, GatewayKey
from penstock.stores.counters import CountersSetup, open_counters
from penstock.stores.file import CatalogueFile
from penstock.stores.guarded_counters import GuardedCounters
from penstock.stores.leased_counters import LeasedCounters
from penstock.stores.sql.balances.backup import BalanceBackup
from penstock.stores.sql.balances.journal import JournaledCounters
from penstock.stores.sql.control_store import ControlStore
from penstock.stores.sql.database_error import DatabaseError
from penstock.stores.sql.ledger_entry import LedgerEntry
from penstock.stores.sql.lost_requests import lost_entries, shared_entries
from penstock.stores.sql.place import Place, read_keyring

if TYPE_CHECKING:
    from penstock.stores.sql.database import Database
    from penstock.stores.sql.key_usage import KeyUsage

GatewayCounters = GuardedCounters | JournaledCounters | MemoryCounters
_LOG: Final = logging.getLogger("penstock")
_DAY: Final = 86_400_000_000
"""Microseconds for which a counter stays in memory after its window has ended."""
_LONGEST_REQUEST: Final = 86_400.0
"""Seconds after which nothing more is heard of a request, where no setting says so."""


async def make_first_rows(database: Database) -> None:
    """Make what every installation has, where it is missing."""
    from penstock.control.bootstrap import bootstrap

    await bootstrap(database)


def open_store(
    settings: Settings,
    place: Place,
    environ: Mapping[str, str],
    prepare: Callable[[Database], Awaitable[None]] = make_first_rows,
) -> ControlStore | None:
    """The control plane's database, ready to be served from; None without one. Raises SettingsError and DatabaseError.

    Its tables are brought up to date, its keys are tried, and ``prepare`` is done with it.
    """
    keyring = read_keyring(environ)
    if not place.address:
        if database_had_keys(environ):
            raise DatabaseError(f"there is no database, and it held gateway keys before: {place.reason}")
        if place.reason:
            _LOG.warning("there is no database: %s", place.reason)
        return None
    if place.is_in_memory and settings.server.workers > 1:
        raise SettingsError(["store.database: each of several workers would have a database in memory of its own"])
    stored = ControlStore(
        place,
        keyring,
        PROVIDERS,
        max_age=settings.store.catalogue_max_age,
        prepare=prepare,
        week_starts=settings.limits.week_starts,
    )
    if database_had_keys(environ) and not stored.is_guarded:
        raise DatabaseError(
            f"the database {stored.name} can't be used: it holds no gateway key, and had some before. "
            "Put it back, or start the gateway anew to serve without them"
        )
    return stored


def journal_of(settings: Settings, folder: Path | None) -> JournaledCounters:
    """The counters of one process that uses its database alone; ``folder`` is the data folder."""
    is_needed = settings.limits.strict_budgets_without_store == "closed"
    return JournaledCounters(monotonic, now, folder, is_needed=is_needed)


def restoring(journal: JournaledCounters) -> Callable[[Database], Awaitable[None]]:
    """Makes the first rows, and gives a journal what the gateway before it had counted."""

    async def prepare(database: Database) -> None:
        await make_first_rows(database)
        await journal.restore(database)

    return prepare


def counters_setup(settings: Settings, place: Place) -> CountersSetup:
    """Which store of counters the settings choose."""
    store, limits = settings.store, settings.limits
    return CountersSetup(
        store.counters,
        store.redis,
        "" if place.is_in_memory else place.address,
        store.redis_timeout_ms / 1000,
        store.database_timeout_ms / 1000,
        settings.server.workers,
        settings.upstream.total_timeout or _LONGEST_REQUEST,
        OutageRules(limits.strict_budgets_without_store, limits.budgets_without_store, limits.rates_without_store),
    )


def counters_of(
    settings: Settings,
    place: Place,
    journal: JournaledCounters,
    balances: BalanceBackup,
    alerted: Callable[[Sequence[Alert]], None] = log_alerts,
) -> GatewayCounters:
    """Where limits are counted: in a store that workers share, or in this process's memory, with a journal in the
    database if there is one and this process uses it alone. ``balances`` keep what Redis may lose; ``alerted`` gets the
    alerts that belong to no request. Raises SettingsError."""
    try:
        shared = open_counters(counters_setup(settings, place), data_folder(settings, place), alerted, balances)
    except ValueError as error:
        raise SettingsError([str(error)], settings) from None
    if shared is not None:
        return shared
    return journal if place.address and settings.server.workers == 1 else journal.memory


def refuse_too_large(settings: Settings, place: Place, file: CatalogueFile) -> None:
    """Raises SettingsError for limits of penstock.toml that the store of counters can't count exactly."""
    problems = list(too_large(file.current, counters_setup(settings, place).largest_cost))
    if problems:
        raise SettingsError(problems, settings)


def too_large(catalogue: Catalogue, largest: int) -> Iterator[str]:
    """A sentence for each limit beyond the largest amount that the store of counters counts exactly."""
    for limit in catalogue.limits_by_id().values():
        if limit.cap > largest:
            amount = f"{largest // NANOS} dollars" if limit.kind == "cost" else str(largest)
            yield f"the limit {limit.id} is too large: store.counters = redis counts exactly up to {amount}"


def admitter_of(
    catalogues: CatalogueSource,
    counters: GatewayCounters,
    costs: Costs,
    settings: Settings,
    tell: Callable[[Sequence[Alert]], None],
    folder: Path | None = None,
) -> Admitter:
    """The stage of limits; ``tell`` gets what budgets have crossed, ``folder`` is the data folder. Raises SettingsError
    where several workers would count apart."""
    pricing, workers = CurrentPrices(costs, time.time, catalogues), settings.server.workers
    if isinstance(counters, GuardedCounters):
        leased = LeasedCounters(counters, monotonic, tell, folder)
        counters.before_losing = leased.charge_left
        return Admitter(catalogues, leased, now, pricing, fast=leased, tell_alerts=tell)
    memory = counters.memory if isinstance(counters, JournaledCounters) else counters
    apart = (
        f"server.workers: each of {workers} workers counts limits by itself, so that {workers} times as much could be "
        "used: set it to 1, set store.counters to database or redis, or take out the limits"
    )
    admitter = Admitter(
        catalogues,
        counters,
        now,
        pricing,
        immediate=counters,
        sweep=lambda moment: memory.sweep(moment - _DAY),
        warning=apart if workers > 1 else "",
        fast=counters,
        tell_alerts=tell,
    )
    if workers > 1 and admitter.is_active:
        raise SettingsError([apart], settings)
    return admitter


class SharedCounters:
    """The counters that workers share, as a part of the gateway: until something is limited they keep no lease and open
    no connection."""

    def __init__(
        self,
        counters: GuardedCounters,
        balances: BalanceBackup,
        limits: Admitter,
        catalogues: CatalogueSource,
        stored: ControlStore | None,
    ) -> None:
        self._counters = counters
        self._balances = balances
        balances.limits = self._limits_by_id
        if stored is not None:
            balances.open_database = stored.open
        self._limits = limits
        self._catalogues = catalogues
        self._stored = stored
        self._has_begun = False
        self._told: set[str] = set()
        self._is_started = False
        self._opening = Background("the store of counters", self._open)
        catalogues.watch(lambda _: self._changed())

    def start(self) -> None:
        self._is_started = True
        self._changed()

    async def stop(self) -> None:
        self._is_started = False
        await self._opening.stop()
        if self._has_begun:
            if isinstance(self._limits.counters, LeasedCounters):
                await self._limits.counters.stop()
            await self._counters.stop()
            await self._balances.stop()

    def _changed(self) -> None:
        for problem in too_large(self._catalogues.current, self._counters.largest_cost):
            if problem not in self._told:
                _LOG.error("%s; it refuses from there on", problem)
                self._told.add(problem)
        self._begin()

    def _begin(self) -> None:
        if self._is_started and not self._has_begun and self._limits.is_active:
            self._has_begun = True
            self._counters.expect()
            self._opening.start()

    def _limits_by_id(self) -> Mapping[str, Limit]:
        return self._catalogues.current.limits_by_id()

    async def _open(self) -> None:
        if self._stored is not None:
            await self._stored.open()  # its tables are made
        self._counters.start()
        self._balances.start()
        if isinstance(self._limits.counters, LeasedCounters):
            self._limits.counters.start()
        await asyncio.Event().wait()


def sharing_of(
    counters: GatewayCounters,
    balances: BalanceBackup,
    limits: Admitter,
    catalogues: CatalogueSource,
    stored: ControlStore | None,
) -> list[Part]:
    """The part that runs the counters which workers share; nothing for those in memory."""
    if isinstance(counters, GuardedCounters):
        return [SharedCounters(counters, balances, limits, catalogues, stored)]
    return []


def keeping_of(
    stored: ControlStore,
    records: Records,
    catalogues: CatalogueSource,
    limits: Admitter,
    log: Part | None,
    folder: Path | None,
    counters: GatewayCounters,
) -> list[Part]:
    """The database, and the parts that write to it what requests took. The database stops last."""

    async def write(entries: Sequence[LedgerEntry]) -> None:
        from penstock.stores.sql.ledger import write_ledger

        await write_ledger(await stored.open(), entries)

    ledger = Ledger(records, write, lambda: limits.pricing, folder)

    def begin(_: object = None) -> None:
        # Without keys and limits nobody asks who used what: the database stays closed.
        if catalogues.current.keys or limits.is_active:
            ledger.begin()

    begin()
    catalogues.watch(begin)
    if isinstance(limits.counters, LeasedCounters):
        limits.counters.told_lost = lambda charges: ledger.add(shared_entries(charges, now()))
    if isinstance(counters, GuardedCounters):
        counters.tell_lost(lambda charges: ledger.add(lost_entries(charges, now())))

    def limits_by_id() -> Mapping[str, Limit]:
        return catalogues.current.limits_by_id()

    applier = BalanceApplier(lambda: stored.opened, limits.counters, limits_by_id, limits.alerted, now)
    logs = [] if log is None else [log]
    if isinstance(limits.counters, JournaledCounters):
        limits.counters.open_database = stored.open
        return [stored, limits.counters, ledger, applier, *logs]
    return [stored, ledger, applier, *logs]


def usage_reader(stored: ControlStore | None) -> ReadUsage | None:
    """Reads what a gateway key has used; None without a database."""
    if stored is None:
        return None

    async def read(key: GatewayKey, moment: int) -> KeyUsage:
        from penstock.stores.sql.key_usage import read_key_usage

        return await read_key_usage(await stored.open(), key.id, key.name, key.workspace, moment)

    return read


def data_folder(settings: Settings, place: Place) -> Path | None:
    """The folder of what the gateway keeps beside its database; None without one."""
    if place.file is not None:
        return place.file.parent
    return Path(settings.store.data_dir) if settings.store.data_dir else None


def now() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1000


def monotonic() -> int:
    """Microseconds that never step back."""
    return time.monotonic_ns() // 1000
