"""What an import has that the database can't hold is a line of the report."""

from __future__ import annotations

from typing import Any

from importing import from_litellm
from penstock.core.secret import Secret
from penstock.importers.accounts import in_clear
from penstock.importers.database import fit_database
from penstock.importers.imported import Conversion, Imported, api_key
from penstock.importers.report import Report


def never(_: str) -> bool:
    return False


def fitted(**members: Any) -> tuple[Imported, list[str], Report]:
    conversion = Conversion(Imported(**members), Report())
    return fit_database(conversion, never), [str(line) for line in conversion.report.lines], conversion.report


def test_the_gateways_own_identity_needs_consent() -> None:
    body = {"slug": "o", "configurations": {"custom_headers": {"a": "b"}, "custom_host": "https://x.example"}}
    stored, lines, report = fitted(integrations=[body], identities=["bedrock"])
    assert stored.integrations == [body]
    assert len(lines) == len(report.blocking) == 1


def test_single_models_that_would_be_allowed_need_consent() -> None:
    models = [{"slug": "a", "enabled": True}, {"slug": "b", "enabled": False}]
    each = {"integration": "o", "body": {"models": models, "allow_all_models": True}}
    stored, _, report = fitted(models=[each])
    assert stored.models[0]["body"]["models"] == models[:1]
    assert [line.needs_consent for line in report.lines] == [True]
    listed = {"integration": "o", "body": {"models": models, "allow_all_models": False}}
    assert fitted(models=[listed])[0].models == [listed]


def test_keys_that_have_expired_are_left_out_and_labels_that_are_too_long() -> None:
    key = api_key("k", "0" * 64, None)
    key |= {"labels": {"a": "x" * 65, "b": "c"}, "expires_at": "2001-01-01"}
    key["defaults"]["metadata"] = {"m": "y" * 129, "n": "o"}
    stored, lines, report = fitted(api_keys=[key])
    assert stored.api_keys[0]["labels"] == {"b": "c"}
    assert stored.api_keys[0]["defaults"]["metadata"] == {"n": "o"}
    assert len(lines) == 2
    assert not report.blocking
    conversion = Conversion(Imported(api_keys=[key]), Report())
    assert fit_database(conversion, lambda _: True).api_keys == []
    assert "it expired at 2001-01-01" in str(conversion.report)


def test_a_gateway_without_keys_shuts_callers_out() -> None:
    stored, _, report = fitted(default_config="c")
    assert stored.default_config == "c"
    assert report.lines[0].needs_consent
    stored, lines, _ = fitted(default_config="c", api_keys=[api_key("k", "0" * 64, "c")])
    assert (stored.default_config, lines) == (None, [])


def test_balances_without_an_owner_are_told_of() -> None:
    stored, lines, _ = fitted(opening_balances=[{"level": "policy"}, {"level": "api_key", "owner": "k"}])
    assert stored.opening_balances == [{"level": "api_key", "owner": "k"}]
    assert len(lines) == 2


def test_a_credential_of_the_file_is_stored() -> None:
    file = {"model_list": [{"model_name": "a", "litellm_params": {"model": "openai/m", "api_key": "sk-in-clear"}}]}
    conversion = from_litellm(file)
    [variable] = conversion.imported.secrets
    assert in_clear(variable) in str(conversion.report)
    assert fit_database(conversion, never).secrets == {variable: Secret("sk-in-clear")}
    assert "it is stored encrypted" in str(conversion.report)
    assert variable not in str(conversion.report)
