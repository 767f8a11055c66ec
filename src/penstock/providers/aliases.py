"""Other names of providers, as users of LiteLLM, OpenRouter, Vercel's AI SDK and models.dev type them.

An alias means its slug wherever a slug may stand: in headers, configs, models (``gemini/gemini-2.5-flash``), paths and
the operator's file. Sources: https://docs.litellm.ai/docs/providers, https://openrouter.ai/providers,
https://ai-sdk.dev/providers, https://models.dev.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Final

_OTHER_NAMES: Final[Mapping[str, str]] = {
    "anthropic": "claude",
    "azure-ai": "azure-ai-foundry azure-foundry azure-ai-inference azure-inference",
    "azure-openai": "azure",
    "bedrock": "aws aws-bedrock amazon-bedrock bedrock-converse",
    "cohere": "cohere-chat",
    "cortex": "snowflake",
    "dashscope": "alibaba qwen",
    "featherless-ai": "featherless",
    "fireworks-ai": "fireworks",
    "friendliai": "friendli",
    "github": "github-models",
    "google": "gemini google-ai-studio google-ai google-generative-ai google-genai",
    "huggingface": "hf hugging-face",
    "inference-net": "inference",
    "kluster-ai": "kluster",
    "lambda": "lambda-ai",
    "lingyi": "01-ai 01ai",
    "llamacpp": "llama-cpp llama.cpp",
    "lm-studio": "lmstudio",
    "mistral-ai": "mistral mistralai",
    "moonshot": "moonshotai moonshot-ai kimi",
    "novita-ai": "novita",
    "nvidia": "nvidia-nim",
    "ollama": "ollama-chat",
    "oracle": "oci oracle-cloud",
    "ovhcloud": "ovh",
    "perplexity-ai": "perplexity",
    "reka-ai": "reka",
    "sagemaker": "sagemaker-chat aws-sagemaker amazon-sagemaker",
    "together-ai": "together togetherai",
    "vercel": "vercel-ai-gateway",
    "vertex-ai": "vertex google-vertex google-vertex-ai",
    "vllm": "hosted-vllm",
    "watsonx": "ibm watsonx-ai",
    "workers-ai": "cloudflare cloudflare-workers-ai cloudflare-ai",
    "x-ai": "xai grok",
    "z-ai": "zai z.ai",
    "zhipu": "zhipuai bigmodel",
}
"""By slug, words separated by white space. LiteLLM's spelling with underscores is added to each name."""


def aliases(slugs: Collection[str]) -> dict[str, str]:
    """The slug of each alias. Raises ValueError for an alias of an unknown slug, and for one that is a slug or another
    alias already."""
    found: dict[str, str] = {}
    for alias, slug in _pairs(slugs):
        if slug not in slugs:
            raise ValueError(f"alias {alias}: there is no provider {slug}")
        if alias in slugs or alias in found:
            raise ValueError(f"alias {alias}: the name is taken")
        found[alias] = slug
    return found


def _pairs(slugs: Collection[str]) -> Iterator[tuple[str, str]]:
    for slug in slugs:
        if "-" in slug:
            yield slug.replace("-", "_"), slug
    for slug, words in _OTHER_NAMES.items():
        for word in words.split():
            yield word, slug
            if "-" in word:
                yield word.replace("-", "_"), slug
