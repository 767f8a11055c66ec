"""All providers: one explicit tuple, found by slug. Tests judge the rows (tests/unit/providers/test_registry.py)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from penstock.core import did_you_mean
from penstock.core.operation import Operation
from penstock.providers import (
    account_hosts,
    aliases,
    anthropic,
    azure,
    bedrock,
    clouds,
    echo,
    gateways,
    google,
    makers,
    mistral,
    openai_compatible,
    own_dialect,
    self_hosted,
)
from penstock.providers.row import OPENAI, Provider
from penstock.providers.templates import PLACEHOLDER, with_defaults

ROWS: Final[tuple[Provider, ...]] = (
    *account_hosts.ROWS,
    anthropic.ANTHROPIC,
    azure.AZURE_AI,
    azure.AZURE_OPENAI,
    bedrock.BEDROCK,
    *clouds.ROWS,
    echo.ECHO,
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


def index(rows: Iterable[Provider]) -> Mapping[str, Provider]:
    """The rows by slug, in alphabetical order. Raises ValueError where two have one slug."""
    found: dict[str, Provider] = {}
    for row in sorted(rows, key=lambda row: row.slug):
        if row.slug in found:
            raise ValueError(f"provider {row.slug}: there are two of this slug")
        found[row.slug] = row
    return MappingProxyType(found)


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
        *clouds.ROWS,
        *gateways.ROWS,
        *self_hosted.ROWS,
        *own_dialect.ROWS,
        *account_hosts.ROWS,
        azure.AZURE_AI,
    )
    if row.slug not in {"cohere", "voyage"}
)
"""Hosts whose models' names may begin with a maker's (``openai/gpt-5``, ``meta-llama/…``)."""
