"""Words of errors that the request's content causes: a prompt that is too long, and what a filter refuses.

A text must say that the prompt is too long: an ordinary error that mentions tokens or a limit (``max_tokens must be at
most 8192``) is none of these, and a test holds what must not match.
"""

from __future__ import annotations

from typing import Final

from penstock.core.outcome import ErrorClass
from penstock.dialects.error_words.row import ErrorWords

_LONG: Final = ErrorClass.CONTEXT_LENGTH
_FILTER: Final = ErrorClass.CONTENT_FILTER
_AGNO: Final = "https://github.com/agno-agi/agno/blob/main/libs/agno/tests/unit/models/test_context_window_patterns.py"
_ARK: Final = "https://docs.byteplus.com/en/docs/ModelArk/1299023"
_CLAUDE: Final = "https://platform.claude.com/docs/en/api/errors"
_COHERE: Final = "https://docs.cohere.com/reference/errors"
_KIMI: Final = "https://platform.kimi.ai/docs/api/errors"
_LIVE: Final = "https://github.com/earendil-works/pi/issues/129"
"""A table of what nine providers answered to a prompt that was too long (2025-12)."""
_MINIMAX: Final = "https://platform.minimax.io/docs/api-reference/errorcode"
_DASHSCOPE: Final = "https://help.aliyun.com/en/model-studio/error-code"
_OPENROUTER: Final = "https://openrouter.ai/docs/client-sdks/python/components/apierrortype"
_QIANFAN: Final = "https://cloud.baidu.com/doc/qianfan-api/s/rmwbl43x7"
_ZHIPU: Final = "https://docs.z.ai/api-reference/api-code"

