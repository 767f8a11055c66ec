"""A refusal of the limits as a failure, which the caller's dialect tells (docs/limits.md#refusals)."""

from __future__ import annotations

from typing import Final

from penstock.core.failure import Kind, LimitFailure
from penstock.limits.refusal import LimitRefusal

_BAD_REQUEST: Final = 400
_TOO_MANY: Final = 429
_UNAVAILABLE: Final = 503


def limit_failure(refusal: LimitRefusal) -> LimitFailure:
    """The failure of a request that a limit refuses."""
    headers = [*refusal.headers]
    never_fits = refusal.retry_after is None and refusal.details.get("kind") != "concurrency"
    if refusal.status == _TOO_MANY and never_fits:
        # Clients repeat a 429 by themselves.
        headers.append((b"x-should-retry", b"false"))
    return LimitFailure(
        _kind(refusal),
        refusal.message,
        refusal.param,
        code=refusal.code,
        limit_status=refusal.status,
        limit_type=refusal.type,
        penstock=refusal.details,
        headers=tuple(headers),
    )


def _kind(refusal: LimitRefusal) -> Kind:
    if refusal.status == _UNAVAILABLE:
        return Kind.BUDGET_STORE_UNAVAILABLE
    if refusal.status == _BAD_REQUEST:
        return Kind.LIMIT_UNDECIDED
    return Kind.BUDGET_EXCEEDED if refusal.is_budget else Kind.RATE_LIMIT_EXCEEDED
