"""All providers: one explicit tuple, checked when it is imported, found by slug."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from penstock.providers import (
    account_hosts,
    anthropic,
    azure,
    bedrock,
    google,
    mistral,
    openai_compatible,
    own_dialect,
    self_hosted,
)
from penstock.providers.endpoint import PLACEHOLDER, with_defaults
from penstock.providers.row import OPENAI, Operation, Provider

ROWS: Final[tuple[Provider, ...]] = (
    *account_hosts.ROWS,
    anthropic.ANTHROPIC,
    azure.AZURE_AI,
    azure.AZURE_OPENAI,
    bedrock.BEDROCK,
    google.GOOGLE,
    google.VERTEX_AI,
    mistral.MISTRAL,
    *openai_compatible.ROWS,
    *own_dialect.ROWS,
    *self_hosted.ROWS,
)

COLUMNS: Final = ("slug", "name", "dialect", "base URL", "key", "options", "notes")
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
    if row.base_url and not row.base_url.startswith(_SCHEMES):
        yield "its base URL is not https"
    if row.base_url.endswith("/"):
        yield "its base URL ends in a slash, so that paths would have two"
    options = {option.name: option for option in row.options}
    for template in _templates(row):
        for name in PLACEHOLDER.findall(template):
            if name not in options and name not in row.derived and name != "model":
                yield f"{{{name}}} is no option"
        for name in PLACEHOLDER.findall(template.partition("?")[0]):
            option = options.get(name)
            known = option is not None and (option.required or option.default or name in row.derived)
            if option is not None and not (option.pattern and known):
                yield f"{{{name}}} needs a pattern, and must be required or have a default"


def _templates(row: Provider) -> Iterator[str]:
    yield row.base_url
    for rule in row.model_routes:
        yield from filter(None, (rule.spec.path, rule.spec.stream_path))
    if row.locate is None:
        yield from row.paths.values()
        yield from row.stream_paths.values()
        return
    for operation in Operation:
        spec = row.locate(with_defaults(row, {}), operation)
        if spec is not None:
            yield spec.path


def nearest(slug: str) -> str | None:
    """The slug that a misspelt one probably means."""
    matches = difflib.get_close_matches(slug.lower().replace("_", "-"), PROVIDERS, n=1, cutoff=0.7)
    return matches[0] if matches else None


def table() -> list[tuple[str, ...]]:
    """All providers as lines of text under ``COLUMNS``, for the command line and the documentation."""
    return [
        (
            row.slug,
            row.name,
            "" if row.dialect == OPENAI else row.dialect,
            _shown_base(row),
            ", ".join(row.env) or row.key.value,
            ", ".join(f"x-portkey-{option.header}" for option in row.options),
            row.notes,
        )
        for row in PROVIDERS.values()
    ]


def _shown_base(row: Provider) -> str:
    defaults = with_defaults(row, {})
    return PLACEHOLDER.sub(lambda match: defaults.get(match[1], match[0]), row.base_url) or "(yours)"


PROVIDERS: Final = index(ROWS)
