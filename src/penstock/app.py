"""The composition root: the only file that names concrete transports, policies and logs."""

from __future__ import annotations

import asyncio
import os
import ssl
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from penstock.core.address import AddressPolicy
from penstock.core.http import Limits
from penstock.core.secret import Secret
from penstock.observe.access_log import AccessLog
from penstock.observe.record import Records
from penstock.pipeline.authorize import Authorizer
from penstock.pipeline.cache import Caching
from penstock.pipeline.compile import Compiler, judge
from penstock.pipeline.idempotency import Idempotency
from penstock.pipeline.model_alias import ModelAliases
from penstock.pipeline.route import Router
from penstock.pipeline.run import Pipeline
from penstock.pipeline.upstream import Upstream
from penstock.providers.registry import PROVIDERS
from penstock.routing.health import Health
from penstock.server.gateway import Gateway, Part, RequestLimits
from penstock.server.limits import CallerLimits
from penstock.settings import Settings, SettingsError
from penstock.settings.model import Server as ServerSettings
from penstock.settings.model import Upstream as UpstreamSettings
from penstock.stores.file import CatalogueError, CatalogueFile
from penstock.stores.memory import MemoryReplyStore
from penstock.transport import connection
from penstock.transport.base import Transport
from penstock.transport.echo import EchoTransport
from penstock.transport.http1 import Http1Transport
from penstock.transport.pool import PoolLimits
from penstock.transport.proxies import ProxyRules


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
    policy = AddressPolicy(settings.trusted_hosts)
    records = Records()
    http1 = _http1(settings.upstream, policy, os.environ)
    transports: dict[str, Transport] = {
        "http": http1,
        "https": http1,
        "echo": EchoTransport(settings.echo.pace_ms),
    }
    catalogues = read_catalogue(settings, catalogue)
    compiler = Compiler(
        PROVIDERS,
        policy,
        _limits(settings.upstream),
        _lent_keys(os.environ) if settings.lends_keys else {},
        catalogues,
        environment=os.environ if settings.providers.gateway_identity else None,
        default_config=settings.routing.default_config,
    )
    server = settings.server
    parts: list[Part] = [_Connections(transports), catalogues]
    if server.access_log:
        parts.append(AccessLog(records.subscribe(), sys.stdout.buffer))
    return Gateway(
        _pipeline(settings, compiler, transports, sleep),
        records,
        RequestLimits(_largest_body(server), server.body_timeout, server.keepalive, _caller_limits(server)),
        parts,
    )


def read_catalogue(settings: Settings, path: Path | None) -> CatalogueFile:
    """What the operator's file names. Raises SettingsError."""
    check = judge(PROVIDERS, AddressPolicy(settings.trusted_hosts))
    try:
        catalogues = CatalogueFile(path, os.environ, PROVIDERS, check)
    except CatalogueError as error:
        raise SettingsError(error.problems) from None
    default = settings.routing.default_config
    if default and default not in catalogues.current.configs:
        raise SettingsError([f"routing.default_config: there is no [configs.{default}]"])
    return catalogues


def _pipeline(
    settings: Settings,
    compiler: Compiler,
    transports: Mapping[str, Transport],
    sleep: Callable[[float], Awaitable[None]],
) -> Pipeline:
    cache = settings.cache
    store = MemoryReplyStore(cache.max_bytes, cache.max_entry_bytes)
    limit = min(cache.max_bytes, cache.max_entry_bytes)
    authorize = Authorizer(transports)
    upstream = Upstream(transports, authorize, ModelAliases(transports, authorize))
    router = Router(compiler, upstream, Health(), Caching(store, upstream, limit), settings.routing.deadline, sleep)
    once = Idempotency(cache.idempotency_seconds, cache.reattach_seconds, cache.max_bytes, limit)
    return Pipeline(compiler, router, once, settings.server.max_hops)


class _Connections:
    """Closes the transports when the gateway stops."""

    def __init__(self, transports: Mapping[str, Transport]) -> None:
        self._transports = transports

    def start(self) -> None:
        """Connections are made when they are needed."""

    async def stop(self) -> None:
        for transport in set(self._transports.values()):
            await transport.close()


def _http1(upstream: UpstreamSettings, policy: AddressPolicy, environment: Mapping[str, str]) -> Http1Transport:
    return Http1Transport(
        policy,
        pool=PoolLimits(upstream.max_connections, upstream.max_idle_connections, upstream.idle_connection_seconds),
        bounds=connection.ParserLimits(framing=upstream.max_header_bytes),
        tls=_tls(upstream),
        proxies=_proxies(upstream.proxy, environment),
    )


def _limits(upstream: UpstreamSettings) -> Limits:
    return Limits(upstream.connect_timeout, upstream.first_byte_timeout, upstream.idle_timeout, upstream.total_timeout)


def _largest_body(server: ServerSettings) -> int:
    """A body that could never be held is too large, whatever else is held."""
    return min(server.max_body_bytes, server.max_buffered_bytes or server.max_body_bytes)


def _caller_limits(server: ServerSettings) -> CallerLimits:
    return CallerLimits(
        head=server.head_timeout,
        body=server.body_deadline,
        body_rate=server.body_min_rate,
        write=server.write_timeout,
        buffered_bytes=server.max_buffered_bytes,
        connections=server.max_connections,
        connections_per_address=server.max_connections_per_address,
    )


def _tls(upstream: UpstreamSettings) -> Callable[[], ssl.SSLContext]:
    """Made when the first https provider is called: reading the authorities takes a good part of the start-up time."""

    def context() -> ssl.SSLContext:
        made = ssl.create_default_context(cafile=upstream.ca_file or None)
        if upstream.client_cert:
            made.load_cert_chain(upstream.client_cert, upstream.client_key or None)
        return made

    return context


def _proxies(setting: str, environment: Mapping[str, str]) -> ProxyRules:
    """The setting wins over the environment, whose names are understood in both cases, as everywhere."""
    if setting == "none":
        return ProxyRules()

    def value(name: str) -> str:
        return environment.get(name.lower()) or environment.get(name) or ""

    every = setting or value("ALL_PROXY")
    try:
        # HTTP_PROXY in capitals can be set by a caller of a CGI program (httpoxy); no such program is at work here.
        return ProxyRules.parse(
            setting or value("HTTPS_PROXY") or every, setting or value("HTTP_PROXY") or every, value("NO_PROXY")
        )
    except ValueError as error:
        raise SettingsError([f"upstream.proxy, HTTPS_PROXY, HTTP_PROXY or ALL_PROXY: {error}"]) from None


def _lent_keys(environment: Mapping[str, str]) -> dict[str, Secret]:
    """The provider keys that the operator has in the environment, by slug."""
    return {
        slug: Secret(environment[name])
        for slug, row in PROVIDERS.items()
        for name in reversed(row.env)
        if environment.get(name)
    }
