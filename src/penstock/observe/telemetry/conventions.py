"""The names that spans use: OpenTelemetry's semantic conventions, kept as constants of our own.

Those for generative AI are still in development: ``latest`` is their repository as of November 2026
(https://github.com/open-telemetry/semantic-conventions-genai). ``1.36`` is what back ends read that have
not moved on (https://github.com/open-telemetry/semantic-conventions/blob/v1.36.0/docs/gen-ai/gen-ai-spans.md).
"""

from __future__ import annotations

import sys
from typing import Final

from penstock.observe.telemetry.span import Attributes

OPERATION_NAME: Final = "gen_ai.operation.name"
PROVIDER_NAME: Final = "gen_ai.provider.name"
SYSTEM: Final = "gen_ai.system"
"""The name of ``PROVIDER_NAME`` until 1.36."""
REQUEST_MODEL: Final = "gen_ai.request.model"
REQUEST_TOP_K: Final = "gen_ai.request.top_k"
STOP_SEQUENCES: Final = "gen_ai.request.stop_sequences"
REASONING_LEVEL: Final = "gen_ai.request.reasoning.level"
PREVIOUS_RESPONSE: Final = "gen_ai.request.previous_response.id"
REQUEST_STREAM: Final = "gen_ai.request.stream"
TIME_TO_FIRST_CHUNK: Final = "gen_ai.response.time_to_first_chunk"
INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
CACHE_READ_TOKENS: Final = "gen_ai.usage.cache_read.input_tokens"
CACHE_WRITE_TOKENS: Final = "gen_ai.usage.cache_write.input_tokens"
REASONING_TOKENS: Final = "gen_ai.usage.reasoning.output_tokens"
AUDIO_INPUT_TOKENS: Final = "gen_ai.usage.audio.input_tokens"
AUDIO_OUTPUT_TOKENS: Final = "gen_ai.usage.audio.output_tokens"
IMAGE_INPUT_TOKENS: Final = "gen_ai.usage.image.input_tokens"
INPUT_MESSAGES: Final = "gen_ai.input.messages"
OUTPUT_MESSAGES: Final = "gen_ai.output.messages"
SYSTEM_INSTRUCTIONS: Final = "gen_ai.system_instructions"
USAGE_COST: Final = "gen_ai.usage.cost"
"""Dollars. No name of the conventions, which have none for cost: Langfuse and others read it."""
ERROR_TYPE: Final = "error.type"
HTTP_METHOD: Final = "http.request.method"
HTTP_STATUS: Final = "http.response.status_code"
URL_PATH: Final = "url.path"
URL_SCHEME: Final = "url.scheme"
CLIENT_ADDRESS: Final = "client.address"
USER_AGENT: Final = "user_agent.original"
USER_ID: Final = "user.id"

SCHEMAS: Final = {"latest": "", "1.36": "https://opentelemetry.io/schemas/1.36.0"}
"""The schema URL of each version; ``latest`` has none yet."""
_NEWER: Final = frozenset(
    {
        *(
            REASONING_LEVEL,
            PREVIOUS_RESPONSE,
            REQUEST_STREAM,
            TIME_TO_FIRST_CHUNK,
            CACHE_READ_TOKENS,
            CACHE_WRITE_TOKENS,
            REASONING_TOKENS,
        ),
        *(AUDIO_INPUT_TOKENS, AUDIO_OUTPUT_TOKENS, IMAGE_INPUT_TOKENS),
        *(INPUT_MESSAGES, OUTPUT_MESSAGES, SYSTEM_INSTRUCTIONS),
    }
)
"""Names that came after 1.36."""

OPERATIONS: Final = {
    "chat.completions": "chat",
    "messages": "chat",
    "responses": "chat",
    "completions": "text_completion",
    "embeddings": "embeddings",
    "generate_content": "generate_content",
}
"""Well-known operations by the gateway's name; any other operation has the gateway's name."""

NO_MODEL: Final = frozenset({"models", "models.retrieve"})
"""Operations that are no call of a model."""

_PROVIDERS: Final = {
    "azure-ai": "azure.ai.inference",
    "azure-openai": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "google": "gcp.gemini",
    "mistral-ai": "mistral_ai",
    "moonshot": "moonshot_ai",
    "perplexity-ai": "perplexity",
    "vertex-ai": "gcp.vertex_ai",
    "watsonx": "ibm.watsonx.ai",
    "x-ai": "x_ai",
}
"""Well-known providers by the gateway's slug, where the two differ; any other provider has its slug."""

PARAMETERS: Final = {
    "max_tokens": "gen_ai.request.max_tokens",
    "max_completion_tokens": "gen_ai.request.max_tokens",
    "max_output_tokens": "gen_ai.request.max_tokens",
    "temperature": "gen_ai.request.temperature",
    "top_p": "gen_ai.request.top_p",
    "top_k": REQUEST_TOP_K,
    "seed": "gen_ai.request.seed",
    "n": "gen_ai.request.choice.count",
    "frequency_penalty": "gen_ai.request.frequency_penalty",
    "presence_penalty": "gen_ai.request.presence_penalty",
    "stop": STOP_SEQUENCES,
    "stop_sequences": STOP_SEQUENCES,
    "reasoning_effort": REASONING_LEVEL,
    "previous_response_id": PREVIOUS_RESPONSE,
}
"""Attributes by the members of requests' bodies."""
_DOUBLES: Final = frozenset({"temperature", "top_p", "frequency_penalty", "presence_penalty"})
_TEXTS: Final = frozenset({"reasoning_effort", "previous_response_id"})


def provider_name(slug: str) -> str:
    """The conventions' name of a provider."""
    return _PROVIDERS.get(slug, slug)


def parameter_attribute(name: str, value: object) -> tuple[str, str | int | float | tuple[str, ...]] | None:
    """The attribute for a member of a request's body; None for a value that the attribute can't hold."""
    attribute = PARAMETERS[name]
    if name in _TEXTS:
        return (attribute, value) if isinstance(value, str) else None
    if attribute == STOP_SEQUENCES:
        texts = [value] if isinstance(value, str) else value
        if isinstance(texts, list) and all(isinstance(each, str) for each in texts):
            return attribute, tuple(texts)
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if name in _DOUBLES:
        return (attribute, float(value)) if abs(value) <= sys.float_info.max else None
    if not isinstance(value, int) or abs(value) >= 1 << 63 or (name == "n" and value == 1):
        return None
    return attribute, value


def in_version(attributes: Attributes, version: str) -> Attributes:
    """Attributes of ``latest`` as a version of the conventions has them."""
    if version == "latest":
        return attributes
    older = {
        SYSTEM if name == PROVIDER_NAME else name: value for name, value in attributes.items() if name not in _NEWER
    }
    top_k = older.get(REQUEST_TOP_K)
    return {**older, REQUEST_TOP_K: float(top_k)} if isinstance(top_k, int) else older
