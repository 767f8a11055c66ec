"""Integrations, their models and workspaces, providers and virtual keys, on every engine of the control plane."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from administering import KEYRING, new_plane
from databases import fresh_address
from penstock.admin.provider_rules import provider_rules
from penstock.control import providers, virtual_keys
from penstock.control.actor import CLI, Actor
from penstock.control.integrations import integrations
from penstock.control.integrations import models as integration_models
from penstock.control.integrations import workspaces as integration_workspaces
from penstock.control.pages import Page
from penstock.control.plane import ControlPlane, now
from penstock.control.refusal import Refusal, Why
from penstock.control.scopes import EVERY
from penstock.core.address import AddressPolicy
from penstock.core.virtual_key import VirtualKey
from penstock.limits.counters import BucketUsage, CountersUnavailable
from penstock.limits.limit import BucketKey
from penstock.limits.memory import MemoryCounters
from penstock.providers.registry import ALIASES, PROVIDERS
from penstock.stores import reading
from penstock.stores.catalogue import Catalogue
from penstock.stores.references import References
from penstock.stores.sql import schema
from penstock.stores.sql.catalogue.load import Loaded, Loader
from penstock.stores.sql.ids import random_id
from penstock.stores.sql.keyring import Keyring

FIRST, PAGE = "sk-0123456789abcdef", Page()
ACCOUNT = '{"project_id": "p", "client_email": "a@p.example", "private_key": "canary-private"}'
ENVIRONMENT = {"OPENAI_API_KEY": "sk-of-the-operator", "PENSTOCK_SECRET_KEYS": "a:b"}
LATER, EARLIER = "2999-01-01T00:00:00Z", "2001-01-01T00:00:00Z"


@pytest.fixture(params=["memory", "postgres"])
def address(request: pytest.FixtureRequest) -> str:
    return fresh_address(request)


@pytest.fixture
async def plane(address: str) -> AsyncIterator[ControlPlane]:
    opened = await new_plane(address, provider_rules=provider_rules(AddressPolicy()))
    yield opened
    await opened.database.close()


async def new_workspace(plane: ControlPlane, name: str) -> str:
    async with plane.database.change() as connection:
        common = {"created_at": 1, "updated_at": 1, "created_by": "test", "updated_by": "test"}
        id_ = random_id()
        await connection.execute(schema.workspace.insert().values(id=id_, slug=f"ws-{name}", name=name, **common))
    return id_


async def default_workspace(plane: ControlPlane) -> str:
    async with plane.database.read() as connection:
        query = sa.select(schema.workspace.c.id).where(schema.workspace.c.is_default)
        return str((await connection.execute(query)).scalar_one())


def member(workspace_id: str) -> Actor:
    """An administrator of one workspace."""
    return Actor("api_key", "a-key", frozenset({EVERY}), workspace_id)


async def load(plane: ControlPlane, moment: int = 0, before: Catalogue | None = None) -> Loaded:
    loader = Loader(KEYRING, PROVIDERS, resolve=References(ENVIRONMENT).resolve)
    async with plane.database.read() as connection:
        return await loader.load(connection, moment, before or Catalogue())


async def key_of(plane: ControlPlane, slug: str) -> VirtualKey:
    """The virtual key that the data plane gets, without what penstock.toml can't say of one."""
    loaded = await load(plane)
    assert loaded.problems == ()
    return msgspec.structs.replace(loaded.catalogue.virtual_keys[slug], judges_host=False, workspace=None)


async def secrets_in(plane: ControlPlane) -> set[str]:
    async with plane.database.read() as connection:
        owned = sa.select(schema.secret.c.field).where(schema.secret.c.owner_table == "integration")
        return set((await connection.execute(owned)).scalars())


# What the data plane gets.


@pytest.mark.parametrize(
    ("body", "toml"),
    [
        ({"provider": "openai", "key": FIRST, "openai_organization": "org-1"},
         'provider = "openai"\nopenai_organization = "org-1"'),
        ({"provider": "azure-openai", "key": FIRST, "resourceName": "r", "deploymentName": "gpt", "apiVersion": "2024-10-21"},
         'provider = "azure"\nazure_resource_name = "r"\nazure_deployment_id = "gpt"\nazure_api_version = "2024-10-21"'),
        ({"provider": "bedrock", "key": FIRST, "aws_access_key_id": "AKIA", "aws_secret_access_key": "the-secret",
          "aws_region": "eu-west-1", "aws_auth_type": "accessKey"},
         'provider = "bedrock"\naws_access_key_id = "AKIA"\naws_secret_access_key = "the-secret"\naws_region = "eu-west-1"'),
        ({"provider": "vertex-ai", "key": FIRST, "vertex_region": "europe-west1", "vertex_service_account_json": ACCOUNT},
         f"provider = \"vertex-ai\"\nvertex_region = \"europe-west1\"\nvertex_service_account_json = '{ACCOUNT}'"),
        ({"provider": "openai", "key": FIRST, "custom_host": "https://llm.example/v1"},
         'provider = "openai"\nbase_url = "https://llm.example/v1"'),
        ({"provider": "openai", "key": FIRST, "custom_headers": {"X-Tenant": "acme"}},
         'provider = "openai"\nheaders = { X-Tenant = "acme" }'),
    ],
    ids=["openai", "azure", "bedrock", "vertex", "custom host", "custom headers"],
)  # fmt: skip
async def test_a_virtual_key_is_that_of_penstock_toml_with_the_same_content(
    plane: ControlPlane, tmp_path: Path, body: dict[str, Any], toml: str
) -> None:
    file = tmp_path / "penstock.toml"
    file.write_text(f'[virtual_keys.prod]\n{toml}\ncredential = "env:KEY"\n')
    of_file = reading.read(file, {"KEY": FIRST}, PROVIDERS, None, ALIASES).virtual_keys["prod"]
    await virtual_keys.create(plane, CLI, {"name": "Production", "slug": "prod", **body})
    assert await key_of(plane, "prod") == of_file

    row = {"name": "I", "slug": "integration", "ai_provider_id": body["provider"], "key": FIRST}
    settings = {name: value for name, value in body.items() if name not in {"provider", "key"}}
    await integrations.create(plane, CLI, {**row, "configurations": settings, "default_provider_slug": "prod-2"})
    assert msgspec.structs.replace(await key_of(plane, "prod-2"), name="prod") == of_file


