"""What the holder of a gateway key may know of it: its end, its limits, what it has used, which models it may call."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

import msgspec

from penstock.core.failure import Failure
from penstock.core.json_text import read_json_or_none
from penstock.core.lru import Lru
from penstock.core.money import dollars_text
from penstock.limits.applied import Applied
from penstock.limits.counters import Counters, CountersUnavailable, Exceeded, Hold, Standing
from penstock.limits.limit import Limit
from penstock.limits.windows import SECOND, CalendarWindow, RateWindow, iso
from penstock.pipeline.admission.admit import Admitter
from penstock.pipeline.call import Call
from penstock.pipeline.models.callable_models import CallableModels
from penstock.stores.catalogue import GatewayKey
from penstock.stores.sql.database_error import DatabaseError
from penstock.stores.sql.ids import random_id

if TYPE_CHECKING:
    from penstock.stores.sql.key_usage import KeyUsage

_LOG: Final = logging.getLogger("penstock")
_REMEMBERED_SECONDS: Final = 10.0
"""How long what a key has used is remembered: its holder can ask again and again."""
_REMEMBERED: Final = 1024
_PATIENCE: Final = 5.0
"""Seconds that the database has."""
ReadUsage = Callable[[GatewayKey, int], Awaitable["KeyUsage"]]
"""What a key has used, at a moment in microseconds since 1970; raises DatabaseError."""


class KeyHolder:
    """Answers holders of keys. ``read_usage`` is None without a database. ``clock`` gives microseconds since 1970."""

    def __init__(
        self,
        admitter: Admitter,
        models: CallableModels,
        clock: Callable[[], int],
        read_usage: ReadUsage | None = None,
    ) -> None:
        self._admitter = admitter
        self._models = models
        self._clock = clock
        self._read_usage = read_usage
        self._known: Lru[str, tuple[float, KeyUsage]] = Lru(_REMEMBERED)

    async def told(self, call: Call, key: GatewayKey) -> dict[str, Any]:
        """The answer, as JSON values. ``call`` asks for the list of models with the key alone."""
        now = self._clock()
        limits = self._admitter.limits_of(key)
        usage, standing, models = await asyncio.gather(
            self._usage(key, now),
            limits_told(self._admitter.counters, limits.for_request(limits.facts), now),
            self._callable(call),
        )
        end = None if key.restrictions is None else key.restrictions.expires_at
        return {
            "object": "gateway_key",
            "name": key.name,
            "id": key.id,
            "workspace": _workspace(key, usage),
            "labels": dict(key.labels),
            "expires_at": None if end is None else iso(end),
            "now": iso(now),
            "limits": standing,
            "usage": None if usage is None else _periods(usage),
            "models": models,
        }

    async def _callable(self, call: Call) -> list[dict[str, Any]] | None:
        """The models, each with its id and whose they are; None where the list can't be had."""
        answer = await self._models.answer(call)
        if answer is None or isinstance(answer, Failure):
            return None
        listed = read_json_or_none(answer.body)
        every = listed.get("data", []) if isinstance(listed, dict) else []
        return [{"id": each["id"], "owned_by": each.get("owned_by")} for each in every]

    async def _usage(self, key: GatewayKey, now: int) -> KeyUsage | None:
        """What the key has used; None where that is not known."""
        if self._read_usage is None:
            return None
        known = self._known.get(key.tenant)
        if known is not None and time.monotonic() - known[0] < _REMEMBERED_SECONDS:
            return known[1]
        try:
            async with asyncio.timeout(_PATIENCE):
                usage = await self._read_usage(key, now)
        except (DatabaseError, TimeoutError) as error:
            _LOG.warning("what a key has used can't be told: %s", str(error) or "the database takes too long")
            return None
        self._known.put(key.tenant, (time.monotonic(), usage))
        return usage


async def limits_told(counters: Counters, limits: Iterable[Applied], now: int) -> list[dict[str, Any]]:
    """Limits with what is used of them. What the store of counters can't tell is None."""
    every = list(limits)
    standings = await _standings(counters, [each for each in every if each.limit.is_rate], now)
    return [await _told(counters, each, standings, now) for each in every]


async def _told(counters: Counters, applied: Applied, standings: dict[str, Standing], now: int) -> dict[str, Any]:
    limit, used, reserved = applied.limit, None, None
    resets_at: int | None = None
    if limit.is_budget:
        key = applied.key_at(now)
        resets_at = limit.window_end(key.window_start)
        with contextlib.suppress(CountersUnavailable):
            used, reserved = await counters.usage(key)
    elif (standing := standings.get(limit.id)) is not None:
        # The counter of a rate holds what is reserved, too.
        used, resets_at = standing.used, now + standing.resets_in
    remaining = None if used is None else max(0, limit.cap - used - (reserved or 0))
    return {
        "id": limit.id,
        "level": limit.level,
        "type": limit.kind,
        "unit": "dollars" if limit.kind == "cost" else "requests" if limit.kind == "concurrency" else limit.kind,
        "tokens": limit.direction if limit.kind == "tokens" else None,
        "window": _window(limit),
        "value": applied.value_key,
        "amount": _number(limit, limit.cap),
        "used": _number(limit, used),
        "reserved": _number(limit, reserved),
        "remaining": _number(limit, remaining),
        "alert_threshold": _number(limit, limit.alert_at),
        "resets_at": None if resets_at is None else iso(resets_at),
        "strict": limit.strict,
    }


async def _standings(counters: Counters, rates: list[Applied], now: int) -> dict[str, Standing]:
    """How rates stand, by the limit's id: a reservation of nothing tells it, which is given back at once."""
    if not rates:
        return {}
    reservation = (f"me-{random_id()}", 1)
    try:
        holds = [Hold(each.key_at(now), each.limit, 0, each.value_key) for each in rates]
        answer = await counters.reserve(reservation, holds)
        if isinstance(answer, Exceeded):
            return {each.limit.id: each for each in answer.standings}
        await counters.release(reservation)
    except CountersUnavailable:
        return {}
    return {each.limit.id: each for each in answer}


def _window(limit: Limit) -> dict[str, Any] | None:
    match limit.window:
        case CalendarWindow(unit, _, days, _, seconds):
            length = {"days": {"days": days}, "seconds": {"seconds": seconds}}
            return {"unit": unit, **length.get(unit, {})}
        case RateWindow(length):
            return {"unit": "seconds", "seconds": length // SECOND}
        case _:
            return None


def _number(limit: Limit, amount: int | None) -> int | msgspec.Raw | None:
    """An amount in the unit for people: dollars, exact, where limits count nanodollars."""
    return amount if amount is None or limit.kind != "cost" else _dollars(amount)


def _dollars(nanos: int) -> msgspec.Raw:
    return msgspec.Raw(dollars_text(nanos).encode())


def _workspace(key: GatewayKey, usage: KeyUsage | None) -> dict[str, Any] | None:
    if key.workspace is None:
        return None
    name, slug = (None, None) if usage is None else (usage.workspace, usage.workspace_slug)
    return {"id": key.workspace, "name": name, "slug": slug}


def _periods(usage: KeyUsage) -> dict[str, Any]:
    return {
        name: {
            "since": iso(period.since),
            "requests": period.requests,
            "input_tokens": period.input_tokens,
            "output_tokens": period.output_tokens,
            "cost": _dollars(period.nanos),
            "unpriced_attempts": period.unpriced,
        }
        for name, period in usage.periods.items()
    }
