"""The composition root: with its parts (beside it) the only place that names concrete transports, policies and logs."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final

from penstock.admin.api import AdminApi
from penstock.admin.prefixes import is_admin_path
from penstock.app.admin import admin_api, control_judge, plane_opener
from penstock.app.alerts import alerts_of
from penstock.app.guards import guard_policy, guarding_of
from penstock.app.ids import id_secrets
from penstock.app.limits import largest_body, request_limits
from penstock.app.logs import content_rule, request_log_of
from penstock.app.metrics import Counted, MetricsAdmission, metrics_of
from penstock.app.replicas import Replicas, replicas_of
from penstock.app.responses import conversations_of
from penstock.app.rotation import rotation_of
from penstock.app.store import (
    GatewayCounters,
    admitter_of,
    counters_of,
    data_folder,
    journal_of,
    keeping_of,
    make_first_rows,
    now,
    open_store,
    refuse_too_large,
    restoring,
    sharing_of,
    usage_reader,
)
from penstock.app.telemetry import telemetry_of
from penstock.app.transports import Connections, http1_of, transports_of, upstream_limits
from penstock.background import Part
from penstock.core.address import AddressPolicy
from penstock.core.did_you_mean import hint
from penstock.core.forwarded import TrustedProxies
from penstock.core.permissions import Permissions
from penstock.observe.access_log import PIPE_BUF, AccessLog
from penstock.observe.library_logs import quieten_libraries
from penstock.observe.outlet import raw
from penstock.observe.record import Records
from penstock.pipeline.admission.admit import Admitter
from penstock.pipeline.authorize import Authorizer
from penstock.pipeline.cache import Caching
from penstock.pipeline.choice import Names
from penstock.pipeline.claimed_call import SharedClaims
from penstock.pipeline.compile import Compiler, judge
from penstock.pipeline.guarding.guard import Guarding
from penstock.pipeline.idempotency import Idempotency
from penstock.pipeline.key_holder import KeyHolder
from penstock.pipeline.models.callable_models import CallableModels
from penstock.pipeline.models.host_models import HostModels
from penstock.pipeline.models.model_alias import ModelAliases
from penstock.pipeline.off_loop.process import LargeWork
from penstock.pipeline.records.cost import Costs, SharedCosts
from penstock.pipeline.repeated_call import RepeatedCalls
from penstock.pipeline.route import Router
from penstock.pipeline.run import Pipeline
from penstock.pipeline.upstream import Upstream
from penstock.providers.lending import environment_accounts, environment_keys
from penstock.providers.registry import ALIASES, MANY_MAKERS, PROVIDERS
from penstock.server.gateway import Gateway
from penstock.server.origin import Origins
from penstock.server.pages.own_port import OwnPort
from penstock.server.sessions.realtime import Sessions
from penstock.server.tls import TlsFiles
from penstock.settings import ADMIN_KEY, METRICS_FOLDER, Settings, SettingsError, must_be_guarded
from penstock.settings.load import is_network
from penstock.settings.model import Server as ServerSettings
from penstock.stores.base import CatalogueSource
from penstock.stores.catalogue import EMPTY, Catalogue
from penstock.stores.file import CatalogueError, CatalogueFile
from penstock.stores.guarded_counters import GuardedCounters
from penstock.stores.layered import LayeredCatalogue, layer
from penstock.stores.memory import MemoryReplyStore
from penstock.stores.prices import DefaultPrices
from penstock.stores.reading import Reading, exposure
from penstock.stores.sql.balances.backup import BalanceBackup
from penstock.stores.sql.control_store import ControlStore
from penstock.stores.sql.place import Place, find_place
from penstock.transport.base import Transport

_LOG: Final = logging.getLogger("penstock")


def build(
    settings: Settings,
    catalogue: Path | None = None,
    *,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> Gateway:
    """The whole gateway as an ASGI application.

    ``catalogue`` is the file with virtual keys, saved configs and gateway keys; ``sleep`` is how the waits between
    attempts pass. Raises SettingsError.
    """
    quieten_libraries()
    policy, guarded_policy = AddressPolicy(settings.trusted_hosts), AddressPolicy(settings.guarded_hosts)
    records = Records(has_console_reads=settings.server.log_level == "debug")
    transport_apart = partial(http1_of, settings, guarded_policy, os.environ)
    http1 = transport_apart()
    transports, place = transports_of(settings, http1), find_place(settings.store, os.environ)
    folder, balances = data_folder(settings, place), BalanceBackup(now)
    journal = journal_of(settings, folder)
    alerts = alerts_of(settings, transport_apart, guarded_policy, os.environ.get(METRICS_FOLDER, ""))
    counters = counters_of(settings, place, journal, balances, alerts.tell_budgets)
    stored = open_store(settings, place, os.environ, restoring(journal) if counters is journal else make_first_rows)
    file = read_catalogue(settings, catalogue, EMPTY if stored is None else stored.current)
    refuse_too_large(settings, place, file)
    catalogues = file if stored is None else LayeredCatalogue([file, stored])
    _warn_of_exposed_keys(settings)
    compiler = _compiler(settings, policy, guarded_policy, catalogues)
    server, prices = settings.server, DefaultPrices(folder)
    costs = partial(Costs, prices, lambda: catalogues.current)
    shared_costs = SharedCosts(prices, lambda: catalogues.current)
    replicas = replicas_of(settings, counters if isinstance(counters, GuardedCounters) else None)
    # The access log stops last: it tells of the requests that end when the connections are closed.
    limits = admitter_of(catalogues, counters, costs(), settings, alerts.tell_budgets, folder)
    log = request_log_of(settings, stored, records, shared_costs, place)
    admin = admin_api(settings, stored, file, os.environ, counters, costs())
    guarding, own_port = guarding_of(settings, transports, policy, http1.knows), _own_port(settings, admin, records)
    pipeline = _pipeline(settings, compiler, transports, sleep, limits, costs(), replicas, guarding, stored, place)
    telemetry = telemetry_of(settings, transport_apart, os.environ)
    figures = Counted(
        records, replicas.health, http1, catalogues, counters, shared_costs, log, guards=guarding.verdicts
    )
    metrics = metrics_of(settings, figures, os.environ, _admission(settings, stored, file, counters))
    parts: list[Part] = [*_access_log(records, server, shared_costs), *metrics.parts]
    parts += [*telemetry.parts(records, costs(), metrics.collector), file, prices]
    parts += alerts.parts(records, replicas.health, metrics.collector, stored, replicas, catalogues)
    parts += keeping_of(stored, records, catalogues, limits, log, folder, counters) if stored is not None else []
    parts += sharing_of(counters, balances, limits, catalogues, stored)
    parts += [*rotation_of(settings, stored, file, counters, alerts.tell), limits, replicas, LargeWork()]
    parts += [Connections(transports), guarding, *own_port, *filter(None, [pipeline.conversations])]
    gateway = Gateway(
        pipeline, records, request_limits(server), parts, TrustedProxies(server.trusted_proxies), _origins(settings),
        stored=stored, database=place.absence if stored is None else stored.name, admin=None if own_port else admin,
        metrics=metrics.page, replicas=replicas, contents=content_rule(settings, log), log=log,
        is_reserved=is_admin_path,
    )  # fmt: skip
    figures.connections, figures.tellers, figures.exporters = gateway.connections, alerts.tellers, telemetry.exporters
    gateway.sessions = Sessions(settings.realtime)
    gateway.key_holder = KeyHolder(limits, pipeline.models, now, usage_reader(stored))
    telemetry.follow(gateway)
    return gateway


def _compiler(
    settings: Settings, policy: AddressPolicy, guarded_policy: AddressPolicy, catalogues: CatalogueSource
) -> Compiler:
    return Compiler(
        PROVIDERS,
        policy,
        upstream_limits(settings.upstream),
        {} if settings.providers.env_keys is False else environment_keys(PROVIDERS.values(), os.environ),
        catalogues,
        environment=os.environ if settings.providers.gateway_identity else None,
        accounts=environment_accounts(PROVIDERS.values(), os.environ),
        default_config=settings.routing.default_config,
        names=Names(PROVIDERS.keys(), ALIASES, MANY_MAKERS, settings.routing.default_provider or None),
        guarded_policy=guarded_policy,
        open_permissions=Permissions(lent_keys=None if settings.lends_keys else frozenset(), lent_identity=None),
        guards=guard_policy(settings),
    )


def _origins(settings: Settings) -> Origins:
    server = settings.server
    return Origins(
        is_loopback=settings.is_loopback, allowed_hosts=server.allowed_hosts, cors_origins=server.cors_origins
    )


def _admission(
    settings: Settings, stored: ControlStore | None, file: CatalogueFile, counters: GatewayCounters
) -> MetricsAdmission:
    """Who may read metrics."""
    plane = None if stored is None else plane_opener(settings, stored, file, counters)
    return MetricsAdmission(plane, lambda: os.environ.get(ADMIN_KEY, ""))


def _own_port(settings: Settings, admin: AdminApi | None, records: Records) -> list[OwnPort]:
    """The port of the admin API's own, if the settings ask for one."""
    address = settings.admin.address
    if admin is None or address is None:
        return []
    files = TlsFiles.of(settings.server)
    limits, proxies = request_limits(settings.server), TrustedProxies(settings.server.trusted_proxies)
    tls = None if files is None else files.context
    return [OwnPort(admin, address, limits, tls, records=records, trusted_proxies=proxies)]


