"""What a key may do: scopes ``RESOURCE.VERB``, as Portkey's keys have them.

Source: docs/control-plane.md#scopes.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

EVERY: Final = "*"
"""Every scope, also those of later releases: what an administrator's first key has."""
_VERBS: Final = ("create", "read", "update", "delete", "list")
_SPECIAL: Final[dict[str, tuple[str, ...]]] = {
    "completions": ("write",),
    "logs": ("write", "view", "list", "export", "read", "content"),
    "analytics": ("view",),
    "audit_logs": ("list",),
    "mcp": ("invoke",),
}
_MORE: Final[dict[str, tuple[str, ...]]] = {
    "prompts": ("render", "publish"),
    "guardrails": ("invoke",),
    "virtual_keys": ("copy", "duplicate"),
    "organisation_service_api_keys": ("rotate",),
    "workspace_service_api_keys": ("rotate",),
    "workspace_user_api_keys": ("rotate",),
}
_RESOURCES: Final = (
    "configs",
    "guardrails",
    "prompts",
    "virtual_keys",
    "providers",
    "organisation_integrations",
    "workspace_integrations",
    "workspaces",
    "workspace_users",
    "organisation_users",
    "organisation_service_api_keys",
    "workspace_service_api_keys",
    "workspace_user_api_keys",
    "policies",
    "secret_references",
    "mcp_servers",
    "agents",
)
SCOPES: Final = frozenset(
    f"{resource}.{verb}"
    for resource in (*_SPECIAL, *_RESOURCES)
    for verb in (_SPECIAL.get(resource) or (*_VERBS, *_MORE.get(resource, ())))
)
OF_CALLERS: Final = ("completions.write", "logs.write", "prompts.render")
"""What a key for an application gets where nothing else is said."""


def allows(held: Collection[str], scope: str) -> bool:
    """Whether the scopes that are held include one. ``list`` does not imply ``read``."""
    return EVERY in held or scope in held
