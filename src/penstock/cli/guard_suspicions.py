"""What guards of a valid config say and can hardly mean: denials that come too late, changes of one match alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from penstock.guards.patterns import literal
from penstock.guards.plan import GuardPlan, StreamMode
from penstock.guards.read import KEYS
from penstock.guards.registry import full_id
from penstock.routing.plan import Plan, leaves

_ONE = "without the flag g only the first match of a text changes: write /…/g"
_LATE = (
    "it denies no stream: what it looks for can't be told before the end. Set stream to window or buffer, or streams "
    "are judged when their caller has them"
)
_NUMBER = "a number in a string: it counts as the number"


def guard_suspicions(values: dict[str, Any], plan: Plan) -> Iterator[tuple[str, str]]:
    """Path and text of each. ``values`` is the config, settled; ``plan`` what it became."""
    yield from _of_checks(values, "config")
    late: set[tuple[str, str]] = set()
    for leaf in leaves(plan):
        hooks = leaf.guards.after if isinstance(leaf.guards, GuardPlan) else ()
        for hook in hooks:
            if hook.deny and not hook.looks_on and hook.stream is StreamMode.AFTER:
                late.add((leaf.path, f"the guard {hook.id}: {_LATE}"))
    yield from sorted(late)


def _of_checks(part: dict[str, Any], path: str) -> Iterator[tuple[str, str]]:
    for key in (key for keys in KEYS.values() for key in keys):
        for index, hook in enumerate(part.get(key) or ()):
            if isinstance(hook, dict):
                for name, parameters, at in _checks(hook, f"{path}.{key}[{index}]"):
                    yield from _of_check(name, parameters, at)
    for index, target in enumerate(part.get("targets") or ()):
        yield from _of_checks(target, f"{path}.targets[{index}]")


def _checks(hook: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any], str]]:
    """The checks of a hook, in either form: id, parameters, path."""
    listed = hook.get("checks")
    for index, check in enumerate(listed if isinstance(listed, list) else ()):
        parameters = check.get("parameters") or {}
        yield check["id"], parameters, f"{path}.checks[{index}].parameters"
    for name, value in hook.items():
        if isinstance(value, dict) and name not in {"on_fail", "on_success", "credentials", "actions"}:
            yield value.get("id") or name, value, f"{path}.{name}"


def _of_check(name: str, parameters: dict[str, Any], path: str) -> Iterator[tuple[str, str]]:
    rule = parameters.get("rule")
    if full_id(name).lower() == "default.regexreplace" and isinstance(rule, str) and "g" not in literal(rule)[1]:
        yield f"{path}.rule", _ONE
    for member, value in parameters.items():
        if member.startswith(("min", "max", "timeout")) and isinstance(value, str) and value.strip():
            try:
                float(value)
            except ValueError:
                continue
            yield f"{path}.{member}", _NUMBER
