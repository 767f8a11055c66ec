"""What a key may do."""

from penstock.control.scopes import EVERY, OF_CALLERS, SCOPES, allows


def test_scopes_are_resources_with_verbs() -> None:
    assert {"configs.create", "completions.write", "workspace_user_api_keys.rotate", "audit_logs.list"} <= SCOPES
    assert "completions.read" not in SCOPES
    assert set(OF_CALLERS) <= SCOPES


def test_a_scope_implies_no_other() -> None:
    assert not allows(["configs.list"], "configs.read")
    assert allows([EVERY], "configs.read")
