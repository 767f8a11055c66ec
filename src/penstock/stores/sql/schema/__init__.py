"""The tables of the control plane, the same on SQLite and PostgreSQL.

Ids are UUIDs of version 7 as text, so that rows made later sort later. Times are microseconds since 1970 (UTC), texts
in JSON are kept as they came. Every row that can change has a ``row_version``, which an update compares and raises. A
change of this file needs a new file in migrations/versions; a test compares the two. What tables have on PostgreSQL
alone stands in the steps, which make them there: an argument for PostgreSQL here would load its dialect, 2 MB, at every
gateway.
"""

from __future__ import annotations

from penstock.stores.sql.schema.changed_keys import changed_key
from penstock.stores.sql.schema.columns import metadata
from penstock.stores.sql.schema.counters import (
    bucket,
    bucket_count,
    rate_part,
    reservation,
    reservation_item,
    worker,
)
from penstock.stores.sql.schema.limits import balance, balance_change, ledger, limit, open_hold, policy
from penstock.stores.sql.schema.prices import price_book
from penstock.stores.sql.schema.request_log import (
    log_export,
    log_metadata,
    request_content,
    request_log,
    total_day,
    total_hour,
    usage_day,
    usage_hour,
    usage_metadata,
    usage_user,
    user_count,
)
from penstock.stores.sql.schema.responses import kept_response
from penstock.stores.sql.schema.routing import (
    config,
    config_version,
    guardrail,
    integration,
    integration_model,
    integration_workspace,
    provider,
)
from penstock.stores.sql.schema.sessions import console_session
from penstock.stores.sql.schema.tenancy import api_key, api_key_secret, organisation, user, workspace
from penstock.stores.sql.schema.trail import (
    alert_delivery,
    audit,
    audit_head,
    feedback,
    feedback_hour,
    feedback_value,
    idempotency,
    revision,
    secret,
)

__all__ = [
    "alert_delivery",
    "api_key",
    "api_key_secret",
    "audit",
    "audit_head",
    "balance",
    "balance_change",
    "bucket",
    "bucket_count",
    "changed_key",
    "config",
    "config_version",
    "console_session",
    "feedback",
    "feedback_hour",
    "feedback_value",
    "guardrail",
    "idempotency",
    "integration",
    "integration_model",
    "integration_workspace",
    "kept_response",
    "ledger",
    "limit",
    "log_export",
    "log_metadata",
    "metadata",
    "open_hold",
    "organisation",
    "policy",
    "price_book",
    "provider",
    "rate_part",
    "request_content",
    "request_log",
    "reservation",
    "reservation_item",
    "revision",
    "secret",
    "total_day",
    "total_hour",
    "usage_day",
    "usage_hour",
    "usage_metadata",
    "usage_user",
    "user",
    "user_count",
    "worker",
    "workspace",
]
