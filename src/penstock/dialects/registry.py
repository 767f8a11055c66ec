"""All dialects: those that providers speak by the name that rows use, those that callers speak by their own."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from penstock.dialects import anthropic, bedrock, cohere, gemini, ollama, oracle, responses, sagemaker, watsonx
from penstock.dialects.anthropic.caller.dialect import ANTHROPIC
from penstock.dialects.caller import CallerDialect
from penstock.dialects.dialect import ProviderDialect
from penstock.dialects.openai.caller.dialect import OPENAI
from penstock.dialects.openai.provider import chat as openai_chat
from penstock.dialects.responses.caller.dialect import RESPONSES

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

_CALLERS: Final[tuple[CallerDialect, ...]] = (ANTHROPIC, OPENAI, RESPONSES)

CALLERS: Final[Mapping[str, CallerDialect]] = MappingProxyType({dialect.name: dialect for dialect in _CALLERS})
