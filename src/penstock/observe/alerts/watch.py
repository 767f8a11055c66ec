"""What notices are made of: alerts of budgets, circuits that open, stores that are lost, failed requests."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from penstock.background import Background
from penstock.core.failure import Blame, blame_of
from penstock.core.lru import Lru
from penstock.core.money import dollars_text
from penstock.limits.counters import Alert
from penstock.limits.limit import Limit
from penstock.observe.alerts.failure_rate import FailureRate
from penstock.observe.alerts.notice import Data, Notice, NoticeKind, one_line
from penstock.observe.record import Record, RecordQueue, Records

_INTERVAL: Final = 1.0
_QUEUE: Final = 50_000
_TARGETS: Final = 4096
_PATIENCE: Final = 5.0
"""Seconds until a circuit is told whose target no finished request has named yet."""
_MOST_OPEN: Final = 1000
_LEVELS: Final[Mapping[str, str]] = {"api_key": "key"}
"""What people call a level, where that is another word."""
_BUDGETS: Final[Mapping[str, NoticeKind]] = {"threshold": "budget_threshold", "exhausted": "budget_exhausted"}


class WatchSettings(msgspec.Struct, frozen=True):
    """``repeat`` is the window in which the same thing is told once; ``rate`` the part of failed requests that is told,
    over ``window`` seconds with at least ``requests``. ``kinds`` are those that are told at all. ``folder`` is where
    several workers count failed requests, None for a worker alone."""

    kinds: frozenset[str]
    repeat: float = 3600.0
    rate: float = 0.5
    window: float = 300.0
    requests: int = 20
    folder: Path | None = None


class _Opened(NamedTuple):
    tenant: str
    saved: bool
    target: str
    cooldown: float
    at: float


class Watch:
    """A part of the gateway. ``notify`` gets each notice; ``lost`` names the stores that are lost now; ``is_first``
    says whether this worker is the one that tells of them, and of failed requests of all workers; ``owner_name`` is
    what people call the owner of a limit, None where that is its id."""

    def __init__(
        self,
        records: Records,
        settings: WatchSettings,
        notify: Callable[[Notice], None],
        lost: Callable[[], Iterable[str]],
        is_first: Callable[[], bool] = lambda: True,
        clock: Callable[[], float] = time.time,
        owner_name: Callable[[Limit], str | None] = lambda _: None,
    ) -> None:
        self._records = records
        self._settings = settings
        self._notify = notify
        self._lost = lost
        self._is_first = is_first
        self._clock = clock
        self._owner_name = owner_name
        self._rate = FailureRate(settings.window)
        """Of this worker alone, until ``start``."""
        self._names: Lru[str, str] = Lru(_TARGETS)
        self._opened: deque[_Opened] = deque(maxlen=_MOST_OPEN)
        self._queue: RecordQueue | None = None
        self._notified: set[str] = set()
        self._task = Background("the watch for alerts", self._run)

    def start(self) -> None:
        if {"circuit_open", "error_rate"} & self._settings.kinds:
            self._queue = self._records.subscribe(_QUEUE, "alerts")
            self._rate = FailureRate(self._settings.window, self._settings.folder)
        self._task.start()

    async def stop(self) -> None:
        await self._task.stop()
        self.look()
        self._rate.close()

    def budgets(self, alerts: Sequence[Alert]) -> None:
        """Tell of what budgets have crossed."""
        for alert in alerts:
            kind = _BUDGETS.get(alert.kind)
            if kind is not None and kind in self._settings.kinds:
                self._notify(budget_notice(kind, alert, self._clock(), self._owner_name(alert.limit)))

    def circuit_opened(self, tenant: str, saved: bool, target: str, cooldown: float, _: float) -> None:
        """Tell of a circuit that an attempt has opened."""
        if "circuit_open" in self._settings.kinds:
            self._opened.append(_Opened(tenant, saved, target, cooldown, self._clock()))

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(_INTERVAL)
            self.look()

    def look(self) -> None:
        """Tell what there is to tell now."""
        now = self._clock()
        for record in [] if self._queue is None else self._queue.take():
            self._note(record)
        self._tell_circuits(now)
        if "store_down" in self._settings.kinds and self._is_first():
            for store in self._lost():
                text = f"The {store} can't be reached."
                self._notify_once("store_down", store, now, text, {"store": store})
        self._tell_rate(now)

    def _note(self, record: Record) -> None:
        if record.operation is not None:
            self._rate.count(record.at + record.latency, is_failed=is_failed(record))
        for attempt in record.attempts:
            if attempt.identity:
                model = f" ({attempt.model})" if attempt.model else ""
                name = f"{attempt.provider}{model}, {attempt.target}"
                self._names.put(attempt.identity, one_line(name))

    def _tell_circuits(self, now: float) -> None:
        for opened in list(self._opened):
            name = self._names.get(opened.target)
            if name is None and now - opened.at < _PATIENCE:
                continue
            self._opened.remove(opened)
            whose = f" for the key {opened.tenant}" if opened.tenant else ""
            text = f"The circuit of {name or 'a target'} has opened{whose}: no requests for {opened.cooldown:g} s."
            data: Data = {"target": name, "key": opened.tenant or None, "seconds": opened.cooldown}
            subject = f"{opened.tenant}\x00{opened.saved}\x00{opened.target}"
            self._notify_once("circuit_open", subject, opened.at, text, data)

    def _tell_rate(self, now: float) -> None:
        settings = self._settings
        if "error_rate" not in settings.kinds or not settings.rate or not self._is_first():
            return
        total, failed = self._rate.counts(now)
        if total < max(1, settings.requests) or failed < settings.rate * total:
            return
        text = f"{failed} of {total} requests failed in {settings.window:g} seconds ({100 * failed / total:.0f} %)."
        data: Data = {"requests": total, "failed": failed, "seconds": settings.window}
        self._notify_once("error_rate", "", now, text, data)

    def _notify_once(self, kind: NoticeKind, subject: str, now: float, text: str, data: Data) -> None:
        """Give a notice once in each window: a store, if there is one, keeps other workers from giving it again."""
        window = int(now // self._settings.repeat)
        key = f"{kind}\x00{subject}\x00{window}"
        if key in self._notified:
            return
        self._notified = {each for each in self._notified if each.endswith(f"\x00{window}")} | {key}
        self._notify(Notice(kind, key, now, text, data))


def is_failed(record: Record) -> bool:
    """Whether a request failed by a fault of a provider or the gateway."""
    if record.failure is None:
        return record.status >= 500
    return blame_of(record.failure, record.status) is not Blame.CLIENT


def budget_notice(kind: NoticeKind, alert: Alert, at: float, name: str | None = None) -> Notice:
    """The notice of what a budget has crossed. Its window is the budget's own; ``name`` is that of its owner."""
    limit, key = alert.limit, alert.key
    line = limit.alert_at if kind == "budget_threshold" else limit.cap
    what = "has reached its alert threshold" if kind == "budget_threshold" else "is used up"
    used = _amount(limit, alert.amount)
    of = "" if line is None else f" of {_amount(limit, line)}"
    ends = limit.window_end(key.window_start)
    data: Data = {
        "limit": limit.id,
        "level": limit.level,
        "owner": limit.owner,
        "name": name,
        "type": limit.kind,
        "used": _number(limit, alert.amount),
        "threshold": None if limit.alert_at is None else _number(limit, limit.alert_at),
        "amount": _number(limit, limit.cap),
        "window_ends_at": None if ends is None else ends // 1_000_000,
    }
    parts = (kind, limit.id, key.value.hex(), key.epoch, key.window_start)
    whose = f"{_LEVELS.get(limit.level, limit.level)} {name or limit.owner}"
    text = f"The budget {limit.id} of the {whose} {what}: {used}{of}."
    owner = limit.owner if limit.level == "api_key" else None
    return Notice(kind, "\x00".join(str(part) for part in parts), at, text, data, owner)


def _amount(limit: Limit, amount: int) -> str:
    return f"{dollars_text(amount)} dollars" if limit.kind == "cost" else f"{amount} {limit.kind}"


def _number(limit: Limit, amount: int) -> float | int:
    """Dollars, tokens or requests."""
    return amount / 1_000_000_000 if limit.kind == "cost" else amount
