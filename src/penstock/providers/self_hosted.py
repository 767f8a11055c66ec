"""OpenAI-compatible servers that callers run themselves, alphabetical by slug.

Their address is the caller's to name; those that are nearly always on the gateway's own machine default to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from penstock.core.operation import Operation
from penstock.dialects.chat_quirks import NO_QUIRKS, ChatQuirks, Rename
from penstock.providers.row import (
    ANTHROPIC_WIRE,
    EndpointSpec,
    Key,
    Option,
    Places,
    Provider,
    chat_and_models,
    kept_responses,
    messages_at,
    responses_at,
)

_OLLAMA: Final = chat_and_models(
    Operation.MODEL,
    Operation.EMBEDDINGS,
    # https://docs.ollama.com/api/openai-compatibility
    Operation.COMPLETIONS,
    parent="/v1",
    # https://docs.ollama.com/api/anthropic-compatibility
    messages=messages_at("/v1/messages"),
    # https://docs.ollama.com/api/openai-compatibility
    responses=responses_at("/v1/responses"),
)
_OWN: Final = {
    # https://docs.ollama.com/api/chat, https://docs.ollama.com/api/generate
    Operation.CHAT: (
        EndpointSpec("/api/chat", dialect="ollama", quirks=NO_QUIRKS),
        EndpointSpec("/api/generate", dialect="ollama_generate", quirks=NO_QUIRKS),
    ),
    # https://docs.ollama.com/api/embed; the older one takes one text
    Operation.EMBEDDINGS: (
        EndpointSpec("/api/embed", dialect="ollama_embed"),
        EndpointSpec("/api/embeddings", dialect="ollama_embeddings"),
    ),
    # https://docs.ollama.com/api/tags
    Operation.MODELS: (EndpointSpec("/api/tags", dialect="ollama"),),
    # https://docs.ollama.com/api-reference/show-model-details
    Operation.SHOW: (EndpointSpec("/api/show", dialect="ollama"),),
}
"""What callers of its own API are given as it is."""


def _locate_ollama(options: Mapping[str, str], operation: Operation) -> tuple[EndpointSpec, ...]:
    """Its own API by choice, for chats of every wire; all else is as OpenAI has it either way."""
    own = _OWN.get(operation, ())
    if operation is Operation.CHAT and options.get("ollama_api") == "native":
        return own
    return (*_OLLAMA.get(operation, ()), *own)


def _counted(places: Places) -> Places:
    """The places with Anthropic's count of tokens, beside messages."""
    return {**places, Operation.COUNT_TOKENS: (EndpointSpec("/messages/count_tokens", dialect=ANTHROPIC_WIRE),)}


ROWS: Final = (
    Provider(
        "llamacpp",
        "llama.cpp server",
        "",
        "https://github.com/ggml-org/llama.cpp/tree/master/tools/server",
        _counted(
            chat_and_models(
                # https://github.com/ggml-org/llama.cpp/tree/master/tools/server
                Operation.EMBEDDINGS,
                Operation.COMPLETIONS,
                Operation.RERANK,
                messages=messages_at("/messages"),
                responses=responses_at(),
            )
        ),
        self_hosted=True,
        key=Key.OPTIONAL,
    ),
    Provider(
        "lm-studio",
        "LM Studio",
        "http://localhost:1234/v1",
        "https://lmstudio.ai/docs/developer/openai-compat",
        # https://lmstudio.ai/docs/developer/anthropic-compat, https://lmstudio.ai/docs/developer/openai-compat/responses
        chat_and_models(
            Operation.EMBEDDINGS, Operation.COMPLETIONS, messages=messages_at("/messages"), responses=responses_at()
        ),
        self_hosted=True,
        key=Key.NONE,
        # https://lmstudio.ai/docs/developer/api-changelog (0.3.18)
        quirks=ChatQuirks(stream_usage=True),
    ),
    Provider(
        "modal",
        "Modal",
        "",
        "https://modal.com/docs/examples/llm_inference",
        chat_and_models(),
        key=Key.OPTIONAL,
        notes="Every deployment has its own address. Proxy tokens: forward the headers modal-key and modal-secret.",
    ),
    Provider(
        "ollama",
        "Ollama",
        "http://localhost:11434",
        "https://docs.ollama.com/api/openai-compatibility",
        locate=_locate_ollama,
        self_hosted=True,
        key=Key.NONE,
        options=(Option("ollama_api", "ollama-api", default="openai", pattern="openai|native"),),
        quirks=ChatQuirks(
            renames=(
                Rename(
                    "max_completion_tokens",
                    "max_tokens",
                    "the server reads the limit from max_tokens only",
                    "https://github.com/ollama/ollama/blob/main/openai/openai.go",
                ),
            ),
            completes_replies=True,
            stream_usage=True,
        ),
        notes="ollama-api: native calls /api/chat, which takes model options and the context's size.",
    ),
    Provider(
        "triton",
        "NVIDIA Triton",
        "",
        "https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/client_guide/openai_readme.html",
        chat_and_models(
            # https://github.com/triton-inference-server/server/blob/main/python/openai/README.md
            Operation.COMPLETIONS
        ),
        key=Key.OPTIONAL,
        notes="Needs Triton's OpenAI frontend (port 9000).",
    ),
    Provider(
        "vllm",
        "vLLM",
        "",
        "https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html",
        # https://docs.vllm.ai/en/latest/serving/online_serving/anthropic_compatible_server/
        {
            **_counted(
                chat_and_models(
                    # https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html
                    Operation.EMBEDDINGS,
                    Operation.COMPLETIONS,
                    Operation.TRANSCRIPTIONS,
                    Operation.TRANSLATIONS,
                    Operation.RERANK,
                    messages=messages_at("/messages"),
                    responses=responses_at(),
                )
            ),
            # https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html#responses-api
            **kept_responses(Operation.RESPONSE, Operation.RESPONSE_CANCEL),
        },
        self_hosted=True,
        quirks=ChatQuirks(stream_usage=True),
        key=Key.OPTIONAL,
        env=("VLLM_API_KEY",),
    ),
)