async def test_a_host_that_the_admin_api_named_is_judged_at_each_use(plane: ControlPlane) -> None:
    host = {"custom_host": "https://llm.example/v1"}
    await virtual_keys.create(plane, CLI, {"name": "a", "slug": "a", "provider": "openai", **host})
    assert (await load(plane)).catalogue.virtual_keys["a"].judges_host


async def test_a_local_provider_needs_a_host_that_is_allowed(plane: ControlPlane) -> None:
    with pytest.raises(Refusal, match="own address on the gateway's machine, which is refused"):
        await virtual_keys.create(plane, CLI, {"name": "a", "provider": "ollama"})
    await virtual_keys.create(plane, CLI, {"name": "a", "provider": "ollama", "custom_host": "https://llm.example"})


async def test_models_are_allowed_as_the_integration_says(plane: ControlPlane) -> None:
    await integrations.create(plane, CLI, {"name": "a", "slug": "a", "ai_provider_id": "openai", "key": FIRST})
    assert (await key_of(plane, "a")).models is None
    price = {"type": "static", "pay_as_you_go": {"request_token": {"price": 0.0001}}}
    custom = {"slug": "ft:mine", "is_custom": True, "base_model_slug": "gpt-4o", "pricing_config": price}
    models = [{"slug": "gpt-4o"}, {"slug": "gpt-4.1", "enabled": False}, custom]
    with pytest.raises(Refusal, match="can't be switched off while allow_all_models is true"):
        await integration_models.update(plane, CLI, "a", {"models": models})
    await integration_models.update(plane, CLI, "a", {"models": models, "allow_all_models": False})
    assert sorted((await key_of(plane, "a")).models or ()) == ["ft:mine", "gpt-4o"]
    listed = await integration_models.list_(plane, CLI, "a")
    assert (listed["total"], listed["allow_all_models"]) == (3, False)
    assert listed["models"][0] == {
        "slug": "ft:mine", "name": "ft:mine", "enabled": True, "is_custom": True, "is_finetune": False,
        "base_model_slug": "gpt-4o", "pricing_config": price,
    }  # fmt: skip
    with pytest.raises(Refusal, match="no custom model gpt-4o"):
        await integration_models.delete(plane, CLI, "a", ["ft:mine", "gpt-4o"])
    await integration_models.delete(plane, CLI, "a", ["ft:mine"])
    assert (await key_of(plane, "a")).models == ("gpt-4o",)


# Secrets.


async def test_a_secret_is_kept_encrypted_and_shown_masked(plane: ControlPlane) -> None:
    settings = {"aws_access_key_id": "AKIA", "aws_secret_access_key": "canary-0123456789", "aws_session_token": "tiny"}
    body = {"name": "a", "slug": "a", "ai_provider_id": "bedrock", "key": FIRST, "configurations": settings}
    await integrations.create(plane, CLI, body)
    found = await integrations.read(plane, CLI, "a")
    assert (found["key"], found["masked_key"]) == ("", "sk*****def")
    assert found["configurations"] == {
        "aws_access_key_id": "AKIA",
        "masked_aws_secret_access_key": "ca*****789",
        "masked_aws_session_token": "*****",
    }
    assert await secrets_in(plane) == {"key", "aws_secret_access_key", "aws_session_token"}
    async with plane.database.read() as connection:
        for table in schema.metadata.sorted_tables:
            for row in await connection.execute(sa.select(table)):
                assert "canary-0123456789" not in str(tuple(row))
                assert FIRST not in str(tuple(row))
    await integrations.delete(plane, CLI, "a")
    assert await secrets_in(plane) == set()


async def test_without_a_key_of_the_keyring_no_secret_is_kept(plane: ControlPlane) -> None:
    bare = ControlPlane(plane.database, Keyring({}), provider_rules=plane.provider_rules)
    with pytest.raises(Refusal, match="penstock secrets new-key"):
        await virtual_keys.create(bare, CLI, {"name": "a", "provider": "openai", "key": FIRST})
    with pytest.raises(Refusal, match="penstock secrets new-key"):
        await integrations.create(bare, CLI, {"name": "a", "ai_provider_id": "openai", "key": FIRST})
    assert (await virtual_keys.list_(bare, CLI, PAGE))["total"] == 0
    await virtual_keys.create(bare, CLI, {"name": "echo", "provider": "echo"})


