"""Words of errors that the account or the host causes: used-up quotas, rate limits, refused credentials, overload."""

from __future__ import annotations

from typing import Final

from penstock.core.outcome import ErrorClass
from penstock.dialects.error_words.row import ErrorWords

_QUOTA: Final = ErrorClass.QUOTA
_RATE: Final = ErrorClass.RATE_LIMIT
_AUTH: Final = ErrorClass.AUTH
_DOWN: Final = ErrorClass.SERVER_ERROR
_ARK: Final = "https://docs.byteplus.com/en/docs/ModelArk/1299023"
_BEDROCK: Final = "https://docs.aws.amazon.com/bedrock/latest/userguide/troubleshooting-api-error-codes.html"
_CLAUDE: Final = "https://platform.claude.com/docs/en/api/errors"
_CLOUDFLARE: Final = "https://developers.cloudflare.com/workers-ai/platform/errors/"
_COHERE: Final = "https://docs.cohere.com/reference/errors"
_DASHSCOPE: Final = "https://help.aliyun.com/en/model-studio/error-code"
_GOOGLE: Final = "https://ai.google.dev/gemini-api/docs/troubleshooting"
_KIMI: Final = "https://platform.kimi.ai/docs/api/errors"
_MINIMAX: Final = "https://platform.minimax.io/docs/api-reference/errorcode"
_MISTRAL_RATE: Final = "https://github.com/cline/cline/issues/9085"
_NOVITA: Final = "https://novita.ai/docs/api-reference/basic-error-code"
_OPENAI: Final = "https://developers.openai.com/api/docs/guides/error-codes"
_OPENAI_429: Final = "https://help.openai.com/en/articles/5955604-troubleshooting-api-rate-limits-and-429-errors"
_OPENROUTER: Final = "https://openrouter.ai/docs/client-sdks/python/components/apierrortype"
_QIANFAN: Final = "https://cloud.baidu.com/doc/qianfan-api/s/rmwbl43x7"
_VENICE: Final = "https://docs.venice.ai/api-reference/error-codes"
_XAI: Final = "https://docs.x.ai/docs/key-information/debugging"
_ZHIPU: Final = "https://docs.z.ai/api-reference/api-code"

