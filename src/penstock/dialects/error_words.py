"""The words by which providers tell errors that need another reaction than their HTTP status suggests, as rows.

A row holds codes and texts of one provider for one class. Codes are compared whole, without case; texts are searched
for. Words count whoever sends them, for gateways pass on what their own providers say; codes of a row that is ``own``
(numbers, or words that others use otherwise) count at that provider only. Each link is the provider's document, or the
public report that quotes the provider where its document leaves the words out.
"""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet
from typing import Final

import msgspec

from penstock.core.outcome import ErrorClass


class ErrorWords(msgspec.Struct, frozen=True):
    """One row. ``codes`` are separated by spaces, ``texts`` are regular expressions for a part of the message.

    ``provider`` is the slug of a row of providers/ or a maker's name; ``also`` are slugs for whose ``own`` codes the
    row holds, too.
    """

    provider: str
    error: ErrorClass
    codes: str
    texts: tuple[str, ...]
    link: str
    own: bool = False
    also: tuple[str, ...] = ()


_LONG: Final = ErrorClass.CONTEXT_LENGTH
_FILTER: Final = ErrorClass.CONTENT_FILTER
_QUOTA: Final = ErrorClass.QUOTA
_RATE: Final = ErrorClass.RATE_LIMIT
_AUTH: Final = ErrorClass.AUTH
_ZHIPU: Final = "https://docs.z.ai/api-reference/api-code"
_MINIMAX: Final = "https://platform.minimax.io/docs/api-reference/errorcode"
_DASHSCOPE: Final = "https://www.alibabacloud.com/help/en/model-studio/error-code"
_ARK: Final = "https://www.volcengine.com/docs/82379/1299023"
_KIMI: Final = "https://platform.kimi.ai/docs/api/errors"
_QIANFAN: Final = "https://cloud.baidu.com/doc/qianfan-api/s/rmwbl43x7"
_CLAUDE: Final = "https://platform.claude.com/docs/en/api/errors"
_OPENAI: Final = "https://platform.openai.com/docs/guides/error-codes"
_BEDROCK: Final = "https://docs.aws.amazon.com/bedrock/latest/userguide/troubleshooting-api-error-codes.html"
_AZURE: Final = "https://learn.microsoft.com/en-us/azure/ai-foundry/openai/concepts/content-filter"
_OPENROUTER: Final = "https://openrouter.ai/docs/api/reference/errors-and-debugging"
_COHERE: Final = "https://docs.cohere.com/reference/errors"

