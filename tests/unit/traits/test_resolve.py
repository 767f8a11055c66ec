"""Which family every known spelling of a model belongs to, and what that family accepts, as a snapshot."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.chat import Owner
from penstock.core.traits import ANY_MODEL, Traits
from penstock.traits import ROWS, resolve, row_of

FACTS = {
    "claude-2": "out 4096, no tools, no vision, no schema",
    "claude-3": "out 4096, no schema",
    "claude-3.5": "out 8192, no schema",
    "claude-haiku-3.5": "out 8192, no schema, cache points",
    "claude-3.7": "out 64000, budget from 1024, no schema, cache points",
    "claude-sonnet-4": "out 64000, budget from 1024, no schema, cache points",
    "claude-opus-4": "out 32000, budget from 1024, no schema, cache points",
    "claude-opus-4.1": "out 32000, one of sampling, budget from 1024, cache points",
    "claude-4.5": "out 64000, one of sampling, budget from 1024, cache points",
    "claude-sonnet-4.6": "out 64000, one of sampling, adaptive low medium high max, no prefill, cache points",
    "claude-opus-4.6": "out 128000, one of sampling, adaptive low medium high max, no prefill, cache points",
    "claude-opus-4.7": "out 128000, unsampled, adaptive low medium high xhigh max, no budget, no prefill, cache points",
    "claude-opus-4.8": "out 128000, unsampled, adaptive low medium high xhigh max, forced thinking, no budget, no prefill, cache points",
    "claude-5": "out 128000, unsampled, adaptive low medium high xhigh max, unasked, forced thinking, no budget, no prefill, cache points",
    "claude-haiku-5.5": "out 128000, unsampled, adaptive low medium high xhigh max, unasked, forced thinking, no budget, no prefill, cache points",
    "claude-sonnet-5.5": (
        "out 128000, unsampled, adaptive low medium high xhigh max, unasked, off between_tools, "
        "not forced, no budget, no prefill, cache points"
    ),
    "claude-always": (
        "out 128000, unsampled, adaptive low medium high xhigh max, always, not forced, no budget, no prefill, cache points"
    ),
    "claude-always-forced": (
        "out 128000, unsampled, adaptive low medium high xhigh max, always, forced thinking, no budget, no prefill, "
        "cache points"
    ),
    "claude": "out 4096, adaptive low medium high xhigh max, cache points",
    "o1-mini": "completion tokens, unsampled, always, no tools, no vision, no schema, no system",
    "o1": "completion tokens, unsampled, effort low medium high, always",
    "o3-mini": "completion tokens, unsampled, effort low medium high, always, no vision",
    "o3": "completion tokens, unsampled, effort low medium high, always",
    "o4-mini": "completion tokens, unsampled, effort low medium high, always",
    "gpt-5": "completion tokens, unsampled, effort minimal low medium high, always",
    "gpt-5-pro": "completion tokens, unsampled, effort high, always",
    "gpt-5-codex": "completion tokens, unsampled, effort low medium high, always",
    "gpt-5.x-codex-xhigh": "completion tokens, unsampled, effort low medium high xhigh, always",
    "gpt-5.x-pro": "completion tokens, unsampled, effort medium high xhigh, always",
    "gpt-5.x-chat": "completion tokens, unsampled, effort medium, always",
    "gpt-5-chat": "no tools",
    "gpt-5.1": "completion tokens, unsampled while thinking, effort none low medium high",
    "gpt-5.2": "completion tokens, unsampled while thinking, effort none low medium high xhigh",
    "gpt-5.3": "completion tokens, unsampled while thinking, effort none low medium high xhigh",
    "gpt-5.4": "completion tokens, unsampled while thinking, effort none low medium high xhigh",
    "gpt-5.5": "completion tokens, unsampled while thinking, effort none low medium high xhigh, unasked",
    "gpt-5.6": "completion tokens, unsampled while thinking, effort none low medium high xhigh max, unasked",
    "gpt-6": "completion tokens, unsampled while thinking, effort none low medium high xhigh, unasked",
    "gpt-6-always": "completion tokens, unsampled, effort low medium high xhigh, always",
    "gpt-oss": "effort low medium high, always, no vision",
    "gpt-4o-search": "unsampled, no tools",
    "gpt-audio": "no vision, no schema",
    "gpt-4o-2024-05-13": "no schema",
    "gpt-4o": "",
    "chatgpt-4o": "no tools, no schema",
    "gpt-4.1": "",
    "gpt-4.5": "",
    "gpt-4-vision": "no tools, no schema",
    "gpt-4-turbo": "no schema",
    "gpt-4": "no vision, no schema",
    "gpt-3.5": "no vision, no schema",
    "gemini-1.0": "no vision, no schema, no system",
    "gemini-1.0-vision": "no tools, no schema, no system",
    "gemini-1.5": "tools or json",
    "gemini-2.0": "tools or json",
    "gemini-2.0-thinking": "always, no tools, no schema",
    "gemini-2.0-image": "no tools, no schema, no system",
    "gemini-image": "no tools, no schema",
    "gemini-3-image": "no tools, own tools",
    "gemini-tts": "no tools, no vision, no schema, no system",
    "gemini-2.5-pro": "budget from 128, always, tools or json, no penalties",
    "gemini-2.5-flash": "budget from 0, unasked, tools or json, no penalties",
    "gemini-2.5-flash-lite": "budget from 512, tools or json, no penalties",
    "gemini-2.5": "budget from 128, always, tools or json, no penalties",
    "gemini-robotics-er-1.5": "budget from 0, unasked, tools or json, no penalties",
    "gemini-3-pro": "level low high, always, no penalties",
    "gemini-3": "level low medium high, always, no penalties",
    "gemini-3-minimal": "level minimal low medium high, always, no penalties",
    "gemini-3.6": "level minimal low medium high, always, no penalties, no prefill",
    "gemini-3.7": "level low medium high, always, no penalties, no prefill",
    "learnlm": "",
    "gemma": "no vision",
    "gemma-3": "",
    "gemma-4": "",
    "gemma-bare": "no tools, no schema, no system",
    "gemma-bare-text": "no tools, no vision, no schema, no system",
    "nova": "no schema, cache points",
    "nova-micro": "no vision, no documents, no schema, cache points",
    "nova-2": "level low medium high, no schema, cache points",
    "titan": "no tools, no vision, no schema, no system",
    "titan-premier": "no tools, no vision, no documents, no schema, no system",
    "jamba": "no vision, no schema",
    "jamba-instruct": "no tools, no vision, no documents, no schema",
    "jurassic-2": "no tools, no vision, no documents, no schema, no system",
    "mistral": "",
    "mistral-adjustable": "effort none high",
    "mistral-medium": "",
    "mistral-large-2": "no vision",
    "mistral-small-2": "no vision",
    "mistral-small-3": "no vision",
    "magistral": "always",
    "open-mistral": "no vision",
    "pixtral": "",
    "codestral": "no vision",
    "voxtral": "no vision",
    "command": "no tools, no vision, no schema",
    "command-r": "no vision",
    "command-a": "no vision",
    "command-a-vision": "no tools",
    "command-a-plus": "budget from 1, unasked",
    "command-a-reasoning": "budget from 1, unasked, no vision",
    "aya": "no tools, no vision",
    "aya-vision": "no tools",
    "llama-2": "no vision",
    "llama-3": "no vision",
    "llama-3.1": "no vision",
    "llama-3.2": "no vision",
    "llama-3.2-vision": "",
    "llama-3.3": "no vision",
    "llama-4": "",
    "deepseek-r1": "always, no vision",
    "deepseek-v3": "no vision",
    "deepseek-v3.1": "switch, no vision",
    "deepseek-v4": "effort minimal low medium high xhigh max, unasked, no vision",
    "deepseek-chat": "switch, no vision",
    "deepseek-reasoner": "always, no vision",
    "qvq": "always",
    "qwq": "always, no vision",
    "qwen-thinking": "always, no vision",
    "qwen-3": "switch, unasked, no vision",
    "qwen-3-vl": "",
    "qwen-3-vl-thinking": "always",
    "qwen-3-coder": "no vision",
    "qwen-3-instruct": "no vision",
    "qwen-3-max": "switch, no vision",
    "qwen-3.5": "switch, unasked",
    "qwen-plus": "switch, no vision",
    "qwen-max": "no vision",
    "qwen-vl": "",
    "qwen-2": "no vision",
    "kimi-k2": "no vision",
    "kimi-k2-thinking": "always, no vision",
    "kimi-k2.5": "switch, unasked",
    "kimi-k2.7": "always",
    "kimi-k3": "effort low high max, always",
    "moonshot-v1": "no vision",
    "moonshot-v1-vision": "",
    "grok-2": "no vision",
    "grok-2-vision": "",
    "grok-3": "no vision",
    "grok-3-mini": "effort low high, always, no vision",
    "grok-4": "always",
    "grok-4-non-reasoning": "",
    "grok-4.3": "effort none low medium high, unasked",
    "grok-4.5": "effort low medium high, always",
    "grok-multi-agent": "effort low medium high xhigh, always, no tools",
    "grok-build": "always",
    "grok-code": "always, no vision",
    "glm-4": "no vision",
    "glm-4v": "",
    "glm-z1": "always, no vision",
    "glm-4.5": "switch, unasked, no vision",
    "glm-5": "switch, unasked, no vision",
    "glm-5.2": "effort minimal low medium high xhigh max, unasked, no vision",
    "glm-5.3": "effort low high max, always, no vision",
    "glm-v": "switch, unasked",
    "minimax-m2": "always, no vision",
    "minimax-m3": "switch, unasked",
    "sonar": "no tools",
    "sonar-reasoning": "always, no tools",
    "sonar-deep-research": "effort minimal low medium high, always, no tools",
    "palmyra": "no vision",
}
"""What a family accepts, as far as it differs from a model that takes everything."""

MATRIX = {
    "claude-2": "claude-2.1 anthropic.claude-v2:1 claude-instant-1.2",
    "claude-3": "claude-3-opus-20240229 anthropic.claude-3-sonnet-20240229-v1:0 claude-3-haiku@20240307",
    "claude-3.5": (
        "claude-3-5-sonnet-20241022 anthropic.claude-3-5-sonnet-20240620-v1:0 anthropic/claude-3.5-sonnet "
        "claude-3-5-sonnet-v2@20241022"
    ),
    "claude-haiku-3.5": "claude-3-5-haiku-latest us.anthropic.claude-3-5-haiku-20241022-v1:0",
    "claude-3.7": (
        "claude-3-7-sonnet-20250219 us.anthropic.claude-3-7-sonnet-20250219-v1:0 anthropic/claude-3.7-sonnet:thinking"
    ),
    "claude-sonnet-4": (
        "claude-sonnet-4-20250514 claude-sonnet-4-0 publishers/anthropic/models/claude-sonnet-4@20250514 "
        "claude-4-sonnet databricks-claude-sonnet-4"
    ),
    "claude-opus-4": "claude-opus-4-20250514 anthropic/claude-opus-4",
    "claude-opus-4.1": (
        "claude-opus-4-1-20250805 apac.anthropic.claude-opus-4-1-20250805-v1:0 anthropic/claude-opus-4.1"
    ),
    "claude-4.5": (
        "claude-sonnet-4-5-20250929 global.anthropic.claude-sonnet-4-5-20250929-v1:0 "
        "claude-haiku-4-5@20251001 anthropic/claude-opus-4.5 "
        "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-haiku-4-5-20251001-v1:0 "
        "claude-4.5-sonnet"
    ),
    "claude-sonnet-4.6": "claude-sonnet-4-6 jp.anthropic.claude-sonnet-4-6",
    "claude-opus-4.6": "claude-opus-4-6 au.anthropic.claude-opus-4-6-v1",
    "claude-opus-4.7": "claude-opus-4-7 ca.anthropic.claude-opus-4-7",
    "claude-opus-4.8": "claude-opus-4-8 anthropic/claude-opus-4.8",
    "claude-5": "claude-sonnet-5 claude-opus-5 anthropic.claude-opus-5 claude-sonnet-5@default",
    "claude-haiku-5.5": "claude-haiku-5-5 anthropic/claude-haiku-5.5",
    "claude-sonnet-5.5": "claude-sonnet-5-5 eu.anthropic.claude-sonnet-5-5 claude-sonnet-latest",
    "claude-always": (
        "claude-opus-5-5 claude-fable-latest eu.anthropic.claude-fable-5-1 claude-mythos-preview claude-mythos-5-2 "
        "~anthropic/claude-opus-latest"
    ),
    "claude-always-forced": "claude-fable-5 anthropic.claude-mythos-5",
    "claude": "claude-next",
    "o1-mini": "o1-mini o1-mini-2024-09-12 openai/o1-preview",
    "o1": "o1 o1-2024-12-17 o1-pro",
    "o3-mini": "o3-mini openai/o3-mini-high",
    "o3": "o3-2025-04-16 o3-pro o3-deep-research",
    "o4-mini": "o4-mini o4-mini-2025-04-16",
    "gpt-5": "gpt-5 gpt-5-2025-08-07 gpt-5-mini openai/gpt-5-nano gpt-5-mini-2025-08-07",
    "gpt-5-pro": "gpt-5-pro-2025-10-06",
    "gpt-5-codex": "gpt-5-codex gpt-5.1-codex-mini",
    "gpt-5.x-codex-xhigh": "gpt-5.1-codex-max gpt-5.2-codex",
    "gpt-5.x-pro": "gpt-5.2-pro gpt-5.5-pro-2026-04-23",
    "gpt-5.x-chat": "gpt-5.1-chat-latest gpt-5.3-chat",
    "gpt-5-chat": "gpt-5-chat-latest",
    "gpt-5.1": "gpt-5.1-2025-11-13 openai/gpt-5-1",
    "gpt-5.2": "gpt-5.2",
    "gpt-5.3": "gpt-5.3-codex gpt-5.3-codex-spark",
    "gpt-5.4": "gpt-5.4-mini-2026-03-17 openai.gpt-5.4",
    "gpt-5.5": "gpt-5.5",
    "gpt-5.6": "gpt-5.6-sol openai-gpt-5.6-luna openai/gpt-5.6-terra:batch gpt-5.9",
    "gpt-6": "gpt-6-luna gpt-6-sol gpt-6.1-terra",
    "gpt-6-always": "gpt-6-astra gpt-6.2-astra gpt-6.1-sol",
    "gpt-oss": "openai/gpt-oss-120b openai.gpt-oss-20b-1:0 gpt-oss:20b",
    "gpt-4o-search": "gpt-4o-search-preview gpt-4o-mini-search-preview-2025-03-11",
    "gpt-audio": "gpt-4o-audio-preview gpt-audio-mini",
    "gpt-4o-2024-05-13": "gpt-4o-2024-05-13",
    "gpt-4o": "gpt-4o gpt-4o-mini-2024-07-18 ft:gpt-4o-mini-2024-07-18:org::id",
    "chatgpt-4o": "chatgpt-4o-latest",
    "gpt-4.1": "gpt-4.1-nano ft:gpt-4.1-mini-2025-04-14:org:name:id",
    "gpt-4.5": "gpt-4.5-preview",
    "gpt-4-vision": "gpt-4-vision-preview",
    "gpt-4-turbo": "gpt-4-turbo-2024-04-09",
    "gpt-4": "gpt-4 gpt-4-0613 gpt-4-1106-preview gpt-4-turbo-preview gpt-4-32k",
    "gpt-3.5": "gpt-3.5-turbo-0125 gpt-35-turbo",
    "gemini-1.0": "gemini-pro gemini-1.0-pro-001",
    "gemini-1.0-vision": "gemini-pro-vision gemini-1.0-pro-vision-001",
    "gemini-1.5": "gemini-1.5-flash-8b google.gemini-1.5-pro-002",
    "gemini-2.0": "gemini-2.0-flash google/gemini-2.0-flash-exp:free gemini-2.0-flash-lite-001",
    "gemini-2.0-thinking": "gemini-2.0-flash-thinking-exp-01-21",
    "gemini-2.0-image": "gemini-2.0-flash-preview-image-generation gemini-2.0-flash-exp-image-generation",
    "gemini-image": "gemini-2.5-flash-image-preview",
    "gemini-3-image": "gemini-3-pro-image-preview gemini-3.1-flash-image",
    "gemini-tts": "gemini-2.5-flash-preview-tts gemini-2.5-pro-tts",
    "gemini-2.5-pro": "gemini-2.5-pro models/gemini-2.5-pro-preview-05-06 publishers/google/models/gemini-2.5-pro",
    "gemini-2.5-flash": "google/gemini-2.5-flash gemini-2.5-flash-preview-09-2025",
    "gemini-2.5-flash-lite": "gemini-2.5-flash-lite",
    "gemini-2.5": "gemini-2.5-computer-use-preview-10-2025",
    "gemini-robotics-er-1.5": "gemini-robotics-er-1.5-preview",
    "gemini-3-pro": "gemini-3-pro-preview google/gemini-3-pro-preview",
    "gemini-3": ("gemini-3.1-pro-preview-customtools gemini-pro-latest gemini-4-hydrogen"),
    "gemini-3.7": "gemini-3.7-flash gemini-3.8-flash gemini-flash-latest",
    "gemini-3.6": "gemini-3.6-flash google/gemini-3.5-flash-lite gemini-flash-lite-latest",
    "gemini-3-minimal": "gemini-3-flash-preview gemini-3.1-flash-lite gemini-3.5-flash",
    "learnlm": "learnlm-2.0-flash-experimental",
    "gemma": "gemma2-9b-it google/gemma-7b",
    "gemma-3": "google.gemma-3-27b-it gemma3:4b",
    "gemma-4": "gemma-4-31b-it",
    "nova": (
        "amazon.nova-pro-v1:0 us.amazon.nova-premier-v1:0 "
        "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0"
    ),
    "nova-micro": "us.amazon.nova-micro-v1:0",
    "nova-2": "us.amazon.nova-2-lite-v1:0 global.amazon.nova-2-lite-v1:0 nova-2-lite-v1",
    "titan": "amazon.titan-text-express-v1",
    "titan-premier": "amazon.titan-text-premier-v1:0",
    "jamba": "ai21.jamba-1-5-large-v1:0 jamba-large-1.7",
    "jamba-instruct": "ai21.jamba-instruct-v1:0",
    "jurassic-2": "ai21.j2-ultra-v1",
    "mistral": "mistral-large-latest mistral-small-2506 mistral-tiny",
    "mistral-adjustable": "mistral-small-latest mistral-small-2603 mistral-small-4 mistral-medium-2604 mistralai/mistral-medium-3-5",
    "mistral-medium": "mistral-medium-2508",
    "mistral-small-2": "mistral-small-2402 mistral-small-2409",
    "mistral-large-2": "Mistral-Large-2411 Mistral-Large-2407",
    "mistral-small-3": "mistral-small-2501",
    "magistral": "magistral-medium-latest mistral.magistral-small-2509",
    "open-mistral": "open-mixtral-8x22b mistral-nemo mistralai/Mistral-7B-Instruct-v0.2 mistralai/Mixtral-8x7B-Instruct-v0.1",
    "pixtral": "pixtral-large-2411",
    "codestral": "codestral-latest codestral-2508",
    "voxtral": "mistral.voxtral-mini-3b-2507",
    "command": "command command-nightly",
    "command-r": "command-r-plus-08-2024 Cohere-command-r command-r7b-12-2024",
    "command-a": "command-a-03-2025 cohere/command-a",
    "command-a-vision": "command-a-vision-07-2025",
    "command-a-plus": "command-a-plus-05-2026",
    "command-a-reasoning": "command-a-reasoning-08-2025",
    "aya": "c4ai-aya-expanse-32b",
    "aya-vision": "c4ai-aya-vision-8b",
    "llama-2": "meta-llama/Llama-2-70b-chat-hf",
    "llama-3": "llama3-70b-8192 meta-llama/Meta-Llama-3-8B-Instruct",
    "llama-3.1": (
        "llama3.1:8b llama3.1-8b meta-llama/llama-3.1-8b-instruct "
        "accounts/fireworks/models/llama-v3p1-405b-instruct meta/llama-3.1-405b-instruct-maas"
    ),
    "llama-3.2": "llama-3.2-3b-preview",
    "llama-3.2-vision": (
        "llama-3.2-90b-vision-preview llama3.2-vision:11b llama3.2-vision meta-llama/Llama-3.2-11B-Vision-Instruct-Turbo"
    ),
    "llama-3.3": "llama-3.3-70b-versatile meta-llama/Llama-3.3-70B-Instruct-Turbo",
    "llama-4": "meta-llama/llama-4-scout-17b-16e-instruct us.meta.llama4-maverick-17b-instruct-v1:0",
    "deepseek-r1": "deepseek-ai/DeepSeek-R1-0528 accounts/fireworks/models/deepseek-r1 deepseek-r1-distill-llama-70b",
    "deepseek-v3": "deepseek-ai/DeepSeek-V3 deepseek-v3-0324",
    "deepseek-v3.1": (
        "deepseek.v3-v1:0 deepseek-ai/DeepSeek-V3.2-Exp accounts/fireworks/models/deepseek-v3p1 "
        "deepseek/deepseek-chat-v3.1:free"
    ),
    "deepseek-v4": "deepseek-v4-flash deepseek-pro deepseek/deepseek-v4-pro deepseek-flash",
    "deepseek-chat": "deepseek-chat",
    "deepseek-reasoner": "deepseek-reasoner",
    "qvq": "qvq-max",
    "qwq": "qwq-32b qwen/qwq-plus",
    "qwen-thinking": "Qwen/Qwen3-235B-A22B-Thinking-2507 qwen3-next-80b-a3b-thinking",
    "qwen-3": "qwen3 qwen3-8b qwen3-1.7b qwen.qwen3-32b-v1:0 Qwen/Qwen3-14B",
    "qwen-3-vl": "qwen.qwen3-vl-235b-a22b qwen3-vl-plus",
    "qwen-3-vl-thinking": "qwen3-vl-235b-a22b-thinking",
    "qwen-3-coder": "qwen-3-coder-480b qwen.qwen3-coder-30b-a3b-v1:0",
    "qwen-3-instruct": "qwen.qwen3-235b-a22b-2507-v1:0 qwen/qwen3-next-80b-a3b-instruct",
    "qwen-3-max": "qwen3-max",
    "qwen-3.5": "qwen3.5-plus accounts/fireworks/models/qwen3p5-397b-a17b qwen3.8-max",
    "qwen-plus": "qwen-plus-latest qwen-turbo qwen-flash",
    "qwen-max": "qwen-max",
    "qwen-vl": "qwen2.5-vl-72b-instruct qwen2-vl-72b-instruct qwen-vl-max",
    "qwen-2": "Qwen/Qwen2.5-72B-Instruct-Turbo",
    "kimi-k2": "kimi-k2-0905-preview moonshotai/Kimi-K2-Instruct",
    "kimi-k2-thinking": "moonshot.kimi-k2-thinking",
    "kimi-k2.5": "Kimi-K2.5 moonshotai.kimi-k2.5 accounts/fireworks/models/kimi-k2p6",
    "kimi-k2.7": "kimi-k2.7-code-highspeed",
    "kimi-k3": "kimi-k3 moonshotai/kimi-k3.1-pro",
    "moonshot-v1": "moonshot-v1-128k",
    "moonshot-v1-vision": "moonshot-v1-32k-vision-preview",
    "grok-2": "grok-2-1212",
    "grok-2-vision": "grok-2-vision-1212",
    "grok-3": "grok-3-latest",
    "grok-3-mini": "x-ai/grok-3-mini-fast",
    "grok-4": "grok-4-0709 grok-4-fast-reasoning grok-4.20-0309-reasoning",
    "grok-4-non-reasoning": "grok-4-1-fast-non-reasoning grok-4-fast-non-reasoning",
    "grok-4.3": "grok-4.3 xai.grok-4.3 grok-latest",
    "grok-4.5": "x-ai/grok-4.5 grok-build-latest",
    "grok-multi-agent": "grok-4.20-multi-agent-0309",
    "grok-build": "grok-build-0.1",
    "grok-code": "grok-code-fast-1",
    "glm-4": "glm-4-9b-chat glm-4-plus",
    "glm-4v": "glm-4v-plus",
    "glm-z1": "glm-z1-32b-0414",
    "glm-4.5": "zai-org/GLM-4.5-Air zai.glm-4.7 zai-glm-4.7 accounts/fireworks/models/glm-4p6",
    "glm-5": "glm-5.1 glm-5-turbo",
    "glm-5.2": "zai-org/GLM-5.2",
    "glm-5.3": "glm-5.3-flash",
    "glm-v": "glm-4.6v z-ai/glm-5v-turbo",
    "minimax-m2": "minimax.minimax-m2 minimax/minimax-m2:free MiniMax-M2.7",
    "minimax-m3": "MiniMax-M3",
    "sonar": "sonar sonar-pro",
    "sonar-reasoning": "perplexity/sonar-reasoning-pro",
    "sonar-deep-research": "sonar-deep-research",
    "palmyra": "us.writer.palmyra-x5-v1:0 palmyra-x4",
}
"""Spellings of each family, apart by spaces, as hosts give them to their callers."""

STRANGERS = (
    "",
    "my-deployment",
    "nonexistent",
    "openai-community/gpt2",
    "facebook/opt-125m",
    "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3",
)

SPELLED = [(model, family) for family, models in MATRIX.items() for model in models.split()]


def facts(traits: Traits) -> str:
    """What sets a family apart, in a line."""
    sampled = {"temperature", "top_p"}
    words = " ".join(dict.fromkeys(word for word in traits.efforts.values()))
    budget = f"from {traits.min_budget}" if traits.thinking == "budget" else ""
    told = {
        f"out {traits.output_limit}": traits.output_limit is not None,
        "completion tokens": traits.max_completion_tokens is True,
        "unsampled": sampled <= traits.refuses,
        "unsampled while thinking": sampled <= traits.refuses_thinking,
        "one of sampling": traits.one_of_sampling,
        f"{traits.thinking} {budget or words}".rstrip(): traits.thinking != "none",
        "unasked": traits.thinks_unasked and traits.can_stop_thinking,
        "always": not traits.can_stop_thinking,
        f"off {traits.thinking_off}": traits.thinking_off != "disabled",
        "no tools": not traits.tools,
        "not forced": not traits.forced_tools,
        "forced thinking": traits.forced_tools and traits.forced_while_thinking,
        "no budget": traits.refuses_budget,
        "not streamed": not traits.streams_tools,
        "no vision": not traits.vision,
        "no documents": not traits.documents,
        "no schema": not traits.json_schema,
        "tools or json": not traits.json_with_tools,
        "own tools": traits.own_tools,
        "no penalties": "presence_penalty" in traits.refuses and traits.owner == Owner.GOOGLE,
        "no prefill": not traits.prefill,
        "no system": not traits.system_role,
        "cache points": traits.cache_points,
        "one answer": "n" in traits.refuses and traits.owner == Owner.GOOGLE,
        "no logprobs": "logprobs" in traits.refuses and traits.owner == Owner.GOOGLE,
    }
    return ", ".join(fact for fact, holds in told.items() if holds)


@pytest.mark.parametrize(("model", "family"), SPELLED)
def test_a_spelling_finds_its_family(model: str, family: str) -> None:
    traits = resolve(model)
    assert traits.family == family
    assert facts(traits) == FACTS[family]


@pytest.mark.parametrize(
    ("model", "provider", "family", "differs"),
    [
        ("meta.llama3-1-70b-instruct-v1:0", "bedrock", "llama-3.1", "not forced, not streamed, no vision, no schema"),
        ("meta.llama3-70b-instruct-v1:0", "bedrock", "llama-3", "no tools, no vision, no schema"),
        ("us.meta.llama3-2-90b-instruct-v1:0", "bedrock", "llama-3.2-vision", "not forced, not streamed, no schema"),
        ("us.meta.llama3-2-3b-instruct-v1:0", "bedrock", "llama-3.2", "no tools, no vision, no schema"),
        ("us.meta.llama4-scout-17b-instruct-v1:0", "bedrock", "llama-4", "not forced, not streamed, no schema"),
        (
            "mistral.mistral-7b-instruct-v0:2",
            "bedrock",
            "mistral-instruct",
            "no tools, no vision, no schema, no system",
        ),
        ("mistral.mistral-large-2402-v1:0", "bedrock", "mistral-large", "not streamed, no vision, no schema"),
        ("cohere.command-r-plus-v1:0", "bedrock", "command-r", "no vision, no schema"),
        ("cohere.command-text-v14", "bedrock", "command", "no tools, no vision, no schema, no system"),
        ("us.deepseek.r1-v1:0", "bedrock", "deepseek-r1", "always, no tools, no vision, no schema"),
        ("deepseek.v3-v1:0", "bedrock", "deepseek-v3", "no vision"),
        (
            "us.anthropic.claude-sonnet-5-5",
            "bedrock",
            "claude-sonnet-5.5",
            FACTS["claude-sonnet-5.5"].replace("no prefill", "no schema, no prefill"),
        ),
        (
            "global.anthropic.claude-opus-4-8",
            "bedrock",
            "claude-opus-4.8",
            FACTS["claude-opus-4.8"].replace("no prefill", "no schema, no prefill"),
        ),
        ("anthropic.claude-sonnet-4-6", "bedrock", "claude-sonnet-4.6", FACTS["claude-sonnet-4.6"]),
        ("claude-opus-4-8", "vertex-ai", "claude-opus-4.8", FACTS["claude-opus-4.8"]),
        ("gemma-3-27b-it", "google", "gemma-bare", FACTS["gemma-bare"]),
        ("gemma-2-9b-it", "google", "gemma-bare-text", FACTS["gemma-bare-text"]),
        ("gemma-3-27b-it", "vertex-ai", "gemma-3", ""),
        ("kimi-k2.6", "moonshot", "kimi-k2.5", "unsampled, switch, unasked, not forced"),
        ("kimi-k3", "moonshot", "kimi-k3", "unsampled, effort low high max, always"),
        ("claude-by-another-name", "anthropic", "claude", FACTS["claude"]),
        ("muse", "anthropic", "claude", FACTS["claude"]),
        ("bard", "google", "gemini-3", FACTS["gemini-3"]),
        ("gemini-3.5-flash", "google", "gemini-3-minimal", FACTS["gemini-3-minimal"] + ", one answer, no logprobs"),
        ("gemini-2.5-pro", "google", "gemini-2.5-pro", FACTS["gemini-2.5-pro"] + ", no logprobs"),
        (
            "gemini-2.5-pro",
            "vertex-ai",
            "gemini-2.5-pro",
            FACTS["gemini-2.5-pro"].replace(", no penalties", ""),
        ),
        ("deepseek-v5", "deepseek", "deepseek-v4", FACTS["deepseek-v4"]),
        ("muse", "vertex-ai", "", ""),
        ("gpt-4o", "azure-openai", "gpt-4o", ""),
    ],
)
def test_a_provider_may_differ_from_the_maker(model: str, provider: str, family: str, differs: str) -> None:
    traits = resolve(model, provider)
    assert traits.family == family
    assert facts(traits) == differs


def test_every_row_is_in_the_snapshot_or_a_row_of_one_provider() -> None:
    deciding = [row_of(model) for model, _ in SPELLED]
    assert [row.pattern for row in ROWS if row not in deciding and not row.provider] == []


@pytest.mark.parametrize("model", STRANGERS)
def test_a_strangers_model_takes_everything(model: str) -> None:
    assert resolve(model) is ANY_MODEL
    assert row_of(model) is None


def test_a_name_longer_than_any_host_gives_is_nobodys() -> None:
    assert resolve("claude-opus-4-8" + "0" * 2048) is ANY_MODEL


NAMES = st.one_of(
    st.text(),
    st.text(alphabet="aceglmoprtu.-:@/*#0123456789"),
    st.builds(
        "".join,
        st.tuples(
            st.sampled_from(["", "us.", "arn:aws:bedrock:::x/", "models/", "ft:", "anthropic/"]),
            st.sampled_from([model for model, _ in SPELLED]),
            st.text(max_size=8),
        ),
    ),
)


@given(NAMES, st.one_of(st.just(""), st.sampled_from(["bedrock", "google", "anthropic", "openai"]), st.text()))
def test_any_name_has_one_answer(model: str, provider: str) -> None:
    assert resolve(model, provider) is resolve(model, provider)
