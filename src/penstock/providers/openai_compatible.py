"""Hosts that run many makers' models and serve them over OpenAI's wire, one value each, alphabetical by slug.

A row states facts: address, credential, operations, what the vendor calls otherwise or refuses. Parameters that no row
names pass untouched, so what a vendor learns tomorrow works tomorrow. Addresses and paths are split as Portkey splits
them, so that a custom host means the same here as there. Makers that serve their own models are in makers.py; gateways
to other hosts' models in gateways.py; addresses that name an account in account_hosts.py and azure.py; servers that
callers run themselves in self_hosted.py.
"""

from __future__ import annotations

from typing import Final

from penstock.auth.header import HeaderAuth
from penstock.core.operation import Operation
from penstock.dialects.chat_quirks import ChatQuirks, Drop
from penstock.dialects.openai.relay.assistant_extras import reasoning_as
from penstock.providers.makers import only_max_tokens
from penstock.providers.row import (
    AUDIO,
    EndpointSpec,
    Provider,
    chat_and_models,
    chat_only,
    messages_at,
    resources,
    responses_at,
)


def _refused(link: str, *parameters: str) -> tuple[Drop, ...]:
    return tuple(
        Drop(parameter, "the vendor answers with an error when it is present", link) for parameter in parameters
    )


ROWS: Final = (
    Provider(
        "anyscale",
        "Anyscale Endpoints",
        "https://api.endpoints.anyscale.com/v1",
        "https://docs.anyscale.com/endpoints/text-generation/query-a-model",
        chat_and_models(),
        env=("ANYSCALE_API_KEY",),
        notes="The shared API closed on 1 August 2024; name your own Anyscale service as a custom host.",
    ),
    Provider(
        "baseten",
        "Baseten",
        "https://inference.baseten.co/v1",
        "https://docs.baseten.co/inference/model-apis/overview",
        chat_and_models(),
        env=("BASETEN_API_KEY",),
    ),
    Provider(
        "bytez",
        "Bytez",
        "https://api.bytez.com/models/v2/openai/v1",
        "https://docs.bytez.com/http-reference/oaiCompliant/chatCompletions",
        chat_only(),
        env=("BYTEZ_API_KEY", "BYTEZ_KEY"),
        quirks=ChatQuirks(
            renames=(only_max_tokens("https://docs.bytez.com/http-reference/oaiCompliant/chatCompletions"),)
        ),
    ),
    Provider(
        "cerebras",
        "Cerebras",
        "https://api.cerebras.ai/v1",
        "https://inference-docs.cerebras.ai/resources/openai",
        chat_and_models(
            # https://inference-docs.cerebras.ai/api-reference/models
            Operation.MODEL,
            # https://inference-docs.cerebras.ai/api-reference/completions
            Operation.COMPLETIONS,
        ),
        env=("CEREBRAS_API_KEY",),
        quirks=ChatQuirks(
            drops=_refused(
                "https://inference-docs.cerebras.ai/resources/openai",
                "frequency_penalty",
                "logit_bias",
                "presence_penalty",
                "prompt_cache_key",
            ),
            # https://github.com/eigent-ai/eigent/issues/1827
            takes_cache_markers=False,
            adapts_request=reasoning_as("reasoning"),
            completes_replies=True,
        ),
    ),
    Provider(
        "deepinfra",
        "DeepInfra",
        "https://api.deepinfra.com/v1/openai",
        "https://deepinfra.com/docs/openai_api",
        chat_and_models(
            Operation.EMBEDDINGS,
            Operation.COMPLETIONS,
            # https://deepinfra.com/docs/advanced/openai_images
            Operation.IMAGES,
            Operation.IMAGE_EDITS,
            Operation.IMAGE_VARIATIONS,
            # https://deepinfra.com/docs/openai_api
            *AUDIO,
        ),
        # https://deepinfra.com/docs/openai_api
        resources=resources("files", "batches"),
        env=("DEEPINFRA_API_KEY", "DEEPINFRA_TOKEN"),
    ),
    Provider(
        "featherless-ai",
        "Featherless AI",
        "https://api.featherless.ai/v1",
        "https://featherless.ai/docs",
        chat_and_models(
            # https://featherless.ai/docs/completions
            Operation.COMPLETIONS,
        ),
        env=("FEATHERLESS_API_KEY",),
    ),
    Provider(
        "fireworks-ai",
        "Fireworks AI",
        "https://api.fireworks.ai/inference/v1",
        "https://docs.fireworks.ai/tools-sdks/openai-compatibility",
        chat_and_models(
            # https://docs.fireworks.ai/api-reference/creates-an-embedding-vector-representing-the-input-text
            Operation.EMBEDDINGS,
            # https://docs.fireworks.ai/api-reference/post-completions
            Operation.COMPLETIONS,
            # https://docs.fireworks.ai/api-reference/rerank-documents
            Operation.RERANK,
            # https://docs.fireworks.ai/tools-sdks/anthropic-compatibility
            messages=messages_at("/messages"),
            # https://docs.fireworks.ai/guides/response-api
            responses=responses_at(),
        ),
        env=("FIREWORKS_API_KEY",),
        quirks=ChatQuirks(adapts_request=reasoning_as("reasoning_content"), completes_replies=True),
    ),
    Provider(
        "friendliai",
        "FriendliAI",
        "https://api.friendli.ai/serverless/v1",
        "https://friendli.ai/docs/guides/serverless_endpoints/introduction",
        chat_and_models(
            # https://friendli.ai/docs/openapi/serverless/completions
            Operation.COMPLETIONS,
        ),
        env=("FRIENDLI_TOKEN",),
    ),
    Provider(
        "groq",
        "Groq",
        "https://api.groq.com/openai/v1",
        "https://console.groq.com/docs/openai",
        chat_and_models(
            # https://console.groq.com/docs/api-reference#models-retrieve
            Operation.MODEL,
            # https://console.groq.com/docs/speech-to-text, https://console.groq.com/docs/text-to-speech
            *AUDIO,
            # https://console.groq.com/docs/responses-api
            responses=responses_at(),
        ),
        # https://console.groq.com/docs/batch
        resources=resources("files", "batches"),
        env=("GROQ_API_KEY",),
        quirks=ChatQuirks(
            drops=_refused(
                "https://console.groq.com/docs/openai", "logit_bias", "logprobs", "top_logprobs", "prompt_cache_key"
            ),
            # https://github.com/yetone/alma-releases/issues/59
            takes_cache_markers=False,
            adapts_request=reasoning_as("reasoning"),
            completes_replies=True,
            # https://console.groq.com/docs/api-reference#chat-create
            stream_usage=True,
        ),
    ),
    Provider(
        "hyperbolic",
        "Hyperbolic",
        "https://api.hyperbolic.xyz",
        "https://docs.hyperbolic.xyz",
        chat_and_models(
            # https://docs.hyperbolic.xyz/docs/rest-api
            Operation.COMPLETIONS,
            parent="/v1",
        ),
        env=("HYPERBOLIC_API_KEY",),
    ),
    Provider(
        "inference-net",
        "Inference.net",
        "https://api.inference.net/v1",
        "https://docs.inference.net",
        chat_and_models(),
        env=("INFERENCE_API_KEY",),
    ),
    Provider(
        "iointelligence",
        "IO Intelligence",
        "https://api.intelligence.io.solutions/api/v1",
        "https://io.net/docs/guides/intelligence/io-intelligence",
        chat_and_models(Operation.EMBEDDINGS),
        env=("IOINTELLIGENCE_API_KEY",),
    ),
    Provider(
        "kluster-ai",
        "kluster.ai",
        "https://api.kluster.ai/v1",
        "https://docs.kluster.ai",
        chat_and_models(),
        # https://docs.kluster.ai
        resources=resources("files", "batches"),
        env=("KLUSTER_API_KEY",),
        notes="Other gateways took its inference API out in July 2025; it may no longer answer.",
    ),
    Provider(
        "lemonfox-ai",
        "Lemonfox.ai",
        "https://api.lemonfox.ai/v1",
        "https://www.lemonfox.ai",
        chat_and_models(
            # https://www.lemonfox.ai/apis
            Operation.IMAGES,
            Operation.SPEECH,
            Operation.TRANSCRIPTIONS,
        ),
        env=("LEMONFOX_API_KEY",),
    ),
    Provider(
        "lepton",
        "Lepton AI",
        "https://api.lepton.ai",
        "https://www.lepton.ai",
        chat_and_models(parent="/api/v1"),
        env=("LEPTON_API_KEY",),
        quirks=ChatQuirks(developer_role=True),
        notes="The shared API closed when NVIDIA took the company over in 2025.",
    ),
    Provider(
        "monsterapi",
        "MonsterAPI",
        "https://llm.monsterapi.ai/v1",
        "https://llm.monsterapi.ai/docs",
        chat_and_models(),
        env=("MONSTERAPI_API_KEY", "MONSTER_API_KEY"),
    ),
    Provider(
        "ncompass",
        "nCompass",
        "https://api.ncompass.tech/v1",
        "https://www.ncompass.tech",
        chat_and_models(),
        env=("NCOMPASS_API_KEY",),
    ),
    Provider(
        "nextbit",
        "Nextbit",
        "https://api.nextbit256.com/v1",
        "https://www.nextbit256.com",
        chat_and_models(),
        env=("NEXTBIT_API_KEY",),
    ),
    Provider(
        "novita-ai",
        "Novita AI",
        "https://api.novita.ai/openai",
        "https://novita.ai/docs/api-reference/model-apis-llm-create-chat-completion",
        chat_and_models(
            # https://novita.ai/docs/api-reference/model-apis-llm-retrieve-model
            Operation.MODEL,
            # https://novita.ai/docs/api-reference/model-apis-llm-create-embeddings
            Operation.EMBEDDINGS,
            # https://novita.ai/docs/api-reference/model-apis-llm-create-completion
            Operation.COMPLETIONS,
            # https://novita.ai/docs/api-reference/model-apis-llm-create-rerank
            Operation.RERANK,
            parent="/v1",
            # https://novita.ai/docs/guides/llm-anthropic-compatibility
            messages=messages_at("/v1/messages", base_url="https://api.novita.ai/anthropic"),
        ),
        # https://novita.ai/docs/guides/llm-batch-api
        resources=resources("files", "batches", parent="/v1"),
        env=("NOVITA_API_KEY",),
        quirks=ChatQuirks(
            renames=(only_max_tokens("https://novita.ai/docs/api-reference/model-apis-llm-create-chat-completion"),)
        ),
    ),
    Provider(
        "nvidia",
        "NVIDIA NIM",
        "https://integrate.api.nvidia.com/v1",
        "https://docs.api.nvidia.com/nim/",
        chat_and_models(Operation.EMBEDDINGS),
        env=("NVIDIA_API_KEY", "NVIDIA_NIM_API_KEY"),
    ),
    Provider(
        "sambanova",
        "SambaNova",
        "https://api.sambanova.ai",
        "https://docs.sambanova.ai/docs/en/features/openai-compatibility",
        chat_and_models(
            # https://docs.sambanova.ai/docs/en/api-reference/models
            Operation.MODEL,
            # https://docs.sambanova.ai/docs/api-reference/embeddings/create-embeddings
            Operation.EMBEDDINGS,
            # https://docs.sambanova.ai/docs/en/features/audio
            Operation.TRANSCRIPTIONS,
            Operation.TRANSLATIONS,
            parent="/v1",
        ),
        env=("SAMBANOVA_API_KEY",),
        quirks=ChatQuirks(completes_replies=True),
    ),
    Provider(
        "segmind",
        "Segmind",
        "https://api.segmind.com/v1",
        "https://www.segmind.com/models/llama-v3p1-8b-instruct/api",
        {Operation.CHAT: (EndpointSpec("/{model}"),)},
        auth=HeaderAuth("x-api-key"),
        env=("SEGMIND_API_KEY",),
        notes="Streaming is not documented.",
    ),
    Provider(
        "siliconflow",
        "SiliconFlow",
        "https://api.siliconflow.cn/v1",
        "https://docs.siliconflow.cn/docs/api/chat-completions-post",
        chat_and_models(
            # https://docs.siliconflow.cn/cn/api-reference/embeddings/create-embeddings
            Operation.EMBEDDINGS,
            # https://docs.siliconflow.cn/cn/api-reference/images/images-generations
            Operation.IMAGES,
            # https://docs.siliconflow.cn/cn/api-reference/audio/create-speech
            Operation.SPEECH,
            # https://docs.siliconflow.cn/cn/api-reference/audio/create-audio-transcriptions
            Operation.TRANSCRIPTIONS,
            # https://docs.siliconflow.cn/cn/api-reference/rerank/create-rerank
            Operation.RERANK,
            # https://docs.siliconflow.cn/cn/api-reference/chat-completions/messages
            messages=messages_at("/messages"),
        ),
        # https://docs.siliconflow.cn/cn/api-reference/batch/create-batch
        resources=resources("files", "batches"),
        env=("SILICONFLOW_API_KEY", "SILICONFLOW_CN_API_KEY"),
        quirks=ChatQuirks(renames=(only_max_tokens("https://docs.siliconflow.cn/docs/api/chat-completions-post"),)),
        notes="International accounts: custom host https://api.siliconflow.com/v1.",
    ),
    Provider(
        "together-ai",
        "Together AI",
        "https://api.together.xyz",
        "https://docs.together.ai/reference/chat-completions-1",
        chat_and_models(
            # https://docs.together.ai/reference/embeddings-2
            Operation.EMBEDDINGS,
            # https://docs.together.ai/reference/completions-1
            Operation.COMPLETIONS,
            # https://docs.together.ai/reference/post-images-generations
            Operation.IMAGES,
            # https://docs.together.ai/reference/audio-speech
            *AUDIO,
            # https://docs.together.ai/reference/rerank-1
            Operation.RERANK,
            parent="/v1",
        ),
        # https://docs.together.ai/docs/batch-inference
        resources=resources("files", "batches", parent="/v1"),
        env=("TOGETHER_API_KEY",),
        quirks=ChatQuirks(
            renames=(only_max_tokens("https://docs.together.ai/reference/chat-completions-1"),), completes_replies=True
        ),
    ),
)
