"""The composition root's part for who administers the gateway: the admin API, and the control plane behind it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Final

from penstock.admin.api import AdminApi
from penstock.core.address import AddressPolicy
from penstock.core.money import LARGEST
from penstock.limits.counters import Counters
from penstock.observe.redactor import Redactor
from penstock.pipeline.compile import judge
from penstock.pipeline.off_loop.thread import off_loop
from penstock.pipeline.records.cost import Costs
from penstock.prices.book import EMPTY as NO_PRICES
from penstock.prices.book import PriceBook
from penstock.providers.registry import ALIASES, PROVIDERS
from penstock.settings import ADMIN_KEY, Settings, SettingsError
from penstock.stores.config_definitions import Check
from penstock.stores.file import CatalogueFile
from penstock.stores.guarded_counters import GuardedCounters
from penstock.stores.sql.control_store import ControlStore

if TYPE_CHECKING:
    from penstock.control.plane import ControlPlane

_SHORTEST_ADMIN_KEY: Final = 20
"""Characters of PENSTOCK_ADMIN_KEY."""


def admin_api(
    settings: Settings,
    stored: ControlStore | None,
    file: CatalogueFile,
    environ: Mapping[str, str],
    counters: Counters,
    costs: Costs,
) -> AdminApi | None:
    """The admin API; None where it is off, and where there is no database. Raises SettingsError."""
    key = environ.get(ADMIN_KEY, "")
    if key and len(key) < _SHORTEST_ADMIN_KEY:
        raise SettingsError([f"{ADMIN_KEY}: a key of fewer than {_SHORTEST_ADMIN_KEY} characters can be guessed"])
    if stored is None or not settings.admin.enabled:
        return None
    return AdminApi(
        plane_opener(settings, stored, file, counters, costs),
        lambda: environ.get(ADMIN_KEY, ""),
        settings.console,
        is_secure=bool(settings.server.tls_cert),
        has_gateway=settings.admin.address is None,
    )


def plane_opener(
    settings: Settings,
    stored: ControlStore,
    file: CatalogueFile,
    counters: Counters,
    costs: Costs | None = None,
) -> Callable[[], Awaitable[ControlPlane]]:
    """Opens the control plane over the database; what it returns raises DatabaseError."""
    check, policy = control_judge(settings), AddressPolicy(settings.trusted_hosts)
    largest = counters.largest_cost if isinstance(counters, GuardedCounters) else LARGEST
    redactor = Redactor(settings.logs.redact)

    async def price_book() -> PriceBook:
        if costs is None:
            return NO_PRICES
        await costs.ready()
        return costs.book

    async def open_plane() -> ControlPlane:
        from penstock.admin.provider_rules import provider_rules
        from penstock.control.logs.rules import LogRules
        from penstock.control.plane import ControlPlane

        database, rules = await stored.open(), provider_rules(policy)
        scheme = "https" if settings.server.tls_cert else "http"
        logged = LogRules(settings.logs.content, settings.logs.max_content_bytes, redactor, scheme)
        in_file, refresh = (lambda: file.current), stored.refresh
        return ControlPlane(
            database,
            stored.keyring,
            PROVIDERS,
            judge=check,
            in_file=in_file,
            refresh=refresh,
            provider_rules=rules,
            counters=counters,
            largest_cost=largest,
            price_book=price_book,
            aliases=ALIASES,
            logs=logged,
            apart=off_loop,
        )

    return open_plane


def control_judge(settings: Settings) -> Check:
    """What judges configs that are to be saved: the rules of the header x-portkey-config."""
    return judge(PROVIDERS, AddressPolicy(settings.trusted_hosts), ALIASES)
