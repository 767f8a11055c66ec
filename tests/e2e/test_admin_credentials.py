"""Credentials through Portkey's own Python client, over a real socket: what its models can read, and what is kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import portkey_ai
import pytest

from administering import ADMIN, KEYRING, RunningAdmin, running_admin
from penstock.admin.provider_rules import provider_rules
from penstock.core.address import AddressPolicy
from penstock.core.secret import Secret
from penstock.core.virtual_key import VirtualKey
from penstock.providers.registry import PROVIDERS
from penstock.stores.sql.catalogue.load import Loaded, Loader

KEY = "sk-0123456789abcdef"
RATES = [{"type": "requests", "unit": unit, "value": 10} for unit in ("rpm", "rph", "rpd")]


@pytest.fixture
def admin() -> Iterator[RunningAdmin]:
    with running_admin(provider_rules=provider_rules(AddressPolicy())) as running:
        yield running


@pytest.fixture
def client(admin: RunningAdmin) -> Iterator[Any]:
    with portkey_ai.Portkey(api_key=ADMIN, base_url=f"{admin.url}/v1") as opened, opened.openai_client:
        yield opened


def catalogue(admin: RunningAdmin) -> Loaded:
    async def load() -> Loaded:
        async with admin.plane.database.read() as connection:
            return await Loader(KEYRING, PROVIDERS).load(connection, 0)

    return admin.run(load())


def key_of(admin: RunningAdmin, slug: str) -> VirtualKey:
    key = catalogue(admin).catalogue.virtual_keys[slug]
    return msgspec.structs.replace(key, judges_host=False, workspace=None, name="")


def test_a_virtual_key_lives_through_the_client(admin: RunningAdmin, client: Any) -> None:
    budget = {"type": "cost", "credit_limit": 5}
    made = client.virtual_keys.create(name="My key", provider="openai", key=KEY, note="n", usage_limits=budget)
    assert made.slug.startswith("my-key-")
    assert made.success is True
    assert made.data == {"id": made.id, "slug": made.slug}
    listed = client.virtual_keys.list()
    assert listed.total == 1
    assert listed.data[0]["usage_limits"] == budget
    found = client.virtual_keys.retrieve(slug=made.slug)
    assert (found.key, found.masked_api_key, found.ai_provider_name) == ("", "sk*****def", "openai")
    assert KEY not in repr(found)
    client.virtual_keys.update(slug=made.slug, key="sk-fedcba9876543210", usage_limits=None, note=None)
    found = client.virtual_keys.retrieve(slug=made.slug)
    assert (found.masked_api_key, found.usage_limits, found.note) == ("sk*****210", None, None)
    client.virtual_keys.delete(slug=made.slug)
    assert client.virtual_keys.list().total == 0


def test_an_integration_and_its_provider_live_through_the_client(admin: RunningAdmin, client: Any) -> None:
    made = client.integrations.create(
        name="AWS", ai_provider_id="bedrock", slug="aws",
        configurations={"aws_access_key_id": "AKIA", "aws_secret_access_key": "a-secret-0123456", "aws_region": "eu-west-1"},
        create_default_provider=False,
    )  # fmt: skip
    assert made.slug == "aws"
    assert [each.slug for each in client.integrations.list().data] == ["aws"]
    found = client.integrations.retrieve(slug="aws")
    assert found.configurations["masked_aws_secret_access_key"] == "a-*****456"
    assert (found.type, found.allow_all_models, found.global_workspace_access) == ("organisation", True, None)
    client.integrations.update(slug="aws", description="d", configurations={"aws_region": None})
    assert "aws_region" not in client.integrations.retrieve(slug="aws").configurations
    client.integrations.models.update(slug="aws", allow_all_models=False, models=[{"slug": "m", "is_custom": True}])
    assert client.integrations.models.list(slug="aws").models[0].slug == "m"
    client.integrations.models.delete(slug="aws", slugs="m")
    assert client.integrations.models.list(slug="aws").models == []

    provider = client.providers.create(name="Prod", integration_id="aws", slug="prod", note="n")
    assert client.providers.retrieve(slug="prod").integration_id == "aws"
    client.providers.update(slug="prod", name="Production", note=None)
    assert client.providers.list().data[0].name == "Production"
    with pytest.raises(Exception, match="used by the providers prod"):
        client.integrations.delete(slug="aws")
    client.providers.delete(slug=provider.slug)
    client.integrations.delete(slug="aws")
    assert client.integrations.list().total == 0


def test_an_empty_text_clears_what_is_for_people(admin: RunningAdmin) -> None:
    """As Portkey's client for Node sends it: the one for Python leaves empty texts out, and has null alone."""
    bodies: dict[str, dict[str, Any]] = {
        "integrations": {"name": "i", "slug": "i", "ai_provider_id": "openai", "key": KEY, "description": "d"},
        "providers": {"name": "p", "slug": "p", "integration_id": "i", "note": "d"},
        "virtual-keys": {"name": "v", "provider": "openai", "key": KEY, "note": "d"},
        "api-keys": {"name": "k", "scopes": ["completions.write"], "description": "d"},
        "admin/workspaces": {"name": "w", "description": "d", "icon": "d"},
    }
    for path, body in bodies.items():
        made = admin.made(f"/{path}/workspace/service" if path == "api-keys" else f"/{path}", body)
        place = f"/{path}/{made.get('slug') or made['id']}"
        remarks = [name for name, value in body.items() if value == "d"]
        assert [admin.call("GET", place).body[name] for name in remarks] == ["d"] * len(remarks)
        assert admin.call("PUT", place, dict.fromkeys(remarks, "")).status == 200, path
        assert not any(admin.call("GET", place).body[name] for name in remarks)
        assert admin.call("PUT", place, {"name": ""}).status == 400, "a name is no remark"


