"""Gateways and marketplaces of OpenAI's wire, which pass requests on to hosts of many makers' models: one value each,
alphabetical by slug. Rules of rows: openai_compatible.py.
"""

from __future__ import annotations

from typing import Final

from penstock.core.operation import Operation
from penstock.dialects.chat_quirks import ChatQuirks
from penstock.providers.azure import EXTRA_PARAMETERS
from penstock.providers.makers import OPENAI_ACCOUNT
from penstock.providers.row import AUDIO, Provider, chat_and_models, chat_only, messages_at, responses_at

ROWS: Final = (
    Provider(
        "302ai",
        "302.AI",
        "https://api.302.ai",
        "https://doc.302.ai",
        chat_and_models(
            Operation.EMBEDDINGS,
            # https://doc.302.ai
            Operation.IMAGES,
            Operation.IMAGE_EDITS,
            Operation.RERANK,
            *AUDIO,
            parent="/v1",
        ),
        env=("AI302_API_KEY", "302AI_API_KEY"),
        quirks=ChatQuirks(developer_role=True),
    ),
    Provider(
        "aibadgr",
        "AI Badgr",
        "https://aibadgr.com/api/v1",
        "https://aibadgr.com",
        chat_and_models(),
        env=("AIBADGR_API_KEY",),
    ),
    Provider(
        "cometapi",
        "CometAPI",
        "https://api.cometapi.com/v1",
        "https://apidoc.cometapi.com",
        chat_and_models(
            Operation.EMBEDDINGS,
            # https://apidoc.cometapi.com
            Operation.IMAGES,
            Operation.IMAGE_EDITS,
            *AUDIO,
        ),
        env=("COMETAPI_KEY", "COMETAPI_API_KEY"),
        quirks=ChatQuirks(developer_role=True),
    ),
    Provider(
        "deepbricks",
        "Deepbricks",
        "https://api.deepbricks.ai/v1",
        "https://deepbricks.ai",
        chat_and_models(),
        env=("DEEPBRICKS_API_KEY",),
        options=OPENAI_ACCOUNT,
    ),
    Provider(
        "github",
        "GitHub Models",
        "https://models.github.ai/inference",
        "https://docs.github.com/en/github-models",
        chat_only(
            # https://docs.github.com/en/rest/models/embeddings
            Operation.EMBEDDINGS
        ),
        env=("GITHUB_TOKEN",),
        options=(EXTRA_PARAMETERS,),
        notes="The Azure address that Portkey still names was retired by GitHub on 17 October 2025.",
    ),
    Provider(
        "openrouter",
        "OpenRouter",
        "https://openrouter.ai/api",
        "https://openrouter.ai/docs/api-reference/overview",
        chat_and_models(
            # https://openrouter.ai/docs/api/reference/embeddings
            Operation.EMBEDDINGS,
            # https://openrouter.ai/docs/api/reference/overview
            Operation.COMPLETIONS,
            parent="/v1",
            # https://openrouter.ai/docs/api/api-reference/anthropic-messages/create-messages
            messages=messages_at("/v1/messages"),
            # https://openrouter.ai/docs/api/reference/responses/overview
            responses=responses_at("/v1/responses"),
        ),
        env=("OPENROUTER_API_KEY",),
        quirks=ChatQuirks(completes_replies=True, keeps_reasoning=True),
        notes="To be named in OpenRouter's rankings, forward the headers http-referer and x-title.",
    ),
    Provider(
        "vercel",
        "Vercel AI Gateway",
        "https://ai-gateway.vercel.sh/v1",
        "https://vercel.com/docs/ai-gateway/openai-compat",
        chat_and_models(
            Operation.EMBEDDINGS,
            # https://vercel.com/docs/ai-gateway/sdks-and-apis/anthropic-messages-api
            messages=messages_at("/messages"),
            # https://vercel.com/docs/ai-gateway/sdks-and-apis/openresponses
            responses=responses_at(),
        ),
        env=("AI_GATEWAY_API_KEY",),
        quirks=ChatQuirks(keeps_reasoning=True),
    ),
)
