"""Microsoft's two OpenAI-shaped surfaces, whose addresses hold the caller's resource, deployment and API version.

azure-openai names a resource and a deployment; azure-ai (Foundry) is given a whole base URL. Keys and tokens that the
caller already holds are sent as they are; auth/entra.py signs in.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from penstock.auth import entra
from penstock.auth.header import API_KEY, BEARER
from penstock.core.operation import Operation
from penstock.dialects.chat_quirks import ChatQuirks
from penstock.providers.anthropic import X_API_KEY
from penstock.providers.makers import OPENAI_RESOURCES, RESPONSES_ONLY
from penstock.providers.row import (
    ANTHROPIC_WIRE,
    AUDIO,
    HTTPS_URL,
    KEPT,
    PATHS,
    EndpointSpec,
    Option,
    Provider,
    kept_responses,
    responses_at,
)

_AD_TOKEN: Final = Option("azure_ad_token", "azure-ad-token", secret=True, credential=BEARER)

_SIGNING_IN: Final = (
    Option("azure_auth_mode", "azure-auth-mode", pattern="entra|managed|workload"),
    Option("azure_entra_tenant_id", "azure-entra-tenant-id"),
    Option("azure_entra_client_id", "azure-entra-client-id"),
    Option("azure_entra_client_secret", "azure-entra-client-secret", secret=True),
    Option("azure_entra_scope", "azure-entra-scope"),
    Option("azure_managed_client_id", "azure-managed-client-id"),
    Option("azure_workload_client_id", "azure-workload-client-id"),
)

EXTRA_PARAMETERS: Final = Option(
    "azure_extra_params",
    "azure-extra-params",
    ("azure_extra_parameters",),
    default="pass-through",
    upstream_header="extra-parameters",
)
"""What the model inference API does with a parameter that its model doesn't know (drop, pass-through or error).

The default is not the reference's ``drop``: nothing is lost in silence."""

BASE_MODEL: Final = Option("base_model", "azure-base-model", ("azure_base_model", "azure_model_name"))
"""The model behind a deployment whose name hides it (docs/quirks.md#deployments)."""

_NAME: Final = "[A-Za-z0-9_-][A-Za-z0-9._-]*"
_KEPT: Final = kept_responses(*KEPT, parent="/v1/responses")
"""https://learn.microsoft.com/en-us/azure/ai-foundry/openai/how-to/responses"""


_SERVED: Final = frozenset(
    {
        Operation.CHAT,
        Operation.EMBEDDINGS,
        Operation.MODELS,
        Operation.MODEL,
        # https://learn.microsoft.com/en-us/azure/ai-services/openai/reference
        Operation.COMPLETIONS,
        Operation.IMAGES,
        Operation.IMAGE_EDITS,
        *AUDIO,
    }
)


def _locate(options: Mapping[str, str], operation: Operation) -> tuple[EndpointSpec, ...]:
    """Version ``v1`` has one path for all deployments and reads the deployment's name from the body. Models are listed
    for the whole resource."""
    if operation is Operation.REALTIME:
        # https://learn.microsoft.com/en-us/azure/ai-foundry/openai/how-to/realtime-audio-websockets
        if options["api_version"] == "v1":
            return (EndpointSpec("/v1/realtime", options.get("deployment_id")),)
        return (EndpointSpec("/realtime?api-version={api_version}&deployment={deployment_id}"),)
    if operation not in _SERVED:
        return _KEPT.get(operation, ())
    path = PATHS[operation]
    # https://learn.microsoft.com/en-us/azure/ai-foundry/openai/how-to/responses: at v1 whatever the version of chats.
    beside = (responses_at("/v1/responses", model=options.get("deployment_id")),) if operation is Operation.CHAT else ()
    if options["api_version"] == "v1":
        return (EndpointSpec("/v1" + path, options.get("deployment_id") if operation.has_body else None), *beside)
    parent = "/deployments/{deployment_id}" if operation.has_body else ""
    return (EndpointSpec(parent + path + "?api-version={api_version}"), *beside)


def _proxied(options: Mapping[str, str]) -> EndpointSpec:
    return EndpointSpec("/v1" if options["api_version"] == "v1" else "?api-version={api_version}")


