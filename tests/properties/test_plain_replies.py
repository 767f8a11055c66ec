"""A reply that is text alone is read by one typed decode as by the steps that read any reply, by every wire."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from breaking import broken
from penstock.core.events import plain_reply
from penstock.dialects.dialect import WriteContext
from penstock.dialects.registry import DIALECTS

CONTEXT: Final = WriteContext("m", "unit")
TEXT: Final = "Bear away — slowly. \U0001f600\n"
REPLIES: Final[dict[str, list[Any]]] = {
    "anthropic": [
        {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude", "stop_reason": "end_turn",
         "stop_sequence": None, "content": [{"type": "text", "text": TEXT}],
         "usage": {"input_tokens": 3, "output_tokens": 2, "cache_read_input_tokens": 1,
                   "cache_creation_input_tokens": 4, "cache_creation": {"ephemeral_1h_input_tokens": 4},
                   "server_tool_use": None, "service_tier": "standard"}},
        {"id": "", "type": "message", "model": "", "stop_reason": "refusal", "content": [{"type": "text", "text": ""}],
         "usage": {}},
    ],
    "gemini": [
        {"candidates": [{"content": {"role": "model", "parts": [{"text": TEXT}]}, "finishReason": "STOP", "index": 0,
                         "avgLogprobs": -0.1, "safetyRatings": [{"category": "x", "probability": "LOW"}]}],
         "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 2, "totalTokenCount": 5,
                           "cachedContentTokenCount": 1, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 3}]},
         "modelVersion": "gemini", "responseId": "r", "createTime": "2026-01-01T00:00:00.5Z"},
        {"candidates": [{"content": {"parts": [{"text": ""}]}, "finishReason": "MAX_TOKENS"}], "usageMetadata": {}},
        {"candidates": [{"content": {"parts": [{"text": "a"}]}, "finishReason": "SAFETY"}],
         "usageMetadata": {"promptTokenCount": 3, "thoughtsTokenCount": 2}},
    ],
    "bedrock_converse": [
        {"output": {"message": {"role": "assistant", "content": [{"text": TEXT}]}}, "stopReason": "end_turn",
         "usage": {"inputTokens": 3, "outputTokens": 2, "totalTokens": 5, "cacheReadInputTokens": 1,
                   "cacheDetails": [{"ttl": "1h", "inputTokens": 4}]}, "metrics": {"latencyMs": 7}},
        {"output": {"message": {"content": [{"text": ""}]}}, "stopReason": "max_tokens", "usage": {}},
    ],
    "cohere": [
        {"id": "c", "message": {"role": "assistant", "content": [{"type": "text", "text": TEXT}]},
         "finish_reason": "COMPLETE",
         "usage": {"billed_units": {"input_tokens": 3.0}, "tokens": {"input_tokens": 3, "output_tokens": 2.0},
                   "cached_tokens": 1}},
        {"id": "", "message": {"content": [{"type": "text", "text": ""}]}, "finish_reason": "MAX_TOKENS", "usage": {}},
    ],
    "ollama": [
        {"model": "m", "created_at": "2026-01-01T00:00:00Z", "message": {"role": "assistant", "content": TEXT},
         "done": True, "done_reason": "stop", "prompt_eval_count": 3, "eval_count": 2, "total_duration": 9},
        {"model": "", "created_at": "", "message": {"role": "assistant", "content": ""}, "done": True,
         "done_reason": "length", "prompt_eval_count": 0, "eval_count": 1 << 40},
    ],
}  # fmt: skip
VALUES: Final = st.one_of(
    st.sampled_from([None, True, 0, -1, 3.5, 1 << 70, "", "stop", "ERROR", "tool_use", "other", [], {}, {"text": "x"}]),
    st.sampled_from([[{"text": "a"}, {"text": "b"}], [{"type": "text", "text": "a"}], ["a"], "\ud800"]),
)


@pytest.mark.parametrize("name", list(REPLIES))
@settings(max_examples=300)
@given(st.data())
def test_a_reply_that_is_text_alone_is_read_as_any_other(name: str, data: st.DataObject) -> None:
    dialect = DIALECTS[name]
    value = data.draw(st.sampled_from(REPLIES[name]))
    for _ in range(data.draw(st.integers(0, 2))):
        value = broken(value, data.draw(st.integers(0, 1 << 20)), data.draw(VALUES))
    if data.draw(st.booleans()) and isinstance(value, dict):
        value = {**value, data.draw(st.sampled_from(["x", "error", "logprobs", "message"])): data.draw(VALUES)}
    body = json.dumps(value).encode()
    if data.draw(st.booleans()):
        body = data.draw(st.sampled_from([b" ", b"\xef\xbb\xbf", b"[", b"\n"])) + body
    plain = dialect.read_plain(body)
    assert plain is None or plain == plain_reply(dialect.read_reply(body, CONTEXT))


@pytest.mark.parametrize("name", list(REPLIES))
def test_most_replies_are_read_so(name: str) -> None:
    for reply in REPLIES[name]:
        plain = DIALECTS[name].read_plain(json.dumps(reply).encode())
        assert plain is not None
        assert plain == plain_reply(DIALECTS[name].read_reply(json.dumps(reply).encode(), CONTEXT))
