"""LiteLLM's routing as a config: a branch for each name of a model, its deployments balanced, its fallbacks after it.

Source: https://docs.litellm.ai/docs/routing, https://docs.litellm.ai/docs/proxy/reliability.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from penstock.importers.litellm_deployments import Deployment, stripped_prefix
from penstock.importers.report import Report
from penstock.importers.routes import (
    Branch,
    Node,
    balance,
    begins_with,
    choose,
    fallback,
    names_one_of,
)

MOST_TARGETS: Final = 1000
_MOST_HOPS: Final = 5
"""How far LiteLLM follows the fallbacks of fallbacks."""
_STAR: Final = "*"


class Routing(msgspec.Struct):
    """What the settings say of routing. ``fallbacks``, ``context_fallbacks`` and ``content_fallbacks`` are names of
    models by name, in order; ``aliases`` are names of models by their other names. ``outer`` are members of the whole
    config, ``strategy`` those of each balancer."""

    fallbacks: dict[str, list[str]] = {}
    context_fallbacks: dict[str, list[str]] = {}
    content_fallbacks: dict[str, list[str]] = {}
    default_fallbacks: list[str] = []
    aliases: dict[str, str] = {}
    outer: Node = {}
    strategy: Node = {}
    filters_tags: bool = False


class Branches:
    """The branches of one file, from which a config is made for all callers, and one for each set of models."""

    def __init__(self, deployments: Sequence[Deployment], routing: Routing, report: Report) -> None:
        self._routing = routing
        self._report = report
        self._groups: dict[str, list[Deployment]] = {}
        for each in deployments:
            self._groups.setdefault(each.name, []).append(each)
        self._nodes = {name: self._group(group) for name, group in self._groups.items()}

    @property
    def names(self) -> tuple[str, ...]:
        """The names of models, wildcards among them."""
        return tuple(self._groups)

    def allowed(self, models: Iterable[str], team: str | None) -> tuple[str, ...]:
        """The names that a list of a key's or a team's allows: names, wildcards, access groups, other names."""
        wanted = set(models)
        aliased = {target for alias, target in self._routing.aliases.items() if alias in wanted}
        return tuple(
            name
            for name, group in self._groups.items()
            if _is_of(group, team)
            and (
                name in wanted
                or name in aliased
                or any(wanted & set(each.groups) for each in group)
                or any(each.endswith(_STAR) and name.startswith(each.removesuffix(_STAR)) for each in wanted)
            )
        )

    def config(self, names: Collection[str] | None = None, *, team: str | None = None) -> Node | None:
        """The config for callers who may use these names, None for all that belong to no team. Without any model there
        is none."""
        open_to_all = [name for name, group in self._groups.items() if _is_of(group, team)]
        usable = [name for name in open_to_all if names is None or name in names]
        plain = [name for name in usable if _STAR not in name]
        stars = sorted((name for name in usable if name.endswith(_STAR)), key=len, reverse=True)
        branches = [self._exact(name) for name in plain]
        patterns = [name for name in stars if name != _STAR]
        branches += [Branch(name, begins_with(name.removesuffix(_STAR)), self._whole(name)) for name in patterns]
        node = choose(branches, self._whole(_STAR) if _STAR in usable else None)
        return None if node is None else {**self._routing.outer, **node}

    def _exact(self, name: str) -> Branch:
        others = [
            alias for alias, target in self._routing.aliases.items() if target == name and alias not in self._groups
        ]
        return Branch(name, names_one_of([name, *others]), self._whole(name))

    # One name of a model.

    def _group(self, group: Sequence[Deployment]) -> Node:
        """The deployments of a name: fallbacks in their order, each a balancer."""
        ranks: dict[float, list[Deployment]] = {}
        for each in sorted(group, key=_rank):
            ranks.setdefault(_rank(each), []).append(each)
        if self._routing.filters_tags and any(each.tags for each in group):
            return self._by_tags(group)
        return fallback([self._balanced(each) for each in ranks.values()])

    def _by_tags(self, group: Sequence[Deployment]) -> Node:
        tags = list(dict.fromkeys(tag for each in group for tag in each.tags if tag != "default"))
        branches = [
            Branch(tag, {"metadata.tags": tag}, self._balanced([each for each in group if tag in each.tags]))
            for tag in tags
        ]
        rest = [each for each in group if not each.tags or "default" in each.tags]
        node = choose(branches, self._balanced(rest) if rest else None)
        return node if node is not None else self._balanced(group)

    def _balanced(self, group: Sequence[Deployment]) -> Node:
        strategy = {} if len(group) == 1 else self._routing.strategy
        return balance([_target(each) for each in group], _weights(group), **strategy)

    # Fallbacks.

    def _whole(self, name: str) -> Node:
        """A name with its fallbacks; those for long inputs and for filtered contents serve these errors alone."""
        routing = self._routing
        long = self._known(routing.context_fallbacks.get(name, []))
        filtered = self._known(routing.content_fallbacks.get(name, []))
        special = [error for error, names in (("context_length", long), ("content_filter", filtered)) if names]
        rules = {"return_on_error": special} if special else {}
        node = fallback(self._copies(self._chain(name), name), **rules)
        if long:
            later = {"return_on_error": ["content_filter"]} if filtered else {}
            node = fallback([node, *self._copies(long, name)], on_error=["context_length"], **later)
        if filtered:
            node = fallback([node, *self._copies(filtered, name)], on_error=["content_filter"])
        return node

    def _chain(self, name: str) -> list[str]:
        """A name, its fallbacks, and theirs, each once."""
        found: list[str] = []
        self._follow(name, found, _MOST_HOPS)
        return found

    def _follow(self, name: str, found: list[str], hops: int) -> None:
        if name in found or name not in self._groups:
            return
        found.append(name)
        if hops:
            own = self._routing.fallbacks.get(name)
            for each in self._routing.default_fallbacks if own is None else own:
                self._follow(self._routing.aliases.get(each, each), found, hops - 1)

    def _known(self, names: Iterable[str]) -> list[str]:
        real = (self._routing.aliases.get(name, name) for name in names)
        return [name for name in real if name in self._groups]

    def _copies(self, names: Iterable[str], of: str) -> list[Node]:
        """The nodes of names. A wildcard's passes the caller's model on, which is another name's as a fallback."""
        return [self._nodes[name] for name in names if name == of or not name.endswith(_STAR)]


