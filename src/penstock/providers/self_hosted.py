"""OpenAI-compatible servers that callers run themselves, alphabetical by slug.

Their address is the caller's to name; those that are nearly always on the gateway's own machine default to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from penstock.providers.row import V1_PATHS, EndpointSpec, Key, Operation, Option, Provider, Rename


def _locate_ollama(options: Mapping[str, str], operation: Operation) -> EndpointSpec:
    """Its own API by choice; the list of models is OpenAI's either way."""
    if operation is Operation.CHAT and options.get("ollama_api") == "native":
        return EndpointSpec("/api/chat", dialect="ollama")
    return EndpointSpec(V1_PATHS[operation])


ROWS: Final = (
    Provider(
        "llamacpp",
        "llama.cpp server",
        "",
        "https://github.com/ggml-org/llama.cpp/tree/master/tools/server",
        key=Key.OPTIONAL,
    ),
    Provider(
        "lm-studio",
        "LM Studio",
        "http://localhost:1234/v1",
        "https://lmstudio.ai/docs/developer/openai-compat",
        key=Key.NONE,
    ),
    Provider(
        "modal",
        "Modal",
        "",
        "https://modal.com/docs/examples/llm_inference",
        key=Key.OPTIONAL,
        notes="Every deployment has its own address. Proxy tokens: forward the headers modal-key and modal-secret.",
    ),
    Provider(
        "ollama",
        "Ollama",
        "http://localhost:11434",
        "https://docs.ollama.com/api/openai-compatibility",
        locate=_locate_ollama,
        key=Key.NONE,
        options=(Option("ollama_api", "ollama-api", default="openai", pattern="openai|native"),),
        renames=(
            Rename(
                "max_completion_tokens",
                "max_tokens",
                "the server reads the limit from max_tokens only",
                "https://github.com/ollama/ollama/blob/main/openai/openai.go",
            ),
        ),
        notes="ollama-api: native calls /api/chat, which takes model options and the context's size.",
        normalizes_replies=True,
    ),
    Provider(
        "triton",
        "NVIDIA Triton",
        "",
        "https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/client_guide/openai_readme.html",
        key=Key.OPTIONAL,
        notes="Needs Triton's OpenAI frontend (port 9000).",
    ),
    Provider(
        "vllm",
        "vLLM",
        "",
        "https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html",
        key=Key.OPTIONAL,
        env=("VLLM_API_KEY",),
    ),
)
