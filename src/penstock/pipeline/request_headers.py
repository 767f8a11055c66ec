"""The header fields of a request to a target: the target's own, and what the caller's own say or go on as."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from penstock.core.failure import Failure, Kind
from penstock.core.http import header_line, without_headers
from penstock.pipeline.call import Call
from penstock.pipeline.target_route import TargetRoute
from penstock.providers.endpoint import ModelRoute

HOPS_HEADER: Final = b"x-penstock-hops"
NEVER_FORWARDED: Final = frozenset(
    b"host connection keep-alive proxy-connection proxy-authorization te trailer transfer-encoding upgrade".split()
    + b"content-length expect x-penstock-hops cookie cookie2 accept-encoding content-encoding content-type ?key".split()
)
"""Request headers about the connection, the body's form or a browser's session."""


def request_headers(call: Call, route: TargetRoute, model_route: ModelRoute) -> bytes | Failure:
    """The header block of a request: the target's own, and those of the caller's that its config forwards."""
    block = model_route.headers
    if route.target.forward_headers:
        forwarded = _forwarded(call, route.target.forward_headers)
        if isinstance(forwarded, Failure):
            return forwarded
        block = replaced(block, forwarded)
    return block + hop_line(call.hops, route, model_route)


def hop_line(hops: int, route: TargetRoute, model_route: ModelRoute) -> bytes:
    """The header line that counts gateways, of which the request has passed ``hops``, for a host that may be one: a
    custom host, also one that the operator names in a virtual key."""
    if route.target.custom_host is None and model_route.origin.trusted:
        return b""
    return b"%s: %d\r\n" % (HOPS_HEADER, hops + 1)


def withheld(call: Call) -> Collection[bytes]:
    """The fields that go no further: those that hold a gateway key, and those that the request calls fields of its
    connection (RFC 9110, 7.6.1)."""
    withheld = call.caller.withheld
    if call.fields.get(b"connection", b"keep-alive") == b"keep-alive" and len(call.fields) == len(call.headers):
        return withheld
    options = [value.lower() for name, value in call.headers if name == b"connection"]
    return {*withheld, *(option.strip() for value in options for option in value.split(b","))}


def asked_in_headers(call: Call) -> dict[str, str]:
    """What the request says in header fields of its wire; a field that comes again goes on as one list.

    Fields with other than printable ASCII name no feature, and stay behind.
    """
    names, hidden = call.dialect.reading.header_settings, withheld(call)
    asked: dict[str, str] = {}
    for field, value in call.headers:
        name = names.get(field)
        if name is None or field in hidden:
            continue
        text = value.decode("latin-1").strip()
        if text.isascii() and text.isprintable():
            asked[name] = f"{asked[name]},{text}" if name in asked else text
    return asked


def _forwarded(call: Call, names: tuple[str, ...]) -> dict[bytes, bytes] | Failure:
    lines, hidden = {}, withheld(call)
    for name in names:
        raw = name.encode("latin-1", "replace")
        if raw in call.fields and raw not in NEVER_FORWARDED and raw not in hidden:
            try:
                lines[raw] = header_line(raw, call.fields[raw])
            except ValueError as error:
                return Failure(Kind.INVALID_REQUEST, f"A header can't be forwarded: {error}.", name)
    return lines


def with_fields(block: bytes, fields: tuple[tuple[str, str], ...]) -> bytes:
    """The header block with the fields of this request; a field replaces a header of the same name."""
    lines = {name.encode(): header_line(name, value) for name, value in fields}
    return replaced(block, lines)


def replaced(block: bytes, lines: Mapping[bytes, bytes]) -> bytes:
    """The header block with these lines, by their names, in the place of all headers of the same names."""
    return without_headers(block, lines.keys()) + b"".join(lines.values())
