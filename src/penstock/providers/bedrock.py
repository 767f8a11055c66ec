"""Amazon Bedrock: every model through Converse, or Claude through its own API (InvokeModel).

Sources: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html and API_runtime_InvokeModel;
docs/portkey.md#bedrock-converse.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final

import msgspec

from penstock.auth import sigv4
from penstock.core.operation import Operation
from penstock.providers import bedrock_profiles
from penstock.providers.row import ANTHROPIC_WIRE, EndpointSpec, Option, Profiles, Provider

REGION: Final = Option("aws_region", "aws-region", default="us-east-1", pattern="[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}")

SIGNING: Final = (
    REGION,
    Option("aws_access_key_id", "aws-access-key-id"),
    Option("aws_secret_access_key", "aws-secret-access-key", secret=True),
    Option("aws_session_token", "aws-session-token", secret=True),
    Option("aws_auth_type", "aws-auth-type", pattern="assumedRole|apiKey|default"),
    Option("aws_role_arn", "aws-role-arn", pattern="arn:[A-Za-z0-9:/_+=,.@-]+"),
    Option("aws_external_id", "aws-external-id"),
    Option("aws_profile", "aws-profile", pattern="[A-Za-z0-9._-]+"),
)
"""The options of everything that AWS signs for."""

_CONVERSE: Final = EndpointSpec(
    "/model/{model}/converse", stream_path="/model/{model}/converse-stream", dialect="bedrock_converse"
)
_INVOKE: Final = EndpointSpec(
    "/model/{model}/invoke",
    stream_path="/model/{model}/invoke-with-response-stream",
    dialect=ANTHROPIC_WIRE,
    variant="bedrock",
)
_INVOKE_CLAUDE: Final = msgspec.structs.replace(_INVOKE, models=("anthropic", "claude"))
"""Only Claude's body is Anthropic's; an ARN that doesn't say its model goes through Converse."""


_COUNT: Final = EndpointSpec("/model/{model}/count-tokens", dialect="bedrock_count")
"""https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_CountTokens.html"""

_OWN: Final = EndpointSpec(
    "/model/{model}/invoke", stream_path="/model/{model}/invoke-with-response-stream", dialect="invoke_own"
)
"""Every maker's body, as it came."""

_TASKS: Final = {
    # https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html
    Operation.EMBEDDINGS: "bedrock_embeddings",
    # https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-rerank.html
    Operation.RERANK: "bedrock_rerank",
}


def _locate(options: Mapping[str, str], operation: Operation) -> tuple[EndpointSpec, ...]:
    if operation in _TASKS:
        return (EndpointSpec("/model/{model}/invoke", dialect=_TASKS[operation]), _OWN)
    if operation is Operation.INVOKE:
        return (_OWN,)
    if operation is Operation.COUNT_TOKENS:
        return (_COUNT,)
    if operation is not Operation.CHAT:
        return ()
    return (_INVOKE,) if options.get("aws_bedrock_api") == "invoke" else (_CONVERSE, _INVOKE_CLAUDE)


def aws_domain(options: Mapping[str, str]) -> str:
    return sigv4.domain(options.get("aws_region", ""))


BEDROCK: Final = Provider(
    "bedrock",
    "Amazon Bedrock",
    "https://bedrock-runtime.{aws_region}.{aws_domain}",
    "https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html",
    locate=_locate,
    sign=partial(sigv4.signer, "bedrock"),
    options=(
        *SIGNING,
        Option("aws_bedrock_api", "aws-bedrock-api", default="converse", pattern="converse|invoke"),
        Option("anthropic_beta", "anthropic-beta", bare_header="anthropic-beta"),
        Option("anthropic_version", "anthropic-version", bare_header="anthropic-version"),
    ),
    derived={"aws_domain": aws_domain},
    profiles=Profiles(bedrock_profiles.where_told, bedrock_profiles.model_in),
    env=("AWS_BEARER_TOKEN_BEDROCK",),
    notes="The key is a Bedrock API key; or aws-access-key-id and aws-secret-access-key sign each request. "
    "The gateway's own profile or role needs penstock[aws]. aws-bedrock-api: invoke calls Claude by its own API, "
    "in place of Converse, for every caller.",
)
