"""All routes of the admin API. A resource adds its table here."""

from __future__ import annotations

from typing import Final

from penstock.admin import (
    audit_logs,
    feedback,
    integrations,
    not_built,
    providers,
    users,
    virtual_keys,
    workspaces,
)

ROUTES: Final = (
    *audit_logs.ROUTES,
    *feedback.ROUTES,
    *integrations.ROUTES,
    *providers.ROUTES,
    *users.ROUTES,
    *virtual_keys.ROUTES,
    *workspaces.ROUTES,
    *not_built.ROUTES,
)
