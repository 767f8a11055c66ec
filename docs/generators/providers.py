"""docs/providers.md, from the rows of providers/."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from generators.table import NOTE, codes, table
from penstock.providers import registry
from penstock.providers.not_served import NOT_SERVED
from penstock.providers.registry import ALIASES, COLUMNS, PROVIDERS

_PROVIDERS: Final = f"""\
# Providers

{NOTE}

These are {len(PROVIDERS)} providers; any other server that speaks OpenAI's dialect is reached with the header
`x-portkey-custom-host`. Name a provider by its slug, or by an [other name](#other-names), in `x-portkey-provider`, a
config, the path or the model ([headers.md](headers.md#who-answers)). The key comes with the request, or from the
variable where the operator lends it (`providers.env_keys`, [settings.md](settings.md)). `{{…}}` in a base URL is
filled from the option's header; in a config an option is written without `x-portkey-`, with underscores. Names link
to the provider's own documentation. A provider serves the operations that are listed, chats in the wires in
parentheses; without parentheses the wire is OpenAI's. A request in one of the wires passes through, every other
request is translated into the first wire ([dialects.md](dialects.md)). A custom host gets requests of the first wire
only, except at server programs that you run yourself (llamacpp, lm-studio, ollama, vllm).

"""

_ALIASES: Final = """
## Other names

Each means its slug wherever a slug may stand, in the operator's file, too. Names with a dash may be written with `_`.

"""

_NOT_SERVED: Final = """
## Not served

Of the providers that Portkey names, these have no chat that could stand behind `/v1/chat/completions`.

"""

_CHANGES: Final = """
## What is changed on the way

Parameters reach a provider as you sent them, save these, which it refuses or knows by another name. A parameter that is
left out is named in the response header `x-penstock-dropped-params`.

"""


def providers_page() -> str:
    """docs/providers.md, from the provider rows."""
    changes = table(("provider", "parameter", "what happens", "reason"), _changes())
    absent = table(
        ("slug", "name", "reason"),
        ((f"`{each.slug}`", f"[{each.name}]({each.link})", each.reason) for each in NOT_SERVED),
    )
    named = table(("slug", "other names"), _other_names())
    rows = table(COLUMNS, map(_provider_cells, registry.table()))
    return _PROVIDERS + rows + _ALIASES + named + _NOT_SERVED + absent + _CHANGES + changes


def _other_names() -> Iterator[tuple[str, ...]]:
    for slug in PROVIDERS:
        names = [f"`{alias}`" for alias, named in ALIASES.items() if named == slug and "_" not in alias]
        if names:
            yield f"`{slug}`", ", ".join(names)


def _provider_cells(line: tuple[str, ...]) -> tuple[str, ...]:
    slug, name, serves, base_url, key, options, notes = line
    row = PROVIDERS[slug]
    link = f"[{name}]({row.docs.removeprefix('docs/')})"
    return f"`{slug}`", link, serves, f"`{base_url}`", codes(key) if row.env else key, codes(options), notes


def _changes() -> Iterator[tuple[str, ...]]:
    for slug, row in PROVIDERS.items():
        quirks = row.quirks
        for drop in quirks.drops:
            yield f"`{slug}`", f"`{drop.parameter}`", "left out", f"{drop.reason} ([source]({drop.link}))"
        for rename in quirks.renames:
            sent = f"sent as `{rename.to}`"
            yield f"`{slug}`", f"`{rename.parameter}`", sent, f"{rename.reason} ([source]({rename.link}))"
        if quirks.thinking is not None:
            sent = f"or sent as `{quirks.thinking.switch}`" if quirks.thinking.switch else ""
            yield f"`{slug}`", "`reasoning_effort`", f"in its models' words {sent}".rstrip(), "[models.md](models.md)"
