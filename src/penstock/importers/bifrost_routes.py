"""Bifrost's way to a provider as a config: ``provider/model`` names both, a model alone is balanced over providers.

Source: https://docs.getbifrost.ai/features/governance/routing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from penstock.importers.bifrost_providers import Key
from penstock.importers.report import Report
from penstock.importers.routes import Branch, Node, balance, begins_with, choose, fallback, names_one_of

_MOST_ALTERNATIVES: Final = 6
"""Providers of one model of which each is followed by all others; of more, one is chosen alone."""
_MOST_PATTERNS: Final = 10
"""Regular expressions of one list: a config has a limit for all of its own."""
_PATTERN: Final = "regex:"
_SIMPLE: Final = re.compile(r"[\w.:/@\[\]()|?*+\\^$-]{1,150}")


class Scope(msgspec.Struct, frozen=True):
    """What a caller may use of one provider. ``allowed`` are models, None for all; ``patterns`` regular expressions of
    further ones; ``denied`` are models that are taken away again."""

    provider: str
    keys: tuple[Key, ...]
    weight: float = 1
    allowed: tuple[str, ...] | None = None
    denied: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()

    def models(self) -> list[str]:
        """The models that are named anywhere, and that the caller may use."""
        if self.allowed is not None:
            names = list(self.allowed)
        else:
            names = [model for key in self.keys for model in (*(key.models or ()), *key.aliases, *key.denied)]
        return [model for model in dict.fromkeys(names) if model not in self.denied and self.node(model) is not None]

    def node(self, model: str) -> Node | None:
        """The keys that serve a model, balanced; None if none does."""
        usable = [key for key in self.keys if key.serves(model)]
        return _balanced(usable, [_target(key, key.aliases.get(model, model)) for key in usable])

    def rest(self, prefix: str) -> Node | None:
        """The keys that serve all models, balanced; the provider does not get the prefix of the model."""
        usable = [key for key in self.keys if key.models is None]
        targets = [{**key.target, "strip_model_prefix": prefix} if prefix else key.target for key in usable]
        return _balanced(usable, targets)

    @property
    def excluded(self) -> list[str]:
        """Models that no pattern and no wildcard may lead to."""
        return list(dict.fromkeys([*self.denied, *(model for key in self.keys for model in key.denied)]))


def read_allowed(models: Sequence[str], path: str, report: Report) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names and patterns of a list of allowed models."""
    names: list[str] = []
    patterns: list[str] = []
    for index, model in enumerate(models):
        if not model.startswith(_PATTERN):
            names.append(model)
            continue
        pattern = model.removeprefix(_PATTERN).removeprefix("^").removesuffix("$")
        if len(patterns) < _MOST_PATTERNS and _compiles(pattern):
            patterns.append(pattern)
            report.near(f"{path}[{index}]", "a regular expression of the whole name")
        else:
            report.lost(f"{path}[{index}]", "this regular expression can't be used here: its models are refused")
    return tuple(names), tuple(patterns)


def _compiles(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError):
        return False
    return _SIMPLE.fullmatch(pattern) is not None


def config(scopes: Sequence[Scope], first: Sequence[Branch] = ()) -> Node | None:
    """The config of a caller with these scopes; ``first`` are branches before all others. None if it allows nothing."""
    branches, alone = list(first), _by_model(scopes)
    for scope in scopes:
        prefix = f"{scope.provider}/"
        for model in scope.models():
            node = scope.node(model)
            only = [node] == [each for _, each in alone.get(model, [])]
            if node is not None:
                branches.append(
                    Branch(prefix + model, names_one_of([prefix + model, *([model] if only else [])]), node)
                )
            if only:
                del alone[model]
        branches += _open(scope, prefix)
    branches += [Branch(model, names_one_of([model]), weighed_failover(nodes)) for model, nodes in alone.items()]
    default = None
    if len(scopes) == 1 and scopes[0].allowed is None:
        default = scopes[0].rest("")
        prefix, denied = f"{scopes[0].provider}/", scopes[0].denied
        closed = [model for model in scopes[0].excluded if model in denied or scopes[0].node(model) is None]
        refused = [*closed, *(prefix + model for model in closed)]
        if default is not None and refused:
            branches.append(Branch("all others", {"params.model": {"$nin": refused}}, default))
            default = None
    return choose(branches, default)


def _by_model(scopes: Sequence[Scope]) -> dict[str, list[tuple[float, Node]]]:
    """For each model that is named, what serves it and with which weight."""
    found: dict[str, list[tuple[float, Node]]] = {}
    for scope in scopes:
        for model in scope.models():
            node = scope.node(model)
            if node is not None and scope.weight > 0:
                found.setdefault(model, []).append((scope.weight, node))
    return found


def _open(scope: Scope, prefix: str) -> list[Branch]:
    """The branches for models that are not named: by pattern, or all."""
    excluded = [prefix + model for model in scope.excluded]
    node, guard = scope.rest(prefix), {"$nin": excluded} if excluded else {}
    if node is None:
        return []
    branches = []
    for pattern in scope.patterns:
        # $regex comes last: members after it are not looked at.
        operators = {**guard, "$regex": f"{begins_with(prefix)['params.model']['$regex']}(?:{pattern})$"}
        branches.append(Branch(f"{prefix}{pattern}", {"params.model": operators}, node))
    if scope.allowed is None:
        branches.append(Branch(f"{prefix}*", {"params.model": {**guard, **begins_with(prefix)["params.model"]}}, node))
    return branches


def weighed_failover(nodes: Sequence[tuple[float, Node]]) -> Node:
    """One of the nodes by weight, and then the others, the heaviest first."""
    ordered = sorted(nodes, key=lambda each: -each[0])
    if len(ordered) == 1:
        return ordered[0][1]
    weights = [weight for weight, _ in ordered]
    if len(ordered) > _MOST_ALTERNATIVES:
        return balance([node for _, node in ordered], weights)
    choices = []
    for index, (_, node) in enumerate(ordered):
        others = [each for place, (_, each) in enumerate(ordered) if place != index]
        choices.append(fallback([node, *others]))
    return balance(choices, weights)


def _balanced(keys: Sequence[Key], targets: Sequence[Node]) -> Node | None:
    if not targets:
        return None
    weights = [key.weight for key in keys]
    return balance(targets, weights if sum(weights) else [1] * len(targets))


def _target(key: Key, model: str) -> Node:
    target = {**key.target, "override_params": {"model": model}}
    return {**target, "deployment_id": model} if key.deployments else target
