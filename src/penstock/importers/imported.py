"""What an importer would create, as bodies of the admin API, and the names under which it would."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final

import msgspec

from penstock.core.money import LARGEST, NANOS
from penstock.core.secret import Secret
from penstock.importers.report import Report

Body = dict[str, Any]
DigestOf = Callable[[str], str | None]
"""The SHA-256 (64 hexadecimal digits) of the value of an environment variable; None if it is not set. A gateway key's
digest is what is stored of it, so the value itself stays where it is."""
_NO_SLUG: Final = re.compile(r"[^a-z0-9_-]+")
_NO_VARIABLE: Final = re.compile(r"[^A-Z0-9]+")
_LONGEST: Final = 60
"""Characters of a slug that is made of a name."""
VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Host(msgspec.Struct, frozen=True):
    """What an importer must know of one of Penstock's providers.

    ``chat_path`` is what the provider's dialect appends to a base URL. ``variables`` are the environment variables that
    usually hold its key. ``needs_key``: it can't be called without one.
    """

    chat_path: str
    variables: tuple[str, ...] = ()
    needs_key: bool = True


class Hosts(msgspec.Struct, frozen=True):
    """Penstock's providers by slug, and the slugs of their other names."""

    by_slug: Mapping[str, Host]
    aliases: Mapping[str, str] = {}

    def slug(self, name: str) -> str | None:
        """The slug of a provider under any of its names; None if Penstock has no such provider."""
        slug = self.aliases.get(name, name)
        return slug if slug in self.by_slug else None


class Imported(msgspec.Struct):
    """Bodies of the admin API by resource, in the order in which they can be created.

    ``models`` are bodies of ``PUT /integrations/{slug}/models`` with the slug beside them. A credential in a body is a
    reference (``env:OPENAI_API_KEY``); ``secrets`` are the values that stood in the source itself, by the variable that
    the reference names. An API key has the ``digest`` of the key that its holder has already. Where an API key names a
    config, it is by the config's name. ``workspace`` are limits of the default workspace. ``opening_balances`` are what
    was used before, in dollars or tokens. ``default_config`` is the config that every caller uses who names none.
    ``to_create`` are virtual keys that configs name and that the source does not have.
    ``identities`` are providers that sign with the gateway's own identity. ``blocks_callers``: the source asks callers
    for a key.
    """

    integrations: list[Body] = []
    models: list[Body] = []
    providers: list[Body] = []
    configs: list[Body] = []
    api_keys: list[Body] = []
    usage_policies: list[Body] = []
    rate_policies: list[Body] = []
    workspace: Body = {}
    opening_balances: list[Body] = []
    default_config: str | None = None
    identities: list[str] = []
    secrets: dict[str, Secret] = {}
    variables: list[str] = []
    to_create: list[str] = []
    blocks_callers: bool = False

    def values(self) -> Body:
        """All bodies as JSON values. No secret is among them: only the names of the variables that must hold one."""
        shown = {
            "integrations": self.integrations,
            "integration_models": self.models,
            "providers": self.providers,
            "configs": self.configs,
            "api_keys": self.api_keys,
            "usage_limits_policies": self.usage_policies,
            "rate_limits_policies": self.rate_policies,
            "workspace": self.workspace,
            "opening_balances": self.opening_balances,
            "default_config": self.default_config,
            "virtual_keys_to_create": self.to_create,
            "variables_to_set": sorted({*self.secrets, *self.variables}),
        }
        return {name: value for name, value in shown.items() if value}


class Conversion(msgspec.Struct, frozen=True):
    """What would be created, and what became of each field of the source."""

    imported: Imported
    report: Report


class Names:
    """Slugs of one kind of thing, none twice."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._last: dict[str, int] = {}

    def unique(self, text: str, otherwise: str = "imported") -> str:
        """A slug that says a name: ``GPT 4o`` is ``gpt-4o``, and the next one ``gpt-4o-2``."""
        slug = _NO_SLUG.sub("-", text.lower()).strip("-_")[:_LONGEST].strip("-_") or otherwise
        found, number = slug, self._last.get(slug, 1)
        while found in self._taken:
            number += 1
            found = f"{slug}-{number}"
        self._last[slug] = number
        self._taken.add(found)
        return found


def api_key(name: str, digest: str, config: str | None) -> Body:
    """The body of a key whose holder can use its config and nothing else. ``digest`` are 64 hexadecimal digits."""
    defaults: Body = {"allow_config_override": False}
    if config is not None:
        defaults["config_id"] = config
    return {
        "name": name,
        "digest": f"sha256:{digest}",
        "scopes": ["completions.write"],
        "allowed_providers": [],
        "defaults": defaults,
    }


def variable_name(text: str) -> str:
    """The name of an environment variable that says a name: ``azure-eu key`` is ``AZURE_EU_KEY``."""
    name = _NO_VARIABLE.sub("_", text.upper()).strip("_")
    return name if VARIABLE.fullmatch(name) else f"KEY_{name}".rstrip("_")


def dollars(amount: float) -> int | float | None:
    """An amount of money of another gateway's, which counts in floats: to the nanodollar, half-even. None if it is
    beyond what Penstock counts."""
    try:
        nanos = int((Decimal(repr(amount)) * NANOS).to_integral_value(ROUND_HALF_EVEN))
    except (ArithmeticError, ValueError):
        return None
    if nanos > LARGEST:
        return None
    return nanos // NANOS if nanos % NANOS == 0 else float(Decimal(nanos) / NANOS)
