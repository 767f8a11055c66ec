"""Stage: the response headers of an answer: those of the provider's that go on, Portkey's, and Penstock's own.

Source: docs/portkey.md#response-headers.
"""

from __future__ import annotations

import functools
import math
from typing import Final
from urllib.parse import quote

from penstock.core.http import Headers
from penstock.core.memo import NameMemo
from penstock.pipeline.call import Answer, Call
from penstock.routing import trace
from penstock.routing.walk import Walked

_NOTHING: Final = Walked()
_AGAIN: Final = frozenset({429, 503})
"""The statuses on which clients look for a time to come back at."""


_KEPT_BACK: Final = frozenset(
    b"""
    connection keep-alive proxy-connection proxy-authenticate te trailer transfer-encoding upgrade content-length
    set-cookie server date alt-svc strict-transport-security nel report-to content-security-policy via
    """.split()
)
"""Upstream response headers that are about the connection or the provider's own site, not about the answer."""
_KEPT_BACK_PREFIXES: Final = (b"x-portkey-", b"x-penstock-", b"access-control-")


def _goes_on(name: bytes) -> bool:
    return name not in _KEPT_BACK and not name.startswith(_KEPT_BACK_PREFIXES)


_GOES_ON: Final = NameMemo(_goes_on)


def reply_headers(headers: Headers) -> Headers:
    """The provider's response headers that go on to the caller."""
    return [field for field in headers if _GOES_ON[field[0]]]


def with_response_headers(answer: Answer, call: Call, walked: Walked = _NOTHING) -> Answer:
    """The answer with its headers."""
    headers = answer.headers
    headers.append((b"x-portkey-trace-id", call.trace_id))
    if answer.target is not None:
        headers += _target_headers(answer.target.path, answer.target.provider, walked.retry_count, answer.cache_status)
    if walked.steps:
        call.account.trace = line = trace.line(walked.steps)
        headers.append((b"x-penstock-trace", line.encode()))
    if answer.dropped:
        headers.append((b"x-penstock-dropped-params", _listed(answer.dropped)))
    if answer.failure is not None:
        _advise(answer, walked)
    return answer


def _listed(names: tuple[str, ...]) -> bytes:
    """Names as a header value. A caller has chosen some of them: what no header can hold is percent-encoded."""
    shown = [quote(name[:_LONGEST_NAME], safe=_SAFE, errors="replace") for name in names[:_MOST_NAMES]]
    return ",".join([*shown, "..."] if len(names) > _MOST_NAMES else shown).encode()


_MOST_NAMES: Final = 50
_LONGEST_NAME: Final = 100
_SAFE: Final = "".join(map(chr, range(0x21, 0x7F))).replace(",", "").replace("%", "")


def _advise(answer: Answer, walked: Walked) -> None:
    """Tell the caller's SDK whether and when to try again: what was retried here is not to be retried there."""
    retried, asked = walked.upstream_calls > 1, answer.outcome.retry_after
    due = asked is not None or (retried and answer.status in _AGAIN)
    if due and not any(name == b"retry-after" for name, _ in answer.headers):
        answer.headers.append((b"retry-after", b"%d" % max(1, math.ceil(asked or 0))))
    if retried:
        answer.headers[:] = [field for field in answer.headers if field[0] != b"x-should-retry"]
        answer.headers.append((b"x-should-retry", b"false"))


@functools.lru_cache(1024)
def _target_headers(path: str, provider: str, retry_count: int, cache_status: str) -> tuple[tuple[bytes, bytes], ...]:
    return (
        (b"x-portkey-last-used-option-index", path.encode()),
        (b"x-portkey-retry-attempt-count", str(retry_count).encode()),
        (b"x-portkey-cache-status", cache_status.encode()),
        (b"x-portkey-provider", provider.encode()),
    )
