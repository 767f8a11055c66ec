"""The members of a config and of the objects in it, and values of some of them: for editors that complete."""

from __future__ import annotations

from typing import Final

from penstock.core.outcome import ErrorClass
from penstock.routing.leaf import REFUSED_KEYS, ROUTING_KEYS
from penstock.routing.parse import CASE_KEYS, MODES, STRATEGY_KEYS
from penstock.routing.plan import BalancePolicy
from penstock.routing.policies import (
    BREAKER_KEYS,
    CACHE_KEYS,
    CACHE_MODES,
    HEDGE_KEYS,
    RESCUE_KEYS,
    RESCUE_MODE,
    RETRY_KEYS,
    STICKY_KEYS,
    TIMEOUT_KEYS,
)

MEMBERS: Final[dict[str, tuple[str, ...]]] = {
    name: tuple(sorted(keys))
    for name, keys in {
        "config": ROUTING_KEYS - REFUSED_KEYS.keys(),
        "strategy": STRATEGY_KEYS,
        "conditions": CASE_KEYS,
        "retry": RETRY_KEYS,
        "timeouts": TIMEOUT_KEYS,
        "cache": CACHE_KEYS,
        "cb_config": BREAKER_KEYS,
        "stream_rescue": RESCUE_KEYS,
        "hedge": HEDGE_KEYS,
        "sticky": STICKY_KEYS,
    }.items()
}
"""By the member that holds the object; ``config`` are those of the config and of each target."""

VALUES: Final[dict[str, tuple[str, ...]]] = {
    "strategy.mode": tuple(mode for mode in MODES if mode is not None),
    "strategy.policy": tuple(policy.value for policy in BalancePolicy),
    "cache.mode": CACHE_MODES,
    "stream_rescue.mode": (RESCUE_MODE,),
    "on_error": tuple(each.value for each in ErrorClass),
}
"""Of members that name one of few texts, alone or with the object that they stand in."""
