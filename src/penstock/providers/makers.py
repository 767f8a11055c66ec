"""Makers that serve their own models over OpenAI's wire, some of them in Anthropic's wire, too; alphabetical by slug.

The rules of openai_compatible.py hold here as well.
"""

from __future__ import annotations

import re
from typing import Final

from penstock.core.operation import Operation
from penstock.dialects.chat_quirks import (
    ENABLE_THINKING,
    THINKING_TYPE,
    THINKING_TYPE_AND_THOUGHTS,
    WORDS,
    ChatQuirks,
    Rename,
)
from penstock.dialects.openai.relay.alternation import in_alternation
from penstock.providers.anthropic import X_API_KEY
from penstock.providers.row import (
    AUDIO,
    KEPT,
    EndpointSpec,
    Option,
    Provider,
    chat_and_models,
    chat_only,
    kept_responses,
    messages_at,
    resources,
    responses_at,
)

OPENAI_ACCOUNT: Final = (
    Option("openai_organization", "openai-organization", upstream_header="OpenAI-Organization"),
    Option("openai_project", "openai-project", upstream_header="OpenAI-Project"),
)
_BETA: Final = Option("openai_beta", "openai-beta", upstream_header="OpenAI-Beta", bare_header="openai-beta")

_JINA_EMBEDDINGS: Final = ChatQuirks(
    renames=(Rename("encoding_format", "embedding_type", "the vendor's name for it", "https://api.jina.ai/redoc"),)
)


OPENAI_RESOURCES: Final = resources(
    *"assistants batches chat/completions containers conversations evals files fine_tuning models".split(),
    *"realtime/client_secrets realtime/sessions realtime/transcription_sessions".split(),
    *"skills threads uploads vector_stores videos".split(),
)
"""What OpenAI keeps for its callers."""
RESPONSES_ONLY: Final = re.compile(
    r"(?:gpt-5[0-9.]*-(?:pro|codex)|codex-mini|o[13]-pro|o[34](?:-mini)?-deep-research|computer-use-preview)(?:-.*)?"
)
"""https://developers.openai.com/api/docs/models: models whose page lists v1/responses and not v1/chat/completions."""


def only_max_tokens(link: str) -> Rename:
    """The rename of hosts that know the limit of an answer by its older name."""
    return Rename("max_completion_tokens", "max_tokens", "the vendor documents the limit as max_tokens only", link)


