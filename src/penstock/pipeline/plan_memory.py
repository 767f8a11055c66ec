"""The plans that were compiled of late, and the failures of headers that are refused, by what they were compiled from.

A remembered plan holds nothing of the caller's gateway key: callers with the same permissions share it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from penstock.core.failure import Failure
from penstock.core.lru import Lru
from penstock.core.permissions import Permissions
from penstock.pipeline.compiled_plan import CompiledPlan
from penstock.routing.plan_size import LIGHT, weigh
from penstock.stores.catalogue import Catalogue

_REFUSED: Final = 1024
"""Kilobytes of refused headers, with the failures that refuse them, that are remembered."""
_KILOBYTE: Final = 1024
PlanKey = tuple[object, ...]
"""The headers that affect routing, and all else that a plan is compiled from."""


class PlanAhead(NamedTuple):
    """What was compiled for one request before the request's turn, with the catalogue that the request began with. It
    serves this request alone."""

    key: PlanKey
    catalogue: Catalogue
    result: CompiledPlan | Failure

    def result_for(self, key: PlanKey, catalogue: Catalogue) -> CompiledPlan | Failure | None:
        """The result, unless the request asks for something else by now."""
        return self.result if catalogue is self.catalogue and key == self.key else None


class PlanMemory:
    """``size``: how many plans of ordinary weight are remembered."""

    def __init__(self, size: int) -> None:
        self._plans: Lru[PlanKey, CompiledPlan] = Lru(size)
        self._refused: Lru[tuple[str, PlanKey], Failure] = Lru(_REFUSED)

    def find(self, key: PlanKey, tenant: str, permissions: Permissions) -> CompiledPlan | Failure | None:
        """What is known for a caller of these permissions; None where it has to be compiled."""
        compiled = self._plans.get(key)
        if compiled is not None and permissions in compiled.permitted:
            return compiled
        return self._refused.get((tenant, key))

    def keep(
        self, key: PlanKey, tenant: str, permissions: Permissions, result: CompiledPlan | Failure, size: int
    ) -> CompiledPlan | Failure:
        """Remember what was compiled, by its size in memory; ``size`` are the bytes that it was compiled from. Returns
        the plan that other callers have for the same headers, if there is one, since this caller may use it, too."""
        if isinstance(result, Failure):
            self._refused.put((tenant, key), result, 1 + (size + len(result.message)) // _KILOBYTE)
            return result
        known = self._plans.get(key)
        if known is None:
            known = result
            self._plans.put(key, result, max(1, (weigh(result.plan) + 2 * size) // LIGHT))
        known.permitted.add(permissions)
        return known

    def forget(self, is_stale: Callable[[CompiledPlan], bool]) -> None:
        """Drop stale plans and keep all others. Any refusal may depend on what changed."""
        self._plans.drop_where(is_stale)
        self._refused.drop_where(lambda _: True)