ROWS: Final[tuple[ErrorWords, ...]] = (
    # The prompt is too long for the model.
    ErrorWords(
        "openai",
        _LONG,
        "context_length_exceeded string_above_max_length",
        (r"maximum context", r"exceeds the context window", r"context (length|window)"),
        _OPENAI,
    ),
    ErrorWords("anthropic", _LONG, "request_too_large prompt_too_long", (r"prompt is too long",), _CLAUDE),
    ErrorWords(
        "google",
        _LONG,
        "",
        (r"input token count .{0,40}exceeds the maximum", r"exceeds? the (model'?s )?max\w* .{0,40}tokens"),
        "https://ai.google.dev/gemini-api/docs/troubleshooting",
    ),
    ErrorWords("bedrock", _LONG, "", (r"input is too long for requested model", r"too many input tokens"), _BEDROCK),
    ErrorWords("cohere", _LONG, "", (r"too many tokens",), _COHERE),
    ErrorWords(
        "mistral-ai",
        _LONG,
        "context_length_exceeded",
        (r"too large for (the )?model",),
        "https://portkey.ai/error-library/context-length-exceeded-error-13710000",
    ),
    ErrorWords(
        "llamacpp",
        _LONG,
        "exceed_context_size_error",
        (r"exceeds the available context size",),
        "https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md",
    ),
    ErrorWords(
        "lm-studio",
        _LONG,
        "",
        (r"greater than the context length", r"context (size|length) (of|was|has been) .{0,40}(exceeded|overflow)"),
        "https://github.com/continuedev/continue/issues/9957",
    ),
    ErrorWords(
        "vllm",
        _LONG,
        "",
        (r"(prompt|input) \(.{0,40}\) is too long", r"longer than the maximum (model|context) length"),
        "https://github.com/vllm-project/vllm/issues/12165",
    ),
    ErrorWords(
        "sglang",
        _LONG,
        "",
        (r"longer than the model'?s context length", r"exceeds? the model'?s (maximum )?context"),
        "https://github.com/sgl-project/sglang/blob/main/python/sglang/srt/managers/tokenizer_manager.py",
    ),
    ErrorWords(
        "huggingface",
        _LONG,
        "",
        (r"`inputs` tokens", r"`inputs` must have less than"),
        "https://huggingface.co/CohereForAI/c4ai-command-r-plus/discussions/43",
    ),
    ErrorWords("x-ai", _LONG, "", (r"maximum prompt length",), "https://github.com/cline/cline/issues/3120"),
    ErrorWords("moonshot", _LONG, "", (r"exceeded model token limit", r"input token length too long"), _KIMI),
    ErrorWords("z-ai", _LONG, "1261", (r"prompt exceeds max length", r"prompt 超长"), _ZHIPU, True, ("zhipu",)),
    ErrorWords("minimax", _LONG, "", (r"context window exceeds limit",), _MINIMAX),
    ErrorWords("dashscope", _LONG, "", (r"range of input length should be",), _DASHSCOPE),
    ErrorWords(
        "volcengine",
        _LONG,
        "inputtokenlimitexceeded",
        (r"total tokens of .{0,40}exceed max message tokens", r"input length .{0,40}exceeds the maximum length"),
        _ARK,
    ),
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
        "context_length_exceeded",
        (r"reduce the length",),
        "https://console.groq.com/docs/errors",
        also=("cerebras",),
    ),
    ErrorWords(
        "together-ai",
        _LONG,
        "",
        (r"must be less than the context length", r"tokens? \+ `?max_(new_)?tokens"),
        "https://docs.together.ai/docs/error-codes",
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
        (r"maximum context window",),
        "https://www.scaleway.com/en/docs/generative-apis/troubleshooting/fixing-common-issues/",
    ),
    ErrorWords(
        "github",
        _LONG,
        "model_max_prompt_tokens_exceeded tokens_limit_reached",
        (r"prompt token count .{0,40}exceeds the limit", r"request body too large for"),
        "https://github.com/arbs-io/github-copilot-llm-gateway/issues/55",
    ),
    ErrorWords("openrouter", _LONG, "context_window_exceeded max_tokens_exceeded", (), _OPENROUTER),
    ErrorWords(
        "ollama",
        _LONG,
        "",
        (r"input length exceeds", r"prompt too long"),
        "https://github.com/ollama/ollama/issues/2208",
    ),
    ErrorWords(
        "watsonx",
        _LONG,
        "invalid_input_argument_length",
        (r"input tokens .{0,60}cannot exceed", r"number of input tokens \d+"),
        "https://cloud.ibm.com/apidocs/watsonx-ai",
    ),
    ErrorWords(
        "databricks",
        _LONG,
        "",
        (r"(prompt|input|request) (is |was )?too long", r"context limit"),
        "https://docs.databricks.com/aws/en/machine-learning/model-serving/foundation-model-limits",
    ),
    ErrorWords("nvidia", _LONG, "too_many_tokens", (), "https://docs.api.nvidia.com/nim/reference/llm-apis"),
    # A filter refuses the request or the answer.
    ErrorWords(
        "azure-openai",
        _FILTER,
        "content_filter responsibleaipolicyviolation content_filtered",
        (r"content management polic",),
        _AZURE,
    ),
    ErrorWords(
        "openai",
        _FILTER,
        "content_policy_violation moderation_blocked moderation",
        (r"content polic", r"usage polic", r"safety system"),
        _OPENAI,
    ),
    ErrorWords("anthropic", _FILTER, "", (r"blocked by content filter", r"content filter"), _CLAUDE),
    ErrorWords(
        "openrouter",
        _FILTER,
        "moderation_error",
        (r"flagged (by|as|for)", r"moderation"),
        _OPENROUTER,
    ),
    ErrorWords(
        "dashscope", _FILTER, "data_inspection_failed datainspectionfailed", (r"inappropriate content",), _DASHSCOPE
    ),
    ErrorWords("moonshot", _FILTER, "content_filter", (r"considered high risk",), _KIMI),
    ErrorWords(
        "z-ai", _FILTER, "1301", (r"unsafe or sensitive content", r"不安全或敏感内容"), _ZHIPU, True, ("zhipu",)
    ),
    ErrorWords("z-ai", _FILTER, "sensitive", (), _ZHIPU),
    ErrorWords("minimax", _FILTER, "1026 1027", (r"(input|output) (new_)?sensitive",), _MINIMAX, True),
    ErrorWords(
        "volcengine",
        _FILTER,
        "inputtextsensitivecontentdetected inputimagesensitivecontentdetected outputtextsensitivecontentdetected "
        "sensitivecontentdetected inputtextriskdetection inputimageriskdetection outputtextriskdetection",
        (r"may contain sensitive information",),
        _ARK,
    ),
    ErrorWords("qianfan", _FILTER, "unsafe_request security_error", (), _QIANFAN),
    ErrorWords(
        "x-ai", _FILTER, "", (r"violates .{0,40}guidelines",), "https://docs.x.ai/docs/key-information/debugging"
    ),
    ErrorWords(
        "deepseek", _FILTER, "", (r"content exists risk",), "https://api-docs.deepseek.com/quick_start/error_codes"
    ),
    # The account's money or allowance is used up.
    ErrorWords(
        "openai",
        _QUOTA,
        "insufficient_quota billing_not_active billing_hard_limit_reached usage_limit_reached",
        (r"exceeded your current quota", r"billing hard limit"),
        _OPENAI,
    ),
    ErrorWords(
        "anthropic",
        _QUOTA,
        "billing_error",
        (r"credit balance is too low", r"reached your specified api usage limits"),
        _CLAUDE,
    ),
    ErrorWords(
        "deepseek", _QUOTA, "", (r"insufficient balance",), "https://api-docs.deepseek.com/quick_start/error_codes"
    ),
    ErrorWords(
        "openrouter",
        _QUOTA,
        "payment_required",
        (r"insufficient credits", r"requires more credits"),
        _OPENROUTER,
    ),
    ErrorWords("moonshot", _QUOTA, "exceeded_current_quota_error", (r"account .{0,80}is suspended",), _KIMI),
    ErrorWords("minimax", _QUOTA, "1008 2056", (r"insufficient balance",), _MINIMAX, True),
    ErrorWords(
        "z-ai",
        _QUOTA,
        "1113 1304 1308 1309 1310",
        (r"insufficient balance or no resource package",),
        _ZHIPU,
        True,
        ("zhipu",),
    ),
    ErrorWords(
        "dashscope",
        _QUOTA,
        "arrearage allocationquota.freetieronly",
        (r"free tier .{0,40}exhausted", r"account is in good standing"),
        _DASHSCOPE,
    ),
    ErrorWords("volcengine", _QUOTA, "accountoverdueerror quotaexceeded", (r"overdue balance",), _ARK),
    ErrorWords("qianfan", _QUOTA, "account_overdue coding_plan_quota_exceeded", (), _QIANFAN),
    ErrorWords(
        "fireworks-ai",
        _QUOTA,
        "",
        (r"account .{0,60}suspended",),
        "https://docs.fireworks.ai/guides/inference-error-codes",
    ),
    ErrorWords(
        "x-ai",
        _QUOTA,
        "",
        (r"used all available credits", r"doesn'?t have any credits"),
        "https://docs.x.ai/docs/key-information/debugging",
    ),
    ErrorWords(
        "huggingface",
        _QUOTA,
        "",
        (r"exceeded your monthly included credits", r"depleted your .{0,30}credits"),
        "https://huggingface.co/docs/inference-providers/pricing",
    ),
    ErrorWords("cohere", _QUOTA, "", (r"trial key, which is limited to .{0,40}month",), _COHERE),
    ErrorWords("bedrock", _QUOTA, "servicequotaexceededexception", (r"too many tokens per day",), _BEDROCK),
    ErrorWords(
        "siliconflow",
        _QUOTA,
        "30001",
        (r"account balance is insufficient",),
        "https://docs.siliconflow.com/en/faqs/error-code",
        True,
    ),
    ErrorWords(
        "github",
        _QUOTA,
        "quota_exceeded",
        (),
        "https://docs.github.com/en/github-models/use-github-models/prototyping-with-ai-models",
    ),
    # Too many requests or tokens in a time: waiting helps.
    ErrorWords(
        "openai",
        _RATE,
        "rate_limit_exceeded rate_limit_error too_many_requests slow_down",
        (r"rate limit reached",),
        _OPENAI,
    ),
    ErrorWords(
        "dashscope",
        _RATE,
        "insufficient_quota throttling",
        (),
        _DASHSCOPE,
        True,
    ),
    ErrorWords(
        "dashscope",
        _RATE,
        "throttling.ratequota throttling.allocationquota throttling.burstrate limit_requests",
        (r"requests rate limit exceeded",),
        _DASHSCOPE,
    ),
    ErrorWords("minimax", _RATE, "1002 1039 1041 2045", (), _MINIMAX, True),
    ErrorWords("z-ai", _RATE, "1302 1303 1305 1312 1313", (), _ZHIPU, True, ("zhipu",)),
    ErrorWords("moonshot", _RATE, "rate_limit_reached_error engine_overloaded_error", (), _KIMI),
    ErrorWords("bedrock", _RATE, "throttlingexception throttling", (), _BEDROCK),
    ErrorWords(
        "cerebras",
        _RATE,
        "token_quota_exceeded request_quota_exceeded too_many_requests_error",
        (),
        "https://inference-docs.cerebras.ai/support/error",
    ),
    ErrorWords(
        "volcengine",
        _RATE,
        "ratelimitexceeded.endpointrpmexceeded ratelimitexceeded.endpointtpmexceeded accountratelimitexceeded "
        "modelaccountrpmratelimitexceeded modelaccounttpmratelimitexceeded",
        (),
        _ARK,
    ),
    ErrorWords("qianfan", _RATE, "rpm_rate_limit_exceeded tpm_rate_limit_exceeded", (), _QIANFAN),
    # The credential is refused.
    ErrorWords("openai", _AUTH, "invalid_api_key", (r"incorrect api key provided",), _OPENAI),
    ErrorWords("anthropic", _AUTH, "authentication_error permission_error", (), _CLAUDE),
    ErrorWords(
        "google",
        _AUTH,
        "permission_denied unauthenticated api_key_invalid",
        (r"api key not valid", r"api key expired"),
        "https://ai.google.dev/gemini-api/docs/troubleshooting",
    ),
    ErrorWords("minimax", _AUTH, "1004 2049", (r"login fail",), _MINIMAX, True),
    ErrorWords("z-ai", _AUTH, "1000 1001 1002 1003 1004 1220", (), _ZHIPU, True, ("zhipu",)),
    ErrorWords("moonshot", _AUTH, "invalid_authentication_error incorrect_api_key_error", (), _KIMI),
    ErrorWords("dashscope", _AUTH, "invalidapikey", (), _DASHSCOPE),
    ErrorWords(
        "bedrock", _AUTH, "unrecognizedclientexception accessdeniedexception expiredtokenexception", (), _BEDROCK
    ),
    ErrorWords("volcengine", _AUTH, "authenticationerror", (), _ARK),
    ErrorWords("qianfan", _AUTH, "invalid_iam_token", (), _QIANFAN),
    ErrorWords("x-ai", _AUTH, "", (r"incorrect api key",), "https://docs.x.ai/docs/key-information/debugging"),
)

