"""All routes of the admin API. A resource adds its table here."""

from __future__ import annotations

from typing import Final

from penstock.admin import api_keys, audit_logs, configs, feedback, not_built, policies, users, workspaces

ROUTES: Final = (
    *api_keys.ROUTES,
    *audit_logs.ROUTES,
    *configs.ROUTES,
    *feedback.ROUTES,
    *policies.ROUTES,
    *users.ROUTES,
    *workspaces.ROUTES,
    *not_built.ROUTES,
)