@pytest.mark.parametrize("count", [0, 1, 3])
def test_the_clients_models_read_limits_of_providers(admin: RunningAdmin, client: Any, count: int) -> None:
    client.integrations.create(name="I", slug="i", ai_provider_id="openai", create_default_provider=False)
    client.providers.create(name="P", slug="p", integration_id="i", rate_limits=RATES[:count])
    found = client.providers.retrieve(slug="p")
    assert found.rate_limits == RATES[:count]
    assert found.usage_limits is None
    item = client.providers.list().data[0]
    assert item.rate_limits == (RATES[0] if count else None)
    assert item.penstock_rate_limits == RATES[:count]
    assert item.created_at.endswith("Z")
    assert client.virtual_keys.retrieve(slug="p").rate_limits == RATES[:count]


def test_a_providers_one_limit_may_come_as_an_object(client: Any) -> None:
    client.integrations.create(name="I", slug="i", ai_provider_id="openai")
    client.providers.update(slug="i", rate_limits=RATES[0], usage_limits={"type": "tokens", "credit_limit": 100})
    assert client.providers.retrieve(slug="i").rate_limits == RATES[:1]
    assert client.providers.list().data[0].usage_limits["credit_limit"] == 100


def test_limits_of_workspaces_are_null_for_pythons_client_and_arrays_for_others(
    admin: RunningAdmin, client: Any
) -> None:
    client.integrations.create(name="I", slug="i", ai_provider_id="openai")
    client.integrations.workspaces.update(slug="i", global_workspace_access={"enabled": True})
    for_python = client.integrations.workspaces.list(slug="i")
    assert len(for_python.workspaces) == 1
    assert (for_python.workspaces[0].usage_limits, for_python.workspaces[0].rate_limits) == (None, None)
    assert for_python.global_workspace_access["enabled"] is True
    others = admin.call("GET", "/integrations/i/workspaces").body
    assert (others["workspaces"][0]["usage_limits"], others["workspaces"][0]["rate_limits"]) == ([], [])
    node = {"x-portkey-package-version": "portkey-3.1.0", "x-portkey-runtime": "node"}
    assert admin.call("GET", "/integrations/i/workspaces", headers=node).body["workspaces"] == others["workspaces"]


