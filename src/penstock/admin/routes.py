"""All routes of the admin API. A resource adds its table here."""

from __future__ import annotations

from typing import Final

from penstock.admin import (
    analytics,
    api_keys,
    audit_logs,
    budgets,
    configs,
    feedback,
    guardrails,
    integrations,
    logs,
    model_configs,
    not_built,
    policies,
    providers,
    users,
    virtual_keys,
    workspaces,
)

ROUTES: Final = (
    *analytics.ROUTES,
    *api_keys.ROUTES,
    *audit_logs.ROUTES,
    *budgets.ROUTES,
    *configs.ROUTES,
    *feedback.ROUTES,
    *guardrails.ROUTES,
    *integrations.ROUTES,
    *logs.ROUTES,
    *model_configs.ROUTES,
    *policies.ROUTES,
    *providers.ROUTES,
    *users.ROUTES,
    *virtual_keys.ROUTES,
    *workspaces.ROUTES,
    *not_built.ROUTES,
)
