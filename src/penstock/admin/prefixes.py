"""Which paths belong to the admin API. They are never sent to a provider, whatever else a request holds."""

from __future__ import annotations

from typing import Final

BASE: Final = "/v1"
_PREFIXES: Final = frozenset(
    """
    admin agents analytics api-keys audit-logs collections configs feedback guardrails integrations labels logs
    mcp-integrations mcp-servers model-configs penstock policies prompts providers scim secret-references v1
    virtual-keys
    """.split()
)
"""First segments after ``/v1``; ``v1`` is that of a client whose base URL holds ``/v1`` twice."""


def is_admin_path(path: str) -> bool:
    """Whether a path, percent-decoded, belongs to the admin API."""
    base, _, rest = path.removeprefix("/").partition("/")
    return base == "v1" and rest.partition("/")[0] in _PREFIXES
