"""Providers that speak OpenAI's chat dialect, one value each, alphabetical by slug.

A row states facts: address, credential, what the vendor calls otherwise or refuses. Parameters that no row names pass
untouched, so what a vendor learns tomorrow works tomorrow. Addresses and paths are split as Portkey splits them, so
that a custom host means the same here as there. Addresses that name an account are in account_hosts.py and azure.py,
servers that callers run themselves in self_hosted.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from penstock.auth.header import HeaderAuth
from penstock.dialects import mistral
from penstock.dialects.openai.suit import ENABLE_THINKING, THINKING_TYPE, WORDS
from penstock.providers.azure import EXTRA_PARAMETERS
from penstock.providers.row import CHAT_ONLY, PATHS, V1_PATHS, Drop, Key, Operation, Option, Place, Provider, Rename

_ORGANIZATION: Final = Option("openai_organization", "openai-organization", upstream_header="OpenAI-Organization")
_PROJECT: Final = Option("openai_project", "openai-project", upstream_header="OpenAI-Project")
_BETA: Final = Option("openai_beta", "openai-beta", upstream_header="OpenAI-Beta", bare_header="openai-beta")


def _only_max_tokens(link: str) -> Rename:
    return Rename("max_completion_tokens", "max_tokens", "the vendor documents the limit as max_tokens only", link)


def _refused(link: str, *parameters: str) -> tuple[Drop, ...]:
    return tuple(
        Drop(parameter, "the vendor answers with an error when it is present", link) for parameter in parameters
    )


def _mistral(options: Mapping[str, str], operation: Operation) -> Place:
    fills = operation is Operation.CHAT and options.get("mistral_fim_completion") == "true"
    return Place("/fim/completions" if fills else PATHS[operation])


_MISTRAL_PARAMETERS: Final = "https://github.com/mistralai/client-python/blob/main/docs/models/chatcompletionrequest.md"

ROWS: Final = (
    Provider(
        "302ai",
        "302.AI",
        "https://api.302.ai",
        "https://doc.302.ai",
        paths=V1_PATHS,
        env=("AI302_API_KEY", "302AI_API_KEY"),
        developer_role=True,
    ),
    Provider(
        "ai21",
        "AI21 Labs",
        "https://api.ai21.com/studio/v1",
        "https://docs.ai21.com/reference/jamba-1-6-api-ref",
        env=("AI21_API_KEY",),
        renames=(_only_max_tokens("https://docs.ai21.com/reference/jamba-1-6-api-ref"),),
    ),
    Provider("aibadgr", "AI Badgr", "https://aibadgr.com/api/v1", "https://aibadgr.com", env=("AIBADGR_API_KEY",)),
    Provider(
        "anyscale",
        "Anyscale Endpoints",
        "https://api.endpoints.anyscale.com/v1",
        "https://docs.anyscale.com/endpoints/text-generation/query-a-model",
        env=("ANYSCALE_API_KEY",),
        notes="The shared API closed on 1 August 2024; name your own Anyscale service as a custom host.",
    ),
    Provider(
        "baseten",
        "Baseten",
        "https://inference.baseten.co/v1",
        "https://docs.baseten.co/inference/model-apis/overview",
        env=("BASETEN_API_KEY",),
    ),
    Provider(
        "bytez",
        "Bytez",
        "https://api.bytez.com/models/v2/openai/v1",
        "https://docs.bytez.com/http-reference/oaiCompliant/chatCompletions",
        paths=CHAT_ONLY,
        env=("BYTEZ_API_KEY", "BYTEZ_KEY"),
        renames=(_only_max_tokens("https://docs.bytez.com/http-reference/oaiCompliant/chatCompletions"),),
    ),
    Provider(
        "cerebras",
        "Cerebras",
        "https://api.cerebras.ai/v1",
        "https://inference-docs.cerebras.ai/resources/openai",
        env=("CEREBRAS_API_KEY",),
        drops=_refused(
            "https://inference-docs.cerebras.ai/resources/openai", "frequency_penalty", "logit_bias", "presence_penalty"
        ),
        mends=True,
    ),
    Provider(
        "cometapi",
        "CometAPI",
        "https://api.cometapi.com/v1",
        "https://apidoc.cometapi.com",
        env=("COMETAPI_KEY", "COMETAPI_API_KEY"),
        developer_role=True,
    ),
    Provider(
        "crusoe",
        "Crusoe Managed Inference",
        "https://api.inference.crusoecloud.com/v1",
        "https://docs.crusoecloud.com",
        env=("CRUSOE_API_KEY",),
    ),
    Provider(
        "dashscope",
        "Alibaba Cloud Model Studio",
        "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
        "https://www.alibabacloud.com/help/en/model-studio/compatibility-of-openai-with-dashscope",
        env=("DASHSCOPE_API_KEY",),
        notes="Accounts of mainland China: custom host https://dashscope.aliyuncs.com/compatible-mode/v1.",
        suits_models=True,
        effort=ENABLE_THINKING,
    ),
    Provider(
        "deepbricks",
        "Deepbricks",
        "https://api.deepbricks.ai/v1",
        "https://deepbricks.ai",
        env=("DEEPBRICKS_API_KEY",),
        options=(_ORGANIZATION, _PROJECT),
    ),
    Provider(
        "deepinfra",
        "DeepInfra",
        "https://api.deepinfra.com/v1/openai",
        "https://deepinfra.com/docs/openai_api",
        env=("DEEPINFRA_API_KEY", "DEEPINFRA_TOKEN"),
    ),
    Provider(
        "deepseek",
        "DeepSeek",
        "https://api.deepseek.com",
        "https://api-docs.deepseek.com/api/create-chat-completion",
        paths=V1_PATHS,
        env=("DEEPSEEK_API_KEY",),
        renames=(_only_max_tokens("https://api-docs.deepseek.com/api/create-chat-completion"),),
        mends=True,
        suits_models=True,
        effort=THINKING_TYPE,
    ),
    Provider(
        "echo",
        "Echo (built in)",
        "echo://echo",
        "docs/echo.md",
        key=Key.NONE,
        developer_role=True,
        notes="Answers from inside the gateway: no network, no key.",
    ),
    Provider(
        "featherless-ai",
        "Featherless AI",
        "https://api.featherless.ai/v1",
        "https://featherless.ai/docs",
        env=("FEATHERLESS_API_KEY",),
    ),
    Provider(
        "fireworks-ai",
        "Fireworks AI",
        "https://api.fireworks.ai/inference/v1",
        "https://docs.fireworks.ai/tools-sdks/openai-compatibility",
        env=("FIREWORKS_API_KEY",),
        mends=True,
    ),
    Provider(
        "friendliai",
        "FriendliAI",
        "https://api.friendli.ai/serverless/v1",
        "https://friendli.ai/docs/guides/serverless_endpoints/introduction",
        env=("FRIENDLI_TOKEN",),
    ),
    Provider(
        "github",
        "GitHub Models",
        "https://models.github.ai/inference",
        "https://docs.github.com/en/github-models",
        paths=CHAT_ONLY,
        env=("GITHUB_TOKEN",),
        options=(EXTRA_PARAMETERS,),
        notes="The Azure address that Portkey still names was retired by GitHub on 17 October 2025.",
    ),
    Provider(
        "groq",
        "Groq",
        "https://api.groq.com/openai/v1",
        "https://console.groq.com/docs/openai",
        env=("GROQ_API_KEY",),
        drops=_refused("https://console.groq.com/docs/openai", "logit_bias", "logprobs", "top_logprobs"),
        mends=True,
    ),
    Provider(
        "hyperbolic",
        "Hyperbolic",
        "https://api.hyperbolic.xyz",
        "https://docs.hyperbolic.xyz",
        paths=V1_PATHS,
        env=("HYPERBOLIC_API_KEY",),
    ),
    Provider(
        "inference-net",
        "Inference.net",
        "https://api.inference.net/v1",
        "https://docs.inference.net",
        env=("INFERENCE_API_KEY",),
    ),
    Provider(
        "iointelligence",
        "IO Intelligence",
        "https://api.intelligence.io.solutions/api/v1",
        "https://io.net/docs/guides/intelligence/io-intelligence",
        env=("IOINTELLIGENCE_API_KEY",),
    ),
    Provider(
        "jina",
        "Jina AI DeepSearch",
        "https://deepsearch.jina.ai/v1",
        "https://jina.ai/deepsearch",
        env=("JINA_API_KEY",),
        notes="Chat is DeepSearch; embeddings have another address.",
    ),
    Provider(
        "kluster-ai",
        "kluster.ai",
        "https://api.kluster.ai/v1",
        "https://docs.kluster.ai",
        env=("KLUSTER_API_KEY",),
        notes="Other gateways took its inference API out in July 2025; it may no longer answer.",
    ),
    Provider(
        "krutrim",
        "Krutrim",
        "https://cloud.olakrutrim.com/v1",
        "https://cloud.olakrutrim.com",
        env=("KRUTRIM_API_KEY",),
    ),
    Provider(
        "lambda",
        "Lambda",
        "https://api.lambdalabs.com/v1",
        "https://lambda.ai/inference",
        env=("LAMBDA_API_KEY",),
        notes="Lambda announced the end of its inference API for 25 September 2025.",
    ),
    Provider(
        "lemonfox-ai", "Lemonfox.ai", "https://api.lemonfox.ai/v1", "https://www.lemonfox.ai", env=("LEMONFOX_API_KEY",)
    ),
    Provider(
        "lepton",
        "Lepton AI",
        "https://api.lepton.ai",
        "https://www.lepton.ai",
        paths={operation: "/api" + path for operation, path in V1_PATHS.items()},
        env=("LEPTON_API_KEY",),
        developer_role=True,
        notes="The shared API closed when NVIDIA took the company over in 2025.",
    ),
    Provider(
        "lingyi",
        "01.AI",
        "https://api.lingyiwanwu.com",
        "https://platform.lingyiwanwu.com/docs",
        paths=V1_PATHS,
        env=("LINGYI_API_KEY",),
    ),
    Provider(
        "matterai",
        "MatterAI",
        "https://api.matterai.so/v1",
        "https://docs.matterai.so",
        env=("MATTERAI_API_KEY",),
        developer_role=True,
    ),
    Provider(
        "minimax",
        "MiniMax",
        "https://api.minimax.io/v1",
        "https://platform.minimax.io/docs/api-reference/text-openai-api",
        env=("MINIMAX_API_KEY",),
    ),
    Provider(
        "mistral-ai",
        "Mistral AI",
        "https://api.mistral.ai/v1",
        "https://docs.mistral.ai/api/",
        env=("MISTRAL_API_KEY",),
        locate=_mistral,
        options=(Option("mistral_fim_completion", "mistral-fim-completion"),),
        renames=(
            _only_max_tokens(_MISTRAL_PARAMETERS),
            Rename("seed", "random_seed", "the vendor's name for it", _MISTRAL_PARAMETERS),
        ),
        suits=mistral.suited,
        drops=(
            *_refused("https://github.com/Gitlawb/openclaude/issues/739", "store"),
            *_refused("https://github.com/avante-corp/avante.nvim/issues/2347", "stream_options"),
        ),
        notes="Streams report their usage unasked. mistral-fim-completion: true sends chats to /fim/completions.",
        mends=True,
    ),
    Provider(
        "monsterapi",
        "MonsterAPI",
        "https://llm.monsterapi.ai/v1",
        "https://llm.monsterapi.ai/docs",
        env=("MONSTERAPI_API_KEY", "MONSTER_API_KEY"),
    ),
    Provider(
        "moonshot",
        "Moonshot AI",
        "https://api.moonshot.cn",
        "https://platform.moonshot.cn/docs/api/chat",
        paths=V1_PATHS,
        env=("MOONSHOT_API_KEY",),
        notes="International accounts: custom host https://api.moonshot.ai.",
        suits_models=True,
        effort=THINKING_TYPE,
    ),
    Provider(
        "ncompass", "nCompass", "https://api.ncompass.tech/v1", "https://www.ncompass.tech", env=("NCOMPASS_API_KEY",)
    ),
    Provider(
        "nebius",
        "Nebius Token Factory",
        "https://api.tokenfactory.nebius.com/v1",
        "https://docs.tokenfactory.nebius.com/api-reference/introduction",
        env=("NEBIUS_API_KEY",),
        notes="Formerly Nebius AI Studio (api.studio.nebius.ai).",
    ),
    Provider(
        "nextbit", "Nextbit", "https://api.nextbit256.com/v1", "https://www.nextbit256.com", env=("NEXTBIT_API_KEY",)
    ),
    Provider(
        "novita-ai",
        "Novita AI",
        "https://api.novita.ai/openai",
        "https://novita.ai/docs/api-reference/model-apis-llm-create-chat-completion",
        paths=V1_PATHS,
        env=("NOVITA_API_KEY",),
        renames=(_only_max_tokens("https://novita.ai/docs/api-reference/model-apis-llm-create-chat-completion"),),
    ),
    Provider(
        "nscale",
        "Nscale",
        "https://inference.api.nscale.com/v1",
        "https://docs.nscale.com",
        env=("NSCALE_SERVICE_TOKEN", "NSCALE_API_KEY"),
    ),
    Provider(
        "nvidia",
        "NVIDIA NIM",
        "https://integrate.api.nvidia.com/v1",
        "https://docs.api.nvidia.com/nim/",
        env=("NVIDIA_API_KEY", "NVIDIA_NIM_API_KEY"),
    ),
    Provider(
        "openai",
        "OpenAI",
        "https://api.openai.com/v1",
        "https://platform.openai.com/docs/api-reference/chat",
        env=("OPENAI_API_KEY",),
        options=(_ORGANIZATION, _PROJECT, _BETA),
        developer_role=True,
        suits_models=True,
    ),
    Provider(
        "openrouter",
        "OpenRouter",
        "https://openrouter.ai/api",
        "https://openrouter.ai/docs/api-reference/overview",
        paths=V1_PATHS,
        env=("OPENROUTER_API_KEY",),
        keeps_reasoning=True,
        notes="To be named in OpenRouter's rankings, forward the headers http-referer and x-title.",
        mends=True,
    ),
    Provider(
        "ovhcloud",
        "OVHcloud AI Endpoints",
        "https://oai.endpoints.kepler.ai.cloud.ovh.net/v1",
        "https://www.ovhcloud.com/en/public-cloud/ai-endpoints/catalog/",
        env=("OVHCLOUD_API_KEY", "OVH_AI_ENDPOINTS_ACCESS_TOKEN"),
        developer_role=True,
    ),
    Provider(
        "perplexity-ai",
        "Perplexity",
        "https://api.perplexity.ai",
        "https://docs.perplexity.ai/docs/sonar/openai-compatibility",
        paths=CHAT_ONLY,
        env=("PERPLEXITY_API_KEY", "PERPLEXITYAI_API_KEY"),
        renames=(_only_max_tokens("https://docs.perplexity.ai/guides/chat-completions-guide"),),
        mends=True,
    ),
    Provider(
        "reka-ai",
        "Reka",
        "https://api.reka.ai/v1",
        "https://docs.reka.ai/chat/api-reference/create-chat-completion",
        env=("REKA_API_KEY",),
    ),
    Provider(
        "sambanova",
        "SambaNova",
        "https://api.sambanova.ai",
        "https://docs.sambanova.ai/docs/en/features/openai-compatibility",
        paths=V1_PATHS,
        env=("SAMBANOVA_API_KEY",),
        mends=True,
    ),
    Provider(
        "scaleway",
        "Scaleway Generative APIs",
        "https://api.scaleway.ai/v1",
        "https://www.scaleway.com/en/docs/generative-apis/",
        env=("SCW_SECRET_KEY", "SCALEWAY_API_KEY"),
    ),
    Provider(
        "segmind",
        "Segmind",
        "https://api.segmind.com/v1",
        "https://www.segmind.com/models/llama-v3p1-8b-instruct/api",
        paths={Operation.CHAT: "/{model}"},
        auth=HeaderAuth("x-api-key"),
        env=("SEGMIND_API_KEY",),
        notes="Streaming is not documented.",
    ),
    Provider(
        "siliconflow",
        "SiliconFlow",
        "https://api.siliconflow.cn/v1",
        "https://docs.siliconflow.cn/docs/api/chat-completions-post",
        env=("SILICONFLOW_API_KEY", "SILICONFLOW_CN_API_KEY"),
        renames=(_only_max_tokens("https://docs.siliconflow.cn/docs/api/chat-completions-post"),),
        notes="International accounts: custom host https://api.siliconflow.com/v1.",
    ),
    Provider(
        "together-ai",
        "Together AI",
        "https://api.together.xyz",
        "https://docs.together.ai/reference/chat-completions-1",
        paths=V1_PATHS,
        env=("TOGETHER_API_KEY",),
        renames=(_only_max_tokens("https://docs.together.ai/reference/chat-completions-1"),),
        mends=True,
    ),
    Provider(
        "upstage",
        "Upstage",
        "https://api.upstage.ai/v1/solar",
        "https://developers.upstage.ai/docs/apis/chat",
        env=("UPSTAGE_API_KEY",),
    ),
    Provider(
        "vercel",
        "Vercel AI Gateway",
        "https://ai-gateway.vercel.sh/v1",
        "https://vercel.com/docs/ai-gateway/openai-compat",
        env=("AI_GATEWAY_API_KEY",),
        keeps_reasoning=True,
    ),
    Provider(
        "x-ai",
        "xAI",
        "https://api.x.ai/v1",
        "https://docs.x.ai/docs/api-reference",
        env=("XAI_API_KEY",),
        mends=True,
        suits_models=True,
        effort=WORDS,
    ),
    Provider(
        "z-ai",
        "Z.ai",
        "https://api.z.ai/api/paas/v4",
        "https://docs.z.ai/api-reference/llm/chat-completion",
        env=("ZAI_API_KEY",),
        renames=(_only_max_tokens("https://docs.z.ai/guides/overview/concept-param"),),
        mends=True,
        suits_models=True,
        effort=THINKING_TYPE,
    ),
    Provider(
        "zhipu",
        "Zhipu AI",
        "https://open.bigmodel.cn/api/paas/v4",
        "https://docs.bigmodel.cn",
        env=("ZHIPU_API_KEY", "ZHIPUAI_API_KEY"),
        renames=(_only_max_tokens("https://docs.bigmodel.cn"),),
        suits_models=True,
        effort=THINKING_TYPE,
    ),
)