USED_UP: Final[tuple[ErrorWords, ...]] = (
    ErrorWords(
        "openai",
        _QUOTA,
        "insufficient_quota credit_balance_exhausted organization_usage_limit_exceeded "
        "organization_spend_limit_exceeded project_spend_limit_exceeded",
        (r"exceeded your current quota",),
        _OPENAI_429,
    ),
    ErrorWords(
        "openai",
        _QUOTA,
        "billing_not_active billing_hard_limit_reached usage_limit_reached",
        (r"billing hard limit",),
        _OPENAI,
        found=False,
    ),
    ErrorWords("anthropic", _QUOTA, "billing_error", (), _CLAUDE),
    ErrorWords(
        "anthropic",
        _QUOTA,
        "enforced_spend_limit_reached",
        (r"reached your specified (workspace )?api usage limits",),
        "https://platform.claude.com/docs/en/api/rate-limits",
    ),
    ErrorWords("anthropic", _QUOTA, "", (r"credit balance is too low",), _CLAUDE, found=False),
    ErrorWords(
        "deepseek",
        _QUOTA,
        "",
        (r"insufficient balance",),
        "https://github.com/continuedev/continue/issues/11387",
    ),
    ErrorWords("openrouter", _QUOTA, "payment_required", (), _OPENROUTER),
    ErrorWords("openrouter", _QUOTA, "token_limit_exceeded", (), _OPENROUTER, True),
    ErrorWords(
        "openrouter",
        _QUOTA,
        "",
        (r"requires more credits", r"insufficient credits"),
        "https://github.com/can1357/oh-my-pi/issues/9569",
    ),
    ErrorWords("moonshot", _QUOTA, "exceeded_current_quota_error", (), _KIMI),
    ErrorWords(
        "moonshot",
        _QUOTA,
        "",
        (r"account .{0,120}is suspended due to insufficient balance",),
        "https://github.com/continuedev/continue/issues/11443",
    ),
    ErrorWords("minimax", _QUOTA, "1008", (r"insufficient balance",), _MINIMAX, True),
    ErrorWords(
        "minimax",
        _QUOTA,
        "2056",
        (r"usage limit reached for token plan",),
        "https://github.com/MiniMax-AI/MiniMax-M2.7/issues/36",
        True,
    ),
    ErrorWords(
        "minimax",
        _QUOTA,
        "insufficient_balance_error",
        (),
        "https://github.com/modelscope/modelscope/issues/1691",
    ),
    ErrorWords(
        "z-ai",
        _QUOTA,
        "1113 1304 1308 1309 1310",
        (),
        _ZHIPU,
        True,
        ("zhipu",),
    ),
    ErrorWords(
        "z-ai",
        _QUOTA,
        "",
        (r"insufficient balance or no resource package",),
        "https://github.com/zai-org/feedback/issues/789",
    ),
    ErrorWords("dashscope", _QUOTA, "arrearage", (r"account is in good standing",), _DASHSCOPE),
    ErrorWords(
        "dashscope", _QUOTA, "allocationquota.freetieronly", (r"free tier .{0,40}exhausted",), _DASHSCOPE, found=False
    ),
    ErrorWords("volcengine", _QUOTA, "accountoverdueerror", (r"overdue balance",), _ARK),
    ErrorWords("volcengine", _QUOTA, "quotaexceeded", (), _ARK, found=False),
    ErrorWords("qianfan", _QUOTA, "account_overdue coding_plan_quota_exceeded", (), _QIANFAN, found=False),
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
        (r"used all available credits or reached its monthly spending limit",),
        "https://github.com/continuedev/continue/issues/10373",
    ),
    ErrorWords("x-ai", _QUOTA, "", (r"doesn'?t have any credits",), _XAI, found=False),
    ErrorWords(
        "huggingface",
        _QUOTA,
        "",
        (r"exceeded your monthly included credits",),
        "https://github.com/huggingface/agents-course/issues/386",
    ),
    ErrorWords(
        "huggingface",
        _QUOTA,
        "",
        (r"depleted your .{0,30}credits",),
        "https://huggingface.co/docs/inference-providers/pricing",
        found=False,
    ),
    ErrorWords("cohere", _QUOTA, "", (r"trial key, which is limited to .{0,40}month",), _COHERE),
    ErrorWords("novita-ai", _QUOTA, "not_enough_balance", (), _NOVITA),
    ErrorWords(
        "venice",
        _QUOTA,
        "insufficient_balance api_key_diem_spend_limit_exceeded api_key_usd_spend_limit_exceeded",
        (),
        _VENICE,
    ),
    ErrorWords("workers-ai", _QUOTA, "3036", (r"used up your daily free allocation",), _CLOUDFLARE, True),
    ErrorWords(
        "siliconflow",
        _QUOTA,
        "30001",
        (r"account balance is insufficient",),
        "https://docs.siliconflow.com/en/faqs/error-code",
        True,
        found=False,
    ),
    ErrorWords(
        "github",
        _QUOTA,
        "quota_exceeded",
        (),
        "https://docs.github.com/en/github-models/use-github-models/prototyping-with-ai-models",
        found=False,
    ),
)
"""The account's money or allowance is used up."""

LIMITED: Final[tuple[ErrorWords, ...]] = (
    ErrorWords("openai", _RATE, "rate_limit_exceeded slow_down", (r"rate limit reached for",), _OPENAI),
    ErrorWords("openai", _RATE, "too_many_requests", (), _OPENAI, found=False),
    ErrorWords("anthropic", _RATE, "rate_limit_error", (), _CLAUDE),
    ErrorWords("google", _RATE, "resource_exhausted", (), _GOOGLE),
    ErrorWords("mistral-ai", _RATE, "rate_limited", (), _MISTRAL_RATE),
    ErrorWords(
        "mistral-ai",
        _RATE,
        "service_tier_capacity_exceeded",
        (r"service tier capacity exceeded",),
        "https://github.com/continuedev/continue/issues/6185",
    ),
    ErrorWords("dashscope", _RATE, "insufficient_quota throttling", (), _DASHSCOPE, True),
    ErrorWords("dashscope", _RATE, "throttling.ratequota throttling.allocationquota", (), _DASHSCOPE),
    ErrorWords(
        "dashscope",
        _RATE,
        "throttling.burstrate limit_requests",
        (r"requests rate limit exceeded",),
        _DASHSCOPE,
        found=False,
    ),
    ErrorWords("minimax", _RATE, "1002", (), _MINIMAX, True),
    ErrorWords("minimax", _RATE, "1039 1041 2045", (), _MINIMAX, True, found=False),
    ErrorWords("z-ai", _RATE, "1302 1303 1305 1312 1313", (), _ZHIPU, True, ("zhipu",)),
    ErrorWords("moonshot", _RATE, "rate_limit_reached_error engine_overloaded_error", (), _KIMI),
    ErrorWords("bedrock", _RATE, "throttlingexception servicequotaexceededexception throttling", (), _BEDROCK),
    ErrorWords(
        "groq",
        _RATE,
        "rate_limit_exceeded",
        (r"request too large for model .{0,120}tokens per minute",),
        "https://github.com/ITSpecialist111/ai_automation_suggester/issues/61",
    ),
    ErrorWords(
        "cerebras",
        _RATE,
        "request_quota_exceeded token_quota_exceeded too_many_requests_error too_many_tokens_error",
        (),
        "https://github.com/nminaya/grammar-nazi-bot/issues/958",
    ),
    ErrorWords("openrouter", _RATE, "rate_limit_exceeded", (), _OPENROUTER),
    ErrorWords("novita-ai", _RATE, "rate_limit_exceeded", (), _NOVITA),
    ErrorWords(
        "siliconflow",
        _RATE,
        "",
        (r"rejected due to rate limiting",),
        "https://github.com/AIDotNet/OpenDeepWiki/issues/269",
    ),
    ErrorWords("workers-ai", _RATE, "3040", (), _CLOUDFLARE, True),
    ErrorWords(
        "volcengine",
        _RATE,
        "ratelimitexceeded accountratelimitexceeded modelaccountrpmratelimitexceeded modelaccounttpmratelimitexceeded",
        (),
        _ARK,
    ),
    ErrorWords("qianfan", _RATE, "rpm_rate_limit_exceeded tpm_rate_limit_exceeded", (), _QIANFAN),
)
"""Too many requests or tokens in a time: waiting helps."""

