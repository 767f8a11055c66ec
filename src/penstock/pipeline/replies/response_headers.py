"""Stage: the response headers of an answer: forwarded headers of the provider, Portkey's headers, Penstock's headers.

Source: docs/portkey.md#response-headers.
"""

from __future__ import annotations

import functools
import math
from typing import Final
from urllib.parse import quote

from penstock.core.http import Headers
from penstock.core.money import dollars_fixed
from penstock.core.name_memo import NameMemo
from penstock.core.outcome import ErrorClass
from penstock.pipeline.call import Answer, Call
from penstock.routing import trace
from penstock.routing.walk import Walked

_NOTHING: Final = Walked()
_UNAUTHORIZED: Final = 401
_AGAIN: Final = frozenset({429, 503})
"""The statuses for which clients read ``retry-after``."""


_KEPT_BACK: Final = frozenset(
    b"""
    connection keep-alive proxy-connection proxy-authenticate proxy-authentication-info te trailer transfer-encoding
    upgrade content-length via alt-svc alt-used
    location server date set-cookie set-cookie2 set-login refresh link sourcemap x-sourcemap clear-site-data
    strict-transport-security public-key-pins expect-ct nel report-to reporting-endpoints x-frame-options
    x-xss-protection x-content-type-options x-permitted-cross-domain-policies x-dns-prefetch-control
    content-security-policy content-security-policy-report-only permissions-policy feature-policy document-policy
    referrer-policy origin-trial origin-agent-cluster timing-allow-origin service-worker-allowed
    service-worker-navigation-preload speculation-rules supports-loading-mode accept-ch critical-ch
    activate-storage-access integrity-policy use-as-dictionary
    x-accel-redirect x-accel-expires x-accel-limit-rate x-accel-charset
    x-sendfile x-lighttpd-send-file x-lighttpd-send-tempfile x-reproxy-url x-reproxy-file
    """.split()
)
"""Upstream response headers that describe the connection or the provider's website, or that tell a browser or a proxy
in front of the gateway to do something. The last lines are for such proxies: they would send a file of their own."""
_KEPT_BACK_PREFIXES: Final = (b"x-portkey-", b"x-penstock-", b"access-control-", b"cross-origin-")
REQUEST_ID: Final = b"x-portkey-request-id"
"""The header that tells the request's own id."""
COST: Final = b"x-penstock-cost"
"""The header that tells what a plain answer cost."""
BUDGET_LEFT: Final = b"x-penstock-budget-remaining"
"""The header that tells what is left of the caller's tightest budget."""
_PERSISTENCE: Final = frozenset({b"keep-alive", b"close"})


def _goes_on(name: bytes) -> bool:
    return name not in _KEPT_BACK and not name.startswith(_KEPT_BACK_PREFIXES)


_GOES_ON: Final = NameMemo(_goes_on)


def reply_headers(headers: Headers) -> Headers:
    """The provider's response headers that are forwarded to the caller: not those of its own connection, nor those that
    its header ``connection`` names (RFC 9110, 7.6.1)."""
    kept, named, known = [], None, _GOES_ON.get
    for field in headers:
        goes_on = known(field[0])
        if goes_on is None and field[0] != b"connection":
            goes_on = _GOES_ON[field[0]]
        if goes_on:
            kept.append(field)
        elif goes_on is None and (options := field[1].lower()) not in _PERSISTENCE:
            named = (named or set()).union([option.strip() for option in options.split(b",")])
    return kept if named is None else [field for field in kept if field[0] not in named]


def with_response_headers(answer: Answer, call: Call, walked: Walked = _NOTHING) -> Answer:
    """The answer with its response headers added."""
    headers, account = answer.headers, call.account
    headers += ((b"x-portkey-trace-id", call.trace_id), (REQUEST_ID, account.id.encode()))
    id_header = call.dialect.delivery.id_header
    if id_header and id_header not in dict(headers):
        headers.append((id_header, call.trace_id))
    if answer.target is not None:
        headers += _target_headers(answer.target.path, answer.target.provider, walked.retry_count, answer.cache_status)
    if walked.steps:
        account.trace = line = walked.line or trace.line(walked.steps)
        headers.append((b"x-penstock-trace", line.encode()))
    if account.reservation is not None:
        headers += account.reservation.headers()
    dropped = answer.dropped if answer.untold is None else (*answer.dropped, *answer.untold.untold)
    if dropped:
        headers.append((b"x-penstock-dropped-params", _listed(dropped)))
    if answer.outcome.failure is not None:
        _advise(answer, walked)
    return answer


def with_cost(answer: Answer, nanos: int) -> None:
    """Tell what the answer cost, in dollars."""
    answer.headers.append((COST, dollars_fixed(nanos).encode()))


def with_budget_left(answer: Answer, nanos: int) -> None:
    """Tell what is left of the caller's tightest budget, in dollars."""
    answer.headers.append((BUDGET_LEFT, dollars_fixed(nanos).encode()))


def _listed(names: tuple[str, ...]) -> bytes:
    """Names as a header value. Callers and providers choose some of the names: characters that a header can't hold are
    percent-encoded, and what would make a head that proxies and clients refuse is left out."""
    shown: list[str] = []
    room = _MOST_BYTES
    for name in names[:_MOST_NAMES]:
        written = quote(name[:_LONGEST_NAME], safe=_SAFE, errors="replace")
        room -= len(written) + 1
        if room < 0:
            break
        shown.append(written)
    return ",".join([*shown, "..."] if len(names) > len(shown) else shown).encode()


_MOST_NAMES: Final = 50
_MOST_BYTES: Final = 4096
"""Of a whole head many proxies take 8 KB, and Node's clients 16."""
_LONGEST_NAME: Final = 100
_SAFE: Final = "".join(map(chr, range(0x21, 0x7F))).replace(",", "").replace("%", "")


def _advise(answer: Answer, walked: Walked) -> None:
    """Set the headers that tell the caller's SDK whether and when to retry: not after retries of the gateway, nor where
    a credential isn't good or an account is used up."""
    retried, retry_after = walked.upstream_calls > 1, answer.outcome.retry_after
    due = retry_after is not None or (retried and answer.status in _AGAIN)
    if due and not any(name == b"retry-after" for name, _ in answer.headers):
        answer.headers.append((b"retry-after", b"%d" % max(1, math.ceil(retry_after or 0))))
    if retried or answer.status == _UNAUTHORIZED or answer.outcome.error is ErrorClass.QUOTA:
        answer.headers[:] = [field for field in answer.headers if field[0] != b"x-should-retry"]
        answer.headers.append((b"x-should-retry", b"false"))


@functools.lru_cache(1024)
def _target_headers(path: str, provider: str, retry_count: int, cache_status: str) -> tuple[tuple[bytes, bytes], ...]:
    fields = (
        (b"x-portkey-last-used-option-index", path.encode()),
        (b"x-portkey-retry-attempt-count", str(retry_count).encode()),
        (b"x-portkey-cache-status", cache_status.encode()),
        (b"x-portkey-provider", provider.encode()),
    )
    return tuple(field for field in fields if field[1])
