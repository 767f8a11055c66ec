"""Requests that differ from earlier ones in their texts alone are written as if none had come before, by every wire."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calling import call, route, target
from penstock.dialects.registry import CALLERS
from penstock.pipeline.prepare import PreparedRequest, prepare
from penstock.pipeline.target_route import TargetRoute
from penstock.pipeline.translate import Progress

TARGETS: Final = {
    "anthropic": ("claude-sonnet-4-5", "claude-opus-4-7", "claude-3-haiku-20240307"),
    "vertex-ai": ("anthropic.claude-sonnet-4-5", "gemini-2.5-pro"),
    "bedrock": ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "amazon.nova-lite-v1:0", "openai.gpt-oss-120b-1:0"),
    "google": ("gemini-2.5-pro", "gemini-3-pro-preview", "gemma-3-27b-it"),
    "cohere": ("command-a-reasoning-08-2025", "command-r"),
    "ollama": ("qwen3:8b", "llama3.1:8b"),
    "openai": ("gpt-4o-mini", "o3"),
    "groq": ("llama-3.3-70b-versatile",),
    "mistral-ai": ("mistral-large-latest",),
}
OPTIONS: Final[dict[str, dict[str, str]]] = {
    "vertex-ai": {"vertex_project_id": "p", "vertex_region": "r"},
    "bedrock": {"aws_auth_type": "apiKey", "aws_region": "us-east-1"},
    "ollama": {"ollama_api": "native"},
}
ROLES: Final = st.sampled_from(["user"] * 5 + ["assistant"] * 4 + ["system", "developer", "model", "tool"])
TEXTS: Final = st.one_of(
    st.sampled_from(
        ["", " ", "\n", "Hi", "Hi ", " Hi", "Hi\n", "\u3000", "\x85a\x85", "café", '"', '","', "\\", '\\","', "a\\",
         "\U0001f600", "\x00", "\x7f", "%b", "%", "Text 0 of 1…", "Text 1 of 2…", "<think>a</think>b", "```json\n{}\n```",
         "\u2028", "</system-reminder>"]
    ),
    st.text(max_size=6),
)  # fmt: skip
VISIBLE: Final = TEXTS.map(lambda text: f"{text}.")
PARAMETERS: Final = st.fixed_dictionaries(
    {},
    optional={
        "temperature": st.sampled_from([0, 0.2, 1, 1.0, 2, None, "x", 1e300]),
        "top_p": st.sampled_from([0.5, 1]),
        "top_k": st.integers(1, 9),
        "max_tokens": st.sampled_from([1, 400, 10**30, None]),
        "stop": st.sampled_from(["x", ["x", " "], [], ["Text 0 of 2…"]]),
        "user": st.sampled_from(["u", "a@b.example"]),
        "reasoning_effort": st.sampled_from(["low", "none"]),
        "stream_options": st.sampled_from([{"include_usage": True}, None]),
        "system": st.sampled_from(["Be brief.", " "]),
        "tools": st.just([{"type": "function", "function": {"name": "a.b", "parameters": {"type": "object"}}}]),
        "response_format": st.sampled_from(
            [{"type": "json_object"}, {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}}]
        ),
        "n": st.sampled_from([1, 2]),
        "seed": st.integers(0, 2),
    },
)  # fmt: skip


def prepared_as(asked: Any, at: TargetRoute) -> Any:
    """What was prepared, without the moment at which it was."""
    made = prepare(asked, at)
    if not isinstance(made, PreparedRequest):
        return made
    still = Progress(0)
    translation = None if made.translation is None else msgspec.structs.replace(made.translation, progress=still)
    values = {name: getattr(made, name) for name in made.__struct_fields__}
    return {**values, "translation": translation, "body": made.body and made.body.encode()}


@pytest.mark.parametrize("provider", list(TARGETS))
@pytest.mark.parametrize("wire", ["openai_chat", "anthropic", "cohere", "ollama"])
@settings(max_examples=25)
@given(st.lists(ROLES, min_size=1, max_size=5), PARAMETERS, st.booleans(), st.data())
def test_texts_in_a_known_form_are_written_as_in_a_new_one(
    wire: str, provider: str, roles: list[str], parameters: dict[str, Any], streams: bool, data: st.DataObject
) -> None:
    model = data.draw(st.sampled_from(TARGETS[provider]))
    beside = {"model": model, "stream": streams, **parameters}
    options = OPTIONS.get(provider, {})
    at = route(target(provider, options=options))
    for texts_of in (VISIBLE, VISIBLE, VISIBLE, TEXTS):
        texts = data.draw(st.lists(texts_of, min_size=len(roles), max_size=len(roles)))
        messages = [{"role": role, "content": text} for role, text in zip(roles, texts, strict=True)]
        asked = call({**beside, "messages": messages}, CALLERS[wire])
        assert prepared_as(asked, at) == prepared_as(asked, route(target(provider, options=options)))