def _access_log(records: Records, server: ServerSettings, costs: Costs) -> list[Part]:
    """The access log on standard output, to which several workers may write; nothing if there is none."""
    out: BinaryIO | None = getattr(sys.stdout, "buffer", None)  # a program may be started with it closed
    if not server.access_log or out is None:
        return []
    if server.workers > 1:
        return [AccessLog(records.subscribe(reader="access_log"), raw(out), piece=PIPE_BUF, costs=costs)]
    return [AccessLog(records.subscribe(reader="access_log"), raw(out), costs=costs)]


def _warn_of_exposed_keys(settings: Settings) -> None:
    """Log which of the settings' private keys others on this machine can read or change."""
    for name in (settings.server.tls_key or settings.server.tls_cert, settings.upstream.client_key):
        warning = exposure(Path(name), is_secret=True) if name else None
        if warning is not None:
            _LOG.warning("%s", warning)


def read_catalogue(settings: Settings, path: Path | None, stored: Catalogue = EMPTY) -> CatalogueFile:
    """What the operator's file names. ``stored`` is what the database names. Raises SettingsError."""
    check = control_judge(settings)
    try:
        catalogues = CatalogueFile(
            path,
            os.environ,
            PROVIDERS,
            check,
            must_be_guarded=must_be_guarded(os.environ),
            aliases=ALIASES,
            week_starts=settings.limits.week_starts,
        )
    except CatalogueError as error:
        raise SettingsError([*error.problems, *_missing_defaults(settings, error.configs, None)], settings) from None
    current = layer([catalogues.current, stored]).seen_by(None)
    problems = [*_missing_defaults(settings, current.configs, current.virtual_keys)]
    if problems:
        raise SettingsError(problems, settings)
    return catalogues


