"""Google's two surfaces: the Gemini API, and Vertex AI, where other makers' models are served as well.

Sources: https://ai.google.dev/api, https://cloud.google.com/vertex-ai/docs/reference/rest;
docs/portkey.md#gemini, #vertex-ai.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from penstock.auth import google
from penstock.auth.header import BEARER, HeaderAuth
from penstock.core.json_text import read_json
from penstock.core.operation import Operation
from penstock.providers.mistral import MISTRAL
from penstock.providers.row import (
    ANTHROPIC_WIRE,
    OPENAI,
    EndpointSpec,
    ModelRouteSpec,
    Option,
    Provider,
    resources,
)

LIVE: Final = "/ws/google.ai.generativelanguage.{version}.GenerativeService.BidiGenerateContent"
"""Where sessions of the Live API are opened, with the version that the caller asks for."""
LIVE_VERSIONS: Final = ("v1", "v1beta", "v1alpha")
"""Google's SDKs ask for ``v1`` unless they are told another; what is tried out is in ``v1alpha``."""
_GEMINI: Final = "/v1beta/models/{model}"
_GENERATE: Final = EndpointSpec(
    f"{_GEMINI}:generateContent", stream_path=f"{_GEMINI}:streamGenerateContent?alt=sse", dialect="gemini"
)

INTERACTIONS: Final = "v1beta/interactions"
"""Answers that the Gemini API keeps, and goes on from. Source: https://ai.google.dev/gemini-api/docs/interactions."""
BATCHES: Final = "v1beta/batches"
"""Batches of the Gemini API, whose requests may be replaced. Source: https://ai.google.dev/api/batch-api."""
CACHES: Final = "v1beta/cachedContents"
"""Beginnings of prompts that the Gemini API keeps. Source: https://ai.google.dev/api/caching."""
RESOURCES: Final = (
    "v1beta/files",
    CACHES,
    BATCHES,
    "upload/v1beta/files",
    INTERACTIONS,
)
"""What the Gemini API keeps for its callers. Source: https://ai.google.dev/api/files, ``/caching``, ``/batch-api``."""

GOOGLE: Final = Provider(
    "google",
    "Google Gemini",
    "https://generativelanguage.googleapis.com",
    "https://ai.google.dev/api/generate-content",
    {
        Operation.CHAT: (_GENERATE,),
        # https://ai.google.dev/api/tokens#method:-models.counttokens
        Operation.COUNT_TOKENS: (EndpointSpec(f"{_GEMINI}:countTokens", dialect="gemini"),),
        # https://ai.google.dev/api/embeddings
        Operation.EMBEDDINGS: (
            EndpointSpec(f"{_GEMINI}:batchEmbedContents", dialect="gemini_embeddings"),
            EndpointSpec(f"{_GEMINI}:embedContent", dialect="gemini_embed"),
            EndpointSpec(f"{_GEMINI}:batchEmbedContents", dialect="gemini_batch_embed"),
        ),
        # https://ai.google.dev/gemini-api/docs/openai#image-generation
        Operation.IMAGES: (EndpointSpec("/v1beta/openai/images/generations", auth=BEARER),),
        # https://ai.google.dev/gemini-api/docs/openai#list-models
        Operation.MODELS: (EndpointSpec("/v1beta/openai/models", auth=BEARER),),
        # https://ai.google.dev/api/models#method:-models.predict and its neighbours
        Operation.PREDICT: (EndpointSpec(f"{_GEMINI}:predict", dialect="gemini"),),
        Operation.PREDICT_LATER: (EndpointSpec(f"{_GEMINI}:predictLongRunning", dialect="gemini"),),
        # https://ai.google.dev/api/batch-api
        Operation.BATCH_GENERATE: (EndpointSpec(f"{_GEMINI}:batchGenerateContent", dialect="gemini"),),
        Operation.BATCH_EMBED: (EndpointSpec(f"{_GEMINI}:asyncBatchEmbedContent", dialect="gemini"),),
        Operation.PREDICTED: (EndpointSpec("/v1beta/models/{id}/operations/{operation}", dialect="gemini"),),
        # https://ai.google.dev/api/live
        Operation.REALTIME: (EndpointSpec(LIVE, dialect="gemini"),),
    },
    model_routes=(ModelRouteSpec("models/", _GENERATE),),
    auth=HeaderAuth("x-goog-api-key"),
    resources=resources(*RESOURCES),
    env=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    notes="A custom host is the address without /v1beta.",
)


def _project(options: Mapping[str, str]) -> str | None:
    """The project that a service account belongs to."""
    try:
        account = read_json(options.get("vertex_service_account_json", "").encode())
    except ValueError:
        return None
    project = account.get("project_id") if isinstance(account, dict) else None
    return project if isinstance(project, str) else None


