"""Which paths belong to the admin API. They are never sent to a provider, whatever else a request holds."""

from __future__ import annotations

from typing import Final

BASE: Final = "/v1"
_PREFIXES: Final = frozenset(
    """
    admin agents analytics api-keys audit-logs collections configs feedback guardrails integrations labels logs
    mcp-integrations mcp-servers model-configs penstock policies prompts providers scim secret-references virtual-keys
    """.split()
)
"""First segments after ``/v1``."""


def is_admin_path(path: str) -> bool:
    """Whether a path, percent-decoded, belongs to the admin API. Clients with a wrong base URL send ``/v1/v1``."""
    if not path.startswith("/v1/"):
        return False
    first = path.removeprefix("/v1").removeprefix("/v1")[1:].partition("/")[0]
    return first in _PREFIXES
