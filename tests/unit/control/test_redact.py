"""What must not stand in the audit log."""

import pytest

from penstock.control.redact import MASK, is_secret_name, mask, redacted


@pytest.mark.parametrize(
    "name",
    [
        *("key", "api_key", "apiKey", "api-key", "x-api-key", "authorization", "Authorization", "password", "token"),
        *("aws_secret_access_key", "awsSessionToken", "client_secret", "vertex_service_account_json", "private_key"),
        *("credential", "azure_entra_client_secret", "cookie", "X-Auth-Token"),
    ],
)
def test_names_of_secrets(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "name",
        "max_tokens",
        "tokens",
        "token_limit",
        "model",
        "key_id",
        "auth_type",
        "monkey",
        "author",
        "labels",
        "keyword",
    ],
)
def test_names_of_other_things(name: str) -> None:
    assert not is_secret_name(name)


def test_secrets_at_any_depth_are_masked_with_their_fingerprint() -> None:
    value = {"targets": [{"api_key": "sk-1", "model": "m", "key": {"a": "sk-2"}}], "key": None, "token": ""}
    assert redacted(value, lambda secret: secret[::-1]) == {
        "targets": [{"api_key": f"{MASK} (1-ks)", "model": "m", "key": MASK}],
        "key": None,
        "token": "",
    }
    assert redacted({"password": "p"}) == {"password": MASK}


def test_the_facts_of_a_policy_are_no_secrets() -> None:
    policy = {"conditions": [{"key": "metadata.team", "value": "*"}], "groupBy": [{"key": "api_key"}]}
    assert redacted(policy) == policy
    assert redacted({"key": "sk-1", "value": "v"})["key"] == MASK
    assert redacted({"key": "api_key", "name": "n"})["key"] == MASK, "no condition has a name"


def test_what_nests_too_deeply_is_masked_whole() -> None:
    value: object = "sk"
    for _ in range(100):
        value = [value]
    assert "sk" not in str(redacted(value))


def test_a_mask_shows_little_of_a_long_secret_and_nothing_of_a_short_one() -> None:
    assert mask("sk-0123456789") == "sk*****789"
    assert mask("short") == MASK
