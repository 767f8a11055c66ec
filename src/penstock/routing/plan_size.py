"""How many bytes of memory a compiled plan takes, estimated: plans are remembered within a bound of bytes.

What several targets share (parameters that they inherit, say) counts once. A target counts with the route that is made
for it at its first attempt (pipeline/target_route.py), which holds its credential and its options a second time.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import Final

from penstock.core.json_path import Path
from penstock.routing.plan import Choose, Plan, Target

LIGHT: Final = 4096
"""Bytes of an ordinary plan. A plan of more bytes weighs more where plans are remembered."""
_TARGET: Final = 3000
"""A target without settings, its path, and its route."""
_GROUP: Final = 600
_CASE: Final = 200
_MEMBER: Final = 120
"""A member of a map: its slot, and the headers of key and value."""


def weigh(plan: Plan) -> int:
    """The bytes of a plan."""
    return _Scale().weight(plan)


class _Scale:
    def __init__(self) -> None:
        self._weighed: set[int] = set()

    def weight(self, plan: Plan) -> int:
        if isinstance(plan, Target):
            return self._target(plan)
        cases = plan.cases if isinstance(plan, Choose) else ()
        conditions = sum(_CASE + len(case.then) + case.condition.size for case in cases)
        return _GROUP + 2 * len(plan.path) + conditions + sum(self.weight(target) for target in plan.targets)

    def _target(self, target: Target) -> int:
        key = 0 if target.api_key is None else len(target.api_key.reveal())
        names = self._names(target.forward_headers)
        paths = self._paths(target.drop_params)
        # Options may stand in the route once more, filled in, and so does the credential: neither is shared there.
        options = _MEMBER * len(target.options) + sum(map(len, target.options.values()))
        params = self._members(target.override_params) + self._members(target.default_params)
        guards = target.guards
        guarded = guards.size if guards is not None and self._is_new(guards) else 0
        return _TARGET + 2 * len(target.path) + 3 * key + names + paths + options + params + guarded

    def _names(self, names: tuple[str, ...]) -> int:
        return 80 * len(names) + sum(map(len, names)) if names and self._is_new(names) else 0

    def _paths(self, paths: tuple[Path, ...]) -> int:
        if not paths or not self._is_new(paths):
            return 0
        texts = sum(map(len, map(str, chain.from_iterable(paths))))
        return 100 * len(paths) + 60 * sum(map(len, paths)) + texts

    def _members(self, members: Mapping[str, str | bytes]) -> int:
        if not members or not self._is_new(members):
            return 0
        values = sum(len(value) for value in members.values() if self._is_new(value))
        return sum(_MEMBER + len(name) for name in members) + values

    def _is_new(self, value: object) -> bool:
        """Whether a value is seen for the first time. The plan keeps all its values alive while it is weighed."""
        if id(value) in self._weighed:
            return False
        self._weighed.add(id(value))
        return True