async def test_references_lead_to_the_operators_environment(plane: ControlPlane, tmp_path: Path) -> None:
    file = tmp_path / "account"
    file.write_text(ACCOUNT)
    mappings = [
        {"target_field": "key", "secret_reference_id": "env:OPENAI_API_KEY"},
        {"target_field": "configurations.vertex_service_account_json", "secret_reference_id": f"file:{file}"},
    ]
    body = {"name": "a", "slug": "a", "ai_provider_id": "vertex-ai", "secret_mappings": mappings}
    await integrations.create(plane, CLI, body)
    key = await key_of(plane, "a")
    assert key.credential is not None
    assert key.credential.reveal() == "sk-of-the-operator"
    assert key.options == {"vertex_service_account_json": ACCOUNT}
    # A file tells nobody when it changes: it is read again after five minutes.
    assert (await load(plane, moment=1000)).expires == 1000 + 300 * 10**6
    found = await integrations.read(plane, CLI, "a")
    assert found["secret_mappings"][0] == {"target_field": "key", "secret_reference_id": "env:OPENAI_API_KEY"}

    before = (await load(plane)).catalogue
    file.unlink()
    loaded = await load(plane, before=before)
    assert "can't be read" in loaded.problems[0]
    assert loaded.catalogue.virtual_keys["a"] == before.virtual_keys["a"], "the last good value stays"

    await integrations.update(plane, CLI, "a", {"key": FIRST, "configurations": {"vertex_service_account_json": None}})
    assert (await integrations.read(plane, CLI, "a"))["secret_mappings"] == []
    assert (await key_of(plane, "a")).options == {}


@pytest.mark.parametrize(
    ("mapping", "text"),
    [
        ({"target_field": "key", "secret_reference_id": "env:PENSTOCK_SECRET_KEYS"}, "the gateway's own variable"),
        ({"target_field": "key", "secret_reference_id": "vault-1"}, "vaults are not available in this release"),
        ({"target_field": "key", "secret_reference_id": "env:A", "secret_key": "b"}, "leads to one text"),
        ({"target_field": "openai_project", "secret_reference_id": "env:A"}, "target_field: there are key"),
        ({"target_field": "key"}, "expected target_field and secret_reference_id"),
    ],
)
async def test_a_reference_that_can_not_be_used_is_refused(
    plane: ControlPlane, mapping: dict[str, str], text: str
) -> None:
    with pytest.raises(Refusal, match=text):
        await integrations.create(plane, CLI, {"name": "a", "ai_provider_id": "openai", "secret_mappings": [mapping]})


async def test_a_workspaces_administrator_reaches_nothing_of_the_operators(plane: ControlPlane) -> None:
    place = await default_workspace(plane)
    mappings = [{"target_field": "key", "secret_reference_id": "env:OPENAI_API_KEY"}]
    body = {"name": "a", "slug": "a", "ai_provider_id": "openai", "workspace_id": place, "secret_mappings": mappings}
    with pytest.raises(Refusal, match="this needs an organisation's key") as refused:
        await integrations.create(plane, member(place), body)
    assert refused.value.why is Why.FORBIDDEN
    with pytest.raises(Refusal, match="this needs an organisation's key"):
        await virtual_keys.create(
            plane, member(place), {"name": "a", "provider": "openai", "secret_mappings": mappings}
        )
    await integrations.create(plane, CLI, body)
    elsewhere = {"configurations": {"custom_host": "https://evil.example"}}
    with pytest.raises(Refusal, match="changing its settings needs an organisation's key"):
        await integrations.update(plane, member(place), "a", elsewhere)
    await integrations.update(plane, CLI, "a", {"secret_mappings": None, "key": FIRST})
    with pytest.raises(Refusal, match="key would be used at another host: give all secrets again"):
        await integrations.update(plane, member(place), "a", elsewhere)
    await integrations.update(plane, member(place), "a", {**elsewhere, "key": "sk-of-the-workspace"})
    assert (await key_of(plane, "a")).base_url == "https://evil.example"


async def test_a_secret_setting_does_not_move_to_another_host_either(plane: ControlPlane) -> None:
    place = await default_workspace(plane)
    keys = {"aws_access_key_id": "AKIA", "aws_secret_access_key": "a-secret-0123456", "aws_region": "eu-west-1"}
    body = {"name": "a", "slug": "a", "ai_provider_id": "bedrock", "workspace_id": place, "configurations": keys}
    await integrations.create(plane, CLI, body)
    elsewhere = {"custom_host": "https://evil.example"}
    for settings in (elsewhere, {**elsewhere, "aws_region": "eu-west-2"}):
        with pytest.raises(Refusal, match="aws_secret_access_key would be used at another host"):
            await integrations.update(plane, member(place), "a", {"configurations": settings})
    with pytest.raises(Refusal, match="would be used at another host"):
        await integrations.update(plane, member(place), "a", {"key": "a-key", "configurations": elsewhere})
    own = {**elsewhere, **{name: f"own-{value}" for name, value in keys.items() if name != "aws_region"}}
    await integrations.update(plane, member(place), "a", {"configurations": own})
    assert (await key_of(plane, "a")).base_url == "https://evil.example"


# Three states.


async def test_of_an_integration_absent_stays_null_clears_and_a_value_is_set(plane: ControlPlane) -> None:
    settings = {"openai_organization": "o", "openai_project": "p"}
    body = {"name": "a", "slug": "a", "ai_provider_id": "openai", "key": FIRST, "description": "d"}
    await integrations.create(plane, CLI, {**body, "configurations": settings})
    before = await integrations.read(plane, CLI, "a")
    await integrations.update(plane, CLI, "a", {})
    assert {**await integrations.read(plane, CLI, "a"), "last_updated_at": ""} == {**before, "last_updated_at": ""}
    await integrations.update(plane, CLI, "a", {"configurations": {"openai_project": None}, "description": None})
    found = await integrations.read(plane, CLI, "a")
    assert (found["configurations"], found["description"]) == ({"openai_organization": "o"}, None)
    assert found["masked_key"] == "sk*****def"
    await integrations.update(plane, CLI, "a", {"key": None, "configurations": None, "name": "b"})
    found = await integrations.read(plane, CLI, "a")
    assert (found["configurations"], found["masked_key"], found["name"]) == ({}, "", "b")
    assert await secrets_in(plane) == set()
    assert (await key_of(plane, "a")).credential is None
    await integrations.update(plane, CLI, "a", {"key": "sk-another-0123456789"})
    assert (await integrations.read(plane, CLI, "a"))["masked_key"] == "sk*****789"
    with pytest.raises(Refusal, match="/name: missing"):
        await integrations.update(plane, CLI, "a", {"name": None})


