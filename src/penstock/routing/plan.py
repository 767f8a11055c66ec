"""The frozen tree that a config is compiled to. A strategy is one node type here, one arm in parse.py and in walk.py.

Times are in seconds unless a name says otherwise. ``path`` says where a node stands in the config (``config``,
``config.targets[0]``), which clients read back in ``x-portkey-last-used-option-index``.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

import msgspec

from penstock.core.http import Url
from penstock.core.json_path import Path
from penstock.core.outcome import ErrorClass
from penstock.core.secret import Secret
from penstock.routing.breaker import BreakerPolicy
from penstock.routing.conditions import Condition


class RetryPolicy(msgspec.Struct, frozen=True):
    """When and how often the same target is tried again.

    ``use_retry_after``: wait as long as the provider says (true), never (false), or at least that long when it is short
    (None, when the config doesn't say).
    """

    attempts: int
    on_status_codes: frozenset[int]
    on_error: frozenset[ErrorClass] = frozenset()
    use_retry_after: bool | None = None


class Timeouts(msgspec.Struct, frozen=True):
    """Limits of a target's attempts beside ``request_timeout``; None leaves the gateway's own in force.

    ``first_token`` runs until the first content of a stream, ``total`` over all attempts and waits to the last byte.
    """

    connect: float | None = None
    first_token: float | None = None
    idle: float | None = None
    total: float | None = None


class CachePolicy(msgspec.Struct, frozen=True):
    """Answers may be stored and served again for ``max_age`` seconds."""

    max_age: float


class RescuePolicy(msgspec.Struct, frozen=True):
    """Hold a stream back until ``tokens`` pieces of content came (None: all of it), at most ``max_wait``."""

    tokens: int | None
    max_wait: float | None = None


class Target(msgspec.Struct, frozen=True):
    """A leaf: one provider, called one way.

    ``options`` are provider-specific settings under snake_case names. ``override_params`` and ``default_params`` map
    request members to their JSON bytes: the first replace what the caller sent, the second only fill gaps;
    ``drop_params`` are paths that are taken out last. ``request_timeout`` is in milliseconds, until the response head.
    ``strict`` keeps vendors' own words and blocks out of translated answers; ``rejects_unsupported`` makes a 400 of
    parameters that would have to be left out. ``identity`` tells targets apart whose health is one, ``address`` the
    ones that share a retry budget. ``models`` are the shell patterns of the models that a virtual key allows.
    """

    path: str
    provider: str
    api_key: Secret | None = None
    custom_host: Url | None = None
    options: Mapping[str, str] = {}
    override_params: Mapping[str, bytes] = {}
    default_params: Mapping[str, bytes] = {}
    drop_params: tuple[Path, ...] = ()
    forward_headers: tuple[str, ...] = ()
    request_timeout: float | None = None
    strict: bool = True
    rejects_unsupported: bool = False
    timeouts: Timeouts = Timeouts()
    retry: RetryPolicy | None = None
    cache: CachePolicy | None = None
    rescue: RescuePolicy | None = None
    breaker: BreakerPolicy | None = None
    is_open: bool = False
    is_tracked: bool = False
    """Whether a breaker or a balancer wants to know how this target fares."""
    virtual_key: str | None = None
    models: tuple[str, ...] | None = None
    identity: str = ""
    address: str = ""

    def __repr__(self) -> str:
        # Options and parameters may be credentials.
        return f"Target({self.path!r}, {self.provider!r})"


class HedgePolicy(msgspec.Struct, frozen=True):
    """Start the second target when the first has no content after ``delay``, for at most ``percent`` of requests."""

    delay: float
    percent: float


class Fallback(msgspec.Struct, frozen=True):
    """One target after the other until one is good enough.

    Without ``on_status_codes`` and ``on_error`` everything but success leads on; with one of them, only what it names.
    ``return_on_error`` names what goes back to the caller in any case.
    """

    path: str
    targets: tuple[Plan, ...]
    on_status_codes: frozenset[int] | None = None
    on_error: frozenset[ErrorClass] | None = None
    return_on_error: frozenset[ErrorClass] = frozenset()
    hedge: HedgePolicy | None = None
    total: float | None = None
    is_guarded: bool = False
    """Whether any leaf below has a breaker: only then is health looked at."""


class BalancePolicy(Enum):
    """How a balancer chooses."""

    WEIGHTS = "weights"
    LEAST_LATENCY = "least_latency"
    LEAST_BUSY = "least_busy"


class StickyPolicy(msgspec.Struct, frozen=True):
    """The same values of these fields lead to the same target for ``ttl`` seconds."""

    fields: tuple[str, ...]
    ttl: float


class Balance(msgspec.Struct, frozen=True):
    """One of several targets. ``weights`` are not negative and their sum is positive."""

    path: str
    targets: tuple[Plan, ...]
    weights: tuple[float, ...]
    policy: BalancePolicy = BalancePolicy.WEIGHTS
    sticky: StickyPolicy | None = None
    total: float | None = None
    is_guarded: bool = False
    identity: str = ""
    """Tells the balancers apart whose sticky choices are the same."""


class Case(msgspec.Struct, frozen=True):
    """A condition, and the index of the target that it leads to; None when the config has no target ``then``."""

    condition: Condition
    then: str
    target: int | None


class Choose(msgspec.Struct, frozen=True):
    """The target of the first case that holds, else the default."""

    path: str
    targets: tuple[Plan, ...]
    cases: tuple[Case, ...]
    default: str | None = None
    default_target: int | None = None
    total: float | None = None


Plan = Target | Fallback | Balance | Choose


def leaves(plan: Plan) -> tuple[Target, ...]:
    """Every target of a plan, in order."""
    if isinstance(plan, Target):
        return (plan,)
    return tuple(leaf for target in plan.targets for leaf in leaves(target))


def most_attempts(plan: Plan) -> int:
    """The upstream calls that a plan can lead to at most."""
    match plan:
        case Target():
            return 1 + (plan.retry.attempts if plan.retry else 0)
        case Fallback():
            return sum(most_attempts(target) for target in plan.targets)
        case Balance() | Choose():
            return max(most_attempts(target) for target in plan.targets)
