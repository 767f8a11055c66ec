"""Prompts that are too long and refusals of filters: each body as its provider sends it, and what is none of these."""

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


TOO_LONG = [
    ("openai", 400, error("This model's maximum context length is 9 tokens. However, your messages resulted in 12 tokens.", type="invalid_request_error", param="messages", code="context_length_exceeded")),
    ("openai", 400, error("Your input exceeds the context window of this model.", code="x")),
    ("openai", 400, error("Your input exceeds the model's context window.")),
    ("openai", 400, error("Input tokens exceed the configured limit of 9 tokens. Your messages resulted in 12 tokens. Please reduce the length of the messages.")),
    ("openai", 400, error("Invalid 'messages[0].content': string too long. Expected a string with maximum length 9, but got a string with length 12 instead.", code="string_above_max_length")),
    ("azure-openai", 400, error("This model's maximum context length is 9 tokens.", type="invalid_request_error", code="context_length_exceeded")),
    ("azure-ai", 413, error("Request body too large for gpt-x model. Max size: 4000 tokens.", code="tokens_limit_reached")),
    ("anthropic", 400, {"type": "error", "error": {"type": "invalid_request_error", "message": "prompt is too long: 12 tokens > 9 maximum"}}),
    ("anthropic", 400, {"type": "error", "error": {"type": "invalid_request_error", "message": "input length and `max_tokens` exceed context limit: 8 + 4 > 9, decrease input length or `max_tokens` and try again"}}),
    ("anthropic", 413, {"type": "error", "error": {"type": "invalid_request_error", "message": "Request size exceeds model context window"}}),
    ("anthropic", 413, {"type": "error", "error": {"type": "request_too_large", "message": "x"}}),
    ("google", 400, [{"error": {"code": 400, "message": "The input token count (12) exceeds the maximum number of tokens allowed (9).", "status": "INVALID_ARGUMENT"}}]),
    ("google", 400, error("The input token count exceeds the maximum number of tokens allowed 9.", code=400, status="INVALID_ARGUMENT")),
    ("vertex-ai", 400, error("the input token count is 12 but the model supports up to 9", code=400, status="INVALID_ARGUMENT")),
    ("bedrock", 400, {"message": "Input is too long for requested model."}),
    ("bedrock", 400, {"message": "400 Bad Request: Too many input tokens. Max input tokens: 9, request input token count: 12 "}),
    ("bedrock", 424, {"message": "The model returned the following errors: prompt is too long: 12 tokens > 9 maximum"}),
    ("cohere", 400, {"message": "too many tokens: total number of tokens in the prompt cannot exceed 9 - received 12. Try using a shorter prompt."}),
    ("cohere", 400, {"message": "too many tokens: size limit exceeded by 3 tokens. Try using shorter or fewer inputs."}),
    ("mistral-ai", 400, {"object": "error", "message": "Prompt contains 12 tokens and 0 draft tokens, too large for model with 9 maximum context length", "type": "invalid_request_error", "param": None, "code": "3051"}),
    ("llamacpp", 400, {"error": {"code": 400, "message": "request (33 tokens) exceeds the available context size (32 tokens), try increasing it", "type": "exceed_context_size_error", "n_prompt_tokens": 33, "n_ctx": 32}}),
    ("lm-studio", 400, {"error": "Trying to keep the first 12 tokens when context the overflows. However, the model is loaded with context length of only 9 tokens, which is not enough."}),
    ("lm-studio", 400, {"error": "Cannot truncate prompt with n_keep (12) >= n_ctx (9)"}),
    ("lm-studio", 400, {"error": "The number of tokens to keep from the initial prompt is greater than the context length."}),
    ("lm-studio", 400, {"error": "Context size has been exceeded."}),
    ("vllm", 400, {"object": "error", "message": "This model's maximum context length is 9 tokens. However, your request has 12 input tokens. Please reduce the length of the input messages.", "type": "BadRequestError", "param": None, "code": 400}),
    ("vllm", 400, {"object": "error", "message": "The decoder prompt (length 12) is longer than the maximum model length of 9.", "type": "BadRequestError", "code": 400}),
    ("vllm", 400, {"object": "error", "message": "The prompt (total length 12) is too long to fit into the model (context length 9)."}),
    ("sglang", 400, {"object": "error", "message": "The input (12 tokens) is longer than the model's context length (9 tokens).", "type": "BadRequestError", "param": None, "code": 400}),
    ("sglang", 400, {"object": "error", "message": "Requested token count exceeds the model's maximum context length of 9 tokens. You requested a total of 12 tokens."}),
    ("sglang", 400, error("Input length (12 tokens) exceeds the maximum allowed length (9 tokens).")),
    ("huggingface", 422, {"error": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 9. Given: 8 `inputs` tokens and 4 `max_new_tokens`", "error_type": "validation"}),
    ("huggingface", 422, {"error": "Input validation error: `inputs` must have less than 9 tokens. Given: 12", "error_type": "validation"}),
    ("x-ai", 400, {"code": "Client specified an invalid argument", "error": "This model's maximum prompt length is 9 but the request contains 12 tokens."}),
    ("moonshot", 400, error("Invalid request: Your request exceeded model token limit: 9 (requested: 12)", type="invalid_request_error")),
    ("moonshot", 400, error("Input token length too long", type="invalid_request_error")),
    ("z-ai", 400, error("Prompt exceeds max length", code="1261")),
    ("zhipu", 400, error("x", code="1261")),
    ("minimax", 400, error("invalid params, context window exceeds limit (2013)", type="bad_request_error")),
    ("dashscope", 400, error("<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 9]", code="invalid_parameter_error")),
    ("volcengine", 400, error("Total tokens of image and text exceed max message tokens. Request id: 02", code="InvalidParameter", type="BadRequest")),
    ("qianfan", 400, error("Prompt tokens too long", code="tokens_too_long", type="invalid_request_error")),
    ("qianfan", 400, error("the max input characters is 9", code="characters_too_long", type="invalid_request_error")),
    ("groq", 400, error("Please reduce the length of the messages or completion.", type="invalid_request_error", param="messages", code="context_length_exceeded")),
    ("cerebras", 400, {"message": "Please reduce the length of the messages or completion. Current length is 12 while limit is 9", "type": "invalid_request_error", "param": "messages"}),
    ("together-ai", 403, error("Input token count + max_tokens parameter must be less than the context length of the model being queried.")),
    ("deepinfra", 500, error("Requested input length 12 exceeds maximum input length 9")),
    ("siliconflow", 400, {"code": 20015, "message": "length of prompt_tokens (12) must be less than max_seq_len (9).", "data": None}),
    ("sambanova", 400, error("x", type="invalid_request_error", code="context_length_exceeded")),
    ("scaleway", 400, {"error": "Bad Request", "status": 400, "message": "You exceeded maximum context window for this model"}),
    ("github", 400, error("prompt token count of 12 exceeds the limit of 9", code="model_max_prompt_tokens_exceeded")),
    ("github", 400, error("prompt token count of 12 exceeds the limit of 9", param="", code="", type="")),
    ("openrouter", 400, error("This endpoint's maximum context length is 9 tokens. However, you requested about 12 tokens.", code=400)),
    ("openrouter", 400, error("x", code=400, metadata={"error_type": "context_length_exceeded"})),
    ("venice", 400, error("Your request exceeds the model's maximum context. Please reduce your prompt or completion length.", type="invalid_request_error", param="messages", code="context_length_exceeded")),
    ("workers-ai", 400, {"errors": [{"message": "AiError: This model's maximum context length is 9 tokens. However, you requested 8 output tokens", "code": 8007}], "success": False}),
    ("deepseek", 400, error("This model's maximum context length is 9 tokens. However, you requested 12 tokens (8 in the messages, 4 in the completion).", type="invalid_request_error", code="invalid_request_error")),
    ("ollama", 400, {"error": "prompt too long; exceeded max context length by 3 tokens"}),
    ("ollama", 400, {"error": "the input length exceeds the context length"}),
    ("ollama", 500, {"error": "the prompt is longer than the context length currently available to the model; shorten the prompt"}),
    ("replicate", 400, {"detail": "Your input is too long. Max input length is 9 tokens, but you supplied 12 tokens."}),
    ("watsonx", 400, {"errors": [{"code": "invalid_input_argument", "message": "Invalid input argument for Model 'x/y': the number of input tokens 12 cannot exceed the total tokens limit 9 for this model"}], "status_code": 400}),
    ("watsonx", 400, {"errors": [{"code": "invalid_input_argument", "message": "Invalid input argument for Model 'x/y': Token sequence length is longer than the specified maximum sequence length for this model (12 > 9)."}], "status_code": 400}),
]  # fmt: skip

FILTERED = [
    ("azure-openai", 400, error("The response was filtered due to the prompt triggering Azure OpenAI's content management policy. Please modify your prompt and retry.", type=None, param="prompt", code="content_filter", status=400, innererror={"code": "ResponsibleAIPolicyViolation"})),
    ("openai", 400, error("Invalid prompt: your prompt was flagged as potentially violating our usage policy. Please try again with a different prompt", type="invalid_request_error", code="invalid_prompt")),
    ("openai", 400, error("Invalid prompt: we've limited access to this content for safety reasons.", type="invalid_request_error", code="invalid_prompt")),
    ("openai", 400, error("Your request was rejected as a result of our safety system.", type="invalid_request_error", code=None)),
    ("anthropic", 400, {"type": "error", "error": {"type": "invalid_request_error", "message": "Output blocked by content filtering policy"}}),
    ("openrouter", 403, error("x requires moderation on y. Your input was flagged for \"z\"", code=403, metadata={"reasons": ["z"]})),
    ("openrouter", 400, error("x", code=400, metadata={"error_type": "content_policy_violation"})),
    ("openrouter", 400, error("x", code=400, metadata={"error_type": "refusal"})),
    ("dashscope", 400, error("<400> InternalError.Algo.DataInspectionFailed: Input data may contain inappropriate content.", code="data_inspection_failed")),
    ("dashscope", 400, {"code": "DataInspectionFailed", "message": "x"}),
    ("moonshot", 400, error("The request was rejected because it was considered high risk", type="content_filter")),
    ("z-ai", 400, error("System detected potentially unsafe or sensitive content in input or generation.", code="1301")),
    ("zhipu", 400, error("x", code="1301")),
    ("minimax", 422, {"type": "error", "error": {"type": "api_error", "message": "input new_sensitive (1026)"}}),
    ("minimax", 500, {"type": "error", "error": {"type": "api_error", "message": "output new_sensitive (1027)"}}),
    ("volcengine", 400, error("The request failed because the input text may contain sensitive information.", code="InputTextSensitiveContentDetected", type="BadRequest")),
    ("volcengine", 400, error("x", code="SensitiveContentDetected.SevereViolation", type="BadRequest")),
    ("volcengine", 400, error("x", code="InputTextRiskDetection", type="BadRequest")),
    ("qianfan", 400, error("x", code="image_url_unsafe", type="unsafe_request")),
    ("x-ai", 403, {"code": "The caller does not have permission to execute the specified operation", "error": "Content violates usage guidelines. Failed check: SAFETY_CHECK_TYPE_BIO"}),
    ("deepseek", 400, error("Content Exists Risk", type="invalid_request_error", param=None, code="invalid_request_error")),
    ("deepseek", 400, {"detail": "Content Exists Risk"}),
]  # fmt: skip

ORDINARY = [
    ("openai", 400, error("max_tokens is too large: 9. This model supports at most 8 completion tokens, whereas you provided 9.", param="max_tokens", code="invalid_value")),
    ("openai", 400, error("Invalid 'max_tokens': integer above maximum value. Expected a value <= 8, but got 9 instead.", code="integer_above_max_value")),
    ("openai", 400, error("Invalid 'user': string too long. Expected a string with maximum length 64, but got a string with length 65 instead.", param="user", code="string_above_max_length")),
    ("openai", 400, error("Invalid 'messages[2].tool_calls[0].id': string too long. Expected a string with maximum length 40", code="string_above_max_length")),
    ("openai", 400, error("x", code="1261")),
    ("openai", 400, error("max_tokens must be at most 8192")),
    ("anthropic", 400, {"type": "error", "error": {"type": "invalid_request_error", "message": "max_tokens: 9 > 8, which is the maximum allowed number of output tokens for claude-x"}}),
    ("anthropic", 400, {"type": "error", "error": {"type": "invalid_request_error", "message": "messages.0.content: content filter settings are not a known field"}}),
    ("google", 400, error("Unable to submit request because it has a maxOutputTokens value of 9 but the supported range is from 1 (inclusive) to 9 (exclusive).", code=400, status="INVALID_ARGUMENT")),
    ("bedrock", 400, {"message": "The maximum tokens you requested exceeds the model limit of 8. Try again with a maximum tokens value that is lower than 8."}),
    ("cohere", 400, {"message": "too many tokens: max tokens must be less than or equal to 8, the maximum output for this model - received 9."}),
    ("databricks", 400, {"error_code": "BAD_REQUEST", "message": "Bad request: rpc error: code = InvalidArgument desc = max_tokens (9) cannot exceed 8. Please reduce the length of max output tokens generated."}),
    ("groq", 400, error("`max_tokens` must be less than or equal to `8`, the maximum value for `max_tokens` is less than the `context_window` for this model", type="invalid_request_error", param="max_tokens")),
    ("huggingface", 422, {"error": "Input validation error: `max_new_tokens` must be <= 8. Given: 9", "error_type": "validation"}),
    ("dashscope", 400, error("Range of max_tokens should be [1, 8]", code="invalid_parameter_error")),
    ("vllm", 400, {"object": "error", "message": "max_tokens must be at least 1, got 0.", "type": "BadRequestError", "code": 400}),
    ("workers-ai", 400, {"errors": [{"message": "AiError: max_completion_tokens is too large: 9. This model supports at most 8 completion tokens.", "code": 8007}]}),
    ("openrouter", 400, error("x", code=400, metadata={"error_type": "max_tokens_exceeded"})),
    ("scaleway", 416, {"error": "x", "status": 416, "message": "max_completion_tokens is limited for this model"}),
    ("mistral-ai", 400, {"object": "error", "message": "Image is too large for model input", "type": "invalid_request_error"}),
    ("deepseek", 400, error("Invalid max_tokens value, the valid range of max_tokens is [1, 8]", code="invalid_request_error")),
    ("openai", 400, error("Unknown parameter: 'context_length'.", code="unknown_parameter")),
    ("openai", 400, error("The moderation model x does not exist")),
    ("openai", 400, error("The file is too long to be a name: at most 64 characters")),
    # A caller's own words, repeated.
    ("vllm", 400, {"object": "error", "message": "[{'type': 'string_type', 'loc': ('body', 'messages', 0, 'content'), 'msg': 'Input should be a valid string', 'input': ['rate limit reached for the prompt is too long']}]", "code": 400}),
    ("vllm", 400, {"object": "error", "message": "1 validation error: Input should be 'x' [type=literal_error, input_value='you exceeded your current quota', input_type=str]", "code": 400}),
    ("openai", 400, error("Invalid value: 'the prompt is too long, content exists risk'. Supported values are: 'a' and 'b'.", code="invalid_value")),
    ("x", 422, {"detail": [{"type": "missing", "loc": ["body", "model"], "msg": "Field required", "input": {"content": "our content policy: rate limit reached"}}]}),
]  # fmt: skip


@pytest.mark.parametrize(("provider", "status", "body"), TOO_LONG)
def test_a_prompt_is_too_long(provider: str, status: int, body: Any) -> None:
    assert read_error(status, json.dumps(body).encode(), provider).error is C.CONTEXT_LENGTH


@pytest.mark.parametrize(("provider", "status", "body"), FILTERED)
def test_a_filter_refuses(provider: str, status: int, body: Any) -> None:
    assert read_error(status, json.dumps(body).encode(), provider).error is C.CONTENT_FILTER


@pytest.mark.parametrize(("provider", "status", "body"), ORDINARY)
def test_an_ordinary_error_has_no_class(provider: str, status: int, body: Any) -> None:
    assert read_error(status, json.dumps(body).encode(), provider).error is None


def test_each_provider_of_a_row_has_a_body_here() -> None:
    """Rows that are there for another row's sake (a gateway's own meaning of a word) count by their provider."""
    for error, bodies in ((C.CONTEXT_LENGTH, TOO_LONG), (C.CONTENT_FILTER, FILTERED)):
        assert {row.provider for row in ROWS if row.error is error} <= {provider for provider, _, _ in bodies}
