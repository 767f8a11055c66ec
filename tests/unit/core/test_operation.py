"""What callers ask for: what each operation says of itself."""

from __future__ import annotations

import pytest

from penstock.core.operation import CHAT_TYPES, Operation


def named(trait: str) -> set[str]:
    return {each.value for each in Operation if getattr(each, trait)}


def test_what_has_a_body() -> None:
    assert {each.value for each in Operation} - named("has_body") == {
        "proxy", "models", "models.retrieve", "operations.retrieve", "realtime",
        "responses.connect", "responses.retrieve", "responses.delete", "responses.cancel", "responses.input_items",
    }  # fmt: skip
    assert all(each.method == b"POST" for each in Operation if each.has_body)
    assert Operation.RESPONSE_DELETE.method == b"DELETE"


@pytest.mark.parametrize(
    ("trait", "names"),
    [
        ("is_chat", {"chat.completions"}),
        ("is_proxy", {"proxy"}),
        ("is_session", {"realtime", "responses.connect"}),
        ("lists_models", {"models", "models.retrieve", "models.show"}),
        ("has_text_tokens", {"chat.completions", "completions", "responses.compact"}),
        ("answers_bytes", {"audio.speech"}),
    ],
)
def test_a_trait_belongs_to_these(trait: str, names: set[str]) -> None:
    assert named(trait) == names


def test_what_needs_no_model() -> None:
    assert {each.value for each in Operation} - named("needs_model") == {
        "images.generations", "images.edits", "images.variations", "moderations", "realtime", "responses.connect",
    }  # fmt: skip


def test_portkeys_names() -> None:
    assert (Operation.CHAT.request_type, Operation.COUNT_TOKENS.request_type) == ("chatComplete", "proxy")
    assert Operation.CHAT.request_type in CHAT_TYPES
