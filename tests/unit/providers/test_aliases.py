"""Other names of providers: each means one slug, and none is a slug."""

import pytest

from penstock.providers.aliases import aliases
from penstock.providers.registry import ALIASES, MANY_MAKERS, PROVIDERS


@pytest.mark.parametrize(
    ("alias", "slug"),
    [
        ("gemini", "google"),
        ("claude", "anthropic"),
        ("azure", "azure-openai"),
        ("mistral", "mistral-ai"),
        ("vertex_ai", "vertex-ai"),
        ("together_ai", "together-ai"),
        ("fireworks_ai", "fireworks-ai"),
        ("xai", "x-ai"),
        ("nvidia_nim", "nvidia"),
        ("perplexity", "perplexity-ai"),
        ("amazon-bedrock", "bedrock"),
        ("moonshotai", "moonshot"),
        ("azure_ai", "azure-ai"),
        ("hosted_vllm", "vllm"),
    ],
)
def test_usual_names(alias: str, slug: str) -> None:
    assert ALIASES[alias] == slug


def test_no_alias_hides_a_provider() -> None:
    assert not ALIASES.keys() & PROVIDERS.keys()
    assert set(ALIASES.values()) <= PROVIDERS.keys()
    assert all("/" not in alias and not alias.startswith("@") for alias in ALIASES)


def test_an_alias_of_nobody_and_a_taken_one_are_mistakes() -> None:
    with pytest.raises(ValueError, match="there is no provider anthropic"):
        aliases(("openai",))
    with pytest.raises(ValueError, match="taken"):
        aliases([*PROVIDERS, "claude"])


def test_hosts_whose_models_have_slashes() -> None:
    assert {"openrouter", "together-ai", "groq", "vllm", "huggingface", "workers-ai"} <= MANY_MAKERS
    assert not {"openai", "anthropic", "google", "mistral-ai", "bedrock", "echo", "azure-openai"} & MANY_MAKERS
