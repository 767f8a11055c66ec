"""Names under which a model is looked up."""

import pytest

from penstock.prices.names import LONGEST, candidates


@pytest.mark.parametrize(
    ("provider", "model", "names"),
    [
        ("openai", "gpt-4o", ["gpt-4o"]),
        ("openai", "gpt-4o-2024-11-20", ["gpt-4o-2024-11-20", "gpt-4o"]),
        ("openai", "ft:gpt-4o-2024-08-06:acme:name:id", ["ft:gpt-4o-2024-08-06:acme:name:id", "ft:gpt-4o-2024-08-06", "ft:gpt-4o"]),
        ("anthropic", "claude-sonnet-4-5-20250929", ["claude-sonnet-4-5-20250929", "claude-sonnet-4-5"]),
        ("vertex-ai", "claude-sonnet-4-5@20250929", ["claude-sonnet-4-5@20250929", "claude-sonnet-4-5"]),
        ("vertex-ai", "publishers/google/models/gemini-2.5-pro", ["publishers/google/models/gemini-2.5-pro", "gemini-2.5-pro"]),
        ("google", "models/gemini-2.5-pro", ["models/gemini-2.5-pro", "gemini-2.5-pro"]),
        ("bedrock", "us.anthropic.claude-x-v1:0", ["us.anthropic.claude-x-v1:0", "anthropic.claude-x-v1:0"]),
        ("bedrock", "apac.amazon.nova-pro-v1:0", ["apac.amazon.nova-pro-v1:0", "amazon.nova-pro-v1:0"]),
        (
            "bedrock",
            "arn:aws:bedrock:us-east-1:1:inference-profile/eu.amazon.nova-lite-v1:0",
            [
                "arn:aws:bedrock:us-east-1:1:inference-profile/eu.amazon.nova-lite-v1:0",
                "eu.amazon.nova-lite-v1:0",
                "amazon.nova-lite-v1:0",
            ],
        ),
        ("azure-openai", "gpt-4o-2024-08-06.ft-1a2b", ["gpt-4o-2024-08-06.ft-1a2b", "gpt-4o-2024-08-06.ft"]),
        (
            "fireworks-ai",
            "accounts/fireworks/models/llama-v3p1-8b-instruct",
            ["accounts/fireworks/models/llama-v3p1-8b-instruct", "llama-v3p1-8b-instruct", "16b"],
        ),
        ("fireworks-ai", "llama-v3p1-70b", ["llama-v3p1-70b", "100b"]),
        ("fireworks-ai", "qwen2p5-1.5b", ["qwen2p5-1.5b", "4b"]),
        ("fireworks-ai", "mixtral-8x7b", ["mixtral-8x7b"]),
        ("groq", "us.llama", ["us.llama"]),
    ],
)  # fmt: skip
def test_names(provider: str, model: str, names: list[str]) -> None:
    assert [*candidates(provider, model)] == names


def test_names_are_bounded() -> None:
    assert len(next(candidates("openai", "x" * 10_000))) == LONGEST