REFUSED: Final[tuple[ErrorWords, ...]] = (
    ErrorWords("openai", _AUTH, "invalid_api_key", (r"incorrect api key provided",), _OPENAI),
    ErrorWords("anthropic", _AUTH, "authentication_error permission_error", (), _CLAUDE),
    ErrorWords("google", _AUTH, "permission_denied unauthenticated", (), _GOOGLE),
    ErrorWords("google", _AUTH, "api_key_invalid", (r"api key not valid", r"api key expired"), _GOOGLE, found=False),
    ErrorWords("minimax", _AUTH, "1004", (), _MINIMAX, True),
    ErrorWords("minimax", _AUTH, "2049", (r"login fail",), _MINIMAX, True, found=False),
    ErrorWords("z-ai", _AUTH, "1000 1001 1002 1003 1004 1110 1111 1112 1121 1220 1311", (), _ZHIPU, True, ("zhipu",)),
    ErrorWords("moonshot", _AUTH, "invalid_authentication_error incorrect_api_key_error", (), _KIMI),
    ErrorWords("dashscope", _AUTH, "invalidapikey invalid_api_key accessdenied access_denied", (), _DASHSCOPE),
    ErrorWords(
        "bedrock", _AUTH, "accessdeniedexception incompletesignature invalidclienttokenid notauthorized", (), _BEDROCK
    ),
    ErrorWords("bedrock", _AUTH, "unrecognizedclientexception expiredtokenexception", (), _BEDROCK, found=False),
    ErrorWords("volcengine", _AUTH, "authenticationerror accessdenied", (), _ARK),
    ErrorWords("qianfan", _AUTH, "invalid_iam_token", (), _QIANFAN),
    ErrorWords("openrouter", _AUTH, "authentication permission_denied", (), _OPENROUTER, True),
    ErrorWords("novita-ai", _AUTH, "failed_to_auth invalid_api_key model_access_denied", (), _NOVITA),
    ErrorWords("venice", _AUTH, "authentication_failed authentication_failed_inactive_key", (), _VENICE),
    ErrorWords("x-ai", _AUTH, "", (r"incorrect api key",), _XAI),
)
"""The credential is refused."""

OVERLOADED: Final[tuple[ErrorWords, ...]] = (
    ErrorWords("anthropic", _DOWN, "overloaded_error", (), _CLAUDE),
    ErrorWords(
        "llamacpp",
        _DOWN,
        "unavailable_error",
        (),
        "https://github.com/ggml-org/llama.cpp/blob/master/tools/server/server-common.cpp",
    ),
    ErrorWords("google", _DOWN, "unavailable", (), _GOOGLE),
    ErrorWords(
        "bedrock",
        _DOWN,
        "internalfailure internalserverexception modelnotreadyexception serviceunavailableexception",
        (),
        "https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html",
    ),
    ErrorWords("openrouter", _DOWN, "provider_overloaded provider_unavailable", (), _OPENROUTER),
    ErrorWords("z-ai", _DOWN, "1234", (), _ZHIPU, True, ("zhipu",)),
    ErrorWords("minimax", _DOWN, "1000 1024", (), _MINIMAX, True),
)
"""The host is overloaded or broken. Most hosts say so by their status alone."""