async def test_of_a_virtual_key_absent_stays_null_clears_and_a_value_is_set(plane: ControlPlane) -> None:
    budget = {"type": "cost", "credit_limit": 5}
    rates = [{"type": "requests", "unit": "rpm", "value": 9}]
    body = {"name": "a", "slug": "a", "provider": "openai", "key": FIRST, "note": "n", "expires_at": LATER}
    await virtual_keys.create(plane, CLI, {**body, "usage_limits": budget, "rate_limits": rates})
    before = await virtual_keys.read(plane, CLI, "a")
    assert before["usage_limits"] == budget
    assert before["rate_limits"] == rates
    assert (before["note"], before["expires_at"], before["key"]) == ("n", "2999-01-01T00:00:00.000Z", "")
    await virtual_keys.update(plane, CLI, "a", {"key": ""})
    assert {**await virtual_keys.read(plane, CLI, "a"), "last_updated_at": ""} == {**before, "last_updated_at": ""}
    await virtual_keys.update(plane, CLI, "a", {"note": None, "usage_limits": None, "expires_at": None})
    found = await virtual_keys.read(plane, CLI, "a")
    assert [found[name] for name in ("note", "usage_limits", "expires_at")] == [None, None, None]
    assert found["rate_limits"] == rates
    await virtual_keys.update(
        plane, CLI, "a", {"rate_limits": None, "openai_project": "p", "key": "sk-next-0123456789"}
    )
    found = await virtual_keys.read(plane, CLI, "a")
    assert (found["rate_limits"], found["masked_api_key"], found["model_config"]) == (
        [], "sk*****789", {"openai_project": "p"},
    )  # fmt: skip
    await virtual_keys.update(plane, CLI, "a", {"openai_project": None, "key": None})
    found = await virtual_keys.read(plane, CLI, "a")
    assert (found["masked_api_key"], found["model_config"]) == ("", {})


async def test_of_a_provider_absent_stays_null_clears_and_a_value_is_set(plane: ControlPlane) -> None:
    await integrations.create(plane, CLI, {"name": "i", "slug": "i", "ai_provider_id": "openai", "key": FIRST})
    body = {
        "name": "a",
        "slug": "a",
        "integration_id": "i",
        "note": "n",
        "rate_limits": {"type": "tokens", "unit": "rpd", "value": 1},
    }
    await providers.create(plane, CLI, body)
    await providers.update(plane, CLI, "a", {"name": "b"})
    found = await providers.read(plane, CLI, "a")
    assert (found["name"], found["note"]) == ("b", "n")
    assert found["rate_limits"] == [{"type": "tokens", "unit": "rpd", "value": 1}]
    await providers.update(plane, CLI, "a", {"note": None, "rate_limits": None, "expires_at": LATER})
    found = await providers.read(plane, CLI, "a")
    assert (found["note"], found["rate_limits"]) == (None, [])
    await providers.update(plane, CLI, "a", {"expires_at": None, "integration_id": "i"})
    with pytest.raises(Refusal, match="integration_id: it can't be changed"):
        await providers.update(plane, CLI, "a", {"integration_id": "another"})
    assert (await providers.read(plane, CLI, "a"))["expires_at"] is None


@pytest.mark.parametrize(
    ("member", "value", "pointer"),
    [
        ("usage_limits", {"type": "cost", "credit_limit": -1}, "/usage_limits/credit_limit"),
        ("rate_limits", [{"type": "requests", "unit": "rpy", "value": 1}], "/rate_limits/0/unit"),
        ("usage_limit", {"type": "cost"}, "/usage_limit"),
        ("expires_at", "tomorrow", "/expires_at"),
    ],
)
async def test_a_limit_that_can_not_be_kept_is_refused_and_nothing_is_made(
    plane: ControlPlane, member: str, value: Any, pointer: str
) -> None:
    with pytest.raises(Refusal) as refused:
        await virtual_keys.create(plane, CLI, {"name": "a", "provider": "openai", "key": FIRST, member: value})
    assert [problem.pointer for problem in refused.value.problems] == [pointer]
    assert (await virtual_keys.list_(plane, CLI, PAGE))["total"] == 0
    assert await secrets_in(plane) == set()


# Status.


async def test_a_status_is_active_exhausted_or_expired(plane: ControlPlane) -> None:
    body = {
        "name": "a",
        "slug": "a",
        "provider": "openai",
        "key": FIRST,
        "usage_limits": {"type": "cost", "credit_limit": 1},
    }
    made = await virtual_keys.create(plane, CLI, body)
    assert (await virtual_keys.read(plane, CLI, "a"))["status"] == "active"
    limit = (await load(plane)).catalogue.limits.virtual_keys["a"][0]
    plane.counters = counters = MemoryCounters(now)
    await counters.open_balance(limit.key_at(now()), limit.limit, limit.limit.cap)
    assert (await providers.read(plane, CLI, made["id"]))["status"] == "exhausted"
    assert (await providers.list_(plane, CLI, PAGE))["data"][0]["status"] == "exhausted"
    assert (await virtual_keys.read(plane, CLI, "a"))["status"] == "exhausted"
    assert (await virtual_keys.list_(plane, CLI, PAGE))["data"][0]["status"] == "exhausted"
    # The limit refuses requests, the key itself is in force.
    assert (await load(plane)).catalogue.virtual_keys["a"].end is None
    await virtual_keys.update(plane, CLI, "a", {"reset_usage": True})
    found = await virtual_keys.read(plane, CLI, "a")
    assert found["status"] == "active"
    assert found["last_reset_at"] is not None
    await providers.update(plane, CLI, "a", {"expires_at": EARLIER})
    assert (await virtual_keys.list_(plane, CLI, PAGE))["data"][0]["status"] == "expired"
    assert (await load(plane, moment=10**16)).catalogue.virtual_keys["a"].end == "expired"


