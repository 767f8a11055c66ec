"""From an origin to a connected, checked and, where it applies, encrypted socket.

Every address that a name resolves to is judged, and a judged address is what is dialled, straight or through a proxy:
there is no second look-up for another answer to slip in. A literal address and ``localhost`` need no look-up.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable, Sequence
from typing import Final

from penstock.core.address import AddressPolicy, is_loopback, literal_address, loopback_addresses
from penstock.core.failure import Failure, Kind
from penstock.core.http import Origin
from penstock.transport.connection import Connection
from penstock.transport.dial import interleaved, race, reason_of
from penstock.transport.open_files import has_file_left, lacks_files
from penstock.transport.proxies import Proxy
from penstock.transport.resolve import Resolver
from penstock.transport.tls import tls_failed
from penstock.transport.tunnel import tunnel

_LOG: Final = logging.getLogger("penstock")
_TELLING: Final = frozenset({Kind.ADDRESS_REFUSED, Kind.NAME_NOT_RESOLVED, Kind.CONNECTION_REFUSED})
"""The kinds of failure that tell a caller what the gateway's network looks like."""
_MOST_TUNNELS: Final = 4
"""How many addresses of one name a proxy is asked for."""


class NotConnected(Exception):
    """The connection was not made, for the reason that ``failure`` tells."""

    def __init__(self, failure: Failure) -> None:
        self.failure = failure