TOO_LONG: Final[tuple[ErrorWords, ...]] = (
    ErrorWords(
        "openai",
        _LONG,
        "context_length_exceeded",
        (
            r"maximum context (length|window)",
            r"(exceed\w*|(longer|greater|larger|less) than|over|beyond) [^.]{0,50}\bcontext (length|limit|size|window)",
            r"\bcontext (length|limit|size|window) [^.]{0,40}(exceed|overflow)",
            r"\bcontext (length|size|window) (is|of) (only )?\d",
        ),
        _LIVE,
    ),
    ErrorWords(
        "openai",
        _LONG,
        "",
        (r"input tokens exceed the configured limit",),
        "https://github.com/cline/cline/issues/5474",
    ),
    ErrorWords(
        "openai",
        _LONG,
        "",
        (r"(messages\[\d+\]\.content|'input')[^ ]{0,20} string too long",),
        "https://platform.openai.com/docs/guides/error-codes",
        found=False,
    ),
    ErrorWords(
        "azure-openai",
        _LONG,
        "context_length_exceeded",
        (),
        "https://github.com/Azure/azure-sdk-for-python/issues/40986",
    ),
    ErrorWords(
        "azure-ai",
        _LONG,
        "tokens_limit_reached",
        (r"request body too large for .{0,60}max size: [\d,]+ tokens",),
        "https://github.com/RooCodeInc/Roo-Code/issues/3344",
        also=("github",),
    ),
    ErrorWords("anthropic", _LONG, "request_too_large", (), _CLAUDE),
    ErrorWords("anthropic", _LONG, "", (r"prompt is too long",), _LIVE),
    ErrorWords(
        "anthropic",
        _LONG,
        "",
        (r"`max_tokens` exceed context limit",),
        "https://github.com/continuedev/continue/issues/6080",
    ),
    ErrorWords("google", _LONG, "", (r"input token count .{0,40}exceeds the maximum",), _LIVE),
    ErrorWords(
        "vertex-ai",
        _LONG,
        "",
        (r"input token count is [\d,]+ but the model (only )?supports",),
        "https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference",
        found=False,
    ),
    ErrorWords(
        "bedrock",
        _LONG,
        "",
        (r"input is too long for requested model",),
        "https://github.com/aws-samples/bedrock-chat/issues/95",
    ),
    ErrorWords(
        "bedrock",
        _LONG,
        "",
        (r"too many input tokens",),
        _AGNO,
    ),
    ErrorWords(
        "cohere",
        _LONG,
        "",
        (r"too many tokens: (the |total|size)", r"too many tokens(?![\w:,]| (per|please|processed|in ))"),
        _COHERE,
    ),
    ErrorWords("mistral-ai", _LONG, "", (r"too large for model with [\d,]+ maximum",), _LIVE),
    ErrorWords(
        "llamacpp",
        _LONG,
        "exceed_context_size_error",
        (r"exceeds the available context size",),
        "https://github.com/ggml-org/llama.cpp/blob/master/tools/server/server-common.cpp",
    ),
    ErrorWords(
        "lm-studio",
        _LONG,
        "",
        (r"trying to keep the first [\d,]+ tokens", r"tokens to keep from the initial prompt"),
        "https://github.com/lmstudio-ai/lmstudio-bug-tracker/issues/546",
    ),
    ErrorWords(
        "lm-studio",
        _LONG,
        "",
        (r"cannot truncate prompt with n_keep",),
        "https://github.com/anomalyco/opencode/issues/11141",
    ),
    ErrorWords(
        "vllm",
        _LONG,
        "",
        (r"(prompt|input) \([^)]{0,40}\) is too long", r"longer than the maximum model length"),
        "https://github.com/vllm-project/vllm/issues/10440",
    ),
    ErrorWords(
        "sglang",
        _LONG,
        "",
        (r"longer than the model'?s context length",),
        "https://github.com/QwenLM/Qwen3/issues/1321",
    ),
    ErrorWords(
        "sglang",
        _LONG,
        "",
        (r"requested token count exceeds",),
        "https://github.com/anomalyco/opencode/pull/25230",
    ),
    ErrorWords(
        "sglang",
        _LONG,
        "",
        (r"input length .{0,40}exceeds the maximum (allowed )?length",),
        "https://github.com/sgl-project/sglang/issues/4048",
    ),
    ErrorWords(
        "huggingface",
        _LONG,
        "",
        (r"`inputs` tokens \+ `max_new_tokens`", r"`inputs` must have less than"),
        "https://github.com/huggingface/text-generation-inference/blob/main/router/src/validation.rs",
    ),
    ErrorWords("x-ai", _LONG, "", (r"maximum prompt length is",), _LIVE),
    ErrorWords("moonshot", _LONG, "", (r"exceeded model token limit", r"input token length too long"), _KIMI),
    ErrorWords("z-ai", _LONG, "1261", (r"prompt exceeds max length", r"prompt 超长"), _ZHIPU, True, ("zhipu",)),
    ErrorWords("minimax", _LONG, "", (r"context window exceeds limit",), _LIVE),
    ErrorWords("dashscope", _LONG, "", (r"range of input length should be",), _DASHSCOPE),
    ErrorWords("volcengine", _LONG, "inputtokenlimitexceeded", (r"exceed max message tokens",), _ARK, found=False),
    ErrorWords(
        "qianfan",
        _LONG,
        "characters_too_long tokens_too_long",
        (r"prompt tokens too long", r"max input characters"),
        _QIANFAN,
    ),
    ErrorWords(
        "groq",
        _LONG,
        "",
        (r"reduce the length of (the |your )?(input|messages|prompt)",),
        "https://github.com/thepersonalaicompany/amurex-backend/issues/51",
        also=("cerebras",),
    ),
    ErrorWords(
        "together-ai",
        _LONG,
        "",
        (r"input token count \+ `?max_(new_)?tokens",),
        "https://docs.together.ai/docs/error-codes",
    ),
    ErrorWords(
        "deepinfra",
        _LONG,
        "",
        (r"requested input length \d+ exceeds",),
        "https://github.com/langchain-ai/langchain/pull/25671",
    ),
    ErrorWords(
        "siliconflow",
        _LONG,
        "",
        (r"length of prompt_tokens .{0,30}must be less than",),
        "https://github.com/chatboxai/chatbox/issues/2060",
    ),
    ErrorWords(
        "sambanova",
        _LONG,
        "context_length_exceeded",
        (),
        "https://docs.sambanova.ai/docs/en/api-reference/using-the-api/api-error-codes",
    ),
    ErrorWords(
        "scaleway",
        _LONG,
        "",
        (r"exceeded maximum context window",),
        "https://www.scaleway.com/en/docs/generative-apis/troubleshooting/fixing-common-issues/",
    ),
    ErrorWords(
        "github",
        _LONG,
        "model_max_prompt_tokens_exceeded",
        (r"prompt token count of \d+ exceeds",),
        "https://github.com/microsoft/vscode/issues/289219",
    ),
    ErrorWords("openrouter", _LONG, "context_length_exceeded string_too_long", (), _OPENROUTER),
    ErrorWords("venice", _LONG, "context_length_exceeded", (), "https://docs.venice.ai/api-reference/error-codes"),
    ErrorWords(
        "workers-ai",
        _LONG,
        "",
        (r"maximum context length is \d",),
        "https://github.com/cloudflare/cloudflare-docs/issues/29731",
    ),
    ErrorWords(
        "deepseek",
        _LONG,
        "",
        (r"maximum context length is \d",),
        "https://github.com/evalstate/fast-agent/issues/621",
    ),
    ErrorWords(
        "ollama",
        _LONG,
        "",
        (r"prompt too long", r"input length exceeds the context", r"prompt is longer than the context length"),
        "https://github.com/ollama/ollama/blob/main/llm/llama_server.go",
    ),
    ErrorWords(
        "replicate",
        _LONG,
        "",
        (r"input is too long",),
        "https://github.com/run-llama/llama_index/issues/7974",
    ),
    ErrorWords(
        "watsonx",
        _LONG,
        "",
        (r"sequence length is longer than the specified maximum",),
        "https://github.com/lancedb/lancedb/issues/1535",
    ),
    ErrorWords(
        "watsonx",
        _LONG,
        "",
        (r"number of input tokens \d+ cannot exceed",),
        _AGNO,
    ),
)
"""The prompt is too long for the model."""

