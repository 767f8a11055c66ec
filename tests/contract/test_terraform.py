"""What Portkey's Terraform provider sends through the life of each resource, and what its client can read.

The requests are those of its Go client (github.com/Portkey-AI/terraform-provider-portkey, internal/client). Its decoder
is strict about kinds of values: a number is no boolean, an object no array; null is the empty value of any kind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import httpx
import msgspec
import pytest

from administering import ADMIN, RunningAdmin, running_admin
from penstock.admin.provider_rules import provider_rules
from penstock.core.address import AddressPolicy

T = TypeVar("T")
Limits = list[dict[str, Any]] | None


class Timed(msgspec.Struct):
    created_at: str


class Workspace(Timed):
    id: str
    name: str
    last_updated_at: str
    slug: str | None = None
    description: str | None = None
    defaults: dict[str, dict[str, str] | None] | None = None
    rate_limits: Limits = None
    usage_limits: Limits = None


class Integration(Timed):
    id: str
    slug: str
    name: str
    ai_provider_id: str
    status: str
    last_updated_at: str
    description: str | None = None
    configurations: dict[str, Any] | None = None
    workspace_id: str | None = None
    secret_mappings: list[dict[str, str]] | None = None


class Provider(Timed):
    id: str
    slug: str
    name: str
    status: str
    integration_id: str | None = None
    workspace_id: str | None = None
    note: str | None = None
    rate_limits: Limits = None
    usage_limits: dict[str, Any] | None = None
    expires_at: str | None = None


class Config(Timed):
    id: str
    slug: str
    name: str
    workspace_id: str
    organisation_id: str
    is_default: int
    status: str
    last_updated_at: str
    config: str | dict[str, Any] | None = None
    version_id: str | None = None


class Defaults(msgspec.Struct):
    metadata: dict[str, str] | None = None
    config_id: str | None = None
    allow_config_override: bool | None = None


class ApiKey(Timed):
    id: str
    name: str
    type: str
    organisation_id: str
    status: str
    last_updated_at: str
    allow_config_override: int | None
    workspace_id: str | None = None
    rate_limits: Limits = None
    usage_limits: dict[str, Any] | None = None
    scopes: list[str] | None = None
    defaults: Defaults | None = None
    alert_emails: list[str] | None = None
    expires_at: str | None = None
    rotation_policy: dict[str, Any] | None = None


class Policy(Timed):
    id: str
    conditions: list[dict[str, Any]]
    group_by: list[dict[str, str]]
    type: str
    status: str
    workspace_id: str
    organisation_id: str
    last_updated_at: str
    name: str | None = None
    credit_limit: float = 0.0
    value: float = 0.0
    unit: str | None = None


class Terraform:
    """The Go client. A request that fails fails the test; ``is_gone`` is what Terraform takes for a missing resource."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def call(self, method: str, path: str, body: Any = None) -> httpx.Response:
        content = None if body is None else msgspec.json.encode(body)
        return self._client.request(method, path, content=content)

    def send(self, method: str, path: str, body: Any = None) -> Any:
        response = self.call(method, path, body)
        assert response.is_success, response.text
        return response.json()

    def read(self, path: str, kind: type[T]) -> T:
        response = self.call("GET", path)
        assert response.is_success, response.text
        return msgspec.json.decode(response.content, type=kind)

    def listed(self, path: str, kind: type[T]) -> list[T]:
        return msgspec.convert(self.send("GET", path)["data"], list[kind])  # type: ignore[valid-type]

    def is_gone(self, path: str) -> bool:
        return self.call("GET", path).status_code in {403, 404}


@pytest.fixture(scope="module")
def admin() -> Iterator[RunningAdmin]:
    with running_admin(provider_rules=provider_rules(AddressPolicy())) as running:
        yield running


@pytest.fixture
def terraform(admin: RunningAdmin) -> Iterator[Terraform]:
    headers = {"x-portkey-api-key": ADMIN, "content-type": "application/json", "user-agent": "Go-http-client/1.1"}
    with httpx.Client(base_url=f"{admin.url}/v1", headers=headers, timeout=300, trust_env=False) as client:
        yield Terraform(client)


@pytest.fixture
def workspace(terraform: Terraform) -> str:
    return terraform.listed("/admin/workspaces", Workspace)[0].id


