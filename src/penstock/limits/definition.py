"""The limits of one owner as they are defined: three members of a key, a virtual key, a workspace, an integration."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from penstock.limits.applied import Applied
from penstock.limits.limit import Limit
from penstock.limits.validate import LimitOwner, Reading

MEMBERS: Final = ("usage_limits", "rate_limits", "concurrency_limit")


def read_limits(owner: LimitOwner, members: Mapping[str, Any]) -> Reading:
    """The limits among the members of a definition; other members are somebody else's."""
    reading = Reading(owner)
    reading.usage_limits(members.get("usage_limits"))
    reading.rate_limits(members.get("rate_limits"))
    reading.concurrency_limit(members.get("concurrency_limit"))
    return reading


def applied(limits: Iterable[Limit], epoch: int = 0) -> tuple[Applied, ...]:
    """Limits in force, ready to be counted. Each reset of their usage gave them a higher ``epoch``."""
    return tuple([Applied(limit if not epoch else msgspec.structs.replace(limit, epoch=epoch)) for limit in limits])
