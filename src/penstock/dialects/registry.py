"""All dialects: those that providers speak by the name that rows use, those that callers speak by their own."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

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
from penstock.dialects.caller import CallerDialect
from penstock.dialects.dialect import ProviderDialect
from penstock.dialects.gemini.caller import embeddings as gemini_embeddings
from penstock.dialects.gemini.caller.dialect import GEMINI
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

_CALLERS: Final[tuple[CallerDialect, ...]] = (ANTHROPIC, GEMINI, OPENAI, RESPONSES)

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
        "gemini_embed": gemini_embeddings.EMBED,
        "gemini_batch_embed": gemini_embeddings.EMBED_MANY,
    }
)
"""Embeddings and reranking as callers of other wires ask for them."""

TASKS: Final[Mapping[str, TaskDialect]] = MappingProxyType(
    {task.name: task for task in (*embeddings.DIALECTS, *reranking.DIALECTS)}
)
"""The wires of hosts that have one of their own for embeddings or for reranking."""
