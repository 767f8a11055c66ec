"""Virtual keys: the models that they allow, and what of them is shown."""

from __future__ import annotations

import pytest

from penstock.core.secret import Secret
from penstock.core.virtual_key import VirtualKey, allows


@pytest.mark.parametrize(
    ("patterns", "model", "expected"),
    [
        (None, "gpt-4o", True),
        (None, "", True),
        ((), "gpt-4o", False),
        (("gpt-4o",), "gpt-4o", True),
        (("gpt-4o",), "gpt-4o-mini", False),
        (("gpt-4o",), "GPT-4o", False),
        (("gpt-4*",), "gpt-4o-mini", True),
        (("gpt-4*",), "my-gpt-4", False),
        (("gpt-?",), "gpt-5", True),
        (("gpt-[45]*",), "gpt-5-nano", True),
        (("gpt-[!45]",), "gpt-4", False),
        (("claude-*", "gpt-*"), "gpt-4o", True),
        (("*",), "", True),
        (("meta/*",), "meta/llama/3", True),
        (("gpt-4.1",), "gpt-4x1", False),
    ],
)
def test_which_models_are_allowed(patterns: tuple[str, ...] | None, model: str, expected: bool) -> None:
    assert allows(patterns, model) is expected


def test_its_secrets_are_not_shown() -> None:
    key = VirtualKey(
        "prod",
        "openai",
        Secret("sk-hidden"),
        default_params={"user": b'"hidden"'},
        options={"azure_ad_token": "hidden"},
    )
    assert repr(key) == str(key) == f"{key}" == "VirtualKey('prod', 'openai')"
