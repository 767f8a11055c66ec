"""What the operator's environment holds for callers to borrow."""

import pytest

from penstock.core.secret import Secret
from penstock.providers.lending import environment_accounts, environment_keys
from penstock.providers.registry import PROVIDERS

ROWS = PROVIDERS.values()


def test_the_first_variable_that_is_set_holds_the_key() -> None:
    both = {"SNOWFLAKE_PAT": "second", "SNOWFLAKE_CORTEX_PAT": "first", "OPENAI_API_KEY": ""}
    assert environment_keys(ROWS, both) == {"cortex": Secret("first")}


@pytest.mark.parametrize(
    ("variable", "value", "accounts"),
    [
        ("AZURE_OPENAI_ENDPOINT", "https://ours.openai.azure.com/", {"azure-openai": {"resource_name": "ours"}}),
        ("AZURE_OPENAI_ENDPOINT", "https://ours.openai.azure.com", {"azure-openai": {"resource_name": "ours"}}),
        ("AZURE_RESOURCE_NAME", "ours", {"azure-openai": {"resource_name": "ours"}}),
        (
            "DATABRICKS_HOST",
            "https://a.cloud.databricks.com/",
            {"databricks": {"databricks_host": "a.cloud.databricks.com"}},
        ),
        ("DATABRICKS_HOST", "a.azuredatabricks.net", {"databricks": {"databricks_host": "a.azuredatabricks.net"}}),
        ("SNOWFLAKE_ACCOUNT", "org-account", {"cortex": {"snowflake_account": "org-account"}}),
        ("AZURE_OPENAI_ENDPOINT", "https://proxy.example/openai", {}),
        ("AZURE_OPENAI_ENDPOINT", "https://ours.openai.azure.com.evil.example/", {}),
        ("DATABRICKS_HOST", "https://evil.example", {}),
        ("AZURE_RESOURCE_NAME", "ours/evil", {}),
        ("AZURE_RESOURCE_NAME", "", {}),
    ],
)
def test_accounts_of_the_operators(variable: str, value: str, accounts: dict[str, dict[str, str]]) -> None:
    assert environment_accounts(ROWS, {variable: value}) == accounts


def test_every_host_with_an_account_says_so() -> None:
    """An option in a row's host that holds no region is an account: a lent key must not follow it."""
    in_hosts = {
        (row.slug, option.name)
        for row in ROWS
        for option in row.options
        if f"{{{option.name}}}" in row.base_url.partition("://")[2].partition("/")[0]
    }
    named = {(row.slug, option.name) for row in ROWS for option in row.options if option.names_account}
    regions = {("oracle", "oracle_region"), ("watsonx", "watsonx_region"), ("bedrock", "aws_region")}
    assert in_hosts - named == {*regions, ("sagemaker", "aws_region")}
    assert named <= in_hosts