FILTERED: Final[tuple[ErrorWords, ...]] = (
    ErrorWords(
        "azure-openai",
        _FILTER,
        "content_filter responsibleaipolicyviolation content_filtered",
        (r"content management polic",),
        "https://learn.microsoft.com/en-us/azure/ai-foundry/openai/concepts/content-filter",
    ),
    ErrorWords(
        "openai",
        _FILTER,
        "content_policy_violation moderation_blocked",
        (
            r"limited access to this content for safety reasons",
            r"(blocked|violat\w+) [^.]{0,40}(content|usage) polic",
        ),
        "https://github.com/microsoft/PyRIT/pull/1463",
    ),
    ErrorWords(
        "openai",
        _FILTER,
        "",
        (r"flagged as potentially violating",),
        "https://github.com/openai/codex/issues/38849",
    ),
    ErrorWords(
        "openai",
        _FILTER,
        "",
        (r"(by|result of) (our|the) safety system",),
        "https://github.com/openai/openai-openapi/issues/11",
    ),
    ErrorWords(
        "anthropic",
        _FILTER,
        "",
        (r"blocked by content filter",),
        "https://github.com/anthropics/claude-code/issues/58367",
    ),
    ErrorWords("openrouter", _FILTER, "content_policy_violation", (), _OPENROUTER),
    ErrorWords("openrouter", _FILTER, "refusal", (), _OPENROUTER, True),
    ErrorWords(
        "openrouter",
        _FILTER,
        "",
        (r"(needs|requires) moderation", r"(content|input|message|prompt|request) (has been |is |was )?flagged"),
        "https://openrouter.ai/docs/api/reference/errors-and-debugging",
    ),
    ErrorWords(
        "dashscope", _FILTER, "data_inspection_failed datainspectionfailed", (r"inappropriate content",), _DASHSCOPE
    ),
    ErrorWords("moonshot", _FILTER, "content_filter", (r"considered high risk",), _KIMI),
    ErrorWords(
        "z-ai", _FILTER, "1301", (r"unsafe or sensitive content", r"不安全或敏感内容"), _ZHIPU, True, ("zhipu",)
    ),
    ErrorWords("z-ai", _FILTER, "sensitive", (), "https://docs.z.ai/api-reference/llm/chat-completion"),
    ErrorWords("minimax", _FILTER, "1026 1027", (r"(input|output) (new_)?sensitive",), _MINIMAX, True),
    ErrorWords(
        "volcengine",
        _FILTER,
        "inputtextsensitivecontentdetected inputimagesensitivecontentdetected outputtextsensitivecontentdetected "
        "sensitivecontentdetected inputtextriskdetection inputimageriskdetection outputtextriskdetection",
        (r"may contain sensitive information",),
        _ARK,
    ),
    ErrorWords("qianfan", _FILTER, "unsafe_request", (), _QIANFAN),
    ErrorWords("qianfan", _FILTER, "security_error", (), _QIANFAN, found=False),
    ErrorWords(
        "x-ai",
        _FILTER,
        "",
        (r"violates usage guidelines",),
        "https://github.com/QuantumNous/new-api/blob/main/service/violation_fee.go",
    ),
    ErrorWords(
        "deepseek", _FILTER, "", (r"content exists risk",), "https://github.com/deepseek-ai/DeepSeek-V2/issues/30"
    ),
)
"""A filter refuses the request or the answer."""