ROWS: Final = (
    Provider(
        "ai21",
        "AI21 Labs",
        "https://api.ai21.com/studio/v1",
        "https://docs.ai21.com/reference/jamba-1-6-api-ref",
        chat_and_models(),
        env=("AI21_API_KEY",),
        quirks=ChatQuirks(renames=(only_max_tokens("https://docs.ai21.com/reference/jamba-1-6-api-ref"),)),
    ),
    Provider(
        "dashscope",
        "Alibaba Cloud Model Studio",
        "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
        "https://www.alibabacloud.com/help/en/model-studio/compatibility-of-openai-with-dashscope",
        chat_and_models(
            # https://www.alibabacloud.com/help/en/model-studio/embedding-interfaces-compatible-with-openai
            Operation.EMBEDDINGS,
            # https://www.alibabacloud.com/help/en/model-studio/anthropic-api-messages
            messages=messages_at(
                "/v1/messages", base_url="https://dashscope-intl.aliyuncs.com/apps/anthropic", auth=X_API_KEY
            ),
        ),
        # https://www.alibabacloud.com/help/en/model-studio/batch-interfaces-compatible-with-openai
        resources=resources("files", "batches"),
        env=("DASHSCOPE_API_KEY",),
        quirks=ChatQuirks(
            applies_model_limits=True,
            thinking=ENABLE_THINKING,
            # https://www.alibabacloud.com/help/en/model-studio/use-qwen-by-calling-api
            stream_usage=True,
        ),
        notes="Accounts of mainland China: custom host https://dashscope.aliyuncs.com/compatible-mode/v1.",
    ),
    Provider(
        "deepseek",
        "DeepSeek",
        "https://api.deepseek.com",
        "https://api-docs.deepseek.com/api/create-chat-completion",
        chat_and_models(
            parent="/v1",
            # https://api-docs.deepseek.com/guides/anthropic_api
            messages=messages_at("/v1/messages", base_url="https://api.deepseek.com/anthropic", auth=X_API_KEY),
            # https://api-docs.deepseek.com/api/create-response
            responses=responses_at(),
        ),
        env=("DEEPSEEK_API_KEY",),
        quirks=ChatQuirks(
            renames=(only_max_tokens("https://api-docs.deepseek.com/api/create-chat-completion"),),
            completes_replies=True,
            applies_model_limits=True,
            thinking=THINKING_TYPE_AND_THOUGHTS,
            # https://api-docs.deepseek.com/guides/json_mode
            takes_schemas=False,
            # https://api-docs.deepseek.com/api/create-chat-completion
            stream_usage=True,
        ),
    ),
    Provider(
        "jina",
        "Jina AI DeepSearch",
        "https://deepsearch.jina.ai/v1",
        "https://jina.ai/deepsearch",
        {
            **chat_and_models(),
            # https://jina.ai/embeddings
            Operation.EMBEDDINGS: (
                EndpointSpec("/embeddings", base_url="https://api.jina.ai/v1", quirks=_JINA_EMBEDDINGS),
            ),
            # https://jina.ai/reranker
            Operation.RERANK: (EndpointSpec("/rerank", base_url="https://api.jina.ai/v1"),),
        },
        env=("JINA_API_KEY",),
        notes="Chat is DeepSearch; embeddings have another address.",
    ),
    Provider(
        "krutrim",
        "Krutrim",
        "https://cloud.olakrutrim.com/v1",
        "https://cloud.olakrutrim.com",
        chat_and_models(),
        env=("KRUTRIM_API_KEY",),
    ),
    Provider(
        "lingyi",
        "01.AI",
        "https://api.lingyiwanwu.com",
        "https://platform.lingyiwanwu.com/docs",
        chat_and_models(parent="/v1"),
        env=("LINGYI_API_KEY",),
    ),
    Provider(
        "matterai",
        "MatterAI",
        "https://api.matterai.so/v1",
        "https://docs.matterai.so",
        chat_and_models(),
        env=("MATTERAI_API_KEY",),
        quirks=ChatQuirks(developer_role=True),
    ),
    Provider(
        "minimax",
        "MiniMax",
        "https://api.minimax.io/v1",
        "https://platform.minimax.io/docs/api-reference/text-openai-api",
        chat_and_models(
            # https://platform.minimax.io/docs/api-reference/text-anthropic-api
            messages=messages_at("/v1/messages", base_url="https://api.minimax.io/anthropic")
        ),
        env=("MINIMAX_API_KEY",),
    ),
    Provider(
        "moonshot",
        "Moonshot AI",
        "https://api.moonshot.cn",
        "https://platform.moonshot.cn/docs/api/chat",
        chat_and_models(
            parent="/v1",
            # https://platform.kimi.ai/docs/api/messages
            messages=messages_at("/v1/messages", base_url="https://api.moonshot.cn/anthropic"),
        ),
        # https://platform.moonshot.cn/docs/api/files
        resources=resources("files", parent="/v1"),
        env=("MOONSHOT_API_KEY",),
        quirks=ChatQuirks(applies_model_limits=True, thinking=THINKING_TYPE_AND_THOUGHTS),
        notes="International accounts: custom host https://api.moonshot.ai.",
    ),
    Provider(
        "openai",
        "OpenAI",
        "https://api.openai.com/v1",
        "https://platform.openai.com/docs/api-reference/chat",
        {
            **chat_and_models(
                # https://platform.openai.com/docs/api-reference/models/retrieve
                Operation.MODEL,
                # https://platform.openai.com/docs/api-reference/embeddings
                Operation.EMBEDDINGS,
                # https://platform.openai.com/docs/api-reference/completions
                Operation.COMPLETIONS,
                # https://platform.openai.com/docs/api-reference/images
                Operation.IMAGES,
                Operation.IMAGE_EDITS,
                Operation.IMAGE_VARIATIONS,
                # https://platform.openai.com/docs/api-reference/audio
                *AUDIO,
                # https://platform.openai.com/docs/api-reference/moderations
                Operation.MODERATIONS,
                # https://platform.openai.com/docs/guides/realtime-websocket
                Operation.REALTIME,
                # https://platform.openai.com/docs/api-reference/responses
                responses=responses_at(),
            ),
            # https://platform.openai.com/docs/api-reference/responses/get and its neighbours
            **kept_responses(*KEPT),
            # https://developers.openai.com/api/reference/resources/responses/websocket-events
            **kept_responses(Operation.RESPONSE_SESSION),
        },
        # https://platform.openai.com/docs/api-reference
        resources=OPENAI_RESOURCES,
        env=("OPENAI_API_KEY",),
        options=(*OPENAI_ACCOUNT, _BETA),
        quirks=ChatQuirks(
            developer_role=True,
            applies_model_limits=True,
            responses_only=RESPONSES_ONLY,
            # https://platform.openai.com/docs/api-reference/chat/create#chat_create-stream_options
            stream_usage=True,
        ),
    ),
    Provider(
        "perplexity-ai",
        "Perplexity",
        "https://api.perplexity.ai",
        "https://docs.perplexity.ai/docs/sonar/openai-compatibility",
        chat_only(),
        env=("PERPLEXITY_API_KEY", "PERPLEXITYAI_API_KEY"),
        quirks=ChatQuirks(
            renames=(only_max_tokens("https://docs.perplexity.ai/guides/chat-completions-guide"),),
            adapts_request=in_alternation,
            completes_replies=True,
        ),
    ),
    Provider(
        "reka-ai",
        "Reka",
        "https://api.reka.ai/v1",
        "https://docs.reka.ai/chat/api-reference/create-chat-completion",
        chat_and_models(),
        env=("REKA_API_KEY",),
    ),
    Provider(
        "upstage",
        "Upstage",
        "https://api.upstage.ai/v1/solar",
        "https://developers.upstage.ai/docs/apis/chat",
        {
            **chat_and_models(),
            # https://console.upstage.ai/docs/capabilities/embed
            Operation.EMBEDDINGS: (EndpointSpec("/embeddings", base_url="https://api.upstage.ai/v1"),),
        },
        env=("UPSTAGE_API_KEY",),
    ),
    Provider(
        "x-ai",
        "xAI",
        "https://api.x.ai/v1",
        "https://docs.x.ai/docs/api-reference",
        {
            **chat_and_models(
                # https://docs.x.ai/docs/api-reference#get-model
                Operation.MODEL,
                # https://docs.x.ai/docs/guides/image-generations
                Operation.IMAGES,
                # https://docs.x.ai/docs/api-reference#create-new-response
                responses=responses_at(),
            ),
            # https://docs.x.ai/docs/api-reference#retrieve-a-previous-response
            **kept_responses(Operation.RESPONSE, Operation.RESPONSE_DELETE),
            # https://docs.x.ai/developers/advanced-api-usage/websocket-mode
            **kept_responses(Operation.RESPONSE_SESSION),
        },
        # https://docs.x.ai/docs/guides/files
        resources=resources("files"),
        env=("XAI_API_KEY",),
        quirks=ChatQuirks(
            completes_replies=True,
            applies_model_limits=True,
            thinking=WORDS,
            # https://docs.x.ai/docs/api-reference#chat-completions
            stream_usage=True,
        ),
    ),
    Provider(
        "z-ai",
        "Z.ai",
        "https://api.z.ai/api/paas/v4",
        "https://docs.z.ai/api-reference/llm/chat-completion",
        chat_and_models(
            # https://docs.z.ai/api-reference/image/generate-image
            Operation.IMAGES,
            # https://docs.z.ai/api-reference/audio/audio-transcriptions
            Operation.TRANSCRIPTIONS,
            # https://docs.z.ai/devpack/tool/claude
            messages=messages_at("/v1/messages", base_url="https://api.z.ai/api/anthropic"),
        ),
        env=("ZAI_API_KEY",),
        quirks=ChatQuirks(
            renames=(only_max_tokens("https://docs.z.ai/guides/overview/concept-param"),),
            completes_replies=True,
            applies_model_limits=True,
            thinking=THINKING_TYPE,
            # https://docs.z.ai/guides/capabilities/struct-output
            takes_schemas=False,
        ),
    ),
    Provider(
        "zhipu",
        "Zhipu AI",
        "https://open.bigmodel.cn/api/paas/v4",
        "https://docs.bigmodel.cn",
        chat_and_models(
            Operation.EMBEDDINGS,
            # https://docs.bigmodel.cn/api-reference
            Operation.IMAGES,
            Operation.SPEECH,
            Operation.TRANSCRIPTIONS,
            # https://docs.bigmodel.cn/cn/guide/develop/claude/introduction
            messages=messages_at("/v1/messages", base_url="https://open.bigmodel.cn/api/anthropic"),
        ),
        # https://docs.bigmodel.cn/api-reference
        resources=resources("files", "batches"),
        env=("ZHIPU_API_KEY", "ZHIPUAI_API_KEY"),
        quirks=ChatQuirks(
            renames=(only_max_tokens("https://docs.bigmodel.cn"),),
            applies_model_limits=True,
            thinking=THINKING_TYPE,
            # https://docs.bigmodel.cn/cn/guide/capabilities/struct-output
            takes_schemas=False,
        ),
    ),
)
