"""tests/unit mirrors src/penstock: every module has a test file of its own, every test file a module.

The exceptions below may only shrink: one that has a test file, or whose module is gone, fails the test.
"""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "penstock"
UNIT = ROOT / "tests" / "unit"
MODULES = sorted(
    path.relative_to(SOURCE) for path in SOURCE.rglob("*.py") if path.name not in {"__init__.py", "__main__.py"}
)
TESTS = sorted(path.relative_to(UNIT) for path in UNIT.rglob("test_*.py"))

EXCEPTIONS: dict[str, str] = {
    "admin/analytics.py": "tests/contract/test_request_log.py is over it, on every engine",
    "admin/api.py": "tests/contract/test_admin_api.py serves through it",
    "admin/api_keys.py": "tests/contract/test_admin_api.py is over it, on every engine",
    "admin/app.py": "tests/contract/test_admin_api.py is over it, on every engine",
    "admin/audit_logs.py": "tests/contract/test_admin_api.py is over it, on every engine",
    "admin/budgets.py": "one route: control/test_budgets.py calls it",
    "admin/configs.py": "tests/contract/test_admin_api.py is over it, on every engine",
    "admin/feedback.py": "tests/contract/test_admin_api.py is over it, on every engine",
    "admin/guardrails.py": "tests/contract/test_guardrails_api.py is over it, on every engine",
    "admin/integrations.py": "routes: tests/e2e/test_admin_credentials.py calls them",
    "admin/logs.py": "tests/contract/test_request_log.py is over it, on every engine",
    "admin/model_configs.py": "tests/contract/test_pricing_api.py is over it",
    "admin/not_built.py": "tests/contract/test_admin_api.py is over it, on every engine",
    "admin/once.py": "tests/contract/test_admin_api.py is over it, on every engine",
    "admin/policies.py": "tests/contract/test_policies_api.py is over it, on every engine",
    "admin/providers.py": "routes: tests/e2e/test_admin_credentials.py calls them",
    "admin/route.py": "values without behaviour",
    "admin/routes.py": "tests/contract/test_admin_api.py is over it, on every engine",
    "admin/users.py": "tests/contract/test_admin_api.py is over it, on every engine",
    "admin/virtual_keys.py": "routes: tests/e2e/test_admin_credentials.py calls them",
    "admin/workspaces.py": "tests/contract/test_admin_api.py is over it, on every engine",
    "app.py": "the composition root: tests/e2e runs it",
    "app_guards.py": "puts the parts together: tests/e2e/test_guardrails.py runs it",
    "app_logs.py": "puts the parts together: tests/e2e/test_request_log.py runs it",
    "app_replicas.py": "puts the parts together: tests/e2e/test_replicas.py runs it",
    "app_responses.py": "puts the parts together: tests/e2e/test_kept_responses.py runs it",
    "app_store.py": "puts the parts together: tests/e2e runs it",
    "asgi.py": "one line over app.py: tests/e2e runs it",
    "cli/control.py": "cli/test_key.py, cli/test_config.py and cli/test_audit.py run it",
    "cli/price_store.py": "cli/test_prices.py runs it",
    "cli/rehearsal.py": "cli/test_explain.py and cli/test_test.py run it",
    "control/analytics.py": "tests/contract/test_request_log.py is over it, on every engine",
    "control/analytics_feedback.py": "tests/contract/test_request_log.py is over it, on every engine",
    "control/analytics_groups.py": "tests/contract/test_request_log.py is over it, on every engine",
    "control/analytics_users.py": "tests/contract/test_request_log.py is over it, on every engine",
    "control/api_key_members.py": "tests/contract/test_admin_api.py is over it, on every engine",
    "control/api_key_rows.py": "tests/contract/test_admin_api.py is over it, on every engine",
    "control/api_keys.py": "tests/contract/test_admin_api.py is over it, on every engine",
    "control/audit.py": "tests/contract/test_admin_api.py is over it, on every engine",
    "control/bootstrap.py": "tests/contract/test_admin_api.py is over it, on every engine",
    "control/config_rows.py": "tests/contract/test_admin_api.py is over it, on every engine",
    "control/configs.py": "tests/contract/test_admin_api.py is over it, on every engine",
    "control/exhausted.py": "tests/contract/test_credentials.py is over it, on every engine",
    "control/feedback.py": "tests/contract/test_admin_api.py is over it, on every engine",
    "control/guardrails.py": "tests/contract/test_guardrails_api.py is over it, on every engine",
    "control/import_balances.py": "tests/contract/test_imports.py is over it, on every engine",
    "control/import_matches.py": "tests/contract/test_imports.py is over it, on every engine",
    "control/imports.py": "tests/contract/test_imports.py is over it, on every engine",
    "control/integration_models.py": "tests/contract/test_credentials.py is over it, on every engine",
    "control/integration_rows.py": "tests/contract/test_credentials.py is over it, on every engine",
    "control/integration_workspaces.py": "tests/contract/test_credentials.py is over it, on every engine",
    "control/integrations.py": "tests/contract/test_credentials.py is over it, on every engine",
    "control/log_exports.py": "tests/contract/test_request_log.py is over it, on every engine",
    "control/log_files.py": "tests/contract/test_request_log.py is over it, on every engine",
    "control/log_filters.py": "tests/contract/test_request_log.py is over it, on every engine",
    "control/log_insert.py": "tests/contract/test_request_log.py is over it, on every engine",
    "control/log_rows.py": "tests/contract/test_request_log.py is over it, on every engine",
    "control/log_rules.py": "values without behaviour",
    "control/logs.py": "tests/contract/test_request_log.py is over it, on every engine",
    "control/model_prices.py": "tests/contract/test_pricing_api.py is over it",
    "control/owner_limits.py": "tests/contract/test_credentials.py is over it, on every engine",
    "control/plane.py": "tests/contract/test_admin_api.py is over it, on every engine",
    "control/policy_calls.py": "tests/contract/test_policies_api.py is over it, on every engine",
    "control/provider_limits.py": "tests/contract/test_credentials.py is over it, on every engine",
    "control/provider_rows.py": "tests/contract/test_credentials.py is over it, on every engine",
    "control/providers.py": "tests/contract/test_credentials.py is over it, on every engine",
    "control/reprice.py": "tests/contract/test_reprice.py is over it, on every engine",
    "control/secrets.py": "cli/test_secrets.py runs it; tests/contract/test_secret_rotation.py is over the rotation",
    "control/sign_in.py": "tests/contract/test_admin_api.py is over it, on every engine",
    "control/users.py": "tests/contract/test_admin_api.py is over it, on every engine",
    "control/virtual_keys.py": "tests/contract/test_credentials.py is over it, on every engine",
    "control/workspace_removal.py": "tests/contract/test_workspaces_api.py is over it, on every engine",
    "control/workspaces.py": "tests/contract/test_admin_api.py is over it, on every engine",
    "core/chat.py": "values without behaviour",
    "core/prices.py": "values without behaviour",
    "core/traits.py": "values without behaviour",
    "dialects/anthropic/caller/dialect.py": "one value: tests/e2e/test_messages.py is over it",
    "dialects/caller.py": "a shape without behaviour",
    "dialects/chat_quirks.py": "values without behaviour",
    "dialects/dialect.py": "a shape without behaviour",
    "dialects/openai/caller/dialect.py": "one value: tests/e2e is over it",
    "dialects/task_dialect.py": "a shape; unit/dialects/embeddings and reranking run over it",
    "guards/check_reader.py": "guards/test_read.py runs it",
    "limits/counters.py": "a protocol and its values: tests/contract is over what implements it",
    "limits/pricing.py": "protocols without behaviour",
    "observe/alerts/deliveries.py": "a protocol: observe/alerts/test_teller.py and tests/contract/test_deliveries.py",
    "pipeline/admit.py": "tests/e2e/test_limits.py runs it, through a real server",
    "pipeline/guard.py": "tests/e2e/test_guardrails.py runs it",
    "pipeline/guard_answer.py": "tests/e2e/test_guardrails.py runs it",
    "pipeline/guard_aside.py": "tests/e2e/test_guardrails.py runs it",
    "pipeline/guard_denial.py": "tests/e2e/test_guards_of_every_wire.py runs it",
    "pipeline/guard_events.py": "pipeline/test_guard_stream.py runs it",
    "pipeline/guard_hooks.py": "tests/e2e/test_guardrails.py runs it",
    "pipeline/guard_memory.py": "tests/e2e/test_guardrails.py runs it",
    "pipeline/guard_outbound.py": "tests/e2e/test_guardrails.py runs it",
    "pipeline/guard_parallel.py": "tests/e2e/test_guard_parallel.py runs it",
    "pipeline/guard_results.py": "tests/e2e/test_guardrails.py runs it",
    "pipeline/guard_subject.py": "tests/e2e/test_guardrails.py runs it",
    "pipeline/guard_unread.py": "tests/e2e/test_guardrails.py runs it",
    "pipeline/request_meter.py": "tests/e2e/test_limits.py runs it, through a real server",
    "pipeline/reservation.py": "tests/e2e/test_limits.py runs it, through a real server",
    "providers/account_hosts.py": "rows: providers/test_row.py runs over all of them",
    "providers/anthropic.py": "rows: providers/test_row.py runs over all of them",
    "providers/bedrock.py": "rows: providers/test_row.py runs over all of them",
    "providers/gateways.py": "rows: providers/test_row.py runs over all of them",
    "providers/google.py": "rows: providers/test_row.py runs over all of them",
    "providers/makers.py": "rows: providers/test_row.py runs over all of them",
    "providers/mistral.py": "rows: providers/test_row.py runs over all of them",
    "providers/openai_compatible.py": "rows: providers/test_row.py runs over all of them",
    "providers/self_hosted.py": "rows: providers/test_row.py runs over all of them",
    "routing/plan.py": "values; routing/test_parse.py and routing/test_walk.py are over them",
    "server/client.py": "a protocol without behaviour",
    "server/guard_check.py": "tests/e2e/test_guard_check.py runs it",
    "server/http1.py": "a protocol over a socket: tests/e2e/test_http.py drives it",
    "server/me.py": "tests/e2e/test_me.py calls it under both protocols",
    "server/mounted.py": "tests/e2e/test_admin_api.py drives it under both protocols",
    "server/own_port.py": "tests/e2e/test_admin_api.py serves on it",
    "settings/ids.py": "values without behaviour",
    "settings/realtime.py": "values without behaviour",
    "settings/responses.py": "values without behaviour",
    "stores/balance_applier.py": "tests/contract/test_balance_changes.py is over it, with counters of every kind",
    "stores/base.py": "protocols without behaviour: tests/contract is over what implements them",
    "stores/counter_calls.py": "tests/contract/test_counters.py is over it, on PostgreSQL and Redis",
    "stores/redis/counters.py": "tests/contract/test_counters.py is over it",
    "stores/redis/idempotency.py": "tests/contract/test_idempotency_store.py is over it",
    "stores/redis/replies.py": "tests/contract/test_reply_store.py is over it",
    "stores/sql/balance_changes.py": "tests/contract/test_balance_changes.py is over it",
    "stores/sql/balance_corrections.py": "tests/contract/test_reprice.py is over it, on every engine",
    "stores/sql/balances.py": "tests/contract/test_journal.py is over it, on every engine",
    "stores/sql/catalogue.py": "tests/contract/test_sql_store.py is over it, on every engine",
    "stores/sql/database_error.py": "an exception without behaviour",
    "stores/sql/deliveries.py": "tests/contract/test_deliveries.py is over it, on every engine",
    "stores/sql/first_reading.py": "stores/sql/test_control_store.py runs it",
    "stores/sql/journal.py": "tests/contract/test_journal.py is over it, on every engine",
    "stores/sql/key_usage.py": "tests/contract/test_key_usage.py is over it, on every engine",
    "stores/sql/last_used.py": "tests/contract/test_sql_store.py is over it, on every engine",
    "stores/sql/ledger.py": "tests/contract/test_journal.py is over it, on every engine",
    "stores/sql/ledger_entry.py": "a value without behaviour",
    "stores/sql/limit_rows.py": "tests/contract/test_sql_store.py is over it, on every engine",
    "stores/sql/load.py": "tests/contract/test_sql_store.py is over it, on every engine",
    "stores/sql/load_keys.py": "tests/contract/test_sql_store.py is over it, on every engine",
    "stores/sql/load_limits.py": "tests/contract/test_stored_limits.py is over it, on every engine",
    "stores/sql/log_entry.py": "values without behaviour",
    "stores/sql/log_retention.py": "tests/contract/test_request_log.py is over it, on every engine",
    "stores/sql/migrate.py": "tests/contract/test_sql_store.py is over it, on every engine",
    "stores/sql/migrations/env.py": "tests/contract/test_sql_store.py is over it, on every engine",
    "stores/sql/migrations/versions/0001_control_plane.py": "tests/contract/test_sql_store.py compares it with the tables",
    "stores/sql/migrations/versions/0002_administration.py": "tests/contract/test_sql_store.py compares it with the tables",
    "stores/sql/migrations/versions/0003_limits.py": "tests/contract/test_sql_store.py compares it with the tables",
    "stores/sql/migrations/versions/0004_prices.py": "tests/contract/test_sql_store.py compares it with the tables",
    "stores/sql/migrations/versions/0005_counters.py": "tests/contract/test_sql_store.py compares it with the tables",
    "stores/sql/migrations/versions/0006_reprice.py": "tests/contract/test_sql_store.py compares it with the tables",
    "stores/sql/migrations/versions/0007_request_log.py": "tests/contract/test_sql_store.py runs the steps",
    "stores/sql/migrations/versions/0008_alerts.py": "tests/contract/test_sql_store.py compares it with the tables",
    "stores/sql/migrations/versions/0010_guardrails.py": "tests/contract/test_sql_store.py compares it with the tables",
    "stores/sql/migrations/versions/0012_console.py": "tests/contract/test_sql_store.py compares it with the tables",
    "stores/sql/migrations/versions/0013_kept_responses.py": "tests/contract/test_sql_store.py compares it with the tables",
    "stores/sql/migrations/versions/0014_balance_changes.py": "tests/contract/test_sql_store.py is over them",
    "stores/sql/migrations/versions/0015_usage_totals.py": "tests/contract/test_sql_store.py is over them",
    "stores/sql/migrations/versions/0016_key_aliases.py": "tests/contract/test_sql_store.py is over them",
    "stores/sql/own_prices.py": "tests/contract/test_sql_prices.py is over it, on every engine",
    "stores/sql/postgres_counters.py": "tests/contract/test_counters.py is over it",
    "stores/sql/prices.py": "tests/contract/test_sql_prices.py is over it, on every engine",
    "stores/sql/reprice.py": "tests/contract/test_reprice.py is over it, on every engine",
    "stores/sql/response_rows.py": "tests/contract/test_response_rows.py is over it, on every engine",
    "stores/sql/schema/columns.py": "columns: tests/contract/test_sql_store.py compares the tables with the migrations",
    "stores/sql/schema/counters.py": "tables: tests/contract/test_sql_store.py compares them with the migrations",
    "stores/sql/schema/limits.py": "tables: tests/contract/test_sql_store.py compares them with the migrations",
    "stores/sql/schema/prices.py": "tables: tests/contract/test_sql_store.py compares them with the migrations",
    "stores/sql/schema/request_log.py": "tables: tests/contract/test_request_log.py fills them",
    "stores/sql/schema/responses.py": "tables: tests/contract/test_sql_store.py compares them with the migrations",
    "stores/sql/schema/routing.py": "tables: tests/contract/test_sql_store.py compares them with the migrations",
    "stores/sql/schema/sessions.py": "tables: tests/contract/test_sql_store.py compares them with the migrations",
    "stores/sql/schema/tenancy.py": "tables: tests/contract/test_sql_store.py compares them with the migrations",
    "stores/sql/schema/trail.py": "tables: tests/contract/test_sql_store.py compares them with the migrations",
    "stores/sql/secrets.py": "tests/contract/test_sql_store.py is over it, on every engine",
    "stores/sql/sqlite_counters.py": "tests/contract/test_counters.py is over it",
    "stores/sql/sqlite_step.py": "tests/contract/test_counters.py is over it, on SQLite",
    "stores/stored_counters.py": "a protocol and its values: tests/contract is over what implements it",
    "traits/families/amazon.py": "rows: traits/families/test___init__.py runs over all of them",
    "traits/families/bedrock.py": "rows: traits/families/test___init__.py runs over all of them",
    "traits/families/cohere.py": "rows: traits/families/test___init__.py runs over all of them",
    "traits/families/deepseek.py": "rows: traits/families/test___init__.py runs over all of them",
    "traits/families/meta.py": "rows: traits/families/test___init__.py runs over all of them",
    "traits/families/mistral.py": "rows: traits/families/test___init__.py runs over all of them",
    "traits/families/others.py": "rows: traits/families/test___init__.py runs over all of them",
    "traits/families/qwen.py": "rows: traits/families/test___init__.py runs over all of them",
    "traits/families/xai.py": "rows: traits/families/test___init__.py runs over all of them",
    "traits/families/zhipu.py": "rows: traits/families/test___init__.py runs over all of them",
}


def mirror_of(module: Path) -> Path:
    return UNIT / module.parent / f"test_{module.name}"


@pytest.mark.parametrize("module", MODULES, ids=Path.as_posix)
def test_a_module_has_its_test_file(module: Path) -> None:
    assert mirror_of(module).is_file() or module.as_posix() in EXCEPTIONS


@pytest.mark.parametrize("test", TESTS, ids=Path.as_posix)
def test_a_test_file_has_its_module(test: Path) -> None:
    """Those of tests/unit/bench have theirs in bench."""
    module = test.parent / test.name.removeprefix("test_")
    root = ROOT if module.parts[0] == "bench" else SOURCE
    assert (root / module).is_file()


@pytest.mark.parametrize(("module", "reason"), EXCEPTIONS.items())
def test_an_exception_is_still_one(module: str, reason: str) -> None:
    assert reason
    assert (SOURCE / module).is_file(), "its module is gone: take it off the list"
    assert not mirror_of(Path(module)).is_file(), "it has a test file now: take it off the list"


def test_exceptions_are_in_order() -> None:
    assert list(EXCEPTIONS) == sorted(EXCEPTIONS)
