"""What a process learns of targets and the others may know: values that ``Health`` tells and takes.

Advice is about one tenant's targets, of saved configs or of configs that the tenant sends (``saved``).
"""

from __future__ import annotations

from typing import Final

import msgspec

_LATENCY_LASTS: Final = 60.0


class CircuitOpened(msgspec.Struct, frozen=True, array_like=True, tag="circuit"):
    """The circuit of a target has opened, for ``cooldown`` seconds."""

    tenant: str
    saved: bool
    target: str
    cooldown: float

    @property
    def lasts(self) -> float:
        """Seconds for which the advice means something."""
        return self.cooldown


class ChoiceKept(msgspec.Struct, frozen=True, array_like=True, tag="choice"):
    """A sticky choice fell on the target ``index`` of a balancer, for ``ttl`` seconds, and does not follow from the
    request's values alone."""

    tenant: str
    saved: bool
    key: str
    index: int
    ttl: float

    @property
    def lasts(self) -> float:
        return self.ttl


class LatencyMeasured(msgspec.Struct, frozen=True, array_like=True, tag="latency"):
    """The average time to the first token of a target is now ``seconds``."""

    tenant: str
    saved: bool
    target: str
    seconds: float

    @property
    def lasts(self) -> float:
        return _LATENCY_LASTS


Advice = CircuitOpened | ChoiceKept | LatencyMeasured
