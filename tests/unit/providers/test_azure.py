"""Azure's addresses, versions and credentials (docs/portkey.md#azure-openai, #azure-ai-foundry)."""

from __future__ import annotations

import pytest

from endpoints import target as target_of
from penstock.core.failure import Failure, Kind
from penstock.core.http import Url
from penstock.core.operation import Operation
from penstock.core.secret import Secret
from penstock.providers.azure import AZURE_AI, AZURE_OPENAI
from penstock.providers.endpoint import Endpoint, bind
from penstock.providers.row import Provider

RESOURCE = {"resource_name": "unit", "deployment_id": "gpt-4o-eu"}


def endpoint_of(
    row: Provider,
    options: dict[str, str],
    *,
    key: Secret | None = Secret("az-key"),  # noqa: B008
    operation: Operation = Operation.CHAT,
    custom_host: Url | None = None,
) -> Endpoint:
    result = bind(row, operation, key=key, options=options, custom_host=custom_host)
    assert isinstance(result, Endpoint), result
    return result


@pytest.mark.parametrize(
    ("version", "operation", "target", "model"),
    [
        (None, Operation.CHAT, "/openai/deployments/gpt-4o-eu/chat/completions?api-version=2024-10-21", None),
        (
            "2025-01-01-preview",
            Operation.CHAT,
            "/openai/deployments/gpt-4o-eu/chat/completions?api-version=2025-01-01-preview",
            None,
        ),
        ("v1", Operation.CHAT, "/openai/v1/chat/completions", "gpt-4o-eu"),
        (None, Operation.MODELS, "/openai/models?api-version=2024-10-21", None),
        ("v1", Operation.MODELS, "/openai/v1/models", None),
        (None, Operation.MODEL, "/openai/models/{id}?api-version=2024-10-21", None),
        (None, Operation.EMBEDDINGS, "/openai/deployments/gpt-4o-eu/embeddings?api-version=2024-10-21", None),
        ("v1", Operation.EMBEDDINGS, "/openai/v1/embeddings", "gpt-4o-eu"),
    ],
)
def test_paths(version: str | None, operation: Operation, target: str, model: str | None) -> None:
    options = RESOURCE if version is None else {**RESOURCE, "api_version": version}
    endpoint = endpoint_of(AZURE_OPENAI, options, operation=operation)
    assert endpoint.default_route.origin.authority == "unit.openai.azure.com"
    assert target_of(endpoint, "ignored").decode() == target
    assert endpoint.default_route.override == model


def test_version_v1_lets_the_body_name_the_deployment() -> None:
    endpoint = endpoint_of(AZURE_OPENAI, {"resource_name": "unit", "api_version": "v1"})
    assert target_of(endpoint, "gpt-4o-eu") == b"/openai/v1/chat/completions"
    assert endpoint.default_route.override is None


@pytest.mark.parametrize(
    ("options", "param"),
    [
        ({"deployment_id": "d"}, "x-portkey-azure-resource-name"),
        ({"resource_name": "unit"}, "x-portkey-azure-deployment-id"),
        ({**RESOURCE, "resource_name": "evil.example.com/"}, "x-portkey-azure-resource-name"),
        ({**RESOURCE, "deployment_id": ".."}, "x-portkey-azure-deployment-id"),
        ({**RESOURCE, "api_version": "2024-10-21&x=y"}, "x-portkey-azure-api-version"),
    ],
)
def test_refused_options(options: dict[str, str], param: str) -> None:
    result = bind(AZURE_OPENAI, Operation.CHAT, key=Secret("az-key"), options=options, custom_host=None)
    assert isinstance(result, Failure)
    assert (result.kind, result.param) == (Kind.INVALID_CONFIG, param)


def test_a_custom_host_needs_no_resource() -> None:
    host = Url.parse("https://apim.example.com/azure/openai")
    endpoint = endpoint_of(AZURE_OPENAI, {"deployment_id": "d"}, custom_host=host)
    assert endpoint.default_route.plain.startswith("/azure/openai/deployments/d/chat/completions?")


def test_the_key_has_its_own_header() -> None:
    assert b"api-key: az-key\r\n" in endpoint_of(AZURE_OPENAI, RESOURCE).default_route.headers


@pytest.mark.parametrize("token", ["eyJ.unit", "Bearer eyJ.unit"])
@pytest.mark.parametrize("key", [None, Secret("az-key")])
@pytest.mark.parametrize("row", [AZURE_OPENAI, AZURE_AI], ids=lambda row: row.slug)
def test_a_token_goes_before_the_key(row: Provider, token: str, key: Secret | None) -> None:
    options = {**RESOURCE, "azure_foundry_url": "https://unit.services.ai.azure.com", "azure_ad_token": token}
    headers = endpoint_of(row, options, key=key).default_route.headers
    assert b"authorization: Bearer eyJ.unit\r\n" in headers
    assert b"az-key" not in headers


def test_a_token_with_a_line_break_is_refused_unseen() -> None:
    options = {**RESOURCE, "azure_ad_token": "eyJ\r\nx: y"}
    result = bind(AZURE_OPENAI, Operation.CHAT, key=None, options=options, custom_host=None)
    assert isinstance(result, Failure)
    assert result.param == "x-portkey-azure-ad-token"
    assert "eyJ" not in result.message


@pytest.mark.parametrize(
    ("options", "target"),
    [
        ({}, "/models/chat/completions"),
        ({"azure_api_version": "2024-05-01-preview"}, "/models/chat/completions?api-version=2024-05-01-preview"),
    ],
)
def test_foundry(options: dict[str, str], target: str) -> None:
    endpoint = endpoint_of(AZURE_AI, {"azure_foundry_url": "https://unit.services.ai.azure.com/models", **options})
    assert target_of(endpoint, "m").decode() == target
    assert not endpoint.default_route.origin.trusted
    assert b"authorization: Bearer az-key\r\nextra-parameters: pass-through\r\n" in endpoint.default_route.headers


def test_foundry_headers_by_option() -> None:
    options = {"azure_deployment_name": "blue", "azure_extra_params": "pass-through"}
    headers = endpoint_of(
        AZURE_AI, {"azure_foundry_url": "https://unit.inference.ml.azure.com", **options}
    ).default_route.headers
    assert b"azureml-model-deployment: blue\r\nextra-parameters: pass-through\r\n" in headers
