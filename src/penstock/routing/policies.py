"""The policies that a config attaches to targets: retries, limits, cache, breaker, hedging.

Source: docs/portkey.md#config-keys, #circuit-breaker, #retries, #cached-answers.
"""

from __future__ import annotations

from typing import Final

from penstock.core.outcome import ErrorClass
from penstock.routing.breaker import BreakerPolicy
from penstock.routing.budget import MOST_HASH_FIELDS
from penstock.routing.fields import Fields
from penstock.routing.plan import CachePolicy, HedgePolicy, RescuePolicy, RetryPolicy, StickyPolicy, Timeouts

RETRIED_STATUSES: Final = frozenset({429, 500, 502, 503, 504, 529})
"""The statuses that are retried if the config lists none (docs/portkey.md#retried-statuses)."""
MOST_RETRIES: Final = 5
RETRY_KEYS: Final = frozenset({"attempts", "on_status_codes", "on_error", "use_retry_after_header"})
TIMEOUT_KEYS: Final = ("connect", "first_token", "idle", "total")
CACHE_KEYS: Final = frozenset({"mode", "max_age"})
CACHE_MODES: Final = ("simple", "semantic")
RESCUE_MODE: Final = "buffer"
BREAKER_KEYS: Final = frozenset(
    """
    failure_threshold failure_threshold_percentage minimum_requests cooldown_interval failure_status_codes window
    """.split()
)
_THRESHOLDS: Final = ("failure_threshold", "failure_threshold_percentage")
RESCUE_KEYS: Final = frozenset({"mode", "tokens", "max_wait"})
HEDGE_KEYS: Final = frozenset({"delay", "percent"})
STICKY_KEYS: Final = frozenset({"enabled", "hash_fields", "ttl"})
_DAY: Final = 86_400.0
_DEFAULT_AGE: Final = 7 * _DAY
_LONGEST_AGE: Final = 90 * _DAY


def retry(fields: Fields) -> RetryPolicy | None:
    """``retry: {attempts, on_status_codes, on_error, use_retry_after_header}``; attempts beyond 5 count as 5."""
    settings = fields.object("retry")
    if settings is None:
        return None
    settings.check_keys(RETRY_KEYS)
    attempts = settings.number("attempts")
    if attempts is None:
        settings.missing("attempts", "Required: how many times to try again")
    codes, errors = settings.status_codes("on_status_codes"), settings.error_classes("on_error")
    if codes is None:
        codes = RETRIED_STATUSES if errors is None else frozenset[int]()
    return RetryPolicy(
        max(0, min(int(attempts or 0), MOST_RETRIES)),
        codes,
        errors or frozenset[ErrorClass](),
        settings.switch("use_retry_after_header"),
    )


def timeouts(fields: Fields) -> Timeouts:
    """``timeouts: {connect, first_token, idle, total}``, in seconds."""
    settings = fields.object("timeouts")
    if settings is None:
        return Timeouts()
    settings.check_keys(frozenset(TIMEOUT_KEYS), only=True)
    return Timeouts(*(settings.number(name, least=0) or None for name in TIMEOUT_KEYS))


def cache(fields: Fields) -> CachePolicy | None:
    """``cache: {mode, max_age}`` or just the mode; the age is in seconds. ``semantic`` serves exact matches, too."""
    if isinstance(fields.values.get("cache"), str):
        fields = Fields({"cache": {"mode": fields.values["cache"]}}, fields.path, fields.budget)
    settings = fields.object("cache")
    if settings is None:
        return None
    settings.check_keys(CACHE_KEYS)
    if settings.text("mode") not in CACHE_MODES:
        settings.missing("mode", "Invalid 'cache.mode' value. Must be one of: simple, semantic")
    age = settings.number("max_age", least=0)
    if age == 0:
        return None
    return CachePolicy(_DEFAULT_AGE if age is None else min(age, _LONGEST_AGE))


def breaker(fields: Fields) -> BreakerPolicy | None:
    """``cb_config`` of a strategy, or beside it. ``cooldown_interval`` and ``window`` are in milliseconds."""
    settings = fields.object("cb_config")
    if settings is None:
        return None
    settings.check_keys(BREAKER_KEYS)
    threshold = settings.number("failure_threshold", least=1)
    percentage = settings.number("failure_threshold_percentage", least=0)
    if all(settings.values.get(name) is None and not settings.is_misspelt(name) for name in _THRESHOLDS):
        settings.complain_of_all("it needs failure_threshold or failure_threshold_percentage")
    return BreakerPolicy(
        failure_threshold=None if threshold is None else int(threshold),
        failure_threshold_percentage=percentage,
        minimum_requests=int(settings.number("minimum_requests", least=1) or 10),
        cooldown=(settings.number("cooldown_interval", least=0) or 30_000) / 1000,
        failure_status_codes=_failures(settings),
        window=(settings.number("window", least=1) or 60_000) / 1000,
    )


def _failures(settings: Fields) -> frozenset[int] | None:
    """The statuses that count as failures. A success among them would open the circuit for every caller who shares
    it."""
    codes = settings.status_codes("failure_status_codes")
    successes = sorted(code for code in codes or () if 200 <= code < 300)
    if successes:
        settings.complain("failure_status_codes", f"{successes[0]} is a success and can't count as a failure")
    return codes


def rescue(fields: Fields) -> RescuePolicy | None:
    """``stream_rescue: {mode: "buffer", tokens: N | "all", max_wait}``; ``max_wait`` is in seconds."""
    settings = fields.object("stream_rescue")
    if settings is None:
        return None
    settings.check_keys(RESCUE_KEYS, only=True)
    if settings.text("mode") != RESCUE_MODE:
        settings.complain("mode", "the only mode is 'buffer'")
    buffers_whole_answer = settings.values.get("tokens") in ("all", None)
    tokens = None if buffers_whole_answer else settings.number("tokens", least=1)
    return RescuePolicy(None if tokens is None else int(tokens), settings.number("max_wait", least=0))


def hedge(strategy: Fields) -> HedgePolicy | None:
    """``hedge: {delay, percent}`` of a fallback. ``delay`` is in seconds, ``percent`` the share of hedged requests."""
    settings = strategy.object("hedge")
    if settings is None:
        return None
    settings.check_keys(HEDGE_KEYS, only=True)
    delay = settings.number("delay", least=0)
    if delay is None:
        settings.missing("delay", "Required: the seconds after which the second target is started, too")
    percent = settings.number("percent", least=0)
    return HedgePolicy(delay or 0.0, 5.0 if percent is None else percent)


def sticky(strategy: Fields) -> StickyPolicy | None:
    """``sticky: {enabled, hash_fields, ttl}`` of a load balancer; ``ttl`` is in seconds."""
    settings = strategy.object("sticky")
    if settings is None or settings.switch("enabled") is False:
        return None
    settings.check_keys(STICKY_KEYS)
    fields = settings.texts("hash_fields")
    if not settings.values.get("hash_fields"):
        settings.missing("hash_fields", "it must name at least one field, such as metadata.user_id")
    elif len(fields or ()) > MOST_HASH_FIELDS:
        settings.complain("hash_fields", f"there are more than {MOST_HASH_FIELDS}")
    return StickyPolicy(fields or (), settings.number("ttl", least=1) or 3600.0)
