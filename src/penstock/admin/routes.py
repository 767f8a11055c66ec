"""All routes of the admin API. A resource adds its table here."""

from __future__ import annotations

from typing import Final

from penstock.admin import audit_logs, feedback, not_built, users, workspaces

ROUTES: Final = (
    *audit_logs.ROUTES,
    *feedback.ROUTES,
    *users.ROUTES,
    *workspaces.ROUTES,
    *not_built.ROUTES,
)
