"""Which HTTP proxy a connection goes through, as HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY say it.

Pure: the values are passed in. NO_PROXY is a comma list of host names, ``.suffix``, addresses, networks, each perhaps
with ``:port``, or ``*`` for everything.
"""

from __future__ import annotations

from base64 import b64encode
from ipaddress import ip_address, ip_network
from urllib.parse import unquote, urlsplit

import msgspec

from penstock.core.address import is_loopback
from penstock.core.http import Origin
from penstock.core.secret import Secret


class Proxy(msgspec.Struct, frozen=True):
    """Where the proxy listens, and the value of the Proxy-Authorization header it wants."""

    host: str
    port: int
    authorization: Secret | None = None

    @classmethod
    def parse(cls, text: str) -> Proxy:
        """From ``http://[user:password@]host[:port]``. Raises ValueError; the message holds no credential."""
        parts = urlsplit(text if "://" in text else f"http://{text}")
        try:
            port = parts.port or 80
        except ValueError:
            # Where a password holds a slash, its beginning is taken for the port and quoted in the message.
            port = 0
        if parts.scheme != "http" or not parts.hostname or not port:
            raise ValueError("a proxy is given as http://[user:password@]host:port, percent-encoded where needed")
        authorization = None
        if parts.username is not None:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            authorization = Secret("Basic " + b64encode(pair.encode()).decode())
        return cls(parts.hostname, port, authorization)


class ProxyRules(msgspec.Struct, frozen=True):
    """A proxy for each scheme, and the hosts that are reached without one."""

    https: Proxy | None = None
    http: Proxy | None = None
    exempt: tuple[str, ...] = ()

    @classmethod
    def parse(cls, https: str = "", http: str = "", no_proxy: str = "") -> ProxyRules:
        """From the values of the environment variables; empty ones count as absent. Raises ValueError."""
        exempt = tuple(part.strip().lower() for part in no_proxy.split(",") if part.strip())
        return cls(Proxy.parse(https) if https else None, Proxy.parse(http) if http else None, exempt)

    def proxy_for(self, origin: Origin) -> Proxy | None:
        """The proxy to an origin; None to dial it straight, as this machine itself is dialled whatever the rules say:
        its addresses would mean the proxy's own machine there."""
        proxy = self.https if origin.scheme == "https" else self.http
        if proxy is None or is_loopback(origin.host) or any(_covers(rule, origin) for rule in self.exempt):
            return None
        return proxy


def _covers(rule: str, origin: Origin) -> bool:
    name, _, port = rule.rpartition(":") if rule.count(":") == 1 or "]:" in rule else (rule, "", "")
    name = name.strip("[]")
    if port and port != str(origin.port):
        return False
    if name == "*" or origin.host == name.lstrip(".") or origin.host.endswith("." + name.lstrip(".*")):
        return True
    try:
        return ip_address(origin.host) in ip_network(name, strict=False)
    except ValueError:
        return False