AZURE_OPENAI: Final = Provider(
    "azure-openai",
    "Azure OpenAI",
    "https://{resource_name}.openai.azure.com/openai",
    "https://learn.microsoft.com/en-us/azure/ai-services/openai/reference",
    locate=_locate,
    proxied=_proxied,
    # https://learn.microsoft.com/en-us/azure/ai-services/openai/reference
    resources=OPENAI_RESOURCES,
    sign=entra.signer,
    auth=API_KEY,
    env=("AZURE_OPENAI_API_KEY", "AZURE_API_KEY"),
    options=(
        Option(
            "resource_name",
            "azure-resource-name",
            ("azure_resource_name",),
            required=True,
            pattern="[A-Za-z0-9-]{1,63}",
            names_account=True,
            # https://learn.microsoft.com/en-us/azure/ai-services/openai/chatgpt-quickstart
            env=("AZURE_OPENAI_ENDPOINT", "AZURE_RESOURCE_NAME"),
        ),
        Option(
            "deployment_id",
            "azure-deployment-id",
            ("azure_deployment_id",),
            required=True,
            pattern=_NAME,
            names_model=True,
        ),
        Option(
            "api_version",
            "azure-api-version",
            ("azure_api_version",),
            default="2024-10-21",
            pattern="[A-Za-z0-9.-]+",
        ),
        BASE_MODEL,
        _AD_TOKEN,
        *_SIGNING_IN,
        Option("openai_beta", "openai-beta", upstream_header="OpenAI-Beta", bare_header="openai-beta"),
    ),
    # https://learn.microsoft.com/en-us/azure/ai-services/openai/reference#chatcompletionstreamoptions
    quirks=ChatQuirks(developer_role=True, applies_model_limits=True, responses_only=RESPONSES_ONLY, stream_usage=True),
    model_in_path=True,
    notes="API version v1 needs no dated version and may name the deployment as the model. azure-auth-mode: "
    "entra signs in with a client's secret; a token of your own goes in azure-ad-token.",
)


_FOUNDRY_MESSAGES: Final = {Operation.CHAT: "/v1/messages"}
_FOUNDRY_INFERENCE: Final = {
    operation: PATHS[operation]
    for operation in (
        Operation.CHAT,
        Operation.EMBEDDINGS,
        # https://learn.microsoft.com/en-us/azure/foundry/openai/latest
        Operation.COMPLETIONS,
        Operation.IMAGES,
        Operation.IMAGE_EDITS,
        *AUDIO,
    )
}


def _locate_foundry(options: Mapping[str, str], operation: Operation) -> tuple[EndpointSpec, ...]:
    """Claude has an address of its own, ``.../anthropic``, and speaks its own dialect there
    (docs/portkey.md#azure-ai-foundry)."""
    is_claude = "anthropic" in options.get("azure_foundry_url", "")
    path = (_FOUNDRY_MESSAGES if is_claude else _FOUNDRY_INFERENCE).get(operation)
    if path is None:
        return ()
    if is_claude:
        version = (("anthropic-version", "{anthropic_version}"),)
        return (EndpointSpec(path, dialect=ANTHROPIC_WIRE, variant="azure", auth=X_API_KEY, headers=version),)
    # https://learn.microsoft.com/en-us/azure/ai-foundry/openai/how-to/responses
    is_v1 = operation is Operation.CHAT and options.get("azure_foundry_url", "").rstrip("/").endswith("/openai/v1")
    beside = (responses_at(),) if is_v1 else ()
    return (EndpointSpec(path + "?api-version={azure_api_version}"), *beside)


AZURE_AI: Final = Provider(
    "azure-ai",
    "Azure AI Foundry",
    "{azure_foundry_url}",
    "https://learn.microsoft.com/en-us/rest/api/aifoundry/modelinference/",
    locate=_locate_foundry,
    proxied=lambda _: EndpointSpec("?api-version={azure_api_version}"),
    sign=entra.signer,
    env=("AZURE_AI_API_KEY", "AZURE_INFERENCE_CREDENTIAL"),
    options=(
        Option("azure_foundry_url", "azure-foundry-url", required=True, pattern=HTTPS_URL, names_host=True),
        Option("azure_api_version", "azure-api-version", pattern="[A-Za-z0-9.-]+"),
        Option(
            "azure_deployment_name",
            "azure-deployment-name",
            upstream_header="azureml-model-deployment",
            names_model=True,
        ),
        Option("anthropic_version", "anthropic-version", default="2023-06-01", pattern="[0-9-]+"),
        Option("anthropic_beta", "anthropic-beta"),
        EXTRA_PARAMETERS,
        BASE_MODEL,
        _AD_TOKEN,
        *_SIGNING_IN,
    ),
    quirks=ChatQuirks(completes_replies=True),
    notes="A base URL with anthropic in it is asked in Anthropic's dialect. Microsoft retires the model "
    "inference API (.../models) on 26 August 2026: use .../openai/v1 as the base URL.",
)