def lives(
    terraform: Terraform,
    path: str,
    kind: type[T],
    change: Callable[[], Any],
    *,
    query: str = "",
    kept: tuple[str, ...] = (),
) -> T:
    """Read, plan nothing, update, import, delete. ``kept`` are members that the update leaves as they are."""
    before = terraform.read(path + query, kind)
    assert terraform.read(path + query, kind) == before, "a second plan is not empty"
    change()
    after = terraform.read(path + query, kind)
    assert {name: getattr(after, name) for name in kept} == {name: getattr(before, name) for name in kept}
    collection = path.rpartition("/")[0]
    assert after in terraform.listed(collection + query, kind) or kind is Config, "an import finds another resource"
    terraform.send("DELETE", path + query)
    return after


COST = {"type": "cost", "credit_limit": 10, "alert_threshold": 8, "periodic_reset": "monthly"}
RATE = {"type": "requests", "unit": "rpm", "value": 100}


def test_a_workspace_is_read_and_updated(terraform: Terraform, workspace: str) -> None:
    path = f"/admin/workspaces/{workspace}"
    before = terraform.read(path, Workspace)
    assert terraform.read(path, Workspace) == before
    body = {"name": "Renamed", "description": "d", "icon": "i", "defaults": {"metadata": {"a": "b"}}}
    terraform.send("PUT", path, {**body, "usage_limits": [COST], "rate_limits": [RATE]})
    after = terraform.read(path, Workspace)
    assert (after.name, after.defaults, after.rate_limits) == ("Renamed", {"metadata": {"a": "b"}}, [RATE])
    assert after.usage_limits is not None
    assert after.usage_limits[0].items() >= COST.items()
    terraform.send("PUT", path, {"name": before.name, "usage_limits": None, "rate_limits": None})
    assert not terraform.read(path, Workspace).usage_limits


def integration(terraform: Terraform, slug: str) -> str:
    body = {"name": "Made", "slug": slug, "ai_provider_id": "openai", "key": "sk-0123456789", "description": "d"}
    made = terraform.send("POST", "/integrations", {**body, "configurations": {"openai_organization": "org-1"}})
    assert made["slug"] == slug
    return slug


def test_an_integration_lives(terraform: Terraform, workspace: str) -> None:
    path = f"/integrations/{integration(terraform, 'tf-one')}"
    assert terraform.read(path, Integration).configurations == {"openai_organization": "org-1"}
    model = {"slug": "mine", "enabled": True, "is_custom": True, "base_model_slug": "gpt-4o"}
    prices = {"request_token": {"price": 0.0001}, "response_token": {"price": 0.0002}}
    priced = {**model, "pricing_config": {"type": "static", "pay_as_you_go": prices}}
    terraform.send("PUT", f"{path}/models", {"models": [priced]})
    (shown,) = terraform.send("GET", f"{path}/models")["models"]
    assert shown.items() >= priced.items()
    terraform.send("DELETE", f"{path}/models", {"models": ["mine"]})
    assert terraform.send("GET", f"{path}/models")["models"] == []
    everybody = {"global_workspace_access": {"enabled": True}, "override_existing_workspace_access": True}
    terraform.send("PUT", f"{path}/workspaces", everybody)
    terraform.send(
        "PUT",
        f"{path}/workspaces",
        {"workspaces": [{"id": workspace, "enabled": True, "usage_limits": [COST], "rate_limits": [RATE]}]},
    )
    (one,) = terraform.send("GET", f"{path}/workspaces")["workspaces"]
    assert (one["id"], one["enabled"], one["rate_limits"]) == (workspace, True, [RATE])
    body = {"name": "Changed", "description": "e", "secret_mappings": []}
    after = lives(
        terraform, path, Integration, lambda: terraform.send("PUT", path, body), kept=("id", "slug", "configurations")
    )
    assert (after.name, after.description) == ("Changed", "e")
    assert terraform.is_gone(path)