def test_the_client_still_fails_at_an_array_there() -> None:
    """When this fails, the client's models were mended, and the answer for it may be the others'."""
    from portkey_ai.api_resources.types.integrations_type import IntegrationWorkspace
    from portkey_ai.api_resources.types.providers_type import Provider, ProviderDetailResponse

    cases: list[tuple[Any, Any]] = [(IntegrationWorkspace, []), (Provider, []), (ProviderDetailResponse, {})]
    for model, value in cases:
        with pytest.raises(ValueError, match="rate_limits"):
            model.model_validate({"rate_limits": value})


@pytest.mark.parametrize(
    ("create", "expected"),
    [
        ({"provider": "openai"}, VirtualKey("", "openai", Secret(KEY))),
        ({"provider": "azure-openai", "resourceName": "r", "deploymentName": "d", "apiVersion": "2024-10-21"},
         VirtualKey("", "azure-openai", Secret(KEY), options={
             "azure_resource_name": "r", "azure_deployment_id": "d", "azure_api_version": "2024-10-21"})),
        ({"provider": "bedrock", "awsAccessKeyId": "AKIA", "awsSecretAccessKey": "s", "awsRegion": "us-east-1"},
         VirtualKey("", "bedrock", Secret(KEY), options={
             "aws_access_key_id": "AKIA", "aws_secret_access_key": "s", "aws_region": "us-east-1"})),
        ({"provider": "vertex-ai", "vertexProjectId": "p", "vertexRegion": "global"},
         VirtualKey("", "vertex-ai", Secret(KEY), options={"vertex_project_id": "p", "vertex_region": "global"})),
        ({"provider": "openai", "custom_host": "https://llm.example"},
         VirtualKey("", "openai", Secret(KEY), base_url="https://llm.example")),
    ],
)  # fmt: skip
def test_the_data_plane_gets_what_the_client_created(
    admin: RunningAdmin, client: Any, create: dict[str, Any], expected: VirtualKey
) -> None:
    made = client.virtual_keys.create(name="k", key=KEY, **create)
    assert key_of(admin, made.slug) == expected


def test_a_canary_in_every_field_comes_back_from_none(admin: RunningAdmin, capfd: pytest.CaptureFixture[str]) -> None:
    """Every secret field of every provider; answers, errors, lists and the log are looked at."""
    seen: list[str] = []
    for slug, row in PROVIDERS.items():
        secrets = [option.header.replace("-", "_") for option in row.options if option.secret]
        settings = {name: f"canary-{slug}-{name}-0123456789" for name in secrets}
        key = f"canary-{slug}-key-0123456789"
        body = {"name": slug, "slug": f"i-{slug}", "ai_provider_id": slug, "key": key, "configurations": settings}
        if row.is_local or not row.base_url:
            body["configurations"] = {**settings, "custom_host": "https://llm.example"}
        replies = (
            admin.call("POST", "/integrations", body),
            admin.call("POST", "/integrations", body),
            admin.call("POST", "/virtual-keys", {"name": slug, "provider": slug, "key": key, "nope": key, **settings}),
            admin.call("GET", f"/integrations/i-{slug}"),
            admin.call("PUT", f"/integrations/i-{slug}", {"key": key, "configurations": {"custom_host": key}}),
            admin.call("GET", f"/virtual-keys/i-{slug}"),
        )
        seen += [reply.text for reply in replies]
    assert seen[0].startswith('{"id"'), seen[0]
    seen += [admin.call("GET", path).text for path in ("/integrations", "/providers", "/virtual-keys", "/audit-logs")]
    seen += capfd.readouterr()
    assert "ca*****789" in "".join(seen)
    assert not [text for text in seen if "canary" in text]
