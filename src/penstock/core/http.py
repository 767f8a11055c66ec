"""Small HTTP values that several floors share: headers as bytes, an origin, the four time limits."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final
from urllib.parse import unquote, urlsplit

import msgspec

Headers = list[tuple[bytes, bytes]]
"""Header fields in order, names in lower case, values without surrounding white space."""

NDJSON: Final = b"application/x-ndjson"
"""The content type of lines of JSON."""
NO_SNIFF: Final = (b"x-content-type-options", b"nosniff")
"""A response header of every answer: a browser must not take a provider's text for a page or a script
(https://fetch.spec.whatwg.org/#x-content-type-options-header)."""

WITHOUT_BODY: Final = frozenset({204, 304})
"""Statuses of responses that have no body, and say no length of one (RFC 9110, 8.6)."""

HEAD: Final = b"HEAD"
"""The method whose answer is the head of what GET would get (RFC 9110, 9.3.2)."""

# RFC 9110 5.6.2 (token) and 5.5 (field value: visible characters, space, tab and obs-text).
_TOKEN: Final = frozenset(b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
SLASH: Final = re.compile("(/|%2F)", re.IGNORECASE)
"""What a slash in a percent-decoded path was in the path as it came. The two are not the same (RFC 3986, 2.2)."""
_MOST_DECODINGS: Final = 4
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


def segments_at_any_host(path: str) -> list[str]:
    """The segments of a path as the most generous host reads them: some hosts decode again, take a backslash for a
    slash, or pass over empty segments."""
    for _ in range(_MOST_DECODINGS):
        path = unquote(path)
    return [each for each in path.replace("\\", "/").split("/") if each]


def header_line(name: str | bytes, value: str | bytes) -> bytes:
    """Serialise one header field as ``name: value CRLF``.

    Raises ValueError when the name is no token or the value holds a control character, so that no caller-supplied
    text can start a header of its own.
    """
    raw_name = name.encode("latin-1", "strict") if isinstance(name, str) else name
    raw_value = value.encode("utf-8") if isinstance(value, str) else value
    if not raw_name or not _TOKEN.issuperset(raw_name):
        raise ValueError("invalid header name")
    raw_value = raw_value.strip(b" \t")
    if any((byte < 0x20 and byte != 0x09) or byte == 0x7F for byte in raw_value):
        raise ValueError(f"the value of header {raw_name.decode('latin-1')} holds a control character")
    return raw_name + b": " + raw_value + b"\r\n"


def with_query(target: bytes, query: str) -> bytes:
    """A request target with more parameters of a query, which are encoded as they are to be sent."""
    return target + (b"&" if b"?" in target else b"?") + query.encode("latin-1")


def without_headers(block: bytes, names: Collection[bytes]) -> bytes:
    """A block of header lines without the fields of these names, which are in lower case."""
    lowered = block.lower()
    if not any(name in lowered for name in names):
        return block
    lines = block.split(b"\r\n")
    return b"".join(line + b"\r\n" for line in lines if line and line.partition(b":")[0].lower() not in names)


def content_type(headers: Headers) -> bytes:
    """The content type in lower case; empty when none is given."""
    for name, value in headers:
        if name == b"content-type":
            return value.lower()
    return b""


class Origin(msgspec.Struct, frozen=True, cache_hash=True):
    """Where a connection goes: scheme, host name (lower case, no brackets) and port.

    ``trusted`` origins come from the provider table or the operator's settings, others from a request header or
    config; the address policy judges the two differently. It is part of the identity, so that the two kinds never
    share a connection. ``named``: a caller wrote a part of a trusted host's name (an account's, ``{resource}``), so its
    name is looked up beside those of untrusted hosts. ``private_hosts`` are the private hosts that the caller who named
    the origin may name, as in ``core.address.AddressPolicy``: callers with other permissions never share a connection.
    """

    scheme: str
    host: str
    port: int
    trusted: bool = False
    named: bool = False
    private_hosts: tuple[str, ...] = ()

    @property
    def authority(self) -> str:
        """``host[:port]`` as the Host header wants it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS.get(self.scheme) else f"{host}:{self.port}"


class Url(msgspec.Struct, frozen=True):
    """A parsed http(s) URL: an origin and an origin-form target (path without trailing slash, and query)."""

    origin: Origin
    path: str
    query: str = ""

    @classmethod
    def parse(cls, text: str, *, trusted: bool = False, named: bool = False) -> Url:
        """Parse ``scheme://host[:port][/path][?query]``. Raises ValueError for anything else."""
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
        if not host or not parts.scheme:
            raise ValueError("a URL needs a scheme and a host")
        port = _DEFAULT_PORTS.get(parts.scheme, 0) if port is None else port
        origin = Origin(parts.scheme, host, port, trusted, named)
        return cls(origin, parts.path.rstrip("/"), parts.query)


class Limits(msgspec.Struct, frozen=True):
    """The four time limits of one upstream call, in seconds; 0 means none.

    ``connect`` covers name resolution, TCP, proxy and TLS. ``first_byte`` runs from the start of the call until the
    response head has arrived (Portkey's ``request_timeout``). ``idle`` is the longest silence between two pieces of
    the reply, ``total`` bounds the whole call to its last byte.
    """

    connect: float = 10.0
    first_byte: float = 600.0
    idle: float = 300.0
    total: float = 0.0


class Posted(msgspec.Struct, frozen=True):
    """What came of a request that the gateway itself sent to an address of the operator's. ``status`` is 0 where no
    whole answer came, and ``problem`` then says why; ``body`` is the beginning of the answer's body."""

    status: int
    headers: Headers = []
    body: bytes = b""
    problem: str = ""

    @property
    def is_taken(self) -> bool:
        return 200 <= self.status < 300