def test_a_provider_lives(terraform: Terraform, workspace: str) -> None:
    slug = integration(terraform, "tf-two")
    body = {"name": "Made", "slug": "tf-provider", "workspace_id": workspace, "integration_id": slug, "note": "n"}
    made = terraform.send("POST", "/providers", {**body, "usage_limits": COST, "rate_limits": [RATE]})
    path, query = f"/providers/{made['id']}", f"?workspace_id={workspace}"
    assert terraform.read(path + query, Provider).rate_limits == [RATE]
    change = {"name": "Changed", "workspace_id": workspace, "usage_limits": {"type": "cost", "credit_limit": 20}}
    after = lives(
        terraform, path, Provider, lambda: terraform.send("PUT", path, change), query=query, kept=("id", "rate_limits")
    )
    assert (after.name, after.usage_limits) == ("Changed", {"type": "cost", "credit_limit": 20})
    assert terraform.is_gone(path + query)
    terraform.send("DELETE", f"/integrations/{slug}")


def test_a_config_lives(terraform: Terraform, workspace: str) -> None:
    config = {"retry": {"attempts": 3, "on_status_codes": [429, 503]}, "targets": [{"provider": "openai"}]}
    body = {"name": "Made", "config": config, "workspace_id": workspace, "isDefault": 0}
    made = terraform.send("POST", "/configs", body)
    path = f"/configs/{made['slug']}"
    text = terraform.read(path, Config).config
    assert isinstance(text, str)
    assert msgspec.json.decode(text) == config
    changed = {"name": "Changed", "config": {**config, "retry": {"attempts": 5}}}
    after = lives(terraform, path, Config, lambda: terraform.send("PUT", path, changed), kept=("id", "slug"))
    assert (after.name, after.version_id != made["version_id"]) == ("Changed", True)
    assert terraform.is_gone(path)


def test_an_api_key_lives(terraform: Terraform, workspace: str) -> None:
    config = terraform.send("POST", "/configs", {"name": "c", "config": {"provider": "openai"}})["id"]
    defaults = {"metadata": {"team": "a"}, "config_id": config, "allow_config_override": True}
    body = {"name": "Made", "description": "d", "workspace_id": workspace, "scopes": ["completions.write"]}
    expiry = {"expires_at": "2999-01-01T00:00:00Z", "alert_emails": ["a@example.com"]}
    limits = {"rate_limits": [RATE], "usage_limits": {**COST, "credit_limit": 1.5, "alert_threshold": 1}}
    made = terraform.send("POST", "/api-keys/workspace/service", {**body, **limits, **expiry, "defaults": defaults})
    assert made["key"]
    path = f"/api-keys/{made['id']}"
    before = terraform.read(path, ApiKey)
    assert (before.allow_config_override, before.usage_limits is None) == (1, False)
    cleared = dict.fromkeys(("rate_limits", "usage_limits", "expires_at", "alert_emails"))
    change = {"name": "Changed", **cleared, "defaults": {"config_id": None}, "reset_usage": True}
    after = lives(
        terraform, path, ApiKey, lambda: terraform.send("PUT", path, change), kept=("id", "scopes", "workspace_id")
    )
    assert (after.name, after.expires_at, after.usage_limits) == ("Changed", None, None)
    assert after.defaults is not None
    assert (after.defaults.metadata, after.defaults.config_id) == ({"team": "a"}, None)
    assert terraform.is_gone(path)


@pytest.mark.parametrize(
    ("kind", "limit", "change"),
    [
        ("usage", {**COST, "credit_limit": 100.0, "alert_threshold": 80.0}, {"credit_limit": 200.5}),
        ("rate", {**RATE, "value": 50.0}, {"value": 60.0}),
    ],
)
def test_a_policy_lives(
    kind: str, limit: dict[str, Any], change: dict[str, Any], terraform: Terraform, workspace: str
) -> None:
    condition, group = [{"key": "metadata.team", "value": "a"}], [{"key": "api_key"}]
    body = {"name": "Made", "workspace_id": workspace, "conditions": condition, "group_by": group, **limit}
    path = f"/policies/{kind}-limits/{terraform.send('POST', f'/policies/{kind}-limits', body)['id']}"
    after = lives(
        terraform,
        path,
        Policy,
        lambda: terraform.send("PUT", path, {"name": "Changed", **change}),
        query=f"?workspace_id={workspace}",
        kept=("conditions", "group_by"),
    )
    ((name, value),) = change.items()
    assert (after.name, getattr(after, name)) == ("Changed", value)
    # It is kept, archived, for what it has counted.
    assert terraform.read(path, Policy).status == "archived"
    assert path.rpartition("/")[2] not in {
        each.id for each in terraform.listed(f"/policies/{kind}-limits?status=active", Policy)
    }
