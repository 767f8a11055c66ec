"""Members that a wire doesn't have, and values that no member has: each wire and each host answers, and none fails.

Callers of one wire write what another one's documents say, and the middle has names of its own.
"""

from __future__ import annotations

from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calling import call, route, target
from penstock.core.failure import Failure
from penstock.dialects.registry import CALLERS
from penstock.pipeline.prepare import PreparedRequest, prepare

HI: Final[list[Any]] = [{"role": "user", "content": "Hi"}]
BODIES: Final[dict[str, dict[str, Any]]] = {
    "openai_chat": {"messages": HI},
    "anthropic": {"messages": HI, "max_tokens": 9},
    "responses": {"input": "Hi"},
    "gemini": {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]},
    "bedrock_converse": {"messages": [{"role": "user", "content": [{"text": "Hi"}]}]},
    "ollama": {"messages": HI},
    "cohere": {"messages": HI},
}
TARGETS: Final = {
    "anthropic": "claude-sonnet-4-5",
    "bedrock": "amazon.nova-lite-v1:0",
    "google": "gemini-2.5-pro",
    "cohere": "command-a-reasoning-08-2025",
    "ollama": "qwen3:8b",
    "openai": "o3",
    "mistral-ai": "mistral-large-latest",
}
OPTIONS: Final = {
    "bedrock": {"aws_auth_type": "apiKey", "aws_region": "us-east-1"},
    "ollama": {"ollama_api": "native"},
}
NAMES: Final = """
    tools tool_choice response_format reasoning reasoning_effort stop stream_options logit_bias modalities audio
    prediction web_search_options cache_control thinking metadata user n seed top_k top_p max_tokens
    max_completion_tokens parallel_tool_calls service_tier store extra_body google functions function_call system
    output_config context_management documents toolConfig inferenceConfig generationConfig options format think
    systemInstruction safetySettings outputConfig serviceTier requestMetadata additionalModelRequestFields text include
    thinkingConfig responseSchema stopSequences budget_tokens type
""".split()
VALUES: Final = st.recursive(
    st.sampled_from([1, -1, 1.5, 10**30, True, "x", "", "\x00"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=2),
    max_leaves=4,
)


@pytest.mark.parametrize("wire", list(BODIES))
@settings(max_examples=150)
@given(st.sampled_from(list(TARGETS)), st.dictionaries(st.sampled_from(NAMES), VALUES, min_size=1, max_size=3))
def test_any_member_is_written_or_refused(wire: str, provider: str, members: dict[str, Any]) -> None:
    body = {"model": TARGETS[provider], **BODIES[wire], **members}
    at = route(target(provider, options=OPTIONS.get(provider, {})))
    assert isinstance(prepare(call(body, CALLERS[wire]), at), PreparedRequest | Failure)


@pytest.mark.parametrize(
    ("wire", "provider", "members", "param"),
    [
        ("bedrock_converse", "openai", {"tools": [{"name": "f"}]}, "tools"),
        ("gemini", "bedrock", {"metadata": 1}, "metadata"),
        ("ollama", "bedrock", {"metadata": ["a"]}, "metadata"),
        ("cohere", "bedrock", {"metadata": True}, "metadata"),
        ("openai_chat", "google", {"extra_body": {"tools": 1}}, "extra_body.tools"),
        ("anthropic", "google", {"extra_body": {"google": {"tools": [{"a": 1}]}}}, "extra_body.google.tools"),
        ("responses", "google", {"google": {"top_k": "x"}}, "google.top_k"),
        ("anthropic", "openai", {"thinking": {"type": {}}}, "thinking.type"),
    ],
)
def test_what_is_refused_is_named(wire: str, provider: str, members: dict[str, Any], param: str) -> None:
    body = {"model": TARGETS[provider], **BODIES[wire], **members}
    refused = prepare(call(body, CALLERS[wire]), route(target(provider, options=OPTIONS.get(provider, {}))))
    assert isinstance(refused, Failure)
    assert (refused.status, refused.param) == (400, param)


def test_a_document_without_a_name_in_converses_own_words() -> None:
    """It is Bedrock's to refuse."""
    block = {"document": {"format": "pdf", "source": {"bytes": "QQ=="}}}
    for document in (block, {"document": 1}):
        body = {"model": TARGETS["bedrock"], "messages": [{"role": "user", "content": [document]}]}
        at = route(target("bedrock", options=OPTIONS["bedrock"]))
        assert isinstance(prepare(call(body, CALLERS["openai_chat"]), at), PreparedRequest | Failure)
