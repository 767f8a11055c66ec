"""Bifrost's routing rules, as far as a condition of a config says the same.

Source: https://docs.getbifrost.ai/features/governance/routing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from penstock.importers.bifrost_routes import Scope
from penstock.importers.report import Report
from penstock.importers.routes import Branch, Node, balance, fallback, names_one_of
from penstock.importers.section import Section

_EQUALITY: Final = re.compile(r"\s*(\w+)\s*==\s*(?:\"([^\"\\]*)\"|'([^'\\]*)')\s*")
_RULE: Final = {
    "id": "conditions have no names of their own",
    "name": "conditions have no names of their own",
    "description": "conditions have no descriptions",
    "priority": "place among the conditions",
    "config_hash": "an identifier of Bifrost's",
    "query": "the expression says it",
    "created_at": "an identifier of Bifrost's",
    "updated_at": "an identifier of Bifrost's",
}


class Rule(msgspec.Struct, frozen=True):
    """One rule: the models for which it holds, and where requests go. ``scope_id`` is the virtual key that it is for,
    None for all."""

    name: str
    models: tuple[str, ...]
    targets: tuple[tuple[float, str, str], ...]
    fallbacks: tuple[tuple[str, str], ...]
    scope_id: str | None = None

    def branch(self, scopes: Sequence[Scope]) -> Branch | None:
        """The condition for a caller with these scopes; None where they don't allow what the rule leads to."""
        by_name = {scope.provider: scope for scope in scopes}
        nodes = [(weight, node) for weight, *name in self.targets if (node := _node(by_name, name[0], name[1]))]
        if not nodes:
            return None
        chosen = balance([node for _, node in nodes], [weight for weight, _ in nodes])
        later = [node for provider, model in self.fallbacks if (node := _node(by_name, provider, model))]
        return Branch(f"rule {self.name}", names_one_of(self.models), fallback([chosen, *later]))


def _node(scopes: Mapping[str, Scope], provider: str, model: str) -> Node | None:
    scope = scopes.get(provider)
    if scope is None or model in scope.denied or (scope.allowed is not None and model not in scope.allowed):
        return None
    return scope.node(model)


def read_rules(governance: Section, report: Report) -> list[Rule]:
    """The rules that can be said as conditions, in the order in which they are tried."""
    sections = list(governance.sections("routing_rules"))
    sections.sort(key=lambda each: float(priority) if isinstance(priority := each.values.get("priority"), int) else 0.0)
    return [rule for section in sections if (rule := _rule(section, report)) is not None]


def _rule(section: Section, report: Report) -> Rule | None:
    expression, scope = section.text("cel_expression") or "", section.text("scope") or "global"
    name = section.values.get("name")
    is_on = section.switch("enabled")
    targets = [_target(each) for each in section.sections("targets")]
    fallbacks = [_split(text) for text in section.texts("fallbacks")]
    scope_id = section.text("scope_id")
    section.skip(_RULE)
    section.finish()
    if is_on is False:
        report.exact(section.path, "left out: it is switched off")
        return None
    models = _models(expression)
    if scope not in {"global", "virtual_key"}:
        report.lost(section.path, f"rules of a {scope} are not built")
        return None
    if models is None or not all(targets) or not all(fallbacks) or not targets:
        text = "only rules that compare the model, and name provider and model, can be conditions"
        report.lost(section.path, text)
        return None
    report.exact(section.path, f"condition on {' or '.join(models)}, for callers who may use what it leads to")
    return Rule(
        name if isinstance(name, str) else section.path,
        models,
        tuple(each for each in targets if each is not None),
        tuple(each for each in fallbacks if each is not None),
        scope_id if scope == "virtual_key" else None,
    )


def _models(expression: str) -> tuple[str, ...] | None:
    """The names that a request's model has where an expression holds: ``model == "gpt-4o" && provider == "openai"``."""
    values: dict[str, Any] = {}
    for part in expression.split("&&"):
        found = _EQUALITY.fullmatch(part)
        if found is None or found[1] not in {"model", "provider"} or found[1] in values:
            return None
        values[found[1]] = found[2] or found[3]
    model, provider = values.get("model"), values.get("provider")
    if not model:
        return None
    return (f"{provider}/{model}",) if provider else (model,)


def _target(section: Section) -> tuple[float, str, str] | None:
    provider, model, weight = section.text("provider"), section.text("model"), section.number("weight")
    section.skip({"key_id": "all keys of the provider are used"})
    section.finish()
    return None if provider is None or model is None else (1 if weight is None else weight, provider, model)


def _split(text: str) -> tuple[str, str] | None:
    provider, slash, model = text.partition("/")
    return (provider, model) if slash and provider and model else None