async def test_a_status_without_a_gateway_is_what_the_counters_wrote_down(plane: ControlPlane) -> None:
    budget = {"type": "cost", "credit_limit": 1}
    await virtual_keys.create(plane, CLI, {"name": "a", "slug": "a", "provider": "openai", "usage_limits": budget})
    limit = (await load(plane)).catalogue.limits.virtual_keys["a"][0]
    key = limit.key_at(now())
    row = {"limit_id": key.limit, "value": key.value, "epoch": key.epoch, "window_start": key.window_start}
    async with plane.database.change() as connection:
        values = {**row, "value_key": "default", "settled": limit.limit.cap - 1, "touched_at": 0}
        await connection.execute(schema.balance.insert().values(**values))
    assert (await virtual_keys.read(plane, CLI, "a"))["status"] == "active"
    async with plane.database.change() as connection:
        await connection.execute(schema.bucket.insert().values(**{**values, "settled": limit.limit.cap}))
    assert (await virtual_keys.read(plane, CLI, "a"))["status"] == "exhausted"


async def test_a_status_stays_active_while_the_counters_cant_be_reached(plane: ControlPlane) -> None:
    budget = {"type": "cost", "credit_limit": 1}
    await virtual_keys.create(plane, CLI, {"name": "a", "slug": "a", "provider": "openai", "usage_limits": budget})

    class Unreachable(MemoryCounters):
        async def usage(self, key: BucketKey) -> BucketUsage:
            raise CountersUnavailable(1)

    plane.counters = Unreachable(now)
    assert (await virtual_keys.read(plane, CLI, "a"))["status"] == "active"


async def test_a_provider_is_switched_off_and_on(plane: ControlPlane) -> None:
    await virtual_keys.create(plane, CLI, {"name": "a", "slug": "a", "provider": "openai", "key": FIRST})
    for change in (providers.update, virtual_keys.update):
        await change(plane, CLI, "a", {"status": "disabled"})
        assert (await providers.read(plane, CLI, "a"))["status"] == "disabled"
        assert (await load(plane)).catalogue.virtual_keys["a"].end == "disabled"
        await change(plane, CLI, "a", {"status": "active"})
        assert (await load(plane)).catalogue.virtual_keys["a"].end is None
    with pytest.raises(Refusal, match="status"):
        await providers.update(plane, CLI, "a", {"status": "exhausted"})


# Names.


async def test_a_slug_is_one_in_the_whole_installation(plane: ControlPlane) -> None:
    await virtual_keys.create(plane, CLI, {"name": "a", "slug": "a", "provider": "openai"})
    for body in ({"name": "a", "slug": "a", "provider": "openai"},):
        with pytest.raises(Refusal, match="the slug a is taken") as refused:
            await virtual_keys.create(plane, CLI, body)
        assert refused.value.why is Why.CONFLICT
    made = await virtual_keys.create(plane, CLI, {"name": "Open AI: prod!", "provider": "openai"})
    assert made["slug"].startswith("open-ai-prod-")
    with pytest.raises(Refusal, match="a slug has letters, digits, dashes and underscores"):
        await virtual_keys.create(plane, CLI, {"name": "a", "slug": "a/b", "provider": "openai"})


async def test_what_penstock_toml_names_is_read_only(plane: ControlPlane) -> None:
    await virtual_keys.create(plane, CLI, {"name": "a", "slug": "a", "provider": "openai"})
    catalogue = Catalogue({"a": VirtualKey("a", "openai"), "b": VirtualKey("b", "openai")})
    beside = ControlPlane(plane.database, KEYRING, in_file=lambda: catalogue, provider_rules=plane.provider_rules)
    for attempt in (
        virtual_keys.create(beside, CLI, {"name": "b", "slug": "b", "provider": "openai"}),
        virtual_keys.update(beside, CLI, "a", {"note": "x"}),
        virtual_keys.delete(beside, CLI, "a"),
        providers.update(beside, CLI, "a", {"note": "x"}),
        providers.delete(beside, CLI, "a"),
        integrations.create(beside, CLI, {"name": "b", "slug": "b", "ai_provider_id": "openai"}),
    ):
        with pytest.raises(Refusal, match="defined in file") as refused:
            await attempt
        assert refused.value.why is Why.CONFLICT
    for lists in (virtual_keys.list_, providers.list_):
        listed = await lists(beside, CLI, PAGE)
        assert (listed["total"], [each["slug"] for each in listed["data"]]) == (3, ["a", "a", "b"])
        assert listed["data"][-1]["penstock_source"] == "penstock.toml"
    for reads in (virtual_keys.read, providers.read):
        assert (await reads(beside, CLI, "b"))["penstock_source"] == "penstock.toml"


async def test_an_unknown_provider_is_named_with_the_nearest(plane: ControlPlane) -> None:
    with pytest.raises(Refusal, match="there is no provider opnai: did you mean openai"):
        await virtual_keys.create(plane, CLI, {"name": "a", "provider": "opnai"})
    with pytest.raises(Refusal, match="there is no provider opnai: did you mean openai"):
        await integrations.create(plane, CLI, {"name": "a", "ai_provider_id": "opnai"})


# What uses what.


