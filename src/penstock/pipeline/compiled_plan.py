"""What the headers of a request come to: a plan with the routes of its targets, and what it depends on."""

from __future__ import annotations

import msgspec

from penstock.core.failure import Failure
from penstock.core.operation import Operation
from penstock.core.permissions import Permissions
from penstock.pipeline.choice import PATH, Choice
from penstock.pipeline.target_route import Grants, TargetRoute
from penstock.routing.plan import Plan, leaves
from penstock.stores.catalogue import Catalogue, CatalogueChange


class CompiledPlan(msgspec.Struct):
    """A plan, and the routes of its targets, each built on first use.

    ``config`` is the name of the saved config that the plan comes from, None if the caller sent the config.
    ``virtual_keys`` and ``configs`` are the names of the catalogue that the plan depends on. ``grants`` are what the
    plan's callers may use. ``forwarded`` are the headers that any of its targets forwards. ``withheld`` are the
    headers that were left out because they hold a gateway key. ``permitted`` are the permissions of callers who may
    use the plan. ``guardrails`` are the names of the saved guardrails that the plan depends on. ``is_cached``: answers
    of its targets may be stored.
    """

    plan: Plan
    config: str | None = None
    virtual_keys: frozenset[str] = frozenset()
    configs: frozenset[str] = frozenset()
    grants: Grants = Grants()
    forwarded: frozenset[bytes] = frozenset()
    withheld: frozenset[bytes] = frozenset()
    permitted: set[Permissions] = msgspec.field(default_factory=set)
    routes: dict[tuple[str, Operation], TargetRoute | Failure] = msgspec.field(default_factory=dict)
    guardrails: frozenset[str] = frozenset()
    is_cached: bool = False

    def made_for(self, choice: Choice, withheld: frozenset[bytes]) -> CompiledPlan:
        """The plan, made without the withheld headers. A name in the path may get another meaning: a virtual key's, a
        config's or a provider's."""
        self.withheld = withheld
        if choice.where == PATH:
            name = choice.config or (choice.provider or "").removeprefix("@")
            self.virtual_keys, self.configs = self.virtual_keys | {name}, self.configs | {name}
        return self

    def rests_on(self, change: CatalogueChange) -> bool:
        """Whether a change of the catalogue may change the plan."""
        is_apart = self.virtual_keys.isdisjoint(change.virtual_keys) and self.configs.isdisjoint(change.configs)
        return not (is_apart and self.guardrails.isdisjoint(change.guardrails))

    def rests_on_keys(self, catalogue: Catalogue) -> bool:
        """Whether the plan holds a gateway key as a credential or a setting, or was made without a header that held
        a gateway key."""
        if self.withheld:
            return True
        return any(
            catalogue.holds_key(text)
            for target in leaves(self.plan)
            for text in (*target.options.values(), target.api_key.reveal() if target.api_key is not None else "")
        )


def compiled_plan(plan: Plan, grants: Grants, config: str | None = None, asked_as: str = "") -> CompiledPlan:
    """The compiled plan. ``config`` is the name of the saved config that the plan comes from, ``asked_as`` the name or
    id in the caller's header."""
    targets = leaves(plan)
    keys = frozenset(target.virtual_key for target in targets if target.virtual_key is not None)
    configs = frozenset() if config is None else frozenset({config, asked_as})
    forwarded = frozenset(name.encode("latin-1", "replace") for target in targets for name in target.forward_headers)
    guards = [target.guards.names for target in targets if target.guards is not None]
    names = frozenset().union(*guards) if guards else frozenset()
    is_cached = any(target.cache is not None for target in targets)
    return CompiledPlan(plan, config, keys, configs, grants, forwarded, guardrails=names, is_cached=is_cached)
