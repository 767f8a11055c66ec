"""The security settings of workspaces say what keys of each kind can do."""

from __future__ import annotations

from typing import Final

import pytest

from administering import RunningAdmin, running_admin
from penstock.control.security_settings import SECURITY_SETTINGS

SCOPES: Final = {
    "ViewLogs": ("GET", "/logs", "logs.list"),
    "ViewLogMetadata": ("GET", "/penstock/logs", "logs.list"),
    "ViewConfigs": ("GET", "/configs", "configs.list"),
    "WriteConfigs": ("POST", "/configs", "configs.create"),
    "ViewGuardrails": ("GET", "/guardrails", "guardrails.list"),
    "WriteGuardrails": ("POST", "/guardrails", "guardrails.create"),
    "ViewVirtualKeys": ("GET", "/virtual-keys", "virtual_keys.list"),
    "WriteVirtualKeys": ("POST", "/virtual-keys", "virtual_keys.create"),
    "ViewPrompts": ("GET", "/prompts", "prompts.list"),
    "WritePrompts": ("POST", "/prompts", "prompts.create"),
    "ViewApiKeys": ("GET", "/api-keys", "workspace_service_api_keys.list"),
    "WriteApiKeys": ("POST", "/api-keys/workspace/service", "workspace_service_api_keys.create"),
    "WriteWsIntegrations": ("POST", "/integrations", "workspace_integrations.create"),
    "WriteWsUsers": ("POST", "/admin/workspaces/w/users", "workspace_users.create"),
    "WriteMcpServers": ("POST", "/mcp-servers", "mcp_servers.create"),
    "WriteWsMcpIntegrations": ("POST", "/mcp-integrations", "workspace_integrations.create"),
}
"""By the end of a setting's name: a call that it is about, and the scope that the call takes."""
ROLES: Final = {"members": "user", "managers": "service"}


def settings_of(role: str) -> dict[str, bool]:
    """The settings of a role that a call can show, by the end of their names."""
    named = {name.removeprefix(role): value for name, value in SECURITY_SETTINGS.items() if name.startswith(role)}
    return {name: value for name, value in named.items() if name in SCOPES}


def secret(admin: RunningAdmin, kind: str, scope: str) -> str:
    (person,) = admin.call("GET", "/admin/users").body["data"]
    owner = {"user_id": person["id"]} if kind == "user" else {}
    made = admin.made(f"/api-keys/workspace/{kind}", {"name": scope, "scopes": [scope], **owner})
    return str(made["key"])


@pytest.mark.parametrize("role", ROLES)
def test_a_setting_is_true_where_a_key_of_the_kind_can_do_it(role: str) -> None:
    expected = settings_of(role)
    assert len(expected) >= 12
    with running_admin() as admin:
        seen = {}
        for name in expected:
            method, path, scope = SCOPES[name]
            reply = admin.call(method, path, {} if method == "POST" else None, secret(admin, ROLES[role], scope))
            # A body that says nothing is a problem of the body: the call was allowed.
            seen[name] = reply.status in {200, 400}
    assert seen == expected


def test_all_settings_of_a_workspace_are_booleans() -> None:
    with running_admin() as admin:
        (workspace,) = admin.call("GET", "/admin/workspaces").body["data"]
        shown = admin.call("GET", f"/admin/workspaces/{workspace['slug']}").body["security_settings"]
    assert shown == dict(SECURITY_SETTINGS) == workspace["security_settings"]
    assert len(shown) == 35
    assert {type(value) for value in shown.values()} == {bool}
