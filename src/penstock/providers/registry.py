"""All providers: one explicit tuple, checked when it is imported, found by slug."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from penstock.core import did_you_mean
from penstock.providers import (
    account_hosts,
    aliases,
    anthropic,
    azure,
    bedrock,
    gateways,
    google,
    makers,
    mistral,
    openai_compatible,
    own_dialect,
    self_hosted,
)
from penstock.providers.row import OPENAI, EndpointSpec, Operation, Provider
from penstock.providers.templates import PLACEHOLDER, with_defaults

ROWS: Final[tuple[Provider, ...]] = (
    *account_hosts.ROWS,
    anthropic.ANTHROPIC,
    azure.AZURE_AI,
    azure.AZURE_OPENAI,
    bedrock.BEDROCK,
    *gateways.ROWS,
    google.GOOGLE,
    google.VERTEX_AI,
    *makers.ROWS,
    mistral.MISTRAL,
    *openai_compatible.ROWS,
    *own_dialect.ROWS,
    *self_hosted.ROWS,
)

COLUMNS: Final = ("slug", "name", "serves", "base URL", "key", "options", "notes")
_OF_REQUESTS: Final = frozenset({"model", "id"})
"""Placeholders that each request fills."""
_SCHEMES: Final = ("https://", "http://localhost:", "echo://", "{")


def index(rows: Iterable[Provider]) -> Mapping[str, Provider]:
    """The rows by slug, in alphabetical order. Raises ValueError for a row that can't be right."""
    found: dict[str, Provider] = {}
    for row in sorted(rows, key=lambda row: row.slug):
        if row.slug in found:
            raise ValueError(f"provider {row.slug}: there are two of this slug")
        for fault in _faults(row):
            raise ValueError(f"provider {row.slug}: {fault}")
        found[row.slug] = row
    return MappingProxyType(found)


def _faults(row: Provider) -> Iterator[str]:
    for base_url in (row.base_url, *filter(None, (spec.base_url for spec in _specs(row)))):
        if base_url and not base_url.startswith(_SCHEMES):
            yield "its base URL is not https"
        if base_url.endswith("/"):
            yield "its base URL ends in a slash, so that paths would have two"
    options = {option.name: option for option in row.options}
    for template in _templates(row):
        for name in PLACEHOLDER.findall(template):
            if name not in options and name not in row.derived and name not in _OF_REQUESTS:
                yield f"{{{name}}} is no option"
        for name in PLACEHOLDER.findall(template.partition("?")[0]):
            option = options.get(name)
            known = option is not None and (option.required or option.default or name in row.derived)
            if option is not None and not (option.pattern and known):
                yield f"{{{name}}} needs a pattern, and must be required or have a default"

    yield from _faults_of_places(row)
    yield from _faults_of_accounts(row)


def _faults_of_places(row: Provider) -> Iterator[str]:
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


def _faults_of_accounts(row: Provider) -> Iterator[str]:
    for option in row.options:
        if option.names_account and f"{{{option.name}}}" not in row.base_url.split("/")[2]:
            yield f"{option.name} names an account, but stands in no host"


def _templates(row: Provider) -> Iterator[str]:
    yield row.base_url
    for spec in _specs(row):
        yield from filter(None, (spec.base_url, spec.path, spec.stream_path))


def _specs(row: Provider) -> list[EndpointSpec]:
    """All its places, as far as they don't depend on options."""
    specs = [rule.spec for rule in row.model_routes]
    for operation in Operation:
        specs += row.places_of(operation, with_defaults(row, {}))
    return specs


def _served(row: Provider) -> str:
    """The operations of a row, chats with their wires unless OpenAI's is the only one."""
    options = with_defaults(row, {})
    places = [spec.dialect for spec in row.places_of(Operation.CHAT, options)]
    wires = list(dict.fromkeys([*places, *(rule.spec.dialect for rule in row.model_routes)]))
    shown = [] if not wires else ["chat" if wires == [OPENAI] else f"chat ({', '.join(wires)})"]
    others = [operation.value for operation in Operation if operation not in (Operation.CHAT, Operation.PROXY)]
    return ", ".join([*shown, *(name for name in others if row.places_of(Operation(name), options))])


def nearest(slug: str) -> str | None:
    """The slug that a misspelt one probably means."""
    return did_you_mean.nearest(slug.lower().replace("_", "-"), PROVIDERS, cutoff=0.7)


def table() -> list[tuple[str, ...]]:
    """All providers as lines of text under ``COLUMNS``, for the command line and the documentation."""
    return [
        (
            row.slug,
            row.name,
            _served(row),
            _shown_base(row),
            ", ".join(row.env) or row.key.value,
            ", ".join(f"x-portkey-{option.header}" for option in row.options),
            row.notes,
        )
        for row in PROVIDERS.values()
    ]


def endpoint_table() -> list[tuple[str, tuple[str, ...]]]:
    """The operations beside chats, each with the slugs of the providers that serve it."""
    return [
        (
            operation.value,
            tuple(slug for slug, row in PROVIDERS.items() if row.places_of(operation, with_defaults(row, {}))),
        )
        for operation in Operation
        if operation not in (Operation.CHAT, Operation.PROXY)
    ]


def resource_table() -> list[tuple[str, tuple[str, ...]]]:
    """What hosts keep for their callers, each with the slugs of the providers that have it."""
    names = dict.fromkeys(name for row in PROVIDERS.values() for name in row.resources)
    return [(name, tuple(slug for slug, row in PROVIDERS.items() if name in row.resources)) for name in names]


def _shown_base(row: Provider) -> str:
    defaults = with_defaults(row, {})
    return PLACEHOLDER.sub(lambda match: defaults.get(match[1], match[0]), row.base_url) or "(yours)"


PROVIDERS: Final = index(ROWS)

ALIASES: Final[Mapping[str, str]] = MappingProxyType(aliases.aliases(PROVIDERS))
"""The slug of each other name of a provider."""
MANY_MAKERS: Final = frozenset(
    row.slug
    for row in (
        *openai_compatible.ROWS,
        *gateways.ROWS,
        *self_hosted.ROWS,
        *own_dialect.ROWS,
        *account_hosts.ROWS,
        azure.AZURE_AI,
    )
    if row.slug not in {"echo", "cohere", "voyage"}
)
"""Hosts whose models' names may begin with a maker's (``openai/gpt-5``, ``meta-llama/…``)."""