async def test_an_integration_that_is_used_is_deleted_by_force_only(plane: ControlPlane) -> None:
    await integrations.create(plane, CLI, {"name": "i", "slug": "i", "ai_provider_id": "openai", "key": FIRST})
    await providers.create(plane, CLI, {"name": "a", "slug": "a", "integration_id": "i"})
    with pytest.raises(Refusal, match="used by the providers a: delete them first") as refused:
        await integrations.delete(plane, CLI, "i")
    assert refused.value.why is Why.CONFLICT
    await integrations.delete(plane, CLI, "i", is_forced=True)
    assert (await providers.list_(plane, CLI, PAGE))["total"] == 0
    assert await secrets_in(plane) == set()


async def test_an_integration_goes_with_the_provider_that_was_made_with_it(plane: ControlPlane) -> None:
    await integrations.create(plane, CLI, {"name": "i", "slug": "i", "ai_provider_id": "openai", "key": FIRST})
    assert (await load(plane)).catalogue.virtual_keys.keys() == {"i"}
    await integrations.delete(plane, CLI, "i")
    assert (await providers.list_(plane, CLI, PAGE))["total"] == 0


@pytest.mark.parametrize(
    "body", ['{"virtual_key":"a"}', '{"targets":[{"provider":"@a"}]}', '{"override_params":{"model":"@a/x"}}']
)
async def test_a_virtual_key_that_a_config_names_is_deleted_by_force_only(plane: ControlPlane, body: str) -> None:
    await virtual_keys.create(plane, CLI, {"name": "a", "slug": "a", "provider": "openai", "key": FIRST})
    common = {"created_at": 1, "created_by": "test"}
    place, changed = await default_workspace(plane), {"updated_at": 1, "updated_by": "test"}
    async with plane.database.change() as connection:
        config = {"id": "c", "workspace_id": place, "slug": "pc-one", "name": "one", "version_id": "v"}
        await connection.execute(schema.config.insert().values(**config, **common, **changed))
        version = {"id": "v", "config_id": "c", "number": 1, "body": body}
        await connection.execute(schema.config_version.insert().values(**version, **common))
    for attempt in (virtual_keys.delete(plane, CLI, "a"), providers.delete(plane, CLI, "a")):
        with pytest.raises(Refusal, match="used by the configs pc-one"):
            await attempt
    await virtual_keys.delete(plane, CLI, "a", is_forced=True)
    assert (await virtual_keys.list_(plane, CLI, PAGE))["total"] == 0
    assert await secrets_in(plane) == set()


async def test_the_integration_of_a_virtual_key_is_shown_nowhere(plane: ControlPlane) -> None:
    await virtual_keys.create(plane, CLI, {"name": "a", "slug": "a", "provider": "openai", "key": FIRST})
    assert (await integrations.list_(plane, CLI, PAGE))["total"] == 0
    for attempt in (integrations.read(plane, CLI, "a"), integrations.delete(plane, CLI, "a")):
        with pytest.raises(Refusal, match="there is no integration a"):
            await attempt


async def test_a_shared_credential_is_not_changed_through_one_of_its_providers(plane: ControlPlane) -> None:
    await integrations.create(plane, CLI, {"name": "i", "slug": "i", "ai_provider_id": "openai", "key": FIRST})
    with pytest.raises(Refusal, match="stands on the integration i, which others may use"):
        await virtual_keys.update(plane, CLI, "i", {"key": "sk-another"})
    await virtual_keys.update(plane, CLI, "i", {"note": "n"})
    assert (await virtual_keys.read(plane, CLI, "i"))["note"] == "n"


# Workspaces.


async def test_what_belongs_to_another_workspace_is_not_there(plane: ControlPlane) -> None:
    ours, theirs = await default_workspace(plane), await new_workspace(plane, "theirs")
    await integrations.create(plane, CLI, {"name": "i", "slug": "i", "ai_provider_id": "openai", "workspace_id": ours})
    made = await virtual_keys.create(plane, CLI, {"name": "v", "slug": "v", "provider": "openai", "workspace_id": ours})
    foreign = member(theirs)
    for reference in ("i", "v", made["id"]):
        for attempt in (
            integrations.read(plane, foreign, reference),
            integrations.update(plane, foreign, reference, {"description": "x"}),
            integrations.delete(plane, foreign, reference, is_forced=True),
            integration_models.list_(plane, foreign, reference),
            integration_models.update(plane, foreign, reference, {"allow_all_models": True}),
            integration_models.delete(plane, foreign, reference, ["x"]),
            integration_workspaces.list_(plane, foreign, reference),
            integration_workspaces.update(plane, foreign, reference, {"global_workspace_access": {"enabled": True}}),
            providers.read(plane, foreign, reference),
            providers.update(plane, foreign, reference, {"note": "x"}),
            providers.delete(plane, foreign, reference),
            providers.create(plane, foreign, {"name": "n", "integration_id": reference}),
            virtual_keys.read(plane, foreign, reference),
            virtual_keys.update(plane, foreign, reference, {"note": "x"}),
            virtual_keys.delete(plane, foreign, reference),
        ):
            with pytest.raises(Refusal) as refused:
                await attempt
            assert refused.value.why is Why.ABSENT
    for lists in (integrations.list_, providers.list_, virtual_keys.list_):
        assert (await lists(plane, foreign, PAGE))["total"] == 0
        with pytest.raises(Refusal, match="there is no workspace"):
            await lists(plane, foreign, PAGE, ours)
    for creates, body in (
        (virtual_keys.create, {"provider": "openai"}),
        (integrations.create, {"ai_provider_id": "openai"}),
    ):
        with pytest.raises(Refusal, match="there is no workspace"):
            await creates(plane, foreign, {"name": "n", "workspace_id": ours, **body})


