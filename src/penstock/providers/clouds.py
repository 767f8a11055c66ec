"""Clouds that rent machines, and serve many makers' models over OpenAI's wire as well: one value each, alphabetical by
slug. Rules of rows: openai_compatible.py."""

from __future__ import annotations

from typing import Final

from penstock.core.operation import Operation
from penstock.dialects.chat_quirks import ChatQuirks
from penstock.providers.row import Provider, chat_and_models, resources

ROWS: Final = (
    Provider(
        "crusoe",
        "Crusoe Managed Inference",
        "https://api.inference.crusoecloud.com/v1",
        "https://docs.crusoecloud.com",
        chat_and_models(),
        env=("CRUSOE_API_KEY",),
    ),
    Provider(
        "lambda",
        "Lambda",
        "https://api.lambdalabs.com/v1",
        "https://lambda.ai/inference",
        chat_and_models(
            # https://docs.lambda.ai/public-cloud/lambda-inference-api/
            Operation.COMPLETIONS,
        ),
        env=("LAMBDA_API_KEY",),
        notes="Lambda announced the end of its inference API for 25 September 2025.",
    ),
    Provider(
        "nebius",
        "Nebius Token Factory",
        "https://api.tokenfactory.nebius.com/v1",
        "https://docs.tokenfactory.nebius.com/api-reference/introduction",
        chat_and_models(
            Operation.EMBEDDINGS,
            # https://docs.tokenfactory.nebius.com/api-reference/introduction
            Operation.COMPLETIONS,
            Operation.IMAGES,
        ),
        # https://docs.tokenfactory.nebius.com/api-reference/introduction
        resources=resources("files", "batches", "fine_tuning"),
        env=("NEBIUS_API_KEY",),
        notes="Formerly Nebius AI Studio (api.studio.nebius.ai).",
    ),
    Provider(
        "nscale",
        "Nscale",
        "https://inference.api.nscale.com/v1",
        "https://docs.nscale.com",
        chat_and_models(
            # https://docs.nscale.com/docs/inference/image-generation
            Operation.IMAGES,
        ),
        env=("NSCALE_SERVICE_TOKEN", "NSCALE_API_KEY"),
    ),
    Provider(
        "ovhcloud",
        "OVHcloud AI Endpoints",
        "https://oai.endpoints.kepler.ai.cloud.ovh.net/v1",
        "https://www.ovhcloud.com/en/public-cloud/ai-endpoints/catalog/",
        chat_and_models(
            # https://www.ovhcloud.com/en/public-cloud/ai-endpoints/catalog/bge-m3/
            Operation.EMBEDDINGS,
            # https://www.ovhcloud.com/en/public-cloud/ai-endpoints/catalog/whisper-large-v3/
            Operation.TRANSCRIPTIONS,
        ),
        env=("OVHCLOUD_API_KEY", "OVH_AI_ENDPOINTS_ACCESS_TOKEN"),
        quirks=ChatQuirks(developer_role=True),
    ),
    Provider(
        "scaleway",
        "Scaleway Generative APIs",
        "https://api.scaleway.ai/v1",
        "https://www.scaleway.com/en/docs/generative-apis/",
        chat_and_models(
            # https://www.scaleway.com/en/docs/generative-apis/api-cli/using-embeddings-api/
            Operation.EMBEDDINGS,
            # https://www.scaleway.com/en/docs/generative-apis/how-to/query-audio-models/
            Operation.TRANSCRIPTIONS,
        ),
        env=("SCW_SECRET_KEY", "SCALEWAY_API_KEY"),
    ),
)
