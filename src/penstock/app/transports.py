"""The composition root's part for the way to providers: transports with their limits, TLS and proxies."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping

from penstock.core.address import AddressPolicy
from penstock.core.http import Limits
from penstock.pipeline.off_loop.process import aside
from penstock.settings import Settings, SettingsError
from penstock.settings.model import Upstream as UpstreamSettings
from penstock.transport import connection, open_files
from penstock.transport.base import Transport
from penstock.transport.echo import EchoTransport
from penstock.transport.http1 import Http1Transport
from penstock.transport.pool import PoolLimits
from penstock.transport.proxies import ProxyRules


def transports_of(settings: Settings, http1: Transport) -> dict[str, Transport]:
    """The transports by the scheme of an address."""
    return {"http": http1, "https": http1, "echo": EchoTransport(settings.echo.pace_ms, aside=aside)}


def http1_of(settings: Settings, policy: AddressPolicy, environment: Mapping[str, str]) -> Http1Transport:
    """The transport to providers. Raises SettingsError for a proxy that is none."""
    upstream = settings.upstream
    return Http1Transport(
        policy,
        pool=PoolLimits(
            upstream.max_connections,
            int(min(upstream.max_idle_connections, open_files.idle_share())),
            upstream.idle_connection_seconds,
        ),
        bounds=connection.ParserLimits(framing=upstream.max_header_bytes),
        tls=_tls(upstream),
        proxies=_proxies(upstream.proxy, environment),
        is_discreet=not settings.is_loopback,
    )


def upstream_limits(upstream: UpstreamSettings) -> Limits:
    """The time limits of a call that no config changes, in seconds."""
    return Limits(upstream.connect_timeout, upstream.first_byte_timeout, upstream.idle_timeout, upstream.total_timeout)


class Connections:
    """Watches over the process's files while the gateway runs, and closes the transports when it stops: after the
    guards that look on, which call other servers."""

    def __init__(self, transports: Mapping[str, Transport]) -> None:
        self._transports = transports

    def start(self) -> None:
        """Connections are made when they are needed."""
        for transport in set(self._transports.values()):
            if isinstance(transport, Http1Transport):
                transport.files.start()

    async def stop(self) -> None:
        for transport in set(self._transports.values()):
            await transport.close()


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