_MULTI_REGIONS: Final = frozenset({"us", "eu"})


def _host(options: Mapping[str, str]) -> str | None:
    """Where a region is served, or several of one jurisdiction, or all (Vertex AI docs, "Locations")."""
    region = options.get("vertex_region", "")
    if region == "global":
        return "aiplatform.googleapis.com"
    if region in _MULTI_REGIONS:
        return f"aiplatform.{region}.rep.googleapis.com"
    return f"{region}-aiplatform.googleapis.com"


_LOCATION: Final = "/projects/{vertex_project_id}/locations/{vertex_region}"


def _published(publisher: str, plain: str, stream: str, dialect: str, variant: str = "") -> EndpointSpec:
    model = f"/v1{_LOCATION}/publishers/{publisher}/models/{{model}}"
    return EndpointSpec(f"{model}:{plain}", stream_path=f"{model}:{stream}", dialect=dialect, variant=variant)


_ON_VERTEX: Final = f"/v1{_LOCATION}/publishers/google/models/{{model}}"
_GEMINI_ON_VERTEX: Final = _published("google", "generateContent", "streamGenerateContent?alt=sse", "gemini", "vertex")
_CLAUDE_ON_VERTEX: Final = _published("anthropic", "rawPredict", "streamRawPredict", ANTHROPIC_WIRE, "vertex")

_MISTRAL_ON_VERTEX: Final = msgspec.structs.replace(
    _published("mistralai", "rawPredict", "streamRawPredict", OPENAI), quirks=MISTRAL.quirks
)

VERTEX_AI: Final = Provider(
    "vertex-ai",
    "Google Vertex AI",
    "https://{vertex_host}",
    "https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference",
    {
        Operation.CHAT: (_GEMINI_ON_VERTEX,),
        # https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/text-embeddings-api
        Operation.EMBEDDINGS: (
            EndpointSpec(f"/v1{_LOCATION}/publishers/google/models/{{model}}:predict", dialect="vertex_embeddings"),
        ),
        # https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/count-tokens
        Operation.COUNT_TOKENS: (EndpointSpec(f"{_ON_VERTEX}:countTokens", dialect="gemini", variant="vertex"),),
        # https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/imagen-api, …/veo-video-generation
        Operation.PREDICT: (EndpointSpec(f"{_ON_VERTEX}:predict", dialect="gemini"),),
        Operation.PREDICT_LATER: (EndpointSpec(f"{_ON_VERTEX}:predictLongRunning", dialect="gemini"),),
        Operation.FETCH_PREDICTED: (EndpointSpec(f"{_ON_VERTEX}:fetchPredictOperation", dialect="gemini"),),
    },
    model_routes=(
        ModelRouteSpec("google.", _GEMINI_ON_VERTEX),
        ModelRouteSpec("google/", _GEMINI_ON_VERTEX),
        ModelRouteSpec("anthropic.", _CLAUDE_ON_VERTEX),
        ModelRouteSpec("anthropic/", _CLAUDE_ON_VERTEX),
        ModelRouteSpec("claude-", _CLAUDE_ON_VERTEX, becomes=None),
        ModelRouteSpec(
            "meta.", EndpointSpec(f"/v1beta1{_LOCATION}/endpoints/openapi/chat/completions"), becomes="meta/"
        ),
        ModelRouteSpec("meta/", EndpointSpec(f"/v1beta1{_LOCATION}/endpoints/openapi/chat/completions"), becomes=None),
        ModelRouteSpec("mistralai.", _MISTRAL_ON_VERTEX),
        ModelRouteSpec("endpoints.", EndpointSpec(f"/v1{_LOCATION}/endpoints/{{model}}/chat/completions")),
    ),
    options=(
        Option("vertex_project_id", "vertex-project-id", required=True, pattern="[a-z0-9.:-]{1,64}"),
        Option("vertex_region", "vertex-region", default="us-central1", pattern="[a-z0-9-]{1,32}"),
        Option("vertex_service_account_json", "vertex-service-account-json", secret=True),
        Option("vertex_auth_type", "vertex-auth-type", pattern="adc|apiKey"),
        Option("anthropic_beta", "anthropic-beta", bare_header="anthropic-beta"),
        Option("anthropic_version", "anthropic-version", bare_header="anthropic-version"),
    ),
    sign=google.signer,
    derived={"vertex_project_id": _project, "vertex_host": _host},
    env=("VERTEX_ACCESS_TOKEN",),
    notes="The key is an access token; or a service account's JSON signs in "
    "(penstock[google]). Models of other makers: anthropic.NAME, "
    "meta.NAME, mistralai.NAME; endpoints.ID is an endpoint of your own.",
)