async def test_an_integration_of_the_organisation_is_used_where_it_is_shared(plane: ControlPlane) -> None:
    ours, theirs = await default_workspace(plane), await new_workspace(plane, "theirs")
    body = {"name": "i", "slug": "i", "ai_provider_id": "openai", "key": FIRST, "create_default_provider": False}
    await integrations.create(plane, CLI, body)
    assert (await integrations.read(plane, CLI, "i"))["type"] == "organisation"
    with pytest.raises(Refusal, match="there is no integration i"):
        await providers.create(plane, member(theirs), {"name": "n", "slug": "n", "integration_id": "i"})

    access = {"workspaces": [{"id": "ws-theirs", "enabled": True}], "create_default_provider": True}
    await integration_workspaces.update(plane, CLI, "i", access)
    listed = await integration_workspaces.list_(plane, CLI, "i")
    assert [(each["id"], each["enabled"]) for each in listed["workspaces"]] == [(theirs, True)]
    assert (await integration_workspaces.list_(plane, member(theirs), "i"))["total"] == 1
    await providers.create(plane, member(theirs), {"name": "n", "slug": "n", "integration_id": "i"})
    assert (await integrations.read(plane, member(theirs), "i"))["masked_key"] == "sk*****def"
    for attempt in (
        integrations.update(plane, member(theirs), "i", {"key": "sk-theirs"}),
        integrations.delete(plane, member(theirs), "i", is_forced=True),
        integration_models.update(plane, member(theirs), "i", {"allow_all_models": False}),
        integration_workspaces.update(plane, member(theirs), "i", {"global_workspace_access": {"enabled": True}}),
    ):
        with pytest.raises(Refusal, match="belongs to the organisation") as refused:
            await attempt
        assert refused.value.why is Why.FORBIDDEN
    assert len((await load(plane)).catalogue.virtual_keys) == 2

    await integration_workspaces.update(plane, CLI, "i", {"workspaces": [{"id": theirs, "enabled": False}]})
    assert {key.end for key in (await load(plane)).catalogue.virtual_keys.values()} == {"disabled"}
    with pytest.raises(Refusal, match="switched off for this workspace"):
        await providers.create(plane, CLI, {"name": "m", "integration_id": "i", "workspace_id": theirs})
    everywhere = {"global_workspace_access": {"enabled": True}, "override_existing_workspaces_access": True}
    await integration_workspaces.update(plane, CLI, "i", everywhere)
    assert {key.end for key in (await load(plane)).catalogue.virtual_keys.values()} == {None}
    await providers.create(plane, member(ours), {"name": "m", "slug": "m", "integration_id": "i"})
    await integration_workspaces.update(plane, CLI, "i", {"global_workspace_access": None})
    assert (await load(plane)).catalogue.virtual_keys["m"].end == "disabled"


async def test_prices_of_an_integration_are_adjusted(plane: ControlPlane) -> None:
    factors = {"multiplier": {"default": 1.1, "request_token": 0.5, "additional_units": {"web_search": 2}}}
    body = {"name": "i", "slug": "i", "ai_provider_id": "openai", "key": FIRST, "pricing_adjustments": factors}
    await integrations.create(plane, CLI, body)
    assert (await integrations.read(plane, CLI, "i"))["pricing_adjustments"] == factors
    own = (await load(plane)).catalogue.own_prices["i"]
    assert own.multipliers == {"default": (11, 10), "input": (1, 2), "unit.web_search": (2, 1)}
    await integrations.update(plane, CLI, "i", {"name": "other"})
    assert (await integrations.read(plane, CLI, "i"))["pricing_adjustments"] == factors
    await integrations.update(plane, CLI, "i", {"pricing_adjustments": None})
    assert (await integrations.read(plane, CLI, "i"))["pricing_adjustments"] is None
    assert "i" not in (await load(plane)).catalogue.own_prices


async def test_two_entries_for_one_model_or_workspace_are_refused(plane: ControlPlane) -> None:
    await integrations.create(plane, CLI, {"name": "i", "slug": "i", "ai_provider_id": "openai", "key": FIRST})
    switches = [{"slug": "a", "enabled": True}, {"slug": "a", "enabled": False}]
    with pytest.raises(Refusal, match="/models/1/slug: there is another entry for a"):
        await integration_models.update(plane, CLI, "i", {"models": switches})
    places = [{"id": "w", "enabled": True}, {"id": "w", "enabled": False}]
    with pytest.raises(Refusal, match="/workspaces/1/id: there is another entry for w"):
        await integration_workspaces.update(plane, CLI, "i", {"workspaces": places})


@pytest.mark.parametrize(
    ("price", "pointer"),
    [
        ({"type": "dynamic"}, ""),
        ({"pay_as_you_go": {"request_token": {"price": -1}}}, "/pay_as_you_go/request_token/price"),
        ({"pay_as_you_go": {"request_token": {"price": "abc"}}}, "/pay_as_you_go/request_token/price"),
        ({"pay_as_you_go": {"request_tokens": {"price": 1}}}, "/pay_as_you_go/request_tokens"),
        ({"pay_as_you_go": {}, "price": 1}, "/price"),
    ],
)
async def test_a_price_that_would_charge_nothing_is_refused(plane: ControlPlane, price: Any, pointer: str) -> None:
    await integrations.create(plane, CLI, {"name": "i", "slug": "i", "ai_provider_id": "openai", "key": FIRST})
    with pytest.raises(Refusal) as refused:
        await integration_models.update(
            plane, CLI, "i", {"models": [{"slug": "a"}, {"slug": "m", "pricing_config": price}]}
        )
    assert [problem.pointer for problem in refused.value.problems] == [f"/models/1/pricing_config{pointer}"]


