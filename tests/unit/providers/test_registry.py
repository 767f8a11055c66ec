"""The table of providers: what it refuses, and what it says about itself."""

from __future__ import annotations

import pytest

from penstock.providers.registry import COLUMNS, PROVIDERS, ROWS, endpoint_table, index, nearest, table
from penstock.providers.row import EndpointSpec, Operation, Option, Places, Provider, chat_only, messages_at


def row(slug: str = "unit", base_url: str = "https://api.example.com", **paths: str) -> Provider:
    places = {Operation[key]: (EndpointSpec(paths[key]),) for key in paths} or chat_only()
    return Provider(slug, "Unit", base_url, "https://example.com", places)


def of_places(places: Places) -> Provider:
    return Provider("unit", "Unit", "https://api.example.com", "https://example.com", places)


def test_rows_are_found_by_slug_in_order() -> None:
    assert list(PROVIDERS) == sorted(PROVIDERS)
    assert len(PROVIDERS) == len(ROWS)
    assert all(slug == found.slug for slug, found in PROVIDERS.items())


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ((row(), row()), "two of this slug"),
        ((row(base_url="http://api.example.com"),), "not https"),
        ((row(base_url="https://api.example.com/"),), "ends in a slash"),
        ((row(base_url="https://{region}.example.com"),), "{region} is no option"),
        ((row(CHAT="/{tenant}/chat"),), "{tenant} is no option"),
        ((row(CHAT="/chat?v={version}"),), "{version} is no option"),
        ((of_places({}),), "it serves nothing"),
        (
            (of_places({Operation.CHAT: (EndpointSpec("/chat"), EndpointSpec("/chat", model="m"))}),),
            "two of its places for chat.completions are the same",
        ),
        (
            (of_places({Operation.CHAT: (EndpointSpec("/chat", models=("claude",)),)}),),
            "its first place for chat.completions does not serve all models",
        ),
        ((of_places(chat_only(messages=messages_at("/m", base_url="http://api.example.com"))),), "not https"),
        ((of_places(chat_only(messages=messages_at("/m", base_url="https://a.example/"))),), "ends in a slash"),
        ((of_places(chat_only(messages=messages_at("/m", base_url="https://{x}.example"))),), "{x} is no option"),
        (
            (
                Provider(
                    "unit",
                    "Unit",
                    "https://{region}.example.com",
                    "https://example.com",
                    chat_only(),
                    options=(Option("region", "region", required=True),),
                ),
            ),
            "{region} needs a pattern",
        ),
        (
            (
                Provider(
                    "unit",
                    "Unit",
                    "https://api.example.com",
                    "https://example.com",
                    locate=lambda options, operation: (EndpointSpec("/{region}/chat"),),
                    options=(Option("region", "region", pattern="[a-z]+"),),
                ),
            ),
            "must be required or have a default",
        ),
    ],
)
def test_rows_that_cannot_be_right(rows: tuple[Provider, ...], reason: str) -> None:
    with pytest.raises(ValueError, match="provider unit: ") as caught:
        index(rows)
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("given", "slug"),
    [
        ("opnai", "openai"),
        ("OpenAI", "openai"),
        ("together", "together-ai"),
        ("lm_studio", "lm-studio"),
        ("xai", "x-ai"),
        ("no-such-thing", None),
        ("", None),
    ],
)
def test_nearest(given: str, slug: str | None) -> None:
    assert nearest(given) == slug


def test_the_table_shows_every_provider() -> None:
    lines = table()
    assert [line[0] for line in lines] == list(PROVIDERS)
    assert all(len(line) == len(COLUMNS) for line in lines)
    shown = {line[0]: line for line in lines}
    assert shown["openai"][2].startswith("chat (openai_chat, responses), embeddings, models, models.retrieve, ")
    assert shown["anthropic"][2] == "chat (anthropic), count_tokens, models"
    assert shown["deepseek"][2] == "chat (openai_chat, anthropic, responses), models"
    assert shown["openai"][3:5] == ("https://api.openai.com/v1", "OPENAI_API_KEY")
    assert shown["huggingface"][3] == "https://router.huggingface.co/v1"
    assert shown["vllm"][3] == "(yours)"
    assert shown["ollama"][4] == "none"
    assert "x-portkey-azure-resource-name" in shown["azure-openai"][5]


def test_every_operation_has_a_provider() -> None:
    served = dict(endpoint_table())
    assert all(served.values())
    assert {"openai", "azure-openai", "groq"} <= set(served["audio.transcriptions"])
