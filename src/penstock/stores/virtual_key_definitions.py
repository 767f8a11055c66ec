"""What a virtual key must be, wherever its definition comes from.

This module opens no file and reads no environment: credentials that are elsewhere are fetched by its caller.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from penstock.core import custom_headers
from penstock.core.did_you_mean import hint, nearest
from penstock.core.secret import Secret
from penstock.limits.definition import MEMBERS
from penstock.stores.catalogue import VirtualKey
from penstock.stores.definition import NO_ALIASES, REFERENCES, Definition, Unusable

_OF_VIRTUAL_KEY: Final = (
    *("provider", "credential", "base_url", "models", "default_params", "forward_headers", "headers"),
    *MEMBERS,
)

_KEY_ITSELF: Final = frozenset({"api_key", "apikey", "apiKey", "key"})
"""Members in which configs and other gateways have the credential; no provider's setting is called so."""

_SLIP: Final = 0.8
"""How like a member of a virtual key another must be to be taken for it, and not for a provider's own setting."""


def virtual_key(
    definition: Definition,
    providers: Collection[str],
    resolve: Callable[[str], str],
    aliases: Mapping[str, str] = NO_ALIASES,
    resolve_setting: Callable[[str], str] | None = None,
) -> VirtualKey:
    """A virtual key. ``providers`` are the slugs there are, ``aliases`` the slugs of other names.

    ``resolve`` fetches the credential that a reference such as ``env:OPENAI_API_KEY`` leads to, or raises Unusable.
    ``resolve_setting`` does the same for the base URL, which may have a path after the reference, and for the
    provider's settings; without it these are what they say.
    """
    if resolve_setting is not None:
        _resolve_settings(definition, resolve_setting)
    provider = definition.text("provider") or ""
    provider = aliases.get(provider, provider)
    if "provider" not in definition.values:
        definition.complain("missing: a virtual key belongs to a provider", "provider")
    elif provider and provider not in providers:
        suggestion = hint(provider, providers, "penstock providers lists all")
        definition.complain(f"there is no provider {provider}: {suggestion}", "provider")
    base_url = definition.text("base_url")
    if base_url and not _is_url(base_url):
        definition.complain("expected a URL such as https://llm.example/v1", "base_url")
    return VirtualKey(
        name=definition.name,
        provider=provider,
        credential=_credential(definition, resolve),
        base_url=base_url,
        models=definition.texts("models"),
        default_params=_default_params(definition),
        options=dict(_options(definition)),
        forward_headers=tuple(name.strip().lower() for name in definition.texts("forward_headers") or ()),
        headers=_headers(definition, resolve_setting),
    )


def _headers(definition: Definition, resolve: Callable[[str], str] | None) -> dict[str, Secret]:
    """The header fields of a virtual key's own, in lower case. A value may be a reference, as a setting may."""
    header_values = definition.values.get("headers", {})
    if not isinstance(header_values, dict) or len(header_values) > custom_headers.MOST:
        definition.complain(f"expected at most {custom_headers.MOST} names with texts", "headers")
        return {}
    headers = {}
    for name, value in header_values.items():
        where = f"headers.{name[:64]}"
        if not isinstance(value, str):
            definition.complain("expected text", where)
            continue
        try:
            text = resolve(value) if resolve is not None and value.startswith(REFERENCES) else value
        except Unusable as unusable:
            definition.complain(str(unusable), where)
            continue
        problem = custom_headers.problem(name, text)
        if problem is None:
            headers[name.lower()] = Secret(text)
        else:
            definition.complain(problem, where)
    return headers


def _resolve_settings(definition: Definition, resolve: Callable[[str], str]) -> None:
    """Put what references lead to in their place: ``env:AZURE_API_BASE/openai`` is a base URL with a path."""
    settings = {key: value for key, value in definition.values.items() if _is_reference(key, value)}
    values = dict(definition.values)
    for key, reference in settings.items():
        beginning, slash, path = reference.partition("/") if key == "base_url" else (reference, "", "")
        try:
            text = resolve(beginning)
        except Unusable as unusable:
            definition.complain(str(unusable), key)
            del values[key]
        else:
            values[key] = text.rstrip("/") + slash + path if slash else text
    definition.values = values


def _is_reference(key: str, value: Any) -> bool:
    if not isinstance(value, str) or not value.startswith(REFERENCES):
        return False
    return key == "base_url" or nearest(key, _OF_VIRTUAL_KEY, _SLIP) is None


def _credential(definition: Definition, resolve: Callable[[str], str]) -> Secret | None:
    reference = definition.text("credential")
    if reference is None:
        return None
    try:
        return Secret(resolve(reference))
    except Unusable as unusable:
        definition.complain(str(unusable), "credential")
        return None


def _default_params(definition: Definition) -> dict[str, bytes]:
    params = definition.values.get("default_params", {})
    if not isinstance(params, dict):
        definition.complain("expected parameters, such as { temperature = 0.2 }", "default_params")
        return {}
    return {key: msgspec.json.encode(value) for key, value in params.items()}


def _options(definition: Definition) -> Iterator[tuple[str, str]]:
    """The provider's own settings: every member that is none of ours."""
    for key, value in definition.values.items():
        if key in _OF_VIRTUAL_KEY:
            continue
        near = nearest(key, _OF_VIRTUAL_KEY, _SLIP)
        if key in _KEY_ITSELF:
            definition.complain("the provider's key is credential, a reference such as env:OPENAI_API_KEY", key)
        elif near:
            definition.complain(f"did you mean {near}?", key)
        elif "-" in key:
            definition.complain(f"a provider's setting is written with underscores: {key.replace('-', '_')}", key)
        elif isinstance(value, str):
            yield key, value
        elif isinstance(value, bool | int | float):
            yield key, msgspec.json.encode(value).decode()
        else:
            definition.complain("expected text, a number, true or false", key)


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
