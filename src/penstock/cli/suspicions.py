"""What a valid config says and can hardly mean: targets that nothing leads to, settings without effect.

Whether a setting has an effect is asked of the engine itself: one that can be replaced by nonsense without any
difference has none. So there is no second list of settings here that could differ from the first.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import msgspec

from penstock.cli.rehearsal import Rehearsal
from penstock.core.failure import Failure, Kind
from penstock.pipeline.compiled_plan import CompiledPlan
from penstock.routing.conditions import Condition
from penstock.routing.fields import settled
from penstock.routing.leaf import ROUTING_KEYS
from penstock.routing.plan import Balance, Choose, Fallback, Plan, Target, leaves

_MOST: Final = 50
"""Targets of a config whose every setting is still tried out."""
_MOST_TRIED: Final = 10_000
"""Targets, times the settings of all of them: a plan of all targets is compiled twice for each setting."""
_LABELS: Final = frozenset({"name", "id", "metadata", "targets"})
"""What may well be there for people only, and the targets, which are configs themselves."""
_POLICIES: Final = frozenset(
    {"strategy", "retry", "cache", "cb_config", "timeouts", "stream_rescue", "hedge", "sticky"}
)
_NONSENSE: Final = ([None], "\n")
"""No setting takes the first; of those that providers have, no known one takes the second."""


class Suspicion(NamedTuple):
    """Where, as a path in the config, and what."""

    path: str
    text: str


def suspicions(
    values: dict[str, Any], compiled: CompiledPlan, rehearsal: Rehearsal, provider: str | None
) -> Iterator[Suspicion]:
    """Everything suspicious about a config and the plan that it became."""
    values = settled(copy.deepcopy(values))
    yield from _unused_targets(values, "config")
    yield from _dead_ends(compiled.plan, values)
    yield from _unready(compiled, rehearsal)
    if any(leaf.guards is not None for leaf in leaves(compiled.plan)):
        from penstock.cli.guard_suspicions import guard_suspicions  # most configs guard nothing

        yield from (Suspicion(path, text) for path, text in guard_suspicions(values, compiled.plan))
    targets = len(leaves(compiled.plan))
    if targets <= _MOST and targets * _settings(values) <= _MOST_TRIED:
        yield from _Trial(values, compiled, rehearsal, provider).ignored(values, "config")


def _settings(part: dict[str, Any]) -> int:
    """How many settings a config has, with those of its targets."""
    policies = [value for key, value in part.items() if key in _POLICIES and isinstance(value, dict)]
    return len(part) + sum(map(len, policies)) + sum(map(_settings, part.get("targets") or ()))


def _unused_targets(values: dict[str, Any], path: str) -> Iterator[Suspicion]:
    """Targets beside the first where no strategy chooses among them."""
    targets, strategy = values.get("targets") or [], values.get("strategy") or {}
    mode = strategy.get("mode") if isinstance(strategy, dict) else strategy
    if len(targets) > 1 and mode in (None, "single"):
        yield Suspicion(f"{path}.targets[1]", "only the first target is ever used: strategy.mode says how to choose")
    for index, target in enumerate(targets):
        yield from _unused_targets(target, f"{path}.targets[{index}]")


def _dead_ends(plan: Plan, values: dict[str, Any]) -> Iterator[Suspicion]:
    """What the nodes of a plan never come to."""
    match plan:
        case Target():
            return
        case Fallback():
            if plan.on_status_codes == frozenset() and not plan.on_error:
                text = "it names no status, so that nothing ever leads to the next target"
                yield Suspicion(f"{plan.path}.strategy.on_status_codes", text)
        case Balance():
            for index, weight in enumerate(plan.weights):
                if not weight:
                    yield Suspicion(f"{plan.path}.targets[{index}].weight", "a target of weight 0 is never chosen")
        case Choose():
            yield from _unmet(plan, values)
    for target in plan.targets:
        yield from _dead_ends(target, values)


def _unmet(plan: Choose, values: dict[str, Any]) -> Iterator[Suspicion]:
    """Conditions that nobody looks at, names that are nobody's, targets that no condition leads to."""
    strategy, met, reached = f"{plan.path}.strategy", list[Any](), set[int | None]()
    written = _node(values, plan.path)["strategy"]["conditions"]
    for index, (case, query) in enumerate(zip(plan.cases, (item["query"] for item in written), strict=True)):
        if query in met or {} in met:
            text = "it is never looked at: whenever it holds, a condition before it does"
            yield Suspicion(f"{strategy}.conditions[{index}]", text)
            continue
        met.append(query)
        reached.add(case.target)
        if case.target is None:
            yield Suspicion(f"{strategy}.conditions[{index}].then", _nobody(case.then))
    if plan.default is not None and plan.default_target is None:
        yield Suspicion(f"{strategy}.default", _nobody(plan.default))
    if {} not in met:
        reached.add(plan.default_target)
    for index in range(len(plan.targets)):
        if index not in reached:
            yield Suspicion(f"{plan.path}.targets[{index}]", "no condition leads to this target")


