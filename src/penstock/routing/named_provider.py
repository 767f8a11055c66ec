"""Who serves a target: the provider that its config object, the request's headers or its model name, perhaps by a
virtual key.

Source: docs/portkey.md#precedence.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import msgspec

from penstock.core.did_you_mean import hint
from penstock.core.failure import Failure, Kind
from penstock.core.permissions import among
from penstock.core.virtual_key import VirtualKey
from penstock.routing import permit
from penstock.routing.budget import Budget
from penstock.routing.fields import Fields
from penstock.routing.problems import PLAIN_INVALID, Refused, entry, is_in_config
from penstock.routing.rules import HeaderSettings, Rules

_PLAIN_NO_PROVIDER: Final = (
    "Either x-portkey-provider needs to be passed. Or the x-portkey-config header should have a valid config with "
    "provider details in it."
)


class NamedProvider(NamedTuple):
    """Who serves a target: the provider, perhaps by a virtual key. ``from_config``: the config names the provider, not
    a header or the request's model. ``by_operator``: a saved config does."""

    provider: str
    key: VirtualKey | None
    from_config: bool
    by_operator: bool


def named_provider(
    fields: Fields, overrides: dict[str, bytes], headers: HeaderSettings, rules: Rules
) -> tuple[NamedProvider, dict[str, bytes]]:
    """Who serves the target, and the overrides without the name. Adds a problem if nobody serves it, or if the
    caller may not name who does."""
    problems = fields.budget.problems
    name, where, overrides = _provider(fields, overrides)
    from_config = name is not None
    by_operator = from_config and headers.is_saved
    if not name:
        name, where = headers.provider, headers.where
    key, provider = None, name or ""
    is_key = bool(fields.text("virtual_key")) if from_config else headers.names_key
    with problems.collected():
        if not name:
            raise _no_provider()
        key = _virtual_key(name[1:], where, rules, fields.budget, is_key=is_key) if name.startswith("@") else None
        provider = key.provider if key else rules.slug(name.removeprefix("@"))
        if provider not in rules.providers:
            raise _unknown_provider(provider, where, rules, fields.budget)
        if key is not None and not by_operator:
            permit.check_virtual_key(rules.permissions, key, where)
        elif not by_operator:
            permit.check_provider(rules.permissions, provider, where)
    return NamedProvider(provider, key, from_config, by_operator), overrides


def _virtual_key(name: str, where: str, rules: Rules, budget: Budget, *, is_key: bool) -> VirtualKey | None:
    """The virtual key of this name; None where the name is a provider's, and may be one. ``is_key``: it may not."""
    virtual_key = rules.virtual_keys.get(name)
    if virtual_key is not None:
        return virtual_key
    if not is_key and rules.slug(name) in rules.providers:
        return None

    def near() -> str:
        known = among(rules.virtual_keys, rules.permissions.virtual_keys)
        if not is_key:
            known += among(rules.providers, rules.permissions.providers)
        return hint(
            name,
            known,
            "they are set in penstock.toml, [virtual_keys.NAME], or made by 'penstock provider create NAME'.",
            quote="'",
        )

    way_out = budget.hint("virtual key" if is_key else "name", name, near)
    text = f"There is no virtual key '{name[:64]}': {way_out}"
    details = (entry(where, text),) if is_in_config(where) else ()
    raise Refused(Failure(Kind.UNKNOWN_VIRTUAL_KEY, text, where, PLAIN_INVALID, details=details))


def names_provider(values: Mapping[str, Any]) -> bool:
    """Whether a config object names a provider itself: by ``provider``, ``virtual_key`` or a model ``@NAME/model``."""
    overrides = values.get("override_params")
    model = overrides.get("model") if isinstance(overrides, dict) else None
    return bool(values.get("provider") or values.get("virtual_key") or _slug(model))


def _provider(fields: Fields, overrides: dict[str, bytes]) -> tuple[str | None, str, dict[str, bytes]]:
    """The provider or ``@NAME`` of the object, where it is named, and the object's overrides. A model ``@NAME/model``
    becomes ``model``."""
    raw = fields.values.get("override_params")
    slug = _slug(raw.get("model")) if isinstance(raw, dict) else None
    virtual_key, provider = fields.text("virtual_key"), fields.text("provider")
    if slug is not None and not (virtual_key or provider):
        name, model = slug
        overrides = {**overrides, "model": msgspec.json.encode(model)}
        return f"@{name}", f"{fields.at('override_params')}.model", overrides
    if virtual_key:
        return f"@{virtual_key.removeprefix('@')}", fields.at("virtual_key"), overrides
    return provider, fields.at("provider"), overrides


def _slug(model: object) -> tuple[str, str] | None:
    """``@NAME/model`` as its two parts; a model may hold further slashes."""
    if not isinstance(model, str) or not model.startswith("@"):
        return None
    name, slash, rest = model[1:].partition("/")
    return (name, rest) if slash and name and rest else None


def _no_provider() -> Refused:
    text = "Neither x-portkey-provider nor the config names a provider: add one of them."
    return Refused(Failure(Kind.MISSING_PROVIDER, text, "x-portkey-provider", _PLAIN_NO_PROVIDER))


def _unknown_provider(provider: str, where: str, rules: Rules, budget: Budget) -> Refused:
    def known() -> list[str]:
        return among(rules.providers, rules.permissions.providers)

    def near() -> str:
        return hint(provider, known(), "'penstock providers' lists the ones there are.", 0.5, "'")

    way_out = budget.hint("provider", provider, near)
    text = (
        f"There is no provider '{provider[:64]}': {way_out} Any other OpenAI-compatible server: provider openai with "
        "x-portkey-custom-host."
    )
    if not is_in_config(where):
        return Refused(Failure(Kind.UNKNOWN_PROVIDER, text, where, "Invalid provider passed"))
    listed = budget.hint("provider's list", "", lambda: ", ".join(known()))
    reason = f"Invalid 'provider' value. Must be one of: {listed}"
    return Refused(Failure(Kind.UNKNOWN_PROVIDER, text, where, PLAIN_INVALID, details=(entry(where, reason),)))
