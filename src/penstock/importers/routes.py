"""Configs of an importer: conditions on the model's name, load balancers and fallbacks (docs/configs.md)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from penstock.importers.report import Report

Node = dict[str, Any]
_MOST_CONDITIONS: Final = 100
MOST_PATTERNS: Final = 100
"""Regular expressions of one config, and so wildcards of one importer's."""
LONGEST_PATTERNS: Final = 4000
"""Characters of all of them."""
LONGEST_PATTERN: Final = 200
"""Characters of the beginning that a wildcard's regular expression matches."""
_SPECIAL: Final = frozenset(r"\^$.|?*+()[]{}")


class Branch(msgspec.Struct, frozen=True):
    """What serves the requests for which ``query`` holds; ``name`` is what the condition calls it."""

    name: str
    query: dict[str, Any]
    node: Node


def names_one_of(models: Sequence[str]) -> dict[str, Any]:
    """The query for requests that name one of these models."""
    return {"params.model": models[0] if len(models) == 1 else {"$in": list(models)}}


def begins_with(prefix: str) -> dict[str, Any]:
    """The query for requests whose model begins so."""
    return {"params.model": {"$regex": "^" + "".join(f"\\{each}" if each in _SPECIAL else each for each in prefix)}}


def balance(targets: Sequence[Node], weights: Sequence[float] = (), **strategy: Any) -> Node:
    """One of the targets by weight; a target that is alone needs no balancer."""
    if len(targets) == 1:
        return targets[0]
    weighed = [
        {**target, "weight": weight} if weight != 1 else target
        for target, weight in zip(targets, weights or [1] * len(targets), strict=True)
    ]
    return {"strategy": {"mode": "loadbalance", **strategy}, "targets": weighed}


def fallback(nodes: Sequence[Node], **strategy: Any) -> Node:
    """The nodes in order; a node that is alone needs no fallback."""
    if len(nodes) == 1:
        return nodes[0]
    return {"strategy": {"mode": "fallback", **strategy}, "targets": list(nodes)}


def choose(branches: Iterable[Branch], default: Node | None = None) -> Node | None:
    """The first branch whose query holds, else the default; None where there is nothing to choose from. A group has a
    hundred conditions at most: more are groups within the default."""
    left = _told_apart(branches)
    if not left:
        return default
    node = default
    for start in reversed(range(0, len(left), _MOST_CONDITIONS)):
        node = _group(left[start : start + _MOST_CONDITIONS], node)
    return node


def _told_apart(branches: Iterable[Branch]) -> list[Branch]:
    """The branches under names that none of them shares."""
    found: dict[str, Branch] = {}
    for branch in branches:
        name = branch.name
        while name in found:
            name += "…"
        found[name] = msgspec.structs.replace(branch, name=name)
    return list(found.values())


def _group(branches: Sequence[Branch], default: Node | None) -> Node:
    names = {branch.name for branch in branches}
    other = "other models"
    while other in names:
        other += "…"
    strategy: dict[str, Any] = {
        "mode": "conditional",
        "conditions": [{"query": branch.query, "then": branch.name} for branch in branches],
    }
    targets = [{"name": branch.name, **branch.node} for branch in branches]
    if default is not None:
        strategy["default"] = other
        targets.append({"name": other, **default})
    return {"strategy": strategy, "targets": targets}


def retry(report: Report, path: str, retries: float) -> Node:
    """Retries, with a line on them: Penstock makes five at most."""
    attempts = min(int(retries), 5)
    if attempts < retries:
        report.near(path, "retry.attempts 5, the most that there are")
    else:
        report.exact(path, f"retry.attempts {attempts}")
    return {"attempts": attempts}
