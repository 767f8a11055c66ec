"""All dialects: those that providers speak by the name that rows use, those that callers speak by their own."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from penstock.dialects import (
    anthropic,
    bedrock,
    cohere,
    embeddings,
    gemini,
    ollama,
    oracle,
    reranking,
    responses,
    sagemaker,
    watsonx,
)
from penstock.dialects.anthropic.caller.dialect import ANTHROPIC
from penstock.dialects.anthropic.caller.hosts import RAW_PREDICT
from penstock.dialects.bedrock.caller.count import COUNT
from penstock.dialects.bedrock.caller.dialect import CONVERSE
from penstock.dialects.bedrock.caller.invoke import INVOKE
from penstock.dialects.caller import CallerDialect
from penstock.dialects.cohere.caller import embeddings as cohere_embeddings
from penstock.dialects.cohere.caller.dialect import COHERE
from penstock.dialects.dialect import ProviderDialect
from penstock.dialects.gemini.caller import embeddings as gemini_embeddings
from penstock.dialects.gemini.caller.dialect import GEMINI
from penstock.dialects.ollama.caller import embeddings as ollama_embeddings
from penstock.dialects.ollama.caller.dialect import OLLAMA, OLLAMA_GENERATE
from penstock.dialects.openai.caller import endpoints
from penstock.dialects.openai.caller.dialect import OPENAI
from penstock.dialects.openai.provider import chat as openai_chat
from penstock.dialects.responses.caller.dialect import RESPONSES
from penstock.dialects.task_dialect import TaskDialect

_ALL: Final[tuple[ProviderDialect, ...]] = (
    anthropic.DIALECT,
    bedrock.DIALECT,
    cohere.DIALECT,
    gemini.DIALECT,
    ollama.DIALECT,
    openai_chat.DIALECT,
    oracle.DIALECT,
    responses.DIALECT,
    sagemaker.DIALECT,
    watsonx.DIALECT,
)

DIALECTS: Final[Mapping[str, ProviderDialect]] = MappingProxyType({dialect.name: dialect for dialect in _ALL})

_CALLERS: Final[tuple[CallerDialect, ...]] = (
    ANTHROPIC,
    CONVERSE,
    GEMINI,
    OPENAI,
    RESPONSES,
    OLLAMA,
    OLLAMA_GENERATE,
    COHERE,
)

CALLERS: Final[Mapping[str, CallerDialect]] = MappingProxyType({dialect.name: dialect for dialect in _CALLERS})

ENDPOINTS: Final[Mapping[str, CallerDialect]] = MappingProxyType(
    {
        "completions": endpoints.COMPLETIONS,
        "speech": endpoints.SPEECH,
        "transcripts": endpoints.TRANSCRIPTS,
        "typed": endpoints.TYPED,
    }
)
"""OpenAI's wire as its other endpoints speak it: bodies and replies of their own, the same errors."""

TASK_CALLERS: Final[Mapping[str, CallerDialect]] = MappingProxyType(
    {
        "cohere_embed": cohere_embeddings.EMBED,
        "cohere_rerank": msgspec.structs.replace(endpoints.TYPED, errors=COHERE.errors),
        "gemini_embed": gemini_embeddings.EMBED,
        "gemini_batch_embed": gemini_embeddings.EMBED_MANY,
        "ollama_embed": ollama_embeddings.EMBED,
        "ollama_embeddings": ollama_embeddings.ONE_EMBEDDING,
    }
)
"""Embeddings and reranking as callers of other wires ask for them. Cohere's form of reranking is the common one."""
HOSTED: Final[Mapping[str, CallerDialect]] = MappingProxyType(
    {"bedrock_count": COUNT, "invoke": INVOKE, "raw_predict": RAW_PREDICT}
)
"""Anthropic's wire as it is spoken at paths of Bedrock and Vertex AI, and Bedrock's counts of tokens."""

TASKS: Final[Mapping[str, TaskDialect]] = MappingProxyType(
    {task.name: task for task in (*embeddings.DIALECTS, *reranking.DIALECTS)}
)
"""The wires of hosts that have one of their own for embeddings or for reranking."""
