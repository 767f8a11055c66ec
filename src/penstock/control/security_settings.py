"""What Portkey calls the security settings of a workspace: who may see and change what there, as truth and value.

Portkey has roles: members, managers and administrators of the organisation. Here keys of three kinds stand for them,
and a setting is true where a key of that kind can hold the scope that it takes. Whether one does is said by its scopes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_OF_BOTH: Final[Mapping[str, bool]] = {
    "ViewLogs": True,
    "ViewLogMetadata": True,
    "ViewAllData": True,
    "ViewAnalytics": True,
    "ViewConfigs": True,
    "WriteConfigs": True,
    "ViewGuardrails": True,
    "WriteGuardrails": True,
    "ViewVirtualKeys": True,
    "WriteVirtualKeys": True,
    "ViewPrompts": False,
    "WritePrompts": False,
}
"""What keys of people (members) and of services (managers) can do alike; prompts are not served."""
SECURITY_SETTINGS: Final[Mapping[str, bool]] = {
    **{f"{role}{ability}": value for role in ("members", "managers") for ability, value in _OF_BOTH.items()},
    # A person's key holds no scope about keys (sign_in.py).
    "membersViewApiKeys": False,
    "membersWriteApiKeys": False,
    "managersViewApiKeys": True,
    "managersWriteApiKeys": True,
    "managersUpdateWs": True,
    "managersWriteWsIntegrations": True,
    # Members of workspaces and MCP are not served (admin/not_built.py).
    "managersWriteWsUsers": False,
    "managersWriteMcpServers": False,
    "managersWriteWsMcpIntegrations": False,
    "organisationAdminsViewLogs": True,
    "organisationAdminsViewLogMetadata": True,
}
"""The settings of every workspace of an installation; read-only."""