def _missing_defaults(
    settings: Settings, configs: Collection[str] | None, virtual_keys: Collection[str] | None
) -> Iterator[str]:
    """Why the default config and the default provider can't be used. None: these names aren't known."""
    default = settings.routing.default_config
    if default and configs is not None and default not in configs:
        yield f"routing.default_config: there is no [configs.{default}]"
    name = settings.routing.default_provider
    known = PROVIDERS.keys() | ALIASES.keys()
    if not name or name.removeprefix("@") in known or (name.startswith("@") and name[1:] in (virtual_keys or ())):
        return
    if not name.startswith("@"):
        way_out = hint(name, sorted(known), "'penstock providers' lists the ones there are", quote="'")
        yield f"routing.default_provider: there is no provider '{name}': {way_out}"
    elif virtual_keys is not None:
        yield f"routing.default_provider: there is no [virtual_keys.{name[1:]}]"


def with_catalogue_problems(error: SettingsError, path: Path | None) -> SettingsError:
    """The problems of the settings, and those of the virtual keys, configs and gateway keys in the same file."""
    settings = error.readable
    if path is None or settings is None:
        return error
    hosts = tuple(host for host in settings.trusted_hosts if "/" not in host or is_network(host))
    check = judge(PROVIDERS, AddressPolicy(hosts), ALIASES)
    reading = Reading(path, os.environ, PROVIDERS, check, ALIASES)
    configs, keys = reading.catalogue.configs, reading.catalogue.virtual_keys
    defaults = _missing_defaults(settings, configs, keys) if reading.is_read else ()
    return SettingsError([*error.problems, *reading.of_catalogue, *defaults], settings)


def _pipeline(
    settings: Settings,
    compiler: Compiler,
    transports: Mapping[str, Transport],
    sleep: Callable[[float], Awaitable[None]],
    limits: Admitter,
    costs: Costs,
    replicas: Replicas,
    guarding: Guarding,
    stored: ControlStore | None,
    place: Place,
) -> Pipeline:
    cache = settings.cache
    limit = min(cache.max_bytes, cache.max_entry_bytes)
    authorize = Authorizer(transports)
    upstream = Upstream(transports, authorize, ModelAliases(transports, authorize))
    caching, routing = Caching(replicas.replies, upstream, limit), settings.routing
    here = replicas.replies if isinstance(replicas.replies, MemoryReplyStore) else None
    router = Router(
        compiler=compiler,
        upstream=upstream,
        health=replicas.health,
        caching=caching,
        deadline=routing.deadline,
        sleep=sleep,
        max_attempts=routing.max_attempts,
        guarding=guarding,
        repeated=RepeatedCalls(here),
    )
    is_needed, kept = cache.idempotency_without_store == "closed", cache.idempotency_seconds
    claims = None if replicas.calls is None else SharedClaims(replicas.calls, kept, is_needed)
    once = Idempotency(kept, cache.reattach_seconds, cache.max_bytes, limit, claims)
    models = CallableModels(compiler, HostModels(upstream))
    server = settings.server
    pipeline = Pipeline(
        compiler,
        router,
        once,
        models,
        server.max_hops,
        limits,
        costs=costs,
        exposes_cost=server.expose_cost,
        id_secrets=id_secrets(settings, place, stored),
        shows_lists=settings.ids.lists,
        conversations=conversations_of(settings, stored),
        held_bytes=largest_body(server),
    )
    if guarding.models is not None:
        guarding.models.run = pipeline.run
    return pipeline
