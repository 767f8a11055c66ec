"""A limit with the bucket that one request falls into."""

from __future__ import annotations

from penstock.limits.limit import SINGLE, BucketKey, Limit
from penstock.limits.windows import CalendarWindow


class Applied:
    """A limit that applies to a request. The ``Applied`` of a key or a workspace is made with the catalogue and shared
    by all requests: it keeps the window of the last request. ``value_key`` is the bucket's name for people."""

    __slots__ = ("_end", "_key", "_start", "limit", "value", "value_key")

    def __init__(self, limit: Limit, value: bytes = SINGLE, value_key: str = "default") -> None:
        self.limit = limit
        self.value = value
        self.value_key = value_key
        self._start = self._end = 0
        self._key = BucketKey(limit.id, value, limit.epoch, 0)
        if not isinstance(limit.window, CalendarWindow) or limit.window.unit == "lifetime":
            self._start, self._end = -(1 << 63), 1 << 63

    def key_at(self, now: int) -> BucketKey:
        """The bucket at a moment, in microseconds since 1970."""
        if not self._start <= now < self._end and isinstance(self.limit.window, CalendarWindow):
            start, end = self.limit.window.span(now)
            self._start, self._end = start, start if end is None else end
            self._key = BucketKey(self.limit.id, self.value, self.limit.epoch, start)
        return self._key

    def __eq__(self, other: object) -> bool:
        """Equal values limit alike: a catalogue that was read anew has not changed for them."""
        if not isinstance(other, Applied):
            return NotImplemented
        return (self.limit, self.value, self.value_key) == (other.limit, other.value, other.value_key)

    def __hash__(self) -> int:
        return hash((self.limit.id, self.value))