_ORDER: Final = (_LONG, _FILTER, _QUOTA, _RATE, _AUTH)
"""Of several classes that the words of one error name, the first counts."""


def _codes(error: ErrorClass, *, own: bool) -> dict[str, frozenset[str]]:
    """The codes of a class by the slug at which they count; everywhere under an empty slug."""
    codes: dict[str, set[str]] = {}
    for row in ROWS:
        if row.error is error and row.own is own:
            for slug in (row.provider, *row.also) if own else ("",):
                codes.setdefault(slug, set()).update(row.codes.split())
    return {slug: frozenset(words) for slug, words in codes.items()}


_OWN: Final = {error: _codes(error, own=True) for error in _ORDER}
_COMMON: Final = {error: _codes(error, own=False).get("", frozenset()) for error in _ORDER}
_TEXTS: Final = {
    error: re.compile(
        "|".join(dict.fromkeys(text for row in ROWS if row.error is error for text in row.texts)), re.IGNORECASE
    )
    for error in _ORDER
}
_STATUSES: Final = {
    _LONG: frozenset({400, 403, 413, 422}),
    _FILTER: frozenset({400, 403, 413, 422, 451}),
    _QUOTA: frozenset({400, 401, 403, 412, 422, 429}),
    _RATE: frozenset({400, 403}),
    _AUTH: frozenset({400}),
}
"""The statuses with which the text of an error is searched for the words of a class."""


def class_of_code(codes: AbstractSet[str], provider: str) -> ErrorClass | None:
    """The class that an error's codes name, in lower case; a provider's own meaning of a code before the others'."""
    for error in _ORDER:
        if codes & _OWN[error].get(provider, _NONE):
            return error
    return next((error for error in _ORDER if codes & _COMMON[error]), None)


_NONE: Final[frozenset[str]] = frozenset()


def class_of_text(text: str, status: int) -> ErrorClass | None:
    """The class that an error's text names, at a status that leaves it open."""
    return next((error for error in _ORDER if status in _STATUSES[error] and _TEXTS[error].search(text)), None)
