"""The shape of one provider: address, credential, paths and what it refuses.

A provider that speaks a known dialect is one value of this type and nothing else. A quirk carries its reason and a
link beside it; docs/providers.md is generated from the rows, and the row suite runs over all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum

import msgspec

from penstock.auth.header import BEARER, HeaderAuth


class Operation(Enum):
    """What a caller asks a provider to do. The value names it in messages and logs."""

    CHAT = "chat.completions"
    MODELS = "models"


class Key(Enum):
    """Whether a provider wants a credential."""

    REQUIRED = "required"
    OPTIONAL = "optional"
    NONE = "none"


class Option(msgspec.Struct, frozen=True):
    """A provider-specific setting, from header ``x-portkey-<header>`` or a config key (spec 2.4).

    ``pattern`` must match the whole value where it ends up in a host name or path, so that no value can name
    another host. ``upstream_header`` sends the value to the provider under that header.
    """

    name: str
    header: str
    config_keys: tuple[str, ...] = ()
    required: bool = False
    pattern: str | None = None
    default: str | None = None
    upstream_header: str | None = None
    bare_header: str | None = None
    """The same setting is also read from this header without the x-portkey- prefix."""
    secret: bool = False


class Rename(msgspec.Struct, frozen=True):
    """The provider knows the parameter under another name."""

    parameter: str
    to: str
    reason: str
    link: str


class Drop(msgspec.Struct, frozen=True):
    """The provider answers with an error when the parameter is present; it is left out and named to the caller."""

    parameter: str
    reason: str
    link: str


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """One row.

    ``base_url`` and ``paths`` may hold ``{option}`` placeholders, and paths ``{model}``; values are percent-encoded.
    ``base_url`` is empty for providers that have none of their own (a custom host is then required).
    ``env`` are the environment variables that usually hold the key, first found wins. ``locate`` replaces
    ``base_url`` and ``paths`` for the few hosts that compute them: (options, operation) -> URL text.
    """

    slug: str
    name: str
    docs: str
    base_url: str
    dialect: str = "openai_chat"
    paths: Mapping[Operation, str] = msgspec.field(
        default_factory=lambda: {Operation.CHAT: "/chat/completions", Operation.MODELS: "/models"}
    )
    auth: HeaderAuth = BEARER
    key: Key = Key.REQUIRED
    env: tuple[str, ...] = ()
    options: tuple[Option, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    renames: tuple[Rename, ...] = ()
    drops: tuple[Drop, ...] = ()
    developer_role: bool = True
    """False: messages of role ``developer`` are sent as ``system``, the name that this provider knows."""
    model_in_path: bool = False
    """True: the request needs no ``model`` (the deployment in the path names it)."""
    locate: Callable[[Mapping[str, str], Operation], str] | None = None
    notes: str = ""
