"""One step of the counters in an SQLite transaction: loads the rows that it concerns, and writes back what it changed.

The decisions are those of memory (limits/partial.py).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, Final

from penstock.limits.counters import Alert, Exceeded, Hold, ReservationId, Reserved
from penstock.limits.limit import OVERFLOW, Amounts, BucketKey, Limit
from penstock.limits.partial import CounterState, KeptItem, PartialReservations
from penstock.limits.policy import overflow_of
from penstock.limits.rates import Part
from penstock.stores.counter_calls import LimitTexts

_AT: Final = "limit_id = ? AND value = ? AND epoch = ? AND window_start = ?"
_OF: Final = "request_id = ? AND attempt = ?"
_BUCKET: Final = f"SELECT settled, reserved, alert_state FROM bucket WHERE {_AT}"  # noqa: S608 (constants)
_PARTS: Final = f"SELECT number, amount, ends FROM rate_part WHERE {_AT} ORDER BY number"  # noqa: S608
_LIVE: Final = "SELECT live FROM bucket_count WHERE limit_id = ? AND epoch = ? AND window_start = ?"
_ITEMS: Final = (
    "SELECT limit_id, value, epoch, window_start, counter_value, amount, mark, charged, definition "  # noqa: S608
    f"FROM reservation_item WHERE {_OF}"
)
_PUT_BUCKET: Final = (
    "INSERT INTO bucket (limit_id, value, epoch, window_start, value_key, settled, reserved, alert_state, ends, "
    "touched_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET settled = excluded.settled, "
    "reserved = excluded.reserved, alert_state = excluded.alert_state, touched_at = excluded.touched_at"
)
_PUT_PART: Final = (
    "INSERT INTO rate_part (limit_id, value, epoch, window_start, number, amount, ends) VALUES (?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT DO UPDATE SET amount = excluded.amount, ends = excluded.ends"
)
_PUT_ITEM: Final = (
    "INSERT OR REPLACE INTO reservation_item (request_id, attempt, limit_id, value, epoch, window_start, "
    "counter_value, amount, mark, charged, definition) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_PUT_LIVE: Final = (
    "INSERT INTO bucket_count (limit_id, epoch, window_start, live) VALUES (?, ?, ?, 1) "
    "ON CONFLICT DO UPDATE SET live = live + 1"
)
_PUT_RESERVATION: Final = (
    "INSERT INTO reservation (request_id, attempt, worker_id, state, opened_at, closed_at) VALUES (?, ?, ?, ?, ?, ?) "
    "ON CONFLICT DO UPDATE SET state = excluded.state, closed_at = excluded.closed_at"
)


class SqliteStep:
    """A step at a moment. ``worker`` is who opens reservations. One of the methods is called, once."""

    def __init__(
        self, connection: sqlite3.Connection, texts: LimitTexts, now: int, worker: str, most_values: int
    ) -> None:
        self._execute = connection.execute
        self._texts = texts
        self._now = now
        self._worker = worker
        self._step = PartialReservations(most_values)
        self._by_id: dict[str, Limit] = {}
        self._names: dict[BucketKey, str] = {}

    def reserve(self, reservation: ReservationId, holds: Sequence[Hold]) -> tuple[Reserved | Exceeded, Sequence[Alert]]:
        state = self._state(reservation)
        if state == "open":
            self._step.know_open(reservation, ())
        elif state is not None:
            self._step.know_closed(reservation)
        self._load_holds(holds)
        result = self._step.reserve(reservation, holds, self._now)
        if isinstance(result, Exceeded) or state == "open":
            return result, ()
        self._execute(_PUT_RESERVATION, (*reservation, self._worker, "open", self._now, None))
        self._put_items(reservation)
        return result, self._save()

    def extend(self, reservation: ReservationId, holds: Sequence[Hold]) -> tuple[Reserved | Exceeded, Sequence[Alert]]:
        if self._state(reservation) == "open":
            self._step.know_open(reservation, self._items(reservation))
        self._load_holds(holds)
        result = self._step.extend(reservation, holds, self._now)
        if isinstance(result, Exceeded):
            return result, ()
        self._put_items(reservation)
        return result, self._save()

    def shrink(self, reservation: ReservationId, keys: Iterable[BucketKey]) -> None:
        if self._state(reservation) != "open":
            return
        self._step.know_open(reservation, self._items(reservation))
        kept = frozenset(keys)
        self._step.shrink(reservation, tuple(kept))
        for key in kept:
            self._execute(f"DELETE FROM reservation_item WHERE {_OF} AND {_AT}", (*reservation, *key))  # noqa: S608
        self._save()

    def settle(self, reservation: ReservationId, actual: Amounts, holds: Sequence[Hold]) -> Sequence[Alert]:
        state = self._state(reservation)
        if state == "closed":
            return ()
        if state == "open":
            self._step.know_open(reservation, self._items(reservation))
        elif state == "lost":
            self._step.know_lost(reservation, self._items(reservation))
        self._load_holds(holds)
        alerts = self._step.settle(reservation, actual, holds)
        self._close(reservation)
        return (*alerts, *self._save())

    def release(self, reservation: ReservationId) -> None:
        """Also marks a reservation as closed that isn't known: a call that comes late must not open it."""
        state = self._state(reservation)
        if state in {"closed", "lost"}:
            return
        if state == "open":
            self._step.know_open(reservation, self._items(reservation))
            self._step.release(reservation)
        self._close(reservation)
        self._save()

    def lose(self, reservations: Sequence[ReservationId]) -> Sequence[Alert]:
        """A reservation that has charged a budget in dollars stays without the time at which it was closed until the
        ledger is told of it."""
        for reservation in reservations:
            self._step.know_open(reservation, self._items(reservation))
        alerts = self._step.lose_all()
        for reservation in reservations:
            self._put_items(reservation)
            limits = [item.limit for item in self._step.items_of(reservation)]
            is_untold = any(limit.is_budget and limit.kind == "cost" for limit in limits)
            self._execute(
                f"UPDATE reservation SET state = 'lost', closed_at = ? WHERE {_OF}",  # noqa: S608
                (None if is_untold else self._now, *reservation),
            )
        return (*alerts, *self._save())

    def open_balance(self, key: BucketKey, limit: Limit, settled: int) -> int:
        self._load_holds([Hold(key, limit, 0)])
        before = self._step.open_balance(key, limit, settled)
        self._save()
        return before

    def _state(self, reservation: ReservationId) -> str | None:
        row = self._execute(f"SELECT state FROM reservation WHERE {_OF}", reservation).fetchone()  # noqa: S608
        return None if row is None else str(row[0])

    def _load_holds(self, holds: Sequence[Hold]) -> None:
        for hold in holds:
            key, limit = hold.key, hold.limit
            self._by_id[key.limit] = limit
            self._names[key] = hold.value_key
            if not self._load(limit, key) and limit.is_grouped:
                row = self._execute(_LIVE, (key.limit, key.epoch, key.window_start)).fetchone()
                self._step.know_values(key, 0 if row is None else row[0])
                self._load(limit, overflow_of(key))

    def _load(self, limit: Limit, key: BucketKey) -> bool:
        """Load a counter. Returns whether there is one."""
        if self._step.knows(key):
            return True
        row = self._execute(_BUCKET, key).fetchone()
        if row is None:
            return False
        parts = tuple(map(Part._make, self._execute(_PARTS, key))) if limit.is_rate else ()
        self._step.know_counter(limit, key, CounterState(row[0], row[1], row[2], parts))
        return True

    def _items(self, reservation: ReservationId) -> list[KeptItem]:
        """The items of a reservation; their counters are loaded, too."""
        items: list[KeptItem] = []
        for row in self._execute(_ITEMS, reservation).fetchall():
            key = BucketKey(*row[:4])
            counter = key._replace(value=row[4])
            limit = self._texts.limit(row[8])
            self._by_id[key.limit] = limit
            if not self._load(limit, counter):
                # Somebody has deleted the row: the counter begins anew.
                self._step.know_counter(limit, counter, CounterState(reserved=0 if limit.is_rate else row[5]))
            items.append(KeptItem(key, counter, limit, row[5], row[6], row[7]))
        return items

    def _put_items(self, reservation: ReservationId) -> None:
        for item in self._step.items_of(reservation):
            values = item.counter.value, item.amount, item.mark, item.charged, self._texts.text(item.limit)
            self._execute(_PUT_ITEM, (*reservation, *item.key, *values))

    def _close(self, reservation: ReservationId) -> None:
        self._execute(f"DELETE FROM reservation_item WHERE {_OF}", reservation)  # noqa: S608
        self._execute(_PUT_RESERVATION, (*reservation, self._worker, "closed", self._now, self._now))

    def _save(self) -> Sequence[Alert]:
        """Write the counters that were changed. Returns the alerts of the step that no method has returned."""
        for key, state in self._step.changed().items():
            limit = self._by_id[key.limit]
            before = self._step.loaded.get(key)
            name = "overflow" if key.value == OVERFLOW else self._names.get(key, "default")
            values: tuple[Any, ...] = (state.settled, state.reserved, state.alert_state)
            self._execute(_PUT_BUCKET, (*key, name, *values, limit.window_end(key.window_start), self._now))
            if before is None and limit.is_grouped and key.value != OVERFLOW:
                self._execute(_PUT_LIVE, (key.limit, key.epoch, key.window_start))
            self._save_parts(key, () if before is None else before.parts, state.parts)
        return self._step.take_alerts()

    def _save_parts(self, key: BucketKey, before: Iterable[Part], after: Iterable[Part]) -> None:
        gone = {part.number: part for part in before}
        for part in after:
            if gone.pop(part.number, None) != part:
                self._execute(_PUT_PART, (*key, *part))
        for number in gone:
            self._execute(f"DELETE FROM rate_part WHERE {_AT} AND number = ?", (*key, number))  # noqa: S608
