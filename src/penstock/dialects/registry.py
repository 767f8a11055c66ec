"""All dialects: those that providers speak by the name that rows use, those that callers speak by their own.

A wire is loaded when the first request speaks it (some 10 ms): most gateways need two or three of them.
"""

from __future__ import annotations

from typing import Final

from penstock.core.lazy_registry import LazyRegistry
from penstock.dialects.caller import CallerDialect
from penstock.dialects.dialect import ProviderDialect
from penstock.dialects.task_dialect import TaskDialect

_WIRES: Final = "penstock.dialects"

DIALECTS: Final = LazyRegistry[ProviderDialect](
    {
        "anthropic": f"{_WIRES}.anthropic:DIALECT",
        "bedrock_converse": f"{_WIRES}.bedrock:DIALECT",
        "cohere": f"{_WIRES}.cohere:DIALECT",
        "gemini": f"{_WIRES}.gemini:DIALECT",
        "ollama": f"{_WIRES}.ollama:DIALECT",
        "openai_chat": f"{_WIRES}.openai.provider.chat:DIALECT",
        "oracle": f"{_WIRES}.oracle:DIALECT",
        "responses": f"{_WIRES}.responses:DIALECT",
        "sagemaker": f"{_WIRES}.sagemaker:DIALECT",
        "watsonx": f"{_WIRES}.watsonx:DIALECT",
    }
)

CALLERS: Final = LazyRegistry[CallerDialect](
    {
        "anthropic": f"{_WIRES}.anthropic.caller.dialect:ANTHROPIC",
        "bedrock_converse": f"{_WIRES}.bedrock.caller.dialect:CONVERSE",
        "gemini": f"{_WIRES}.gemini.caller.dialect:GEMINI",
        "openai_chat": f"{_WIRES}.openai.caller.dialect:OPENAI",
        "responses": f"{_WIRES}.responses.caller.dialect:RESPONSES",
        "ollama": f"{_WIRES}.ollama.caller.dialect:OLLAMA",
        "ollama_generate": f"{_WIRES}.ollama.caller.dialect:OLLAMA_GENERATE",
        "cohere": f"{_WIRES}.cohere.caller.dialect:COHERE",
    }
)

_ENDPOINTS: Final = f"{_WIRES}.openai.caller.endpoints"
ENDPOINTS: Final = LazyRegistry[CallerDialect](
    {
        "completions": f"{_ENDPOINTS}:COMPLETIONS",
        "images": f"{_ENDPOINTS}:IMAGES",
        "speech": f"{_ENDPOINTS}:SPEECH",
        "transcripts": f"{_ENDPOINTS}:TRANSCRIPTS",
        "typed": f"{_ENDPOINTS}:TYPED",
    }
)
"""OpenAI's wire as its other endpoints speak it: bodies and replies of their own, the same errors."""

TASK_CALLERS: Final = LazyRegistry[CallerDialect](
    {
        "cohere_embed": f"{_WIRES}.cohere.caller.embeddings:EMBED",
        "cohere_rerank": f"{_WIRES}.reranking.caller:COHERE",
        "gemini_embed": f"{_WIRES}.gemini.caller.embeddings:EMBED",
        "gemini_batch_embed": f"{_WIRES}.gemini.caller.embeddings:EMBED_MANY",
        "ollama_embed": f"{_WIRES}.ollama.caller.embeddings:EMBED",
        "ollama_embeddings": f"{_WIRES}.ollama.caller.embeddings:ONE_EMBEDDING",
    }
)
"""Embeddings and reranking as callers of other wires ask for them. Cohere's form of reranking is the common one."""

HOSTED: Final = LazyRegistry[CallerDialect](
    {
        "gemini_interactions": f"{_WIRES}.gemini.caller.dialect:INTERACTIONS",
        "bedrock_models": f"{_WIRES}.bedrock.caller.model_list:MODELS",
        "bedrock_profiles": f"{_WIRES}.bedrock.caller.model_list:PROFILES",
        "bedrock_count": f"{_WIRES}.bedrock.caller.count:COUNT",
        "invoke": f"{_WIRES}.bedrock.caller.invoke:INVOKE",
        "invoke_embed": f"{_WIRES}.bedrock.caller.invoke_tasks:INVOKE_EMBED",
        "invoke_own": f"{_WIRES}.bedrock.caller.invoke_own:INVOKE_OWN",
        "invoke_rerank": f"{_WIRES}.bedrock.caller.invoke_tasks:INVOKE_RERANK",
        "responses_in_chat": f"{_WIRES}.responses.caller.in_chat:RESPONSES_IN_CHAT",
        "raw_predict": f"{_WIRES}.anthropic.caller.hosts:RAW_PREDICT",
    }
)
"""Wires as some paths speak them: Anthropic's at Bedrock and Vertex AI, Bedrock's counts, Google's interactions,
Responses at the path of chat completions."""

TASKS: Final = LazyRegistry[TaskDialect](
    {
        "bedrock_embeddings": f"{_WIRES}.embeddings:BEDROCK",
        "cohere_embeddings": f"{_WIRES}.embeddings:COHERE",
        "gemini_embeddings": f"{_WIRES}.embeddings:GEMINI",
        "vertex_embeddings": f"{_WIRES}.embeddings:VERTEX",
        "voyage_embeddings": f"{_WIRES}.embeddings:VOYAGE",
        "bedrock_rerank": f"{_WIRES}.reranking:BEDROCK",
        "cohere_rerank": f"{_WIRES}.reranking:COHERE",
        "voyage_rerank": f"{_WIRES}.reranking:VOYAGE",
    }
)
"""The wires of hosts that have one of their own for embeddings or for reranking."""


def caller_dialect(name: str) -> CallerDialect:
    """The dialect that a surface names, of callers' chats, endpoints or tasks. Raises KeyError."""
    for registry in (CALLERS, ENDPOINTS, TASK_CALLERS, HOSTED):
        if name in registry:
            return registry[name]
    raise KeyError(name)
