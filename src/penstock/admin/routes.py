"""All routes of the admin API. A resource adds its table here."""

from __future__ import annotations

from typing import Final

from penstock.admin import (
    api_keys,
    audit_logs,
    budgets,
    configs,
    feedback,
    integrations,
    model_configs,
    not_built,
    policies,
    providers,
    users,
    virtual_keys,
    workspaces,
)

ROUTES: Final = (
    *api_keys.ROUTES,
    *audit_logs.ROUTES,
    *budgets.ROUTES,
    *configs.ROUTES,
    *feedback.ROUTES,
    *integrations.ROUTES,
    *model_configs.ROUTES,
    *policies.ROUTES,
    *providers.ROUTES,
    *users.ROUTES,
    *virtual_keys.ROUTES,
    *workspaces.ROUTES,
    *not_built.ROUTES,
)
