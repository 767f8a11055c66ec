"""The frozen tree that a config is compiled to. A strategy is one node type here, one arm in parse.py and in walk.py.

Times are in seconds unless a docstring says otherwise. ``path`` is a node's path in the config (``config``,
``config.targets[0]``); the path of the last target is sent to clients in ``x-portkey-last-used-option-index``.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

import msgspec

from penstock.core.custom_headers import CustomHeaders
from penstock.core.http import Url
from penstock.core.json_path import Path
from penstock.core.outcome import ErrorClass
from penstock.core.secret import Secret
from penstock.core.virtual_key import End
from penstock.routing.breaker import BreakerPolicy
from penstock.routing.conditions import Condition


class RetryPolicy(msgspec.Struct, frozen=True):
    """When and how often the same target is tried again.

    ``use_retry_after``: whether the provider's Retry-After sets the wait (True), is ignored (False), or is the minimum
    of the wait if it is short (None: the config doesn't say).
    """

    attempts: int
    on_status_codes: frozenset[int]
    on_error: frozenset[ErrorClass] = frozenset()
    use_retry_after: bool | None = None

    @property
    def may_repeat(self) -> bool:
        """Whether a request may be sent again that was sent already."""
        return self.attempts > 0 and bool(self.on_status_codes or self.on_error)

    def of_unsent(self) -> RetryPolicy:
        """The policy for a request that changes something: another try only before anything was sent."""
        return RetryPolicy(self.attempts, frozenset())


class Timeouts(msgspec.Struct, frozen=True):
    """Time limits of a target's attempts beside ``request_timeout``, in seconds; None means the gateway's own limit.

    ``first_token`` ends at the first content of a stream, ``total`` at the last byte, after all attempts and waits.
    """

    connect: float | None = None
    first_token: float | None = None
    idle: float | None = None
    total: float | None = None


class CachePolicy(msgspec.Struct, frozen=True):
    """Answers may be stored and served again for ``max_age`` seconds."""

    max_age: float


class RescuePolicy(msgspec.Struct, frozen=True):
    """Hold a stream back until ``tokens`` pieces of content have arrived (None: the whole stream), at most ``max_wait``
    seconds. Until then the stream can fail without the caller seeing a byte of it."""

    tokens: int | None
    max_wait: float | None = None


class TargetGuards(msgspec.Struct, frozen=True):
    """The guards of a target, which ``guards.read`` compiles (``guards.plan.GuardPlan``). ``size`` is their memory in
    bytes. ``names`` are the saved guardrails that they rest on."""

    size: int = 0
    names: frozenset[str] = frozenset()


class Target(msgspec.Struct, frozen=True):
    """A leaf: a provider with its credential, host and parameters.

    ``options`` are provider-specific settings under snake_case names. ``override_params`` and ``default_params`` map
    request members to their JSON bytes: overrides replace the caller's value, defaults are used if the caller sends
    none. ``drop_params`` are paths that are removed last. ``model_prefix`` is the beginning of the caller's model that
    the provider does not get. ``request_timeout`` is in milliseconds, until the response
    head. ``strict`` keeps vendors' own words and blocks out of translated answers; with ``rejects_unsupported`` a
    parameter that the provider has no word for is a 400, with ``drops_material`` a part of a message that it can't be
    given is left out as parameters are. Targets of one tenant with the same ``identity`` share their health, targets of
    one tenant with the same ``address`` a retry budget. ``models`` are shell patterns of the models that a virtual key
    allows, ``key_models`` those that the caller's gateway key allows. ``is_operators``: the provider and its settings
    are the operator's, by a virtual key or by a saved config. ``end``: why the virtual key is not in force.
    ``custom_headers`` are added to every request.
    """

    path: str
    provider: str
    api_key: Secret | None = None
    custom_host: Url | None = None
    options: Mapping[str, str] = {}
    override_params: Mapping[str, bytes] = {}
    default_params: Mapping[str, bytes] = {}
    drop_params: tuple[Path, ...] = ()
    model_prefix: str = ""
    forward_headers: tuple[str, ...] = ()
    custom_headers: CustomHeaders = {}
    request_timeout: float | None = None
    strict: bool = True
    rejects_unsupported: bool = False
    drops_material: bool = False
    timeouts: Timeouts = Timeouts()
    retry: RetryPolicy | None = None
    cache: CachePolicy | None = None
    rescue: RescuePolicy | None = None
    breaker: BreakerPolicy | None = None
    is_open: bool = False
    is_tracked: bool = False
    """Whether a breaker or a balancer reads this target's health."""
    virtual_key: str | None = None
    end: End | None = None
    models: tuple[str, ...] | None = None
    key_models: tuple[str, ...] | None = None
    is_operators: bool = False
    identity: str = ""
    address: str = ""
    guards: TargetGuards | None = None

    @property
    def region(self) -> str:
        """The region by which some providers' prices differ; empty where the target names none."""
        options = self.options
        return options.get("aws_region") or options.get("vertex_region") or "" if options else ""

    def __repr__(self) -> str:
        # Options and parameters may be credentials.
        return f"Target({self.path!r}, {self.provider!r})"


class HedgePolicy(msgspec.Struct, frozen=True):
    """Call the second target if the first has no content after ``delay`` seconds, for up to ``percent`` of requests."""

    delay: float
    percent: float


class Fallback(msgspec.Struct, frozen=True):
    """The targets are called in order until an outcome is returned to the caller.

    Without ``on_status_codes`` and ``on_error`` every outcome but a success leads to the next target; with either, only
    the listed statuses and errors do. Errors in ``return_on_error`` are returned to the caller in any case.
    """

    path: str
    targets: tuple[Plan, ...]
    on_status_codes: frozenset[int] | None = None
    on_error: frozenset[ErrorClass] | None = None
    return_on_error: frozenset[ErrorClass] = frozenset()
    hedge: HedgePolicy | None = None
    total: float | None = None
    is_guarded: bool = False
    """Whether any leaf below has a breaker. Without a breaker, health is not read."""


class BalancePolicy(Enum):
    """How a balancer chooses a target."""

    WEIGHTS = "weights"
    LEAST_LATENCY = "least_latency"
    LEAST_BUSY = "least_busy"


class StickyPolicy(msgspec.Struct, frozen=True):
    """Requests with the same values in ``fields`` (``metadata.user_id``) go to the same target for ``ttl`` seconds."""

    fields: tuple[str, ...]
    ttl: float


class Balance(msgspec.Struct, frozen=True):
    """A load balancer: ``policy`` chooses one of the targets. No weight is negative; the sum is positive.

    ``eligible`` are the indexes of the targets to choose from: those with a weight, without those whose virtual keys
    are not in force, unless there is no other. It follows from the rest; the constructor replaces what it is given.
    """

    path: str
    targets: tuple[Plan, ...]
    weights: tuple[float, ...]
    policy: BalancePolicy = BalancePolicy.WEIGHTS
    sticky: StickyPolicy | None = None
    total: float | None = None
    is_guarded: bool = False
    identity: str = ""
    """Balancers with the same identity share their sticky choices."""
    eligible: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        weighty = tuple(index for index, weight in enumerate(self.weights) if weight > 0)
        # A config that is being refused may have fewer targets than weights.
        in_force = tuple(index for index in weighty if index < len(self.targets) and _is_in_force(self.targets[index]))
        msgspec.structs.force_setattr(self, "eligible", in_force or weighty)


class Case(msgspec.Struct, frozen=True):
    """A condition, and the name and index of its target. ``target`` is None if no target has the name ``then``."""

    condition: Condition
    then: str
    target: int | None


class Choose(msgspec.Struct, frozen=True):
    """A conditional router: the target of the first case whose condition matches, else the default target."""

    path: str
    targets: tuple[Plan, ...]
    cases: tuple[Case, ...]
    default: str | None = None
    default_target: int | None = None
    total: float | None = None


Plan = Target | Fallback | Balance | Choose


def leaves(plan: Plan) -> tuple[Target, ...]:
    """Every target of a plan, in order."""
    found: list[Target] = []
    left = [plan]
    while left:
        each = left.pop()
        if isinstance(each, Target):
            found.append(each)
        else:
            left.extend(reversed(each.targets))
    return tuple(found)


def _is_in_force(plan: Plan) -> bool:
    """Whether a target of the plan can be called: the search ends at the first one."""
    left = [plan]
    while left:
        each = left.pop()
        if not isinstance(each, Target):
            left.extend(reversed(each.targets))
        elif each.end is None:
            return True
    return False


def most_attempts(plan: Plan) -> int:
    """The maximum number of upstream calls of a plan."""
    match plan:
        case Target():
            return 1 + (plan.retry.attempts if plan.retry else 0)
        case Fallback():
            return sum(most_attempts(target) for target in plan.targets)
        case Balance() | Choose():
            return max(most_attempts(target) for target in plan.targets)
