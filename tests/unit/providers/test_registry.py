"""The table of providers: what it refuses, and what it says about itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from penstock.core.operation import Operation
from penstock.providers.registry import COLUMNS, PROVIDERS, ROWS, endpoint_table, index, nearest, table
from penstock.providers.row import EndpointSpec, Option, Places, Provider, chat_only, messages_at
from penstock.providers.templates import PLACEHOLDER, with_defaults

OF_REQUESTS = frozenset({"model", "id", "operation", "version"})
"""Placeholders that each request fills."""
SCHEMES = ("https://", "http://localhost:", "echo://", "{")


def row(slug: str = "unit", base_url: str = "https://api.example.com", **paths: str) -> Provider:
    places = {Operation[key]: (EndpointSpec(paths[key]),) for key in paths} or chat_only()
    return Provider(slug, "Unit", base_url, "https://example.com", places)


def of_places(places: Places) -> Provider:
    return Provider("unit", "Unit", "https://api.example.com", "https://example.com", places)


def faults(row: Provider) -> Iterator[str]:
    """Why a row can't be right: each that has a fault fails these tests, and not the start of a gateway."""
    for base_url in (row.base_url, *filter(None, (spec.base_url for spec in specs_of(row)))):
        if base_url and not base_url.startswith(SCHEMES):
            yield "its base URL is not https"
        if base_url.endswith("/"):
            yield "its base URL ends in a slash, so that paths would have two"
    options = {option.name: option for option in row.options}
    for template in templates(row):
        for name in PLACEHOLDER.findall(template):
            if name not in options and name not in row.derived and name not in OF_REQUESTS:
                yield f"{{{name}}} is no option"
        for name in PLACEHOLDER.findall(template.partition("?")[0]):
            option = options.get(name)
            known = option is not None and (option.required or option.default or name in row.derived)
            if option is not None and not (option.pattern and known):
                yield f"{{{name}}} needs a pattern, and must be required or have a default"

    yield from faults_of_places(row)
    yield from faults_of_accounts(row)


def faults_of_places(row: Provider) -> Iterator[str]:
    options = with_defaults(row, {})
    served = {each: row.places_of(each, options) for each in Operation if each is not Operation.PROXY}
    if not any(served.values()):
        yield "it serves nothing"
    for operation, specs in served.items():
        known = [(spec.dialect, spec.base_url, spec.path) for spec in specs]
        if len(set(known)) < len(known):
            yield f"two of its places for {operation.value} are the same"
        if specs and specs[0].models:
            yield f"its first place for {operation.value} does not serve all models"


def faults_of_accounts(row: Provider) -> Iterator[str]:
    for option in row.options:
        if option.names_account and f"{{{option.name}}}" not in row.base_url.split("/")[2]:
            yield f"{option.name} names an account, but stands in no host"


def templates(row: Provider) -> Iterator[str]:
    yield row.base_url
    for spec in specs_of(row):
        yield from filter(None, (spec.base_url, spec.path, spec.stream_path))


def specs_of(row: Provider) -> list[EndpointSpec]:
    """All its places, as far as they don't depend on options."""
    specs = [rule.spec for rule in row.model_routes]
    for operation in Operation:
        specs += row.places_of(operation, with_defaults(row, {}))
    return specs


def test_rows_are_found_by_slug_in_order() -> None:
    assert list(PROVIDERS) == sorted(PROVIDERS)
    assert len(PROVIDERS) == len(ROWS)
    assert all(slug == found.slug for slug, found in PROVIDERS.items())


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ((row(base_url="http://api.example.com"),), "not https"),
        ((row(base_url="https://api.example.com/"),), "ends in a slash"),
        ((row(base_url="https://{region}.example.com"),), "{region} is no option"),
        ((row(CHAT="/{tenant}/chat"),), "{tenant} is no option"),
        ((row(CHAT="/chat?v={release}"),), "{release} is no option"),
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
    assert any(reason in fault for each in rows for fault in faults(each))


def test_two_rows_of_one_slug() -> None:
    with pytest.raises(ValueError, match="provider unit: there are two of this slug"):
        index((row(), row()))


@pytest.mark.parametrize("provider", ROWS, ids=lambda each: each.slug)
def test_every_row_is_right(provider: Provider) -> None:
    assert list(faults(provider)) == []


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
    assert shown["anthropic"][2] == "chat (anthropic), count_tokens, models, models.retrieve"
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