class Connector:
    """Makes connections. ``tls`` is asked for the context of https origins, once.

    ``is_discreet``: callers may not learn about the operator's network. For hosts that they name, a refused address, an
    unknown name and a closed port are then one failure; the log tells which at level debug.
    """

    def __init__(
        self,
        policy: AddressPolicy,
        tls: Callable[[], ssl.SSLContext],
        resolver: Resolver,
        *,
        is_discreet: bool = False,
    ) -> None:
        self._policy = policy
        self._make_tls = tls
        self._tls: ssl.SSLContext | None = None
        self._resolver = resolver
        self._is_discreet = is_discreet

    async def connect(
        self, origin: Origin, proxy: Proxy | None, protocol: Callable[[], Connection], caller: str = ""
    ) -> Connection | Failure:
        """A connected ``protocol()``. Cancelling leaves no socket behind. ``caller`` has a share of the look-ups."""
        named_by = None if origin.trusted and not origin.named else caller
        try:
            if proxy is None:
                sock = await self._dial(origin, named_by)
            else:
                sock = await self._dial_proxy(origin, proxy, named_by)
            return await self._secured(sock, origin, protocol)
        except NotConnected as error:
            return self._told(origin, error.failure)

    async def _secured(
        self, sock: socket.socket, origin: Origin, protocol: Callable[[], Connection]
    ) -> Connection | Failure:
        loop = asyncio.get_running_loop()
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if origin.scheme != "https":
                _, connection = await loop.create_connection(protocol, sock=sock)
            else:
                _, connection = await loop.create_connection(
                    protocol, sock=sock, ssl=self._context(), server_hostname=origin.host
                )
        except OSError as error:
            sock.close()
            if lacks_files(error):
                raise NotConnected(_out_of_files()) from None
            failure = (
                tls_failed(origin.authority, error)
                if origin.scheme == "https"
                else _unreachable(origin.authority, error)
            )
            raise NotConnected(failure) from None
        except BaseException:
            sock.close()
            raise
        return connection

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            # OpenSSL says nothing if it can't open the file of authorities: the context would trust nobody for good.
            if not has_file_left():
                raise NotConnected(_out_of_files())
            self._tls = self._make_tls()
        return self._tls

    async def _dial(self, origin: Origin, named_by: str | None) -> socket.socket:
        return await self._raced(origin, await self._allowed(origin, named_by), named_by)

    async def _raced(self, origin: Origin, allowed: Sequence[str], named_by: str | None) -> socket.socket:
        try:
            return await race(allowed, origin.port)
        except OSError as error:
            if lacks_files(error):
                raise NotConnected(_out_of_files()) from None
            self._resolver.forget(origin.host, named_by)
            raise NotConnected(_unreachable(origin.authority, error)) from None

    async def _allowed(self, origin: Origin, named_by: str | None) -> Sequence[str]:
        """The addresses of the origin that the policy allows, at least one."""
        try:
            addresses = await self._addresses(origin.host, named_by)
        except (OSError, UnicodeError) as error:
            raise NotConnected(_unresolved(origin.host, error)) from None
        refusals = {address: self._policy.refuse_address(origin, address) for address in addresses}
        allowed = [address for address in addresses if refusals[address] is None]
        if not allowed:
            raise NotConnected(_refused(origin, next(filter(None, refusals.values()), "it has no address")))
        return allowed

    async def knows(self, origin: Origin, named_by: str | None) -> bool:
        """Whether the origin has an address that the policy allows."""
        try:
            return bool(await self._allowed(origin, named_by))
        except NotConnected:
            return False

    async def _addresses(self, host: str, named_by: str | None) -> Sequence[str]:
        if literal_address(host) is not None:
            return (host,)
        return loopback_addresses(host) or await self._resolver.addresses(host, named_by)

    async def _dial_proxy(self, origin: Origin, proxy: Proxy, named_by: str | None) -> socket.socket:
        """A tunnel to the origin. The proxy itself is the operator's.

        The proxy resolves the names of hosts that the operator fixed. A name that a caller gave is resolved and judged
        here, and the proxy is asked for the judged address: it would resolve the name anew, perhaps to another one. A
        name that stands for this machine is dialled straight.
        """
        hosts: Sequence[str] = (origin.host,)
        if not origin.trusted:
            allowed = await self._allowed(origin, named_by)
            if is_loopback(allowed[0]):
                return await self._raced(origin, [address for address in allowed if is_loopback(address)], named_by)
            hosts = interleaved(allowed)[:_MOST_TUNNELS]
        elif literal_address(origin.host) is not None:
            await self._allowed(origin, named_by)
        failure: Failure | None = None
        for host in hosts:
            sock = await self._to_proxy(proxy)
            try:
                failure = await tunnel(sock, host, origin.port, proxy)
            except BaseException:
                sock.close()
                raise
            if failure is None:
                return sock
            sock.close()
        raise NotConnected(failure or _out_of_files())

    async def _to_proxy(self, proxy: Proxy) -> socket.socket:
        try:
            return await race(await self._addresses(proxy.host, None), proxy.port)
        except (OSError, UnicodeError) as error:
            if lacks_files(error) or not has_file_left():
                raise NotConnected(_out_of_files()) from None
            text = f"The proxy at {proxy.host}:{proxy.port} can't be reached ({reason_of(error)}): check HTTPS_PROXY."
            raise NotConnected(Failure(Kind.PROXY_FAILED, text)) from None

    def _told(self, origin: Origin, failure: Failure) -> Failure:
        """The failure as a caller may see it."""
        if not self._is_discreet or origin.trusted or failure.kind not in _TELLING:
            return failure
        _LOG.debug("a caller's host can't be called: %s", failure.message)
        text = (
            f"The gateway can't call {origin.authority}: there is no such host, nothing listens there, or its address "
            "is not allowed. Check the address; the gateway's operator can allow a private host with the setting "
            "trusted_hosts, and sees the reason in the log at level debug."
        )
        return Failure(Kind.HOST_UNAVAILABLE, text, "x-portkey-custom-host")


def _out_of_files() -> Failure:
    text = (
        "The gateway has no file left for a connection to the provider: try again later. Its operator can raise the "
        "limit of open files."
    )
    return Failure(Kind.OUT_OF_FILES, text)


def _unresolved(host: str, error: BaseException) -> Failure:
    if lacks_files(error) or not has_file_left():
        return _out_of_files()
    text = f"The name {host} could not be resolved ({reason_of(error)}): check the provider's address and your DNS."
    return Failure(Kind.NAME_NOT_RESOLVED, text)


def _refused(origin: Origin, reason: str) -> Failure:
    text = (
        f"The gateway does not connect to {origin.host}: {reason}. If the operator trusts it, add it to the setting "
        "trusted_hosts."
    )
    return Failure(Kind.ADDRESS_REFUSED, text, "x-portkey-custom-host")


def _unreachable(authority: str, error: OSError) -> Failure:
    text = f"The provider at {authority} can't be reached ({reason_of(error)}): check its address and that it runs."
    return Failure(Kind.CONNECTION_REFUSED, text)
