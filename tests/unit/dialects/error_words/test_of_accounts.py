"""Used-up quotas, rate limits, refused credentials and overload: each body as its provider sends it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.core.outcome import ErrorClass
from penstock.dialects.error_words import ROWS
from penstock.dialects.provider_errors import read_error

C = ErrorClass


def error(message: str = "x", **members: Any) -> dict[str, Any]:
    return {"error": {"message": message, **members}}


def claude(message: str, **members: Any) -> dict[str, Any]:
    return {"type": "error", "error": {"message": message, **members}}


BODIES = [
    ("openai", 429, error("You exceeded your current quota, please check your plan and billing details.", type="insufficient_quota", code="insufficient_quota"), C.QUOTA),
    ("openai", 429, error("x", type="insufficient_quota", code="credit_balance_exhausted"), C.QUOTA),
    ("openai", 429, error("x", code="organization_spend_limit_exceeded"), C.QUOTA),
    ("openai", 429, error("x", code="project_spend_limit_exceeded"), C.QUOTA),
    ("anthropic", 400, claude("You have reached your specified API usage limits. You will regain access on 2026-04-01 at 00:00 UTC.", type="invalid_request_error"), C.QUOTA),
    ("anthropic", 400, claude("You have reached your specified workspace API usage limits.", type="invalid_request_error"), C.QUOTA),
    ("anthropic", 429, claude("x", type="rate_limit_error", details={"error_code": "enforced_spend_limit_reached"}), C.QUOTA),
    ("anthropic", 402, claude("x", type="billing_error"), C.QUOTA),
    ("anthropic", 400, claude("Your credit balance is too low to access the API.", type="invalid_request_error"), C.QUOTA),
    ("deepseek", 402, error("Insufficient Balance", type="unknown_error"), C.QUOTA),
    ("openrouter", 402, error("This request requires more credits, or fewer max_tokens. You requested up to 9 tokens, but can only afford 8.", code=402), C.QUOTA),
    ("openrouter", 402, error("Prompt tokens limit exceeded: 12 > 9. To increase, visit x and upgrade to a paid account", code=402), C.QUOTA),
    ("openrouter", 400, error("x", code=400, metadata={"error_type": "token_limit_exceeded"}), C.QUOTA),
    ("moonshot", 429, error("Your account org-x <ak-y> is suspended due to insufficient balance, please recharge your account or check your plan and billing details", type="exceeded_current_quota_error"), C.QUOTA),
    ("moonshot", 403, error("Your account x is not active, organization y exceeded current quota", type="exceeded_current_quota_error"), C.QUOTA),
    ("minimax", 500, claude("insufficient balance (1008)", type="api_error"), C.QUOTA),
    ("minimax", 429, error("insufficient balance (1008)", http_code="429", type="insufficient_balance_error"), C.QUOTA),
    ("minimax", 429, claude("usage limit exceeded, 5-hour usage limit reached for Token Plan Starter (0/0 used), resets at 2026-05-15T15:00:00Z (2056)", type="rate_limit_error"), C.QUOTA),
    ("z-ai", 429, error("Insufficient balance or no resource package. Please recharge.", code="1113"), C.QUOTA),
    ("z-ai", 429, claude("[1113][Insufficient balance or no resource package. Please recharge.][2026]", type="rate_limit_error"), C.QUOTA),
    ("z-ai", 429, error("Usage limit reached for 5 hour. Your limit will reset at x", code="1308"), C.QUOTA),
    ("dashscope", 400, error("Access denied, please make sure your account is in good standing.", type="Arrearage", code="Arrearage"), C.QUOTA),
    ("volcengine", 403, error("The request failed because your account has an overdue balance.", code="AccountOverdueError", type="Forbidden"), C.QUOTA),
    ("qianfan", 403, error("x", code="account_overdue"), C.QUOTA),
    ("fireworks-ai", 412, error("Account x is suspended, possibly due to reaching the monthly spending limit"), C.QUOTA),
    ("x-ai", 429, {"code": "x", "error": "Your team x has either used all available credits or reached its monthly spending limit."}, C.QUOTA),
    ("huggingface", 402, {"error": "You have exceeded your monthly included credits for Inference Providers. Subscribe to PRO."}, C.QUOTA),
    ("cohere", 429, {"message": "You are using a Trial key, which is limited to 1000 API calls / month."}, C.QUOTA),
    ("novita-ai", 403, {"code": 403, "reason": "NOT_ENOUGH_BALANCE", "message": "not enough balance"}, C.QUOTA),
    ("venice", 402, {"error": "Insufficient USD or Diem balance to complete request.", "code": "INSUFFICIENT_BALANCE"}, C.QUOTA),
    ("workers-ai", 429, {"errors": [{"code": 3036, "message": "You have used up your daily free allocation of 10,000 neurons."}]}, C.QUOTA),
    ("siliconflow", 403, {"code": 30001, "message": "Sorry, your account balance is insufficient", "data": None}, C.QUOTA),
    ("github", 429, error("x", code="quota_exceeded"), C.QUOTA),
    ("together-ai", 402, error("x"), C.QUOTA),
    ("openai", 429, error("Rate limit reached for gpt-x in organization y on tokens per min (TPM): Limit 9", type="tokens", code="rate_limit_exceeded"), C.RATE_LIMIT),
    ("openai", 429, error("Request too large for gpt-x in organization y on tokens per min (TPM): Limit 9, Requested 12. The input or output tokens must be reduced in order to run successfully.", type="tokens", code="rate_limit_exceeded"), C.RATE_LIMIT),
    ("anthropic", 429, claude("This request would exceed your organization's rate limit of 9 input tokens per minute. Please reduce the prompt length or the maximum tokens requested, or try again later.", type="rate_limit_error"), C.RATE_LIMIT),
    ("google", 429, error("You exceeded your current quota, please check your plan and billing details. Please retry in 20.0s.", code=429, status="RESOURCE_EXHAUSTED"), C.RATE_LIMIT),
    ("google", 429, error("Resource has been exhausted (e.g. check quota).", code=429, status="RESOURCE_EXHAUSTED"), C.RATE_LIMIT),
    ("mistral-ai", 429, {"object": "error", "message": "Rate limit exceeded", "type": "rate_limited", "param": None, "code": "1300"}, C.RATE_LIMIT),
    ("mistral-ai", 400, {"object": "error", "message": "Service tier capacity exceeded for this model.", "type": "invalid_request_error", "param": None, "code": None}, C.RATE_LIMIT),
    ("dashscope", 429, error("x", type="insufficient_quota", code="insufficient_quota"), C.RATE_LIMIT),
    ("dashscope", 429, {"code": "Throttling.AllocationQuota", "message": "x"}, C.RATE_LIMIT),
    ("minimax", 500, claude("rate limit (1002)", type="api_error"), C.RATE_LIMIT),
    ("z-ai", 429, error("High concurrency usage of this API, please reduce concurrency or contact customer service to increase limits", code="1302"), C.RATE_LIMIT),
    ("zhipu", 400, error("x", code="1305"), C.RATE_LIMIT),
    ("moonshot", 429, error("We're receiving too many requests at the moment. Please wait a moment and try again.", type="rate_limit_reached_error"), C.RATE_LIMIT),
    ("moonshot", 429, error("The engine is currently overloaded, please try again later", type="engine_overloaded_error"), C.RATE_LIMIT),
    ("bedrock", 400, {"__type": "ThrottlingException", "message": "Too many tokens, please wait before trying again."}, C.RATE_LIMIT),
    ("bedrock", 429, {"message": "Too many tokens per day, please wait before trying again."}, C.RATE_LIMIT),
    ("bedrock", 400, {"__type": "ServiceQuotaExceededException", "message": "x"}, C.RATE_LIMIT),
    ("groq", 413, error("Request too large for model `x` in organization `y` service tier `on_demand` on tokens per minute (TPM): Limit 9, Requested 12, please reduce your message size and try again.", type="tokens", code="rate_limit_exceeded"), C.RATE_LIMIT),
    ("cerebras", 429, {"message": "Requests per minute limit exceeded - too many requests sent.", "type": "too_many_requests_error", "param": "quota", "code": "request_quota_exceeded"}, C.RATE_LIMIT),
    ("cerebras", 429, {"message": "Tokens per minute limit exceeded - too many tokens processed.", "type": "too_many_tokens_error", "param": "quota", "code": "token_quota_exceeded"}, C.RATE_LIMIT),
    ("cohere", 429, {"message": "You are using a Trial key, which is limited to 40 API calls / minute."}, C.RATE_LIMIT),
    ("huggingface", 429, {"error": "Model is overloaded", "error_type": "overloaded"}, C.RATE_LIMIT),
    ("deepinfra", 429, error("Model busy, retry later"), C.RATE_LIMIT),
    ("nvidia", 429, {"status": 429, "title": "Too Many Requests"}, C.RATE_LIMIT),
    ("openrouter", 400, error("x", code=400, metadata={"error_type": "rate_limit_exceeded"}), C.RATE_LIMIT),
    ("novita-ai", 429, {"code": 429, "reason": "RATE_LIMIT_EXCEEDED", "message": "x"}, C.RATE_LIMIT),
    ("siliconflow", 403, {"message": "Request was rejected due to rate limiting. Details: TPM limit reached.", "data": None}, C.RATE_LIMIT),
    ("workers-ai", 429, {"errors": [{"code": 3040, "message": "No more data centers to forward the request to"}]}, C.RATE_LIMIT),
    ("volcengine", 429, error("x", code="RateLimitExceeded.EndpointRPMExceeded", type="TooManyRequests"), C.RATE_LIMIT),
    ("qianfan", 429, error("x", code="rpm_rate_limit_exceeded"), C.RATE_LIMIT),
    ("openai", 401, error("Incorrect API key provided: x.", type="invalid_request_error", code="invalid_api_key"), C.AUTH),
    ("anthropic", 403, claude("x", type="permission_error"), C.AUTH),
    ("google", 400, error("API key not valid. Please pass a valid API key.", code=400, status="INVALID_ARGUMENT", details=[{"reason": "API_KEY_INVALID"}]), C.AUTH),
    ("google", 400, error("x", status="UNAUTHENTICATED"), C.AUTH),
    ("minimax", 500, claude("not authorized (1004)", type="api_error"), C.AUTH),
    ("z-ai", 400, error("Authorization Token is invalid", code="1002"), C.AUTH),
    ("z-ai", 429, error("Your current subscription plan does not yet include access to x", code="1311"), C.AUTH),
    ("moonshot", 401, error("Incorrect API key provided", type="incorrect_api_key_error"), C.AUTH),
    ("dashscope", 400, {"code": "InvalidApiKey", "message": "x"}, C.AUTH),
    ("bedrock", 400, {"__type": "IncompleteSignature", "message": "x"}, C.AUTH),
    ("bedrock", 400, {"__type": "UnrecognizedClientException", "message": "x"}, C.AUTH),
    ("volcengine", 401, error("x", code="AuthenticationError", type="Unauthorized"), C.AUTH),
    ("qianfan", 400, error("IAM Certification failed", code="invalid_iam_token"), C.AUTH),
    ("openrouter", 400, error("x", code=400, metadata={"error_type": "authentication"}), C.AUTH),
    ("novita-ai", 400, {"code": 400, "reason": "FAILED_TO_AUTH", "message": "x"}, C.AUTH),
    ("venice", 401, {"error": "Authentication failed", "code": "AUTHENTICATION_FAILED"}, C.AUTH),
    ("x-ai", 400, {"code": "Client specified an invalid argument", "error": "Incorrect API key provided: x."}, C.AUTH),
    ("nvidia", 403, {"status": 403, "title": "Forbidden", "detail": "Authorization failed"}, C.AUTH),
    ("anthropic", 529, claude("Overloaded", type="overloaded_error"), C.SERVER_ERROR),
    ("llamacpp", 503, error("Loading model", code=503, type="unavailable_error"), C.SERVER_ERROR),
    ("google", 503, error("The model is overloaded. Please try again later.", code=503, status="UNAVAILABLE"), C.SERVER_ERROR),
    ("bedrock", 429, {"__type": "ModelNotReadyException", "message": "x"}, C.SERVER_ERROR),
    ("openrouter", 400, error("x", code=400, metadata={"error_type": "provider_overloaded"}), C.SERVER_ERROR),
    ("z-ai", 400, error("Network error, error id: x, please contact customer service", code="1234"), C.SERVER_ERROR),
    ("minimax", 400, claude("unknown error (1000)", type="api_error"), C.SERVER_ERROR),
]  # fmt: skip


@pytest.mark.parametrize(("provider", "status", "body", "expected"), BODIES)
def test_a_providers_words(provider: str, status: int, body: Any, expected: ErrorClass) -> None:
    assert read_error(status, json.dumps(body).encode(), provider).error is expected


@pytest.mark.parametrize(
    ("provider", "body"),
    [
        ("openai", error("x", code="1008")),
        ("openai", error("insufficient detail (1008)")),
        ("minimax", error("at most 9 images (2013)")),
        ("openai", error("The authentication of the file failed", type="authentication")),
    ],
)
def test_numbers_and_common_words_count_at_their_provider_only(provider: str, body: Any) -> None:
    assert read_error(400, json.dumps(body).encode(), provider).error is None


@pytest.mark.parametrize("expected", [C.QUOTA, C.RATE_LIMIT, C.AUTH, C.SERVER_ERROR])
def test_each_provider_of_a_row_has_a_body_here(expected: ErrorClass) -> None:
    rows = {row.provider for row in ROWS if row.error is expected}
    assert rows <= {provider for provider, _, _, error_class in BODIES if error_class is expected}
