"""Imports in the control plane's database, on every engine: all of it or nothing, and a second run changes nothing."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from administering import KEYRING, new_plane
from databases import fresh_address
from importing import BIFROST, CASES, HOSTS, LITELLM, converted
from penstock.admin.provider_rules import provider_rules
from penstock.control import audit, configs, providers
from penstock.control.actor import CLI
from penstock.control.imports import imports
from penstock.control.imports.imports import Applied, Consent
from penstock.control.integrations import integrations
from penstock.control.keys import api_keys
from penstock.control.pages import Page
from penstock.control.plane import ControlPlane
from penstock.control.refusal import Refusal
from penstock.core.address import AddressPolicy
from penstock.importers import litellm
from penstock.importers.database import fit_database
from penstock.importers.imported import Imported
from penstock.importers.litellm_rows import Rows
from penstock.providers.registry import PROVIDERS
from penstock.stores.references import References
from penstock.stores.sql import schema
from penstock.stores.sql.catalogue.load import Loaded, Loader
from penstock.stores.sql.keyring import Keyring

BY = Page()
TEXT, OTHER = "sk-of-the-team-0123456789", "sk-another-0123456789"
FILE: dict[str, Any] = {
    "model_list": [
        {"model_name": "a", "litellm_params": {"model": "openai/m", "api_key": "sk-in-clear-0123456789", "rpm": 5}},
        {"model_name": "b", "litellm_params": {"model": "anthropic/n", "api_key": "os.environ/CLAUDE"}},
    ],
    "litellm_settings": {"max_budget": 100, "budget_duration": "30d"},
}


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


ROWS = Rows(
    keys=[
        {"token": digest(TEXT), "key_alias": "team", "models": ["a"], "spend": 3.5, "max_budget": 10,
         "budget_duration": "30d", "rpm_limit": 7, "team_id": "t",
         "model_max_budget": {"a": {"budget_limit": 2, "time_period": "1d"}}},
        {"token": digest(OTHER), "key_alias": "past", "expires": "2001-01-01T00:00:00"},
    ],
    teams=[{"team_id": "t", "team_alias": "T", "max_budget": 50, "budget_duration": "30d", "spend": 1}],
)  # fmt: skip


def imported(file: dict[str, Any] = FILE, rows: Rows = ROWS) -> Imported:
    return fit_database(litellm.convert(file, HOSTS, lambda _: None, rows), lambda moment: moment < "2020")


@pytest.fixture(params=["memory", "postgres"])
def address(request: pytest.FixtureRequest) -> str:
    return fresh_address(request)


@pytest.fixture
async def plane(address: str) -> AsyncIterator[ControlPlane]:
    opened = await new_plane(address, provider_rules=provider_rules(AddressPolicy()))
    yield opened
    await opened.database.close()


async def apply(plane: ControlPlane, what: Imported, **options: Any) -> Applied:
    consent = Consent(options.pop("replaces", False), options.pop("leaves", False))
    return await imports.apply(plane, CLI, what, lambda _: None, consent, **options)


async def load(plane: ControlPlane) -> Loaded:
    loader = Loader(KEYRING, PROVIDERS, resolve=References({"CLAUDE": "sk-claude"}).resolve)
    async with plane.database.read() as connection:
        return await loader.load(connection, 0)


async def rows(plane: ControlPlane, query: sa.Select[Any]) -> list[Any]:
    async with plane.database.read() as connection:
        return list(await connection.execute(query))


def outcomes(applied: Applied) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for step in applied.steps:
        found.setdefault(step.outcome, set()).add(f"{step.kind} {step.name}")
    return found


async def test_an_import_is_in_force_with_limits_secrets_and_old_keys(plane: ControlPlane) -> None:
    applied = await apply(plane, imported())
    assert applied.is_written
    assert outcomes(applied).keys() == {"created"}
    assert applied.variables == ["CLAUDE"]
    loaded = await load(plane)
    assert loaded.problems == ()
    [key] = loaded.catalogue.keys_by_digest.values()
    assert (key.name, key.digest.hex(), key.config, key.pins_config) == ("team", digest(TEXT), "litellm-team", True)
    assert key.labels["team"] == "T"
    credentials = {name: each.credential for name, each in loaded.catalogue.virtual_keys.items()}
    assert {name: each.reveal() for name, each in credentials.items() if each is not None} == {
        "a": "sk-in-clear-0123456789",
        "anthropic": "sk-claude",
    }
    shown = await api_keys.read(plane, CLI, key.id or "")
    assert (shown["key"], shown["rate_limits"][0]["value"], shown["usage_limits"]["credit_limit"]) == (
        "imported",
        7,
        10,
    )
    policies = {row.name: row.definition for row in await rows(plane, sa.select(schema.policy))}
    assert policies.keys() == {"team a", "team T"}
    assert str(key.id) in policies["team a"]


async def test_what_was_used_before_is_counted(plane: ControlPlane) -> None:
    await apply(plane, imported())
    opened = {row.limit_id: row.amount for row in await rows(plane, sa.select(schema.balance_change))}
    assert sorted(opened.values()) == [1 * 10**9, 3_500_000_000]
    await apply(plane, imported())
    assert len(await rows(plane, sa.select(schema.balance_change))) == 2


async def test_a_second_run_changes_nothing(plane: ControlPlane) -> None:
    first = await apply(plane, imported())
    revision, log = await plane.database.revision(), await rows(plane, sa.select(schema.audit.c.seq))
    for replaces in (False, True):
        again = await apply(plane, imported(), replaces=replaces)
        assert not again.is_written
        made = {step for step in outcomes(first)["created"] if not step.startswith("opening")}
        assert outcomes(again) == {"unchanged": made}
    assert await plane.database.revision() == revision
    assert await rows(plane, sa.select(schema.audit.c.seq)) == log


async def test_each_thing_has_a_row_in_the_audit_log_without_secrets(plane: ControlPlane) -> None:
    await apply(plane, imported())
    log = await rows(plane, sa.select(schema.audit))
    made = {row.resource_type for row in log if row.action == "create"}
    assert made >= {"integration", "provider", "config", "api_key", "policy"}
    assert "sk-in-clear" not in repr(log)
    assert (await audit.verify(plane.database)).problem is None


async def test_a_refusal_undoes_all_of_it(plane: ControlPlane) -> None:
    what = imported()
    what.api_keys[0]["scopes"] = ["nonsense"]
    with pytest.raises(Refusal, match=r"key team: .*; nothing is written"):
        await apply(plane, what)
    plane.keyring = Keyring({})
    with pytest.raises(Refusal, match="PENSTOCK_SECRET_KEYS"):
        await apply(plane, imported())
    assert await rows(plane, sa.select(schema.integration)) == []
    assert (await providers.list_(plane, CLI, BY))["total"] == 0
    assert await rows(plane, sa.select(schema.audit)) == []


async def test_a_rehearsal_writes_nothing(plane: ControlPlane) -> None:
    applied = await apply(plane, imported(), is_rehearsal=True)
    assert (applied.is_written, applied.changes) == (False, True)
    assert await rows(plane, sa.select(schema.integration)) == []


def changed() -> Imported:
    what = imported()
    what.integrations[0]["configurations"] = {"custom_host": "https://elsewhere.example/v1"}
    what.providers[0]["rate_limits"] = [{"type": "requests", "unit": "rpm", "value": 9}]
    what.configs[0]["config"] = {"provider": "@a"}
    what.api_keys[0]["usage_limits"] = {"type": "cost", "credit_limit": 11, "periodic_reset": "monthly"}
    what.usage_policies[0]["credit_limit"] = 4
    what.workspace = {"usage_limits": {"type": "cost", "credit_limit": 200, "periodic_reset": "monthly"}}
    return what


async def test_what_has_other_contents_is_left_alone_or_replaced(plane: ControlPlane) -> None:
    await apply(plane, imported())
    what = changed()
    refused = await apply(plane, what)
    assert not refused.is_written
    expected = {f"{kind} {name}" for kind, name in (
        ("integration", what.integrations[0]["slug"]), ("provider", "a"), ("config", what.configs[0]["name"]),
        ("key", "team"), ("usage policy", what.usage_policies[0]["name"]), ("workspace", "default"))}  # fmt: skip
    assert outcomes(refused)["left alone"] == expected
    assert not (await apply(plane, what, leaves=True)).is_written
    replaced = await apply(plane, what, replaces=True)
    assert outcomes(replaced)["replaced"] == expected
    assert outcomes(await apply(plane, what)).keys() == {"unchanged"}
    assert (await integrations.read(plane, CLI, what.integrations[0]["slug"]))["configurations"]["custom_host"]
    assert (await configs.read(plane, CLI, what.configs[0]["name"]))["config"] == '{"provider":"@a"}'


async def test_the_rest_is_written_where_the_operator_leaves_something_alone(plane: ControlPlane) -> None:
    await integrations.create(plane, CLI, {"name": "x", "slug": "anthropic", "ai_provider_id": "openai", "key": "sk-x"})
    applied = await apply(plane, imported(), leaves=True)
    assert applied.is_written
    assert outcomes(applied)["left alone"] == {"integration anthropic"}
    assert "key team" in outcomes(applied)["created"]


async def test_a_key_with_another_text_and_one_that_was_deleted_here_are_never_replaced(plane: ControlPlane) -> None:
    await apply(plane, imported())
    [row] = await rows(plane, sa.select(schema.api_key))
    what = imported(rows=Rows(keys=[{"token": digest(OTHER), "key_alias": "team", "models": ["a"]}]))
    assert outcomes(await apply(plane, what, replaces=True))["left alone"] == {"key team"}
    await api_keys.delete(plane, CLI, row.id)
    again = await apply(plane, imported(), replaces=True, leaves=True)
    assert outcomes(again)["left alone"] == {"key team"}
    assert outcomes(again)["left out"] == {"usage policy team a"}
    assert (await load(plane)).catalogue.keys_by_digest == {}


async def test_models_of_an_integration_are_kept_to(plane: ControlPlane) -> None:
    what = imported()
    slug = what.integrations[0]["slug"]

    def listing(*names: str) -> list[dict[str, Any]]:
        models = [{"slug": name, "enabled": True} for name in names]
        return [{"integration": slug, "body": {"models": models, "allow_all_models": False}}]

    what.models = listing("m", "n")
    assert f"models of {slug}" in outcomes(await apply(plane, what))["created"]
    assert outcomes(await apply(plane, what)).keys() == {"unchanged"}
    what.models = listing("m")
    assert outcomes(await apply(plane, what))["left alone"] == {f"models of {slug}"}
    await apply(plane, what, replaces=True)
    assert outcomes(await apply(plane, what)).keys() == {"unchanged"}
    assert (await load(plane)).catalogue.virtual_keys["a"].models == ("m",)


async def test_the_config_of_callers_without_a_key_becomes_the_workspaces_default(plane: ControlPlane) -> None:
    what = imported(rows=Rows())
    assert what.default_config == "litellm"
    await apply(plane, what)
    [row] = await rows(plane, sa.select(schema.workspace.c.defaults))
    assert "config_id" in row.defaults
    assert outcomes(await apply(plane, what)).keys() == {"unchanged"}


def value_of(variable: str) -> str:
    return "https://host.example" if any(word in variable for word in ("BASE", "ENDPOINT", "URL")) else "a-value"


@pytest.mark.parametrize("case", [*LITELLM, *BIFROST, CASES / "portkey"], ids=lambda path: path.stem)
async def test_every_case_is_stored_once(case: Path) -> None:
    plane = await new_plane(providers=PROVIDERS, provider_rules=provider_rules(AddressPolicy()))
    try:
        what = fit_database(converted(case), lambda _: False)
        if case.stem == "20-self-hosted":
            with pytest.raises(Refusal, match="the host is refused"):
                await imports.apply(plane, CLI, what, value_of, Consent())
            return
        first = await imports.apply(plane, CLI, what, value_of, Consent())
        assert {*outcomes(first)} <= {"created"}, first.steps
        second = await imports.apply(plane, CLI, what, value_of, Consent())
        assert {*outcomes(second)} <= {"unchanged"}, second.steps
        assert not second.is_written
    finally:
        await plane.database.close()
