"""The words of providers' errors: each as its provider sends it, and what it must not be taken for."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.core.outcome import ErrorClass
from penstock.dialects.error_words import ROWS
from penstock.dialects.provider_errors import read_error, read_error_event

C = ErrorClass


def error(message: str = "x", **members: Any) -> dict[str, Any]:
    return {"error": {"message": message, **members}}


@pytest.mark.parametrize(
    ("provider", "status", "body", "expected"),
    [
        ("llamacpp", 400, error("request (33 tokens) exceeds the available context size (32 tokens)", type="exceed_context_size_error"), C.CONTEXT_LENGTH),
        ("z-ai", 400, error("Prompt exceeds max length", code="1261"), C.CONTEXT_LENGTH),
        ("zhipu", 400, error("x", code="1261"), C.CONTEXT_LENGTH),
        ("x-ai", 400, {"code": "x", "error": "This model's maximum prompt length is 9 but the request contains 12 tokens."}, C.CONTEXT_LENGTH),
        ("moonshot", 400, error("Invalid request: Your request exceeded model token limit: 9 (requested: 12)"), C.CONTEXT_LENGTH),
        ("minimax", 400, error("invalid params, context window exceeds limit (2013)"), C.CONTEXT_LENGTH),
        ("dashscope", 400, error("Range of input length should be [1, 9]", code="invalid_parameter_error"), C.CONTEXT_LENGTH),
        ("google", 400, [error("The input token count (12) exceeds the maximum number of tokens allowed (9).", code=400)], C.CONTEXT_LENGTH),
        ("bedrock", 400, {"message": "Input is too long for requested model."}, C.CONTEXT_LENGTH),
        ("anthropic", 400, error("prompt is too long: 12 tokens > 9 maximum", type="invalid_request_error"), C.CONTEXT_LENGTH),
        ("openai", 400, error("Your input exceeds the context window of this model."), C.CONTEXT_LENGTH),
        ("mistral-ai", 400, {"object": "error", "message": "Prompt contains 12 tokens, too large for model with 9 maximum context length"}, C.CONTEXT_LENGTH),
        ("lm-studio", 400, {"error": "The number of tokens to keep from the initial prompt is greater than the context length."}, C.CONTEXT_LENGTH),
        ("vllm", 400, {"object": "error", "message": "The prompt (total length 12) is too long to fit into the model (context length 9)."}, C.CONTEXT_LENGTH),
        ("huggingface", 422, {"error": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 9."}, C.CONTEXT_LENGTH),
        ("together-ai", 403, error("Input token count + max_tokens parameter must be less than the context length"), C.CONTEXT_LENGTH),
        ("sambanova", 400, error("x", code="context_length_exceeded"), C.CONTEXT_LENGTH),
        ("scaleway", 400, error("You exceeded maximum context window for this model"), C.CONTEXT_LENGTH),
        ("github", 413, error("Request body too large for gpt-x model. Max size: 9 tokens.", code="tokens_limit_reached"), C.CONTEXT_LENGTH),
        ("qianfan", 400, error("Prompt tokens too long", code="tokens_too_long"), C.CONTEXT_LENGTH),
        ("cohere", 400, {"message": "too many tokens: total number of tokens in the prompt cannot exceed 9 - received 12."}, C.CONTEXT_LENGTH),
        ("groq", 400, error("Please reduce the length of the messages or completion.", code="context_length_exceeded"), C.CONTEXT_LENGTH),
        ("azure-openai", 400, error("x", code="content_filter"), C.CONTENT_FILTER),
        ("dashscope", 400, error("Input data may contain inappropriate content.", code="data_inspection_failed"), C.CONTENT_FILTER),
        ("moonshot", 400, error("The request was rejected because it was considered high risk", type="content_filter"), C.CONTENT_FILTER),
        ("z-ai", 400, error("x", code="1301"), C.CONTENT_FILTER),
        ("volcengine", 400, error("x", code="InputTextSensitiveContentDetected"), C.CONTENT_FILTER),
        ("deepseek", 400, error("Content Exists Risk"), C.CONTENT_FILTER),
        ("openai", 429, error("You exceeded your current quota", type="insufficient_quota", code="insufficient_quota"), C.QUOTA),
        ("openrouter", 402, error("Insufficient credits", code=402), C.QUOTA),
        ("deepseek", 402, error("Insufficient Balance"), C.QUOTA),
        ("together-ai", 402, error("x"), C.QUOTA),
        ("anthropic", 400, error("Your credit balance is too low to access the API.", type="invalid_request_error"), C.QUOTA),
        ("moonshot", 429, error("x", type="exceeded_current_quota_error"), C.QUOTA),
        ("z-ai", 429, error("Insufficient balance or no resource package.", code="1113"), C.QUOTA),
        ("dashscope", 400, error("Access denied, please make sure your account is in good standing.", code="Arrearage"), C.QUOTA),
        ("volcengine", 403, error("The request failed because your account has an overdue balance.", code="AccountOverdueError"), C.QUOTA),
        ("dashscope", 429, error("x", code="insufficient_quota"), C.RATE_LIMIT),
        ("z-ai", 429, error("x", code="1302"), C.RATE_LIMIT),
        ("moonshot", 429, error("x", type="rate_limit_reached_error"), C.RATE_LIMIT),
        ("bedrock", 400, {"__type": "ThrottlingException", "message": "x"}, C.RATE_LIMIT),
        ("cerebras", 429, {"message": "x", "type": "too_many_tokens_error", "code": "token_quota_exceeded"}, C.RATE_LIMIT),
        ("google", 400, error("API key not valid. Please pass a valid API key.", status="INVALID_ARGUMENT"), C.AUTH),
        ("moonshot", 401, error("x", type="incorrect_api_key_error"), C.AUTH),
        ("openai", 400, error("max_tokens is too large: 9", code="invalid_value"), None),
        ("openai", 400, error("x", code="1261"), None),
    ],
)  # fmt: skip
def test_a_providers_words(provider: str, status: int, body: Any, expected: ErrorClass | None) -> None:
    assert read_error(status, json.dumps(body).encode(), provider).error is expected


@pytest.mark.parametrize(
    ("provider", "body", "status", "expected"),
    [
        ("minimax", {"base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}}, 402, C.QUOTA),
        ("minimax", {"base_resp": {"status_code": 1002, "status_msg": "rate limit"}}, 429, C.RATE_LIMIT),
        ("minimax", {"base_resp": {"status_code": 1000, "status_msg": "unknown error"}}, 502, C.SERVER_ERROR),
        ("vllm", {"code": 500, "success": False}, 500, C.SERVER_ERROR),
        ("vllm", {"detail": "Not authenticated"}, 502, C.SERVER_ERROR),
    ],
)
def test_errors_within_a_good_status(provider: str, body: Any, status: int, expected: ErrorClass) -> None:
    found = read_error_event(json.dumps(body).encode(), provider)
    assert (found.status, found.error) == (status, expected)


def test_rows_say_where_their_words_are_from_and_cover_many_providers() -> None:
    assert all(row.link.startswith("https://") and (row.codes or row.texts) for row in ROWS)
    assert all(row.codes == row.codes.lower() for row in ROWS)
    assert len({row.provider for row in ROWS}) >= 25