def _rank(deployment: Deployment) -> float:
    return math.inf if deployment.order is None else deployment.order


def _is_of(group: Sequence[Deployment], team: str | None) -> bool:
    return any(each.team is None or each.team == team for each in group)


def _target(deployment: Deployment) -> Node:
    target = deployment.target
    if not deployment.model.endswith(_STAR):
        return target
    prefix = stripped_prefix(deployment.name, deployment.model)
    return {**target, "strip_model_prefix": prefix} if prefix else target


def _weights(group: Sequence[Deployment]) -> list[float]:
    """The weights of LiteLLM's simple shuffle: weight, rpm or tpm, whichever the first deployment has."""
    for index in range(3):
        if group[0].weights[index]:
            weights = [each.weights[index] or 0 for each in group]
            return [int(weight) if weight == int(weight) else weight for weight in weights]
    return [1] * len(group)


def fallbacks_of(value: Any, path: str, report: Report, known: Collection[str]) -> Mapping[str, list[str]]:
    """LiteLLM's list ``[{"a": ["b", "c"]}]`` as names by name, with a line for each entry."""
    found: dict[str, list[str]] = {}
    items = value if isinstance(value, list) else [value] if isinstance(value, dict) else None
    if items is None:
        report.lost(path, "expected a list of fallbacks")
        return found
    for index, item in enumerate(items):
        if not isinstance(item, dict):
            report.lost(f"{path}[{index}]", "expected an object")
            continue
        for name, names in item.items():
            where = f"{path}[{index}].{name}" if isinstance(value, list) else f"{path}.{name}"
            texts = [each for each in names if isinstance(each, str)] if isinstance(names, list) else []
            usable = [each for each in texts if each in known]
            missing = ", ".join(map(str, [each for each in texts if each not in known]))
            if not isinstance(names, list) or len(texts) < len(names):
                report.lost(where, "expected names of models")
            elif name not in known and name != _STAR:
                report.lost(where, "the file has no model of this name")
            elif missing:
                report.lost(where, f"the file has no model {missing}")
            else:
                report.exact(where, f"fallback: {', '.join([name, *usable])}")
            found.setdefault(name, []).extend(usable)
    return found
