"""Each parameter that a vendor's own client can send, to each other wire: it changes what the host gets, or is named as
dropped, or the request is refused by its name. Their clients are asked for the names, so that a new release of one
brings what it can say here."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from typing import Any, Final

import pytest

from penstock.core.failure import Failure
from penstock.dialects.dialect import WriteContext
from penstock.dialects.registry import CALLERS, DIALECTS
from penstock.traits.resolve import resolve

chats = pytest.importorskip("openai.types.chat.completion_create_params", reason="the SDKs are not installed")
responses = pytest.importorskip("openai.types.responses.response_create_params")
messages = pytest.importorskip("anthropic.types.message_create_params")
genai = pytest.importorskip("google.genai.types")
cohere = pytest.importorskip("cohere.v2.client")
ollama = pytest.importorskip("ollama._types")

TARGETS: Final = {
    "openai_chat": ("openai", "gpt-5.2"),
    "responses": ("openai", "gpt-5.2"),
    "anthropic": ("anthropic", "claude-sonnet-4-5"),
    "gemini": ("google", "gemini-3-pro-preview"),
    "bedrock_converse": ("bedrock", "anthropic.claude-sonnet-4-5-20250929-v1:0"),
    "cohere": ("cohere", "command-a-03-2025"),
    "ollama": ("ollama", "llama3.1"),
}
"""A host and a model of each wire."""
FUNCTION: Final = {"name": "f", "description": "d", "parameters": {"type": "object"}}
TOOLS: Final = [{"type": "function", "function": FUNCTION}]
HELLO: Final = [{"role": "user", "content": "Hi"}]
SCHEMA: Final = {"type": "object", "properties": {"a": {"type": "string"}}}
FORM: Final = {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}}

BASES: Final[Mapping[str, dict[str, Any]]] = {
    "openai_chat": {"model": "m", "messages": HELLO, "tools": TOOLS},
    "responses": {"model": "m", "input": "Hi", "tools": [{"type": "function", **FUNCTION}]},
    "anthropic": {
        "model": "m",
        "messages": HELLO,
        "max_tokens": 5000,
        "tools": [{"name": "f", "input_schema": SCHEMA}],
    },
    "gemini": {"contents": [{"parts": [{"text": "Hi"}]}]},
    "cohere": {"model": "m", "messages": HELLO, "tools": TOOLS},
    "ollama": {"model": "m", "messages": HELLO, "tools": TOOLS},
}
"""A request that holds nothing but what it must, and a tool for what is said of tools."""
VALUES: Final[Mapping[str, Any]] = {
    "text": {"verbosity": "low"}, "stop": ["E"], "stop_sequences": ["E"], "stopSequences": ["E"], "temperature": 0.5,
    "top_p": 0.5, "topP": 0.5, "p": 0.5, "top_k": 3, "topK": 3, "k": 3, "seed": 7, "n": 2, "candidateCount": 2,
    "frequency_penalty": 0.5, "presence_penalty": 0.5, "frequencyPenalty": 0.5, "presencePenalty": 0.5,
    "logit_bias": {"5": 1}, "max_tokens": 700, "max_completion_tokens": 700, "max_output_tokens": 700,
    "maxOutputTokens": 700, "max_tool_calls": 3, "metadata": {"user_id": "u", "a": "b"}, "user": "u",
    "modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}, "responseModalities": ["IMAGE"],
    "reasoning_effort": "high", "reasoning": {"effort": "high"}, "thinking": {"type": "enabled", "budget_tokens": 2048},
    "thinkingConfig": {"thinkingLevel": "LOW"}, "think": True, "output_config": {"effort": "low"},
    "response_format": FORM, "responseMimeType": "application/json", "responseSchema": SCHEMA,
    "responseJsonSchema": SCHEMA, "responseFormat": [{"text": {"schema": SCHEMA}}], "format": SCHEMA,
    "tool_choice": "required", "functions": [FUNCTION], "function_call": "auto", "system": "Be brief.",
    "instructions": "Be brief.", "service_tier": "priority", "verbosity": "low", "truncation": "auto",
    "include": ["message.output_text.logprobs"], "options": {"temperature": 0.5}, "mediaResolution":
    "MEDIA_RESOLUTION_LOW", "safety_mode": "STRICT", "logprobs": True, "top_logprobs": 3, "responseLogprobs": True,
    "previous_response_id": "resp_1", "inference_geo": "us", "prompt_cache_key": "k", "parallel_tool_calls": False,
    "store": True, "background": True, "prediction": {"type": "content", "content": "a"}, "context_management": [{"type": "compaction"}],
}  # fmt: skip
"""Values that say something, by the parameter's name; any other parameter is an object that nobody knows."""
ELSEWHERE: Final = {
    **dict.fromkeys(("model", "messages", "input", "contents", "tools"), "they are in each request"),
    **dict.fromkeys(("stream", "stream_options", "request_options", "self"), "how the answer is delivered"),
}
SILENT: Final[Mapping[str, frozenset[str]]] = {
    "openai_chat": frozenset({"functions", "function_call"}),  # the tools are there, and the choice is the usual one
    "responses": frozenset(),
    "anthropic": frozenset(),
    "gemini": frozenset(),
    "cohere": frozenset({"strict_tools"}),  # told of each tool where a wire has words for it
    "ollama": frozenset({"keep_alive"}),  # how long the host keeps the model in its memory
}
"""What is left out without a word, as it means nothing elsewhere."""


def _names(wire: str) -> list[str]:
    """The parameters that the vendor's own client has."""
    if wire == "openai_chat":
        found = set(chats.CompletionCreateParamsBase.__annotations__)
    elif wire == "responses":
        found = set(responses.ResponseCreateParamsBase.__annotations__)
    elif wire == "anthropic":
        found = set(messages.MessageCreateParamsBase.__annotations__)
    elif wire == "gemini":
        found = {field.alias or name for name, field in genai.GenerationConfig.model_fields.items()}
    elif wire == "cohere":
        found = set(inspect.signature(cohere.V2Client.chat).parameters)
    else:
        found = set(ollama.ChatRequest.model_fields)
    return sorted(found - ELSEWHERE.keys())


def _written(wire: str, target: str, body: dict[str, Any]) -> tuple[Any, tuple[str, ...]] | Failure:
    caller, (provider, model) = CALLERS[wire], TARGETS[target]
    read = caller.reading.body(json.dumps(body).encode())
    request = read if isinstance(read, Failure) else caller.reading.request(read.body)
    if isinstance(request, Failure):
        return request
    payload = DIALECTS[target].write(request, WriteContext(model, provider, resolve(model, provider), {}, ""))
    return payload if isinstance(payload, Failure) else (json.loads(payload.body), payload.dropped)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("wire", BASES)
def test_no_parameter_is_lost_in_silence(wire: str, target: str) -> None:
    base = BASES[wire]
    plain = _written(wire, target, base)
    assert not isinstance(plain, Failure)
    lost = []
    for name in _names(wire):
        value = VALUES.get(name, {"probe": "x"})
        said = {"generationConfig": {name: value}} if wire == "gemini" else {name: value}
        found = _written(wire, target, {**base, **said})
        if isinstance(found, Failure):
            assert found.param, found.message
            assert found.status in {400, 501}
        elif found == plain and name not in SILENT[wire]:
            lost.append(name)
    assert not lost or wire == target