@pytest.mark.parametrize(
    ("value", "pointer"),
    [
        ([], "/pricing_adjustments"),
        ({"multiplier": {"default": "1"}}, "/pricing_adjustments/multiplier/default"),
        ({"multiplier": {"default": -1}}, "/pricing_adjustments/multiplier/default"),
        ({"multiplier": {"request_tokens": 2}}, "/pricing_adjustments/multiplier/request_tokens"),
        ({"multipliers": {}}, "/pricing_adjustments/multipliers"),
    ],
)
async def test_adjustments_that_change_no_price_are_refused(plane: ControlPlane, value: Any, pointer: str) -> None:
    body = {"name": "i", "slug": "i", "ai_provider_id": "openai", "pricing_adjustments": value}
    with pytest.raises(Refusal) as refused:
        await integrations.create(plane, CLI, body)
    assert [problem.pointer for problem in refused.value.problems] == [pointer]


async def test_a_workspace_has_limits_on_an_integration(plane: ControlPlane) -> None:
    ours = await default_workspace(plane)
    await integrations.create(plane, CLI, {"name": "i", "slug": "i", "ai_provider_id": "openai"})
    await providers.create(plane, CLI, {"name": "p", "slug": "p", "integration_id": "i"})
    budget, rate = {"type": "cost", "credit_limit": 1}, {"type": "requests", "unit": "rpm", "value": 5}

    async def put(**more: Any) -> None:
        await integration_workspaces.update(plane, CLI, "i", {"workspaces": [{"id": ours, **more}]})

    await put(usage_limits=[budget], rate_limits=[rate])
    in_force = (await load(plane)).catalogue.limits.virtual_keys
    assert {(each.limit.level, each.limit.kind) for each in in_force["p"]} == {
        ("integration", "cost"), ("integration", "requests"),
    }  # fmt: skip
    # All providers of the workspace on this integration count together.
    assert {each.limit.id for each in in_force["i"]} == {each.limit.id for each in in_force["p"]}
    (shown,) = (await integration_workspaces.list_(plane, CLI, "i"))["workspaces"]
    assert (shown["usage_limits"], shown["rate_limits"]) == ([budget], [rate])
    (shown,) = (await integration_workspaces.list_(plane, CLI, "i", has_arrays=False))["workspaces"]
    assert (shown["usage_limits"], shown["rate_limits"]) == (budget, rate)

    await put(enabled=True, reset_usage=True)
    after = (await load(plane)).catalogue.limits.virtual_keys["p"]
    assert {each.limit.epoch for each in after} == {1}
    await put(usage_limits=None, rate_limits=[])
    assert (await load(plane)).catalogue.limits.virtual_keys == {}
    await put(usage_limits=[budget])
    await integrations.delete(plane, CLI, "i", is_forced=True)
    async with plane.database.read() as connection:
        assert list(await connection.execute(sa.select(schema.limit))) == []


async def test_limits_of_an_integrations_workspace_that_cant_be_used_are_refused(plane: ControlPlane) -> None:
    place = await default_workspace(plane)
    await integrations.create(plane, CLI, {"name": "i", "slug": "i", "ai_provider_id": "openai"})
    wrong = {"usage_limits": [{"type": "cost", "credit_limit": -1}]}
    with pytest.raises(Refusal) as refused:
        await integration_workspaces.update(plane, CLI, "i", {"workspaces": [{"id": place, **wrong}]})
    assert [each.pointer for each in refused.value.problems] == ["/workspaces/0/usage_limits/0/credit_limit"]
    everywhere = {"global_workspace_access": {"enabled": True, "usage_limits": [{"type": "cost", "credit_limit": 1}]}}
    with pytest.raises(Refusal, match="limits are not for all workspaces at once"):
        await integration_workspaces.update(plane, CLI, "i", everywhere)


async def test_a_change_needs_the_scope_of_the_integrations_kind(plane: ControlPlane) -> None:
    place = await default_workspace(plane)
    body = {"name": "i", "slug": "i", "ai_provider_id": "openai"}
    of_workspaces = Actor("api_key", "k", frozenset({"workspace_integrations.create"}))
    with pytest.raises(Refusal, match=r"organisation_integrations\.create"):
        await integrations.create(plane, of_workspaces, body)
    await integrations.create(plane, of_workspaces, {**body, "workspace_id": place})


# The audit log.


async def test_the_audit_log_tells_of_changes_and_of_no_secret(plane: ControlPlane) -> None:
    body = {
        "name": "a",
        "slug": "a",
        "provider": "bedrock",
        "key": "canary-one-123456",
        "awsSecretAccessKey": "canary-two-123456",
    }
    await virtual_keys.create(plane, CLI, body)
    await virtual_keys.update(plane, CLI, "a", {"key": "canary-three-123456", "note": "changed"})
    settings = {"azure_entra_client_secret": "canary-four-123456", "azure_ad_token": "canary-five-123456"}
    row = {"name": "i", "slug": "i", "ai_provider_id": "azure-openai", "key": "canary-six-123456"}
    await integrations.create(plane, CLI, {**row, "configurations": settings})
    await integrations.update(plane, CLI, "i", {"configurations": {"azure_ad_token": "canary-seven-123456"}})
    await virtual_keys.delete(plane, CLI, "a")
    async with plane.database.read() as connection:
        rows = list(await connection.execute(sa.select(schema.audit).order_by(schema.audit.c.seq)))
    assert [(row.action, row.resource_type) for row in rows] == [
        ("create", "virtual-key"), ("update", "virtual-key"), ("create", "integration"), ("update", "integration"),
        ("delete", "virtual-key"),
    ]  # fmt: skip
    assert "changed" in rows[1].changes
    assert not any("canary" in str(tuple(row)) for row in rows)
