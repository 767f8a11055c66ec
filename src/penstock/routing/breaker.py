"""The circuit breaker: a target that keeps failing gets no requests for a while, then one probe.

``BreakerPolicy`` holds the rules of a config, ``Circuit`` the state of one target. A circuit needs the same memory
however much traffic there is, and changes only by ``attempt_started`` and ``attempt_ended``::

    closed --failures reach a threshold--> open --cooldown has passed--> half-open --the probe succeeds--> closed
                                             ^                               |
                                             +------- the probe fails -------+

Source: docs/portkey.md#circuit-breaker.
"""

from __future__ import annotations

from collections import deque
from typing import Final, Literal

import msgspec

_BUCKETS: Final = 10


class BreakerPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """When a circuit opens: at ``failure_threshold`` failures within ``window``, or at ``failure_threshold_percentage``
    of the requests within ``window`` once there are ``minimum_requests`` of them.

    ``cooldown`` and ``window`` are in seconds. Without ``failure_status_codes`` every status from 500 on is a failure.
    """

    failure_threshold: int | None = None
    failure_threshold_percentage: float | None = None
    minimum_requests: int = 10
    cooldown: float
    failure_status_codes: frozenset[int] | None = None
    window: float = 60.0


def counts_as_failure(breaker: BreakerPolicy, status: int) -> bool:
    codes = breaker.failure_status_codes
    return status >= 500 if codes is None else status in codes


class _Bucket:
    """The results of one tenth of the window. A bucket is dropped as a whole."""

    __slots__ = ("failures", "requests", "since")

    def __init__(self, since: float) -> None:
        self.since = since
        self.requests = 0
        self.failures = 0


class Circuit:
    """The circuit of one target.

    Configs with different policies can share a target, so every method takes the policy to apply. The circuit stores
    the moment at which it opened; each policy counts its own cooldown from that moment.
    """

    __slots__ = ("_buckets", "_opened", "_probing")

    def __init__(self) -> None:
        self._buckets: deque[_Bucket] = deque(maxlen=_BUCKETS)
        self._opened: float | None = None
        self._probing = False

    @property
    def state(self) -> Literal["closed", "open", "half_open"]:
        """``half_open``: the probe is under way. An open circuit whose cooldown has passed stays open until then."""
        if self._opened is None:
            return "closed"
        return "half_open" if self._probing else "open"

    def admits(self, policy: BreakerPolicy, now: float) -> bool:
        """Whether an attempt may be made now. This reserves nothing: only ``attempt_started`` starts the probe."""
        if self._opened is None:
            return True
        return not self._probing and now >= self._opened + policy.cooldown

    def attempt_started(self, policy: BreakerPolicy, now: float) -> bool:
        """Record that an attempt starts, and return whether the attempt is the probe.

        An attempt that is made although the circuit is open is no probe and changes nothing.
        """
        if self._opened is None or not self.admits(policy, now):
            return False
        self._probing = True
        return True

    def attempt_ended(self, policy: BreakerPolicy, now: float, *, failed: bool | None, probe: bool) -> None:
        """Record that an attempt ended. ``failed`` is None if the attempt was cancelled: it then counts as nothing."""
        if probe:
            self._probing = False
        if failed is None:
            return
        if self._opened is None:
            self._count(policy, now, failed=failed)
        elif probe and failed:
            self._open(now)
        elif probe:
            self._opened = None

    @property
    def opened(self) -> float | None:
        """When the circuit opened; None while it is closed."""
        return self._opened

    def advise(self, opened: float) -> None:
        """Another worker's circuit opened at that moment: a closed one opens, as if it had then. The rest, and each
        probe, is this circuit's own."""
        if self._opened is None:
            self._open(opened)

    def _count(self, policy: BreakerPolicy, now: float, *, failed: bool) -> None:
        buckets = self._buckets
        while buckets and buckets[0].since <= now - policy.window:
            buckets.popleft()
        if not buckets or now - buckets[-1].since >= policy.window / _BUCKETS:
            buckets.append(_Bucket(now))
        buckets[-1].requests += 1
        buckets[-1].failures += failed
        requests = sum(bucket.requests for bucket in buckets)
        if _is_too_much(policy, requests, sum(bucket.failures for bucket in buckets)):
            self._open(now)

    def _open(self, now: float) -> None:
        self._opened = now
        self._buckets.clear()


def _is_too_much(policy: BreakerPolicy, requests: int, failures: int) -> bool:
    threshold, percentage = policy.failure_threshold, policy.failure_threshold_percentage
    if failures == 0:
        return False
    if threshold is not None and failures >= threshold:
        return True
    return percentage is not None and requests >= policy.minimum_requests and failures * 100 >= percentage * requests
