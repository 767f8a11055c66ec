"""Hosts that speak a dialect of their own and have nothing else that is special, alphabetical by slug."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final

from penstock.auth import ibm, oci, sigv4
from penstock.core.operation import Operation
from penstock.providers.bedrock import SIGNING, aws_domain
from penstock.providers.row import EndpointSpec, ModelRouteSpec, Option, Provider


def _at_oracle(options: Mapping[str, str], operation: Operation) -> tuple[EndpointSpec, ...]:
    """Its own API for signed requests; a Generative AI API key opens the compatible one."""
    if operation is not Operation.CHAT:
        return ()
    if options.get("oracle_private_key"):
        return (EndpointSpec("/{oracle_api_version}/actions/chat", dialect="oracle"),)
    return (EndpointSpec("/openai/v1/chat/completions"),)


def _at_sagemaker(options: Mapping[str, str], operation: Operation) -> tuple[EndpointSpec, ...]:
    """An endpoint's container is asked in OpenAI's words; signed requests come back in AWS's frames."""
    if operation is not Operation.CHAT:
        return ()
    if options.get("aws_auth_type") == "apiKey":
        return (EndpointSpec("/endpoints/{model}/openai/v1/chat/completions", model=""),)
    endpoint = "/endpoints/{model}"
    streams = f"{endpoint}/invocations-response-stream"
    return (EndpointSpec(f"{endpoint}/invocations", stream_path=streams, dialect="sagemaker"),)


def _of_sagemaker(name: str) -> Option:
    return Option(
        f"amzn_sagemaker_{name.replace('-', '_')}",
        f"amzn-sagemaker-{name}",
        upstream_header=f"x-amzn-sagemaker-{name}",
        names_model=name in {"target-model", "target-variant", "inference-component"},
    )


def _text_chat(start: str, variant: str = "") -> EndpointSpec:
    version = "?version={watsonx_version}"
    return EndpointSpec(
        f"{start}/text/chat{version}",
        stream_path=f"{start}/text/chat_stream{version}",
        dialect="watsonx",
        variant=variant,
    )


_WATSONX: Final = _text_chat("/ml/v1")

ROWS: Final = (
    Provider(
        "cohere",
        "Cohere",
        "https://api.cohere.com",
        "https://docs.cohere.com/reference/chat",
        {
            Operation.CHAT: (EndpointSpec("/v2/chat", dialect="cohere"),),
            # https://docs.cohere.com/reference/embed
            Operation.EMBEDDINGS: (EndpointSpec("/v2/embed", dialect="cohere_embeddings"),),
            # https://docs.cohere.com/reference/rerank
            Operation.RERANK: (EndpointSpec("/v2/rerank", dialect="cohere_rerank"),),
        },
        env=("COHERE_API_KEY", "CO_API_KEY"),
    ),
    Provider(
        "oracle",
        "Oracle Cloud Generative AI",
        "https://inference.generativeai.{oracle_region}.oci.oraclecloud.com",
        "https://docs.oracle.com/en-us/iaas/api/#/en/generative-ai-inference/20231130/ChatResult/Chat",
        locate=_at_oracle,
        sign=oci.signer,
        options=(
            Option("oracle_region", "oracle-region", required=True, pattern="[a-z]{2,4}(-[a-z0-9]+)+"),
            Option("oracle_api_version", "oracle-api-version", default="20231130", pattern="[0-9]{8}"),
            Option("oracle_compartment_id", "oracle-compartment-id"),
            Option("oracle_serving_mode", "oracle-serving-mode", default="ON_DEMAND", pattern="ON_DEMAND|DEDICATED"),
            Option("oracle_tenancy", "oracle-tenancy"),
            Option("oracle_user", "oracle-user"),
            Option("oracle_fingerprint", "oracle-fingerprint"),
            Option("oracle_private_key", "oracle-private-key", secret=True),
            Option("oracle_key_passphrase", "oracle-key-passphrase", secret=True),
        ),
        env=("ORACLE_API_KEY",),
        notes="A signing key signs each request; a Generative AI API key goes to Oracle's OpenAI-compatible address.",
    ),
    Provider(
        "sagemaker",
        "Amazon SageMaker",
        "https://runtime.sagemaker.{aws_region}.{aws_domain}",
        "https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpointWithResponseStream.html",
        locate=_at_sagemaker,
        sign=partial(sigv4.signer, "sagemaker"),
        options=(
            *SIGNING,
            *map(
                _of_sagemaker,
                "custom-attributes target-model target-variant target-container-hostname inference-id "
                "enable-explanations inference-component session-id".split(),
            ),
            Option("amzn_sagemaker_model_name", "amzn-sagemaker-model-name", names_model=True),
        ),
        derived={"aws_domain": aws_domain},
        env=("AWS_BEARER_TOKEN_SAGEMAKER",),
        notes="The model is the endpoint's name; its container must speak OpenAI's chat completions.",
    ),
    Provider(
        "voyage",
        "Voyage AI",
        "https://api.voyageai.com/v1",
        "https://docs.voyageai.com/reference/embeddings-api",
        {
            Operation.EMBEDDINGS: (EndpointSpec("/embeddings", dialect="voyage_embeddings"),),
            # https://docs.voyageai.com/reference/reranker-api
            Operation.RERANK: (EndpointSpec("/rerank", dialect="voyage_rerank"),),
        },
        env=("VOYAGE_API_KEY",),
        notes="Embeddings and reranking only.",
    ),
    Provider(
        "watsonx",
        "IBM watsonx.ai",
        "https://{watsonx_region}.ml.cloud.ibm.com",
        "https://cloud.ibm.com/apidocs/watsonx-ai",
        {Operation.CHAT: (_WATSONX,)},
        model_routes=(ModelRouteSpec("deployment/", _text_chat("/ml/v1/deployments/{model}", "deployment")),),
        sign=ibm.signer,
        options=(
            Option("watsonx_region", "watsonx-region", default="us-south", pattern="[a-z]{2}-[a-z]+"),
            Option("watsonx_version", "watsonx-version", default="2024-10-08", pattern="[0-9]{4}-[0-9]{2}-[0-9]{2}"),
            Option("watsonx_project_id", "watsonx-project-id"),
            Option("watsonx_space_id", "watsonx-space-id"),
        ),
        env=("WATSONX_API_KEY", "WATSONX_APIKEY"),
        notes="The key is an IBM Cloud API key or an access token. deployment/ID is a deployment of your own.",
    ),
)
