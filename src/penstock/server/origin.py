"""Which web pages may call the gateway: checks of Host, Origin and Sec-Fetch-Site, and CORS for the origins that may.

Without gateway keys, a request needs nothing that a page in somebody's browser could not send too. A page reaches a
gateway on loopback by the browser's own requests (cross-site request forgery) or by a name of its own that it lets
resolve to 127.0.0.1 (DNS rebinding). Sources: https://fetch.spec.whatwg.org/#http-cors-protocol,
https://www.w3.org/TR/fetch-metadata/, RFC 9110, 7.2 (Host).
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Mapping
from ipaddress import IPv4Address
from typing import Any, Final, cast

from penstock.core.failure import Failure, Kind
from penstock.core.http import Headers
from penstock.core.name_memo import NameMemo
from penstock.server.client import Client

_HOST: Final = re.compile(r"(\[[0-9a-f:.]+\]|[^\[\]:@/\s,]+)(:\d{1,5})?")
_LONGEST_HOST: Final = 300
"""Bytes of the longest Host that is looked at: a name has at most 253, and verdicts are remembered."""
_TOKENS: Final = re.compile(rb"[A-Za-z0-9!#$%&'*+.^_`|~, -]{0,4096}")
_EVERY: Final = "*"
_PREFLIGHT_SECONDS: Final = b"600"
_EXPOSED: Final = (
    b"x-portkey-provider, x-portkey-last-used-option-index, x-portkey-retry-attempt-count, x-portkey-cache-status, "
    b"x-portkey-trace-id, x-portkey-request-id, x-penstock-trace, x-penstock-dropped-params, x-should-retry, "
    b"retry-after, x-request-id, request-id, *"
)
"""Response headers that a page may read. ``*`` stands for all others where the browser sends no cookies."""


class Origins:
    """The rules for requests of web pages.

    ``is_loopback``: only this machine reaches the gateway, so that its names are known; ``allowed_hosts`` are further
    names (``*.suffix`` for all below one). ``cors_origins`` are the origins whose pages may call the gateway, ``*`` for
    all where a gateway key is needed.
    """

    def __init__(
        self, *, is_loopback: bool = False, allowed_hosts: tuple[str, ...] = (), cors_origins: tuple[str, ...] = ()
    ) -> None:
        self._allowed_hosts = tuple(host.lower() for host in allowed_hosts)
        self._cors_origins = frozenset(origin.lower().rstrip("/") for origin in cors_origins)
        self._hosts = NameMemo(self._is_own) if is_loopback else None
        self.has_cors = bool(cors_origins)

    def refused(self, fields: Mapping[bytes, bytes]) -> Failure | None:
        """The failure if a request to a gateway without gateway keys may come from a foreign web page."""
        host = fields.get(b"host")
        if self._hosts is not None and host is not None and (len(host) > _LONGEST_HOST or not self._hosts[host]):
            return _refused(
                f"This gateway has no gateway keys and answers to localhost only, not to the host {_shown(host)}: call "
                "it by localhost or 127.0.0.1, or add the name to the setting server.allowed_hosts.",
                "host",
            )
        if b"origin" in fields or b"sec-fetch-site" in fields:
            return self._refused_page(fields, host or b"")
        return None

    def refused_socket(self, fields: Mapping[bytes, bytes]) -> Failure | None:
        """The failure of a web page that asks for a WebSocket and that CORS would not let in: a browser sends no
        preflight for one, and lets the page read what comes, whatever the answer's headers say."""
        origin = fields.get(b"origin")
        if origin is None or self.cors(fields):
            return None
        if origin.lower().partition(b"://")[2] == fields.get(b"host", b"").lower():
            return None
        return _refused(
            f"This gateway opens no WebSocket for web pages of {_shown(origin)}: add the origin to the setting "
            "server.cors_origins.",
            "origin",
        )

    def _refused_page(self, fields: Mapping[bytes, bytes], host: bytes) -> Failure | None:
        origin = fields.get(b"origin")
        if origin is not None and self._is_listed(origin):
            return None
        if origin is not None and origin.lower().partition(b"://")[2] != host.lower():
            return _refused(
                f"This gateway has no gateway keys and refuses requests of web pages, such as of {_shown(origin)}: add "
                "the origin to the setting server.cors_origins.",
                "origin",
            )
        if fields.get(b"sec-fetch-site", b"").strip().lower() == b"cross-site":
            return _refused(
                "This gateway has no gateway keys and refuses requests of web pages of other sites: add the page's "
                "origin to the setting server.cors_origins.",
                "sec-fetch-site",
            )
        return None

    def cors(self, fields: Mapping[bytes, bytes]) -> Headers:
        """The response headers that let the page read the answer; none for a page that may not."""
        origin = fields.get(b"origin")
        if origin is None:
            return []
        if self._is_listed(origin):
            # A cache must not give one origin's answer to another.
            named: Headers = [(b"access-control-allow-origin", origin), (b"vary", b"Origin")]
        elif _EVERY in self._cors_origins:
            named = [(b"access-control-allow-origin", b"*")]
        else:
            return []
        return [*named, (b"access-control-expose-headers", _EXPOSED)]

    def preflight(self, method: str, fields: Mapping[bytes, bytes]) -> Headers | None:
        """The response headers of a preflight request; None for any other request, and for a page that may not call
        the gateway."""
        headers = self.cors(fields) if method == "OPTIONS" and b"access-control-request-method" in fields else []
        if not headers:
            return None
        wanted = fields.get(b"access-control-request-headers", b"")
        headers += [
            (b"access-control-allow-methods", b"GET, POST"),
            (b"access-control-allow-headers", wanted if _TOKENS.fullmatch(wanted) else b"*"),
            (b"access-control-max-age", _PREFLIGHT_SECONDS),
        ]
        if fields.get(b"access-control-request-private-network") == b"true":
            headers.append((b"access-control-allow-private-network", b"true"))
        return headers

    def _is_listed(self, origin: bytes) -> bool:
        return origin.decode("latin-1").lower() in self._cors_origins - {_EVERY}

    def _is_own(self, host: bytes) -> bool:
        """Whether a Host names this machine, and no page can have another name resolve to it."""
        parts = _HOST.fullmatch(host.decode("latin-1").lower())
        if parts is None:
            return False
        name = parts[1]
        if name in {"localhost", "[::1]"} or name.strip("[]") in self._allowed_hosts:
            return True
        if any(pattern.startswith("*.") and name.endswith(pattern[1:]) for pattern in self._allowed_hosts):
            return True
        try:
            return IPv4Address(name).is_loopback
        except ValueError:
            return False


def with_headers(client: Client, headers: Headers) -> Client:
    """The client, whose answer's head gets further headers."""
    return cast("Client", _WithHeaders(client, headers)) if headers else client


class _WithHeaders:
    def __init__(self, client: Client, headers: Headers) -> None:
        self._client = client
        self._headers = headers

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def send_head(self, status: int, headers: Headers, body: bytes, *, more: bool) -> Awaitable[None] | None:
        return self._client.send_head(status, [*headers, *self._headers], body, more=more)


def _shown(value: bytes) -> str:
    text = value[:100].decode("latin-1")
    return f"'{text}'" if text.isprintable() else "that was sent"


def _refused(text: str, param: str) -> Failure:
    return Failure(Kind.NOT_ALLOWED, text, param)
