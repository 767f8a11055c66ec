"""What another gateway had, made in the database in one transaction: all of it, or nothing.

A thing is known by its name, a key by the digest of its text. What is there with the same contents stays as it is, so
that a second run changes nothing; what is there with other contents is left alone, or changed where the operator says
so. Source: docs/import.md#into-the-database.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, Final, Literal, TypeVar

import msgspec
import sqlalchemy as sa

from penstock.control import configs, policy_calls, providers, workspaces
from penstock.control.actor import Actor
from penstock.control.imports import balances as import_balances
from penstock.control.imports import credentials as import_credentials
from penstock.control.imports import matches as import_matches
from penstock.control.integrations import integrations
from penstock.control.integrations import models as integration_models
from penstock.control.keys import api_keys
from penstock.control.plane import Change, ControlPlane, workspace_for
from penstock.control.policies import PolicyKind
from penstock.control.refusal import Refusal
from penstock.importers.imported import Body, Imported
from penstock.limits.definition import MEMBERS
from penstock.stores.sql.schema import integration

Outcome = Literal["created", "replaced", "unchanged", "left alone", "left out"]
_KEY: Final = "workspace-service"
_T = TypeVar("_T")


class Step(msgspec.Struct, frozen=True):
    """What became of one thing. ``text``: why it was not made as the source has it."""

    outcome: Outcome
    kind: str
    name: str
    text: str = ""

    def __str__(self) -> str:
        return f"{self.outcome}: {self.kind} {self.name}" + (f" ({self.text})" if self.text else "")


class Applied(msgspec.Struct, frozen=True):
    """What became of everything. ``is_written``: the database was changed. ``variables`` are those of the environment
    that hold a credential: they must be set where the gateway starts."""

    steps: list[Step]
    is_written: bool
    variables: list[str] = []

    @property
    def left_alone(self) -> list[Step]:
        """What is there with other contents than the source has."""
        return [step for step in self.steps if step.outcome == "left alone"]

    @property
    def changes(self) -> bool:
        """Whether anything was made or changed, or would have been."""
        return any(step.outcome in {"created", "replaced"} for step in self.steps)


class Consent(msgspec.Struct, frozen=True):
    """What the operator agrees to: ``replaces`` what has other contents, or ``leaves`` it alone and goes on."""

    replaces: bool = False
    leaves: bool = False


class _Undo(Exception):
    """The transaction is to be undone."""


async def apply(
    plane: ControlPlane,
    actor: Actor,
    imported: Imported,
    value_of: Callable[[str], str | None],
    consent: Consent,
    *,
    is_rehearsal: bool = False,
) -> Applied:
    """Make what is imported. ``value_of`` gives the value of an environment variable, for settings that are no secrets.

    Nothing is written in a rehearsal, where everything is there already, and where something with other contents would
    be left alone without consent. Raises Refusal: nothing is written then.
    """
    steps: list[Step] = []
    variables: set[str] = set()
    try:
        async with plane.joined(actor) as (part, change):
            importing = _Import(part, change, imported, value_of, consent)
            steps += await importing.run()
            variables |= importing.variables
            applied = Applied(steps, is_written=True, variables=sorted(variables))
            _keep_or_undo(applied, consent, is_rehearsal=is_rehearsal)
    except _Undo:
        return Applied(steps, is_written=False, variables=sorted(variables))
    return applied


def _keep_or_undo(applied: Applied, consent: Consent, *, is_rehearsal: bool) -> None:
    if is_rehearsal or not applied.changes or (applied.left_alone and not consent.leaves):
        raise _Undo


class _Import:
    """One import in a transaction. ``plane`` makes all its changes in it."""

    def __init__(
        self,
        plane: ControlPlane,
        change: Change,
        imported: Imported,
        value_of: Callable[[str], str | None],
        consent: Consent,
    ) -> None:
        self._plane = plane
        self._actor = change.actor
        self._change = change
        self._connection = change.connection
        self._imported = imported
        self._value_of = value_of
        self._replaces = consent.replaces
        self._key_ids: dict[str, str] = {}
        """Ids of gateway keys by the names that policies call them."""
        self.variables: set[str] = set()
        self._made: set[str] = set()
        """Slugs of integrations that this import makes or changes."""
        self._owners: dict[tuple[str, str], str] = {}
        """Ids of keys and budgets that this import makes, by level and name."""
        self._workspace = ""
        self._obstacles: dict[str, str] = {}

    async def run(self) -> list[Step]:
        """All steps, in the order in which things need one another. Raises Refusal."""
        self._workspace = await workspace_for(self._connection, self._actor, None)
        self._obstacles = await import_matches.key_obstacles(self._connection, self._workspace)
        imported = self._imported
        steps = []
        for kind, bodies, do in (
            ("integration", imported.integrations, self._integration),
            ("models of", imported.models, self._models),
            ("provider", imported.providers, self._provider),
            ("config", imported.configs, self._config),
            ("key", imported.api_keys, self._key),
            ("usage policy", imported.usage_policies, self._usage_policy),
            ("rate policy", imported.rate_policies, self._rate_policy),
            ("workspace", list(self._workspace_bodies()), self._limits_of_workspace),
        ):
            for body in bodies:
                name = str(body.get("slug") or body.get("name") or body.get("integration") or "default")
                outcome, text = await _named(f"{kind} {name}", do(body))
                steps.append(Step(outcome, kind, name, text))
        return steps + [step async for step in self._balances()]

    async def _integration(self, body: Body) -> tuple[Outcome, str]:
        plane, actor = self._plane, self._actor
        body = import_credentials.stored(plane.provider_rules, body, self._imported.secrets, self._value_of)
        references = [each["secret_reference_id"] for each in body.get("secret_mappings", ())]
        self.variables.update(each.removeprefix("env:") for each in references if each.startswith("env:"))
        slug = body["slug"]
        row = await self._found_integration(slug)
        if row is None:
            await integrations.create(plane, actor, body)
            self._made.add(slug)
            return "created", ""
        if await integrations.holds(plane, actor, self._connection, row, body):
            return "unchanged", ""
        if plane.provider_rules.find(row.provider) is not plane.provider_rules.find(body["ai_provider_id"]):
            return "left alone", f"it is for {row.provider}, not for {body['ai_provider_id']}"
        if not self._replaces:
            return "left alone", "its credential or its settings differ"
        await integrations.update(plane, actor, slug, {"key": None, "configurations": None, "secret_mappings": None})
        members = ("name", "key", "configurations", "secret_mappings")
        await integrations.update(plane, actor, slug, {name: body[name] for name in members if name in body})
        return "replaced", ""

    async def _models(self, each: Body) -> tuple[Outcome, str]:
        slug, body = each["integration"], each["body"]
        row = await self._found_integration(slug)
        if await integration_models.holds(self._connection, row, body):
            return "unchanged", ""
        if slug in self._made:
            await integration_models.update(self._plane, self._actor, slug, body)
            return "created", ""
        if not self._replaces:
            return "left alone", "its models or their prices differ"
        known = await integration_models.enabled(self._connection, row.id)
        wanted = {model["slug"] for model in body["models"]}
        surplus = [] if body["allow_all_models"] else [name for name in known if name not in wanted]
        models = [*body["models"], *({"slug": name, "enabled": False} for name in surplus)]
        await integration_models.update(self._plane, self._actor, slug, {**body, "models": models})
        return "replaced", ""

    async def _provider(self, body: Body) -> tuple[Outcome, str]:
        difference = await import_matches.provider(self._connection, body)
        if difference is None:
            await providers.create(self._plane, self._actor, body)
            return "created", ""
        if not difference:
            return "unchanged", ""
        if difference != import_matches.LIMITS or not self._replaces:
            return "left alone", difference
        await providers.update(self._plane, self._actor, body["slug"], _all_limits(body))
        return "replaced", ""

    async def _config(self, body: Body) -> tuple[Outcome, str]:
        slug = body["name"]
        difference = await import_matches.config(self._connection, slug, body["config"])
        if difference is None:
            await configs.create(self._plane, self._actor, body, slug)
            return "created", ""
        if not difference:
            return "unchanged", ""
        if not self._replaces:
            return "left alone", difference
        await configs.update(self._plane, self._actor, slug, {"config": body["config"], "status": "active"})
        return "replaced", ""

    async def _key(self, body: Body) -> tuple[Outcome, str]:
        digest = bytes.fromhex(body["digest"].removeprefix("sha256:"))
        body = {name: value for name, value in body.items() if name != "digest"}
        row = await import_matches.key_row(self._connection, digest)
        if row is None:
            if body["name"] in self._obstacles:
                return "left alone", self._obstacles[body["name"]]
            made = await api_keys.create_by_digest(self._plane, self._actor, _KEY, body, digest)
            self._key_ids[body["name"]] = made["id"]
            self._owners["api_key", body["name"]] = made["id"]
            return "created", ""
        self._key_ids[body["name"]] = row.id
        difference = await import_matches.key(self._connection, row, body, self._workspace)
        if not difference:
            return "unchanged", ""
        if row.kind != _KEY or row.workspace_id != self._workspace or not self._replaces:
            return "left alone", difference
        defaults = {"metadata": None, "config_id": None, **body["defaults"]}
        absent = {"expires_at": None, "labels": None, "status": "active", "allowed_models": None}
        await api_keys.update(
            self._plane, self._actor, row.id, {**absent, **_all_limits(body), **body, "defaults": defaults}
        )
        return "replaced", ""

    async def _usage_policy(self, body: Body) -> tuple[Outcome, str]:
        return await self._policy("usage", body)

    async def _rate_policy(self, body: Body) -> tuple[Outcome, str]:
        return await self._policy("rate", body)

    async def _policy(self, kind: PolicyKind, body: Body) -> tuple[Outcome, str]:
        keys = [each["value"] for each in body["conditions"] if each["key"] == "api_key"]
        missing = [name for name in keys if name not in self._key_ids]
        if missing:
            return "left out", f"the key {missing[0]} is not imported"
        conditions = [
            {**each, "value": self._key_ids[each["value"]]} if each["key"] == "api_key" else each
            for each in body["conditions"]
        ]
        body = {**body, "conditions": conditions}
        wanted = policy_calls.definition_of(kind, body)
        stored = await import_matches.policy(self._connection, kind, body, self._workspace)
        if stored is None:
            made = await policy_calls.create(self._plane, self._actor, kind, body)
            if kind == "usage":
                self._owners["policy", body["name"]] = made["id"]
            return "created", ""
        if stored.definition == wanted:
            return "unchanged", ""
        if not self._replaces:
            return "left alone", "its limit or its conditions differ"
        changed = {name: wanted.get(name) for name in {*stored.definition, *wanted} - {"type", "unit", "target"}}
        await policy_calls.update(self._plane, self._actor, kind, stored.id, changed)
        return "replaced", ""

    async def _balances(self) -> AsyncIterator[Step]:
        """Count what was used before for what this import makes: what is there counts by itself."""
        for balance in self._imported.opening_balances:
            owner = self._owners.get((balance["level"], balance["owner"]))
            amount = balance["amount"]
            if owner and await import_balances.open_balance(self._change, balance["level"], owner, amount):
                yield Step("created", "opening balance of", balance["owner"], f"{amount} dollars")

    def _workspace_bodies(self) -> Iterator[Body]:
        if self._imported.workspace:
            yield self._imported.workspace
        if self._imported.default_config is not None:
            yield {"defaults": {"config_id": self._imported.default_config}}

    async def _limits_of_workspace(self, body: Body) -> tuple[Outcome, str]:
        difference = await import_matches.workspace_difference(self._connection, self._workspace, body)
        if difference == "":
            return "unchanged", ""
        if difference is not None and not self._replaces:
            return "left alone", difference
        wanted = body if "defaults" in body else _all_limits(body)
        await workspaces.update_workspace(self._plane, self._actor, self._workspace, wanted)
        return ("created" if difference is None else "replaced"), ""

    async def _found_integration(self, slug: str) -> Any:
        query = sa.select(integration).where(integration.c.slug == slug, sa.not_(integration.c.is_hidden))
        return (await self._connection.execute(query)).one_or_none()


def _all_limits(body: Body) -> Body:
    """The limits of a body: those that it does not have are taken away."""
    return {name: body.get(name) for name in MEMBERS}


async def _named(name: str, doing: Awaitable[_T]) -> _T:
    """The result of a step; a refusal names the thing."""
    try:
        return await doing
    except Refusal as refusal:
        raise Refusal(refusal.why, f"{name}: {refusal.message}; nothing is written") from None
