"""A refused request as values: status, error fields and headers. HTTP is made of them elsewhere.

The fields are the union of both forms that Portkey's clients read (docs/limits.md#refusals), with ``penstock`` beside.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from penstock.core.money import dollars_text
from penstock.limits.counters import Exceeded, Standing
from penstock.limits.limit import Level, Limit
from penstock.limits.windows import SECOND, RateWindow, iso

_OWNERS: Final[dict[Level, tuple[str, str]]] = {
    "organisation": ("organisation", "organisation"),
    "workspace": ("workspace", "workspace"),
    "api_key": ("api_key", "gateway key"),
    "integration": ("integration", "integration"),
    "provider": ("virtual_key", "provider"),
}
"""By level: the beginning of the error's type, and the owner's name for people."""
_UNITS: Final = {"tokens": "tokens", "requests": "requests", "concurrency": "requests at the same time"}
_BAD_REQUEST: Final = 400
_TOO_MANY: Final = 429
_UNAVAILABLE: Final = 503


Headers = tuple[tuple[bytes, bytes], ...]
_KINDS: Final = ("requests", "tokens")


def _names(prefix: str) -> tuple[tuple[str, bytes, bytes, bytes], ...]:
    """The kinds of rates, each with its three headers."""
    return tuple(
        (
            kind,
            f"{prefix}-limit-{kind}".encode(),
            f"{prefix}-remaining-{kind}".encode(),
            f"{prefix}-reset-{kind}".encode(),
        )
        for kind in _KINDS
    )


OWN: Final = _names("x-ratelimit")
PREFIX: Final = "x-penstock-ratelimit"
BESIDE_A_PROVIDERS: Final = _names(PREFIX)
"""Headers of an answer that has a provider's headers, which stay."""


class LimitRefusal(msgspec.Struct, frozen=True):
    """Why a request isn't let through. ``message`` is one or two sentences for the caller. ``code`` is Portkey's, or
    that of Penstock's own errors. ``details`` is the object ``error.penstock``. ``retry_after`` is the time in
    microseconds after which the same request fits if nothing else comes; None if that is never or unknown.
    ``headers`` are names and values."""

    status: int
    type: str
    code: str
    message: str
    param: str | None = None
    details: dict[str, Any] = {}
    retry_after: int | None = None
    headers: Headers = ()
    is_budget: bool = False

    def fields(self) -> dict[str, Any]:
        """The body as JSON values."""
        error: dict[str, Any] = {"message": self.message, "type": self.type, "param": self.param, "code": self.code}
        if self.details:
            error["penstock"] = self.details
        return {"status": "failure", "message": self.message, "error": error}


def unusable(message: str, code: str, param: str | None = None) -> LimitRefusal:
    """A request that a limit can't judge: its price or its size is unknown."""
    return LimitRefusal(_BAD_REQUEST, "invalid_request_error", code, message, param)


def unavailable(retry_after: int) -> LimitRefusal:
    """The store of the counters can't be reached, for ``retry_after`` microseconds at least. It never looks like an
    exceeded budget."""
    kind = "budget_store_unavailable"
    message = f"The limits can't be read at the moment. Try again in {duration(retry_after)}."
    return LimitRefusal(_UNAVAILABLE, kind, kind, message, None, {}, retry_after, _retry_headers(retry_after))


def refusal(exceeded: Exceeded, now: int) -> LimitRefusal:
    """The refusal of a limit. ``now`` is the wall clock in microseconds since 1970."""
    hold = exceeded.hold
    limit, settled, reserved = hold.limit, exceeded.settled, exceeded.reserved
    resets_at = limit.window_end(hold.key.window_start)
    wait = exceeded.wait
    if resets_at is not None and settled + hold.amount > limit.cap and hold.amount <= limit.cap:
        wait = max(1, resets_at - now)
    details = {
        "limit_id": limit.id,
        "level": limit.level,
        "kind": limit.kind,
        "value_key": hold.value_key,
        "limit": _amount(limit, limit.cap),
        "settled": _amount(limit, settled),
        "reserved": _amount(limit, reserved),
        "needed": _amount(limit, hold.amount),
        "resets_at": None if resets_at is None else iso(resets_at),
    }
    return LimitRefusal(
        status=limit.status,
        type=_type(limit),
        code=_code(limit),
        message=_message(exceeded, resets_at),
        param=None,
        details=details,
        retry_after=wait,
        headers=() if limit.is_budget and limit.status != _TOO_MANY else _headers(exceeded, wait),
        is_budget=limit.is_budget,
    )


