"""``POST /penstock/guards/check``: one check on its own, for callers on this machine, where the operator switched it on
(docs/guardrails.md#one-check-on-its-own)."""

from __future__ import annotations

import ipaddress
from typing import Final

import msgspec

from penstock.core.failure import Failure, Kind
from penstock.core.http import NO_SNIFF, Headers
from penstock.dialects.caller import JSON, NO_STORE
from penstock.pipeline.guarding.check import read_check, run_check
from penstock.pipeline.guarding.guard import Guarding
from penstock.server.request_context import RequestContext

PATH: Final = "/penstock/guards/check"
_FORWARDED: Final = frozenset(
    b"forwarded via x-real-ip x-client-ip x-cluster-client-ip true-client-ip cf-connecting-ip cdn-loop".split()
)
_BROWSERS: Final = frozenset({b"origin", b"sec-fetch-site"})
_FORWARDED_PREFIX: Final = b"x-forwarded"
"""Headers of proxies, by whatever names they tell of whom they called for."""
_LARGEST: Final = 8 << 20
_ELSEWHERE: Final = Failure(Kind.NOT_ALLOWED, "Checks on their own are for callers on the gateway's own machine.")


async def answer(guarding: Guarding, context: RequestContext, body: bytes) -> tuple[int, Headers, bytes] | Failure:
    """Status, headers and body, or the failure to answer with. Behind a proxy on this machine every caller looks as if
    it were here, and so does a web page whose name leads here: what they send is refused."""
    addresses = context.client.address, context.account.address
    is_proxied = any(name in _FORWARDED or name.startswith(_FORWARDED_PREFIX) for name in context.fields)
    if is_proxied or not _BROWSERS.isdisjoint(context.fields) or not all(_is_here(address) for address in addresses):
        return _ELSEWHERE
    if len(body) > _LARGEST:
        return Failure(Kind.BODY_TOO_LARGE, f"The body is larger than {_LARGEST} bytes.")
    request = read_check(body)
    if isinstance(request, Failure):
        return request
    result = await run_check(request, guarding.outbound)
    return 200, [(b"content-type", JSON), NO_STORE, NO_SNIFF], msgspec.json.encode(result)


def _is_here(address: str | None) -> bool:
    try:
        return address is not None and ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
