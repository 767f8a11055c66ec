"""What is wrong with the head of a request: ambiguous framing, a missing or second Host, repeated fields.

A head that two programs can read in two ways is refused, so that a proxy in front and the gateway never disagree.
Source: RFC 9112, 3.2, 6.1 and 6.3.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from penstock.core.failure import Failure, Kind
from penstock.core.http import Headers
from penstock.pipeline.authenticate import KEY_HEADERS

MAX_HEAD: Final = 64 << 10
"""Bytes of a request line and its header fields, with their line ends."""
_SINGLE: Final = frozenset(
    {
        *KEY_HEADERS,
        *b"""host content-type content-encoding content-length transfer-encoding idempotency-key anthropic-version
        openai-organization openai-project""".split(),
    }
)
"""Header fields of which there may be one, beside those with a prefix of ``_SINGLE_PREFIXES``: whoever reads the first
and whoever reads the last of several would route, charge or frame differently."""
_SINGLE_PREFIXES: Final = (b"x-portkey-", b"x-penstock-")
_HOST: Final = re.compile(rb"(?:[A-Za-z0-9._~!$&'()*+;=%-]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]*)?")
"""RFC 3986, 3.2.2, and a port. No comma: it would be two hosts, joined by a proxy."""


def repeated_field(headers: Headers) -> Failure | None:
    """The failure of a request in which a field that may come once comes again."""
    seen: set[bytes] = set()
    for name, _ in headers:
        if name in seen and (name in _SINGLE or name.startswith(_SINGLE_PREFIXES)):
            shown = name.decode("latin-1")
            return _refused(f"The request has the header {shown} more than once: send it once.", shown)
        seen.add(name)
    return None


def framing_objection(version: str, headers: Headers, fields: Mapping[bytes, bytes]) -> Failure | None:
    """The failure of a head whose version, length or Host is not beyond doubt. ``fields`` are ``headers`` by name."""
    if version not in {"1.1", "1.0"}:
        return _refused(f"The gateway speaks HTTP/1.1 and not HTTP/{version}: send HTTP/1.1.")
    if b"transfer-encoding" in fields:
        if version == "1.0" or b"content-length" in fields:
            return _refused("The request's length is ambiguous: send content-length alone.", "transfer-encoding")
        if fields[b"transfer-encoding"].lower() != b"chunked":
            return _refused("The gateway reads no transfer coding but chunked: send that alone.", "transfer-encoding")
    host = fields.get(b"host")
    if host is None and version == "1.1":
        return _refused("The request has no header host: send it.", "host")
    if host and _HOST.fullmatch(host) is None:
        return _refused("The request's header host is not a host and a port: send one host.", "host")
    return repeated_field(headers) if len(fields) != len(headers) else None


def head_size(method: str, target: bytes, headers: Headers) -> int:
    """The bytes of a head as it is usually written: ``name: value``, lines that end with CRLF."""
    return len(method) + len(target) + 14 + sum([len(name) + len(value) + 4 for name, value in headers])


def head_too_large() -> Failure:
    """The failure of a head over the limit."""
    return _refused(f"The request's headers are larger than {MAX_HEAD} bytes: send fewer or shorter ones.")


def not_http() -> Failure:
    """The failure of bytes that are not a request."""
    return _refused("The request is not valid HTTP/1.1: send it again, or use an HTTP client library.")


def _refused(text: str, param: str | None = None) -> Failure:
    return Failure(Kind.INVALID_REQUEST, text, param)