def rate_headers(standings: tuple[Standing, ...], names: tuple[tuple[str, bytes, bytes, bytes], ...] = OWN) -> Headers:
    """How rates stand, as headers in OpenAI's form: of requests and of tokens the limit with the smallest part left.
    ``names`` are ``OWN`` or ``BESIDE_A_PROVIDERS``.

    Source: https://platform.openai.com/docs/guides/rate-limits#rate-limits-in-headers.
    """
    headers: Headers = ()
    for kind, limit, remaining, reset in names:
        least: Standing | None = None
        for standing in standings:
            if standing.limit.kind == kind and (least is None or _part_left(standing) < _part_left(least)):
                least = standing
        if least is not None:
            headers += (
                (limit, b"%d" % least.limit.cap),
                (remaining, b"%d" % least.remaining),
                (reset, duration(least.resets_in).encode()),
            )
    return headers


def _part_left(standing: Standing) -> float:
    return standing.remaining / max(1, standing.limit.cap)


def duration(micros: int) -> str:
    """A time in the form of OpenAI's headers, rounded up to a millisecond: ``0s``, ``12ms``, ``1.5s``, ``6m0s``,
    ``1h0m0s``."""
    millis = -(-micros // 1000)
    if 0 < millis < 1000:
        return f"{millis}ms"
    seconds, rest = millis // 1000, millis % 1000
    minutes, seconds = seconds // 60, seconds % 60
    hours, minutes = minutes // 60, minutes % 60
    text = f"{seconds}.{rest:03d}".rstrip("0") + "s" if rest else f"{seconds}s"
    if hours:
        return f"{hours}h{minutes}m{text}"
    return f"{minutes}m{text}" if minutes else text


def _headers(exceeded: Exceeded, wait: int | None) -> Headers:
    limit = exceeded.hold.limit
    # The limit that refuses is told, even where another of its kind has less left.
    standings = tuple(
        standing for standing in exceeded.standings if standing.limit.kind != limit.kind or standing.limit is limit
    )
    headers = rate_headers(standings)
    return headers if wait is None else (*_retry_headers(wait), *headers)


def _retry_headers(wait: int) -> Headers:
    return ((b"retry-after", b"%d" % -(-wait // SECOND)), (b"retry-after-ms", b"%d" % -(-wait // 1000)))


def _type(limit: Limit) -> str:
    if limit.level == "policy":
        return f"{'usage' if limit.is_budget else 'rate'}_limits_policy_exhaust_error"
    return f"{_OWNERS[limit.level][0]}_{'exhaust' if limit.is_budget else 'rate_limit'}_error"


def _code(limit: Limit) -> str:
    if limit.level == "policy":
        return "06"
    return "04" if limit.is_budget else "05"


def _message(exceeded: Exceeded, resets_at: int | None) -> str:
    hold, limit = exceeded.hold, exceeded.hold.limit
    owner = "A policy" if limit.level == "policy" else f"The {_OWNERS[limit.level][1]}"
    cap, needed = _text(limit, limit.cap), _text(limit, hold.amount)
    if limit.is_budget:
        beginning = f"{owner} has a budget of {cap}: {_text(limit, exceeded.settled)} are spent"
        if exceeded.reserved:
            beginning += f" and {_text(limit, exceeded.reserved)} reserved for requests under way"
        end = "The budget isn't reset by itself." if resets_at is None else f"It is reset at {iso(resets_at)}."
        return f"{beginning}, and this request may need {needed}. {end}"
    if not isinstance(limit.window, RateWindow):
        return f"{owner} allows {cap}, and {exceeded.settled} are under way. Try again when one has ended."
    beginning = f"{owner} allows {cap} per {_period(limit.window)}"
    if hold.amount > limit.cap:
        return f"{beginning}, and this request alone needs {needed}: it can never fit. Make it smaller."
    wait = duration(exceeded.wait or 0)
    return f"{beginning}: {exceeded.settled} are used, and this request needs {hold.amount}. Try again in {wait}."


def _period(window: RateWindow) -> str:
    seconds = window.length // SECOND
    names = {1: "second", 60: "minute", 3600: "hour", 86_400: "day", 604_800: "week"}
    return names.get(seconds, f"{seconds} seconds")


def _amount(limit: Limit, amount: int) -> int | msgspec.Raw:
    """An amount as a JSON number: dollars, or the limit's own unit."""
    return msgspec.Raw(dollars_text(amount).encode()) if limit.kind == "cost" else amount


def _text(limit: Limit, amount: int) -> str:
    return f"{dollars_text(amount)} dollars" if limit.kind == "cost" else f"{amount} {_UNITS[limit.kind]}"
