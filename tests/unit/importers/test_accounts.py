"""Credentials as integrations and providers, and values as references."""

from __future__ import annotations

from penstock.importers.accounts import Account, Accounts, References
from penstock.importers.imported import Imported
from penstock.importers.report import Report


def test_an_account_is_one_integration_and_one_provider_without_limits() -> None:
    imported = Imported()
    accounts = Accounts(imported)
    account = Account("openai", "env:K", "https://x", (("a", "b"),), (("x-h", "env:H"),))
    assert accounts.integration(account) == accounts.integration(account) == "openai"
    assert accounts.integration(account, "priced", "key") == "priced"
    assert accounts.provider("openai") == accounts.provider("openai") == "openai"
    assert accounts.provider("openai", "limited", {"concurrency_limit": 1}) == "limited"
    assert imported.integrations[0] == {
        "name": "openai", "slug": "openai", "ai_provider_id": "openai", "create_default_provider": False, "key": "env:K",
        "configurations": {"a": "b", "custom_headers": {"x-h": "env:H"}, "custom_host": "https://x"},
    }  # fmt: skip
    assert imported.providers[1] == {
        "name": "limited", "slug": "limited", "integration_id": "openai", "concurrency_limit": 1,
    }  # fmt: skip


def test_a_secret_is_a_reference_in_any_case() -> None:
    imported, report = Imported(), Report()
    references = References(imported, report, lambda text: text[1:] if text.startswith("$") else None)
    assert references.secret("$KEY", "a", "x") == ("env:KEY", "")
    clear = references.secret("sk-1", "a", "my key")
    assert clear is not None
    assert clear[0] == "env:IMPORTED_MY_KEY"
    assert references.secret("sk-1", "b", "another") == clear
    assert references.secret("sk-2", "b", "my key") != clear
    assert imported.secrets["IMPORTED_MY_KEY"].reveal() == "sk-1"
    assert report.lines == []
    assert references.secret(7, "c", "x") is None
    assert references.secret(" ", "d", "x") is None
    assert [line.path for line in report.lines] == ["c", "d"]


def test_a_setting_is_a_reference_or_the_text_itself() -> None:
    imported, report = Imported(), Report()
    references = References(imported, report, lambda text: text[1:] if text.startswith("$") else None)
    assert [references.setting(value, "a") for value in ("$A", "text", 3)] == ["env:A", "text", "3"]
    assert references.setting("$A-B", "b") == "env:A_B"
    assert references.setting([], "c") is None
    assert imported.variables == ["A", "A_B"]
    assert [line.path for line in report.lines] == ["b", "c"]
