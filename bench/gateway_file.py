"""A penstock.toml for the gateway under test: what a request costs that a key, a saved config and limits go with.

Two keys: one that nothing limits, and one with a budget and a rate of requests that are never reached.
"""

from __future__ import annotations

import hashlib
import json
from typing import Final

from bench.route import Addressing, Headers

PLAIN: Final = "plain"
LIMITED: Final = "limited"
_CONFIG: Final = "pc-bench"
_LIMITS: Final = (
    'usage_limits = { type = "cost", credit_limit = 1000000, periodic_reset = "monthly" }\n'
    'rate_limits = [{ type = "requests", unit = "rpm", value = 1000000000 }]\n'
)


def by_key(name: str) -> Addressing:
    """A gateway key and a saved config, which says the rest."""

    def addressing(_base_url: str) -> Headers:
        return {"authorization": f"Bearer {_secret(name)}", "x-portkey-config": _CONFIG}

    return addressing


def text(base_url: str, redis: str = "") -> str:
    """The file's text, with a saved config that leads to the provider at an address. There is no database: what is
    measured is the request, and not the ledger that is written beside it. ``redis`` is the address of a server that
    counts, empty for counters in memory."""
    config = {"provider": "openai", "api_key": "sk-bench", "custom_host": base_url}
    members = "\n".join(f"{name} = {json.dumps(value)}" for name, value in config.items())
    store = '[store]\ndatabase = "none"\n' + (f'redis = "{redis}"\n' if redis else "")
    return f"{store}[configs.{_CONFIG}]\n{members}\n{_key(PLAIN)}{_key(LIMITED)}{_LIMITS}"


def _key(name: str) -> str:
    return (
        f'[keys.{name}]\nhash = "sha256:{hashlib.sha256(_secret(name).encode()).hexdigest()}"\nhosts = ["127.0.0.1"]\n'
    )


def _secret(name: str) -> str:
    return f"pk-{name}-0123456789abcdef"