def _nobody(name: str) -> str:
    return f"no target has the name '{name[:64]}': a request that gets here is answered with a 400"


def _node(values: dict[str, Any], path: str) -> Any:
    """The object that a node of the plan was made from."""
    node: Any = values
    for index in re.findall(r"\.targets\[(\d+)\]", path):
        node = node["targets"][int(index)]
    return node


def _unready(compiled: CompiledPlan, rehearsal: Rehearsal) -> Iterator[Suspicion]:
    """Targets that can't be called as they are."""
    for leaf in leaves(compiled.plan):
        route = rehearsal.route(compiled, leaf)
        if isinstance(route, Failure):
            keyless = "no credential: a request's own is sent to no one when several providers have none"
            yield Suspicion(leaf.path, keyless if route.kind is Kind.MISSING_API_KEY else route.message)


class _Trial:
    """Tries nonsense in the place of each setting."""

    def __init__(
        self, values: dict[str, Any], compiled: CompiledPlan, rehearsal: Rehearsal, provider: str | None
    ) -> None:
        self._values = values
        self._rehearsal = rehearsal
        self._provider = provider
        self._effect = self._effect_of(compiled)
        targets = leaves(compiled.plan)
        # What a provider's own setting does shows in the calls; a virtual key settles them by itself.
        self._shows_calls = not any(target.virtual_key for target in targets) and not any(_unready(compiled, rehearsal))

    def ignored(self, part: dict[str, Any], path: str) -> Iterator[Suspicion]:
        """The settings of a config, and of those inside it, that have no effect."""
        for key, value in list(part.items()):
            if value is None or key in _LABELS or not (key in ROUTING_KEYS or self._shows_calls):
                continue
            yield from self._judged(part, key, path)
        for index, target in enumerate(part.get("targets") or ()):
            yield from self.ignored(target, f"{path}.targets[{index}]")

    def _judged(self, part: dict[str, Any], key: str, path: str) -> Iterator[Suspicion]:
        value = part[key]
        if self._has_no_effect(part, key):
            yield Suspicion(f"{path}.{key}", "it has no effect here")
        elif key in _POLICIES and isinstance(value, dict):
            for member in [member for member in value if value[member] is not None]:
                yield from self._judged(value, member, f"{path}.{key}")

    def _has_no_effect(self, part: dict[str, Any], key: str) -> bool:
        value = part[key]
        try:
            return all(self._is_same_with(part, key, nonsense) for nonsense in _NONSENSE)
        finally:
            part[key] = value

    def _is_same_with(self, part: dict[str, Any], key: str, nonsense: Any) -> bool:
        part[key] = nonsense
        compiled = self._rehearsal.compiled(msgspec.json.encode(self._values), self._provider)
        return not isinstance(compiled, Failure) and self._effect_of(compiled) == self._effect

    def _effect_of(self, compiled: CompiledPlan) -> tuple[object, ...]:
        """All that follows from a config: its plan, and what calls of its targets look like."""
        routes = [self._rehearsal.route(compiled, leaf) for leaf in leaves(compiled.plan)]
        calls = [each if isinstance(each, Failure) else (each.endpoint, each.changes, each.limits) for each in routes]
        return _bare(compiled.plan), *calls


_ANY_CONDITION: Final = Condition(lambda _: True)


def _bare(plan: Plan) -> Plan:
    """A plan as far as two can be compared: without what is in the calls, and what is made anew each time."""
    replace = msgspec.structs.replace
    if isinstance(plan, Target):
        return replace(plan, options={}, identity="", is_operators=False)
    targets = tuple(map(_bare, plan.targets))
    if isinstance(plan, Choose):
        cases = tuple(replace(case, condition=_ANY_CONDITION) for case in plan.cases)
        return replace(plan, targets=targets, cases=cases)
    return replace(plan, targets=targets, identity="") if isinstance(plan, Balance) else replace(plan, targets=targets)
