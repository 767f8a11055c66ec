"""OpenAI-compatible servers that callers run themselves, alphabetical by slug.

Their address is the caller's to name; those that are nearly always on the gateway's own machine default to it.
"""

from __future__ import annotations

from typing import Final

from penstock.providers.row import V1_PATHS, Key, Provider, Rename

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
        paths=V1_PATHS,
        key=Key.NONE,
        renames=(
            Rename(
                "max_completion_tokens",
                "max_tokens",
                "the server reads the limit from max_tokens only",
                "https://github.com/ollama/ollama/blob/main/openai/openai.go",
            ),
        ),
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
