"""The row of a gateway key as the admin API shows it."""

from __future__ import annotations

from typing import Any, Final

from penstock.control.keys import rotation_policy
from penstock.control.limits.limits import StoredLimits
from penstock.control.timestamps import as_text
from penstock.core.json_text import read_json_or_none

DELETED: Final = "deleted"
"""The status of a key that is gone: its row stays for the records that name it."""
KINDS: Final = ("organisation-service", "workspace-service", "workspace-user")


def scope_of(kind: str, verb: str) -> str:
    """The scope that something done with a key of a kind needs: ``workspace_user_api_keys.create``."""
    return f"{kind.replace('-', '_')}_api_keys.{verb}"


def shown(row: Any, organisation: str, stored: StoredLimits, until: int | None, moment: int) -> dict[str, Any]:
    """A key without its text, at a moment in microseconds since 1970; ``until`` says how long the text before the last
    rotation works on, None where it doesn't."""
    limits = stored.answer(moment)
    usage = limits["usage_limits"]
    first = (usage[0] if usage else None) if isinstance(usage, list) else usage
    override = int(row.allow_config_override)
    metadata = _value(row.metadata) or None
    # Here it is a boolean, since Terraform's client reads no number there; beside the defaults it is a number.
    defaults = {"metadata": metadata, "config_id": row.config_slug, "allow_config_override": bool(override)}
    item = {
        "id": row.id,
        "object": "api-key",
        "key": row.masked,
        "name": row.name,
        "description": row.description,
        "type": row.kind,
        "organisation_id": organisation,
        "workspace_id": row.workspace_id,
        "user_id": row.user_id,
        "status": _status(row, moment),
        "created_at": as_text(row.created_at),
        "last_updated_at": as_text(row.updated_at),
        "creation_mode": row.creation_mode,
        "rate_limits": limits["rate_limits"],
        "usage_limits": first,
        "concurrency_limit": limits["concurrency_limit"],
        "reset_usage": None,
        "expires_at": as_text(row.expires_at),
        "expiry_enforced": 1,
        "last_reset_at": as_text(stored.last_reset_at),
        "next_usage_reset_at": first.get("next_usage_reset_at") if isinstance(first, dict) else None,
        "alert_emails": _value(row.alert_emails),
        "allow_config_override": override,
        "api_key_defaults_id": None,
        "scopes": _value(row.scopes),
        "defaults": defaults,
        "labels": _value(row.labels),
        "allowed_models": _value(row.allowed_models),
        "allowed_providers": _value(row.allowed_providers),
        "allowed_ips": _value(row.allowed_ips),
        "expose_cost": row.expose_cost,
        "log_content": row.log_content,
        "model_aliases": _value(row.model_aliases),
        "last_used_at": as_text(row.last_used_at),
        "rotation_policy": rotation_policy.shown(row.rotation, row.next_rotation_at),
        "last_rotated_at": as_text(row.last_rotated_at),
        "key_transition_expires_at": as_text(until),
    }
    return {**item, "penstock_usage_limits": usage} if isinstance(usage, list) else item


def _status(row: Any, moment: int) -> str:
    if row.status == "active" and row.expires_at is not None and row.expires_at <= moment:
        return "expired"
    return str(row.status)


def _value(text: str | None) -> Any:
    return None if text is None else read_json_or_none(text.encode())
