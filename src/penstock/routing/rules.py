"""What a plan is made with beside its config: the settings of the request's headers, and the rules of the gateway."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, Protocol

import msgspec

from penstock.core.address import AddressPolicy
from penstock.core.permissions import EVERYTHING, Permissions
from penstock.core.secret import Secret
from penstock.core.virtual_key import VirtualKey
from penstock.routing.fields import Fields
from penstock.routing.plan import TargetGuards


class HeaderSettings(msgspec.Struct, frozen=True):
    """The routing settings of the request's headers. ``request_timeout`` is in milliseconds.

    ``authorization`` and ``api_key`` are the credentials of the Authorization and x-portkey-api-key headers, None where
    a header is absent or holds an SDK's placeholder. ``provider`` is a slug or an alias, or ``@NAME`` of a virtual key
    or, where there is none of this name, of a provider; ``names_key``: of a virtual key only. ``where`` is the part of
    the request that names it: a header, ``model`` or ``path``.
    ``is_saved``: the config is saved by the operator, so no header may send the config's credentials to another host.
    """

    provider: str | None = None
    authorization: Secret | None = None
    api_key: Secret | None = None
    custom_host: str | None = None
    request_timeout: float | None = None
    forward_headers: tuple[str, ...] | None = None
    strict: bool = True
    options: Mapping[str, str] = {}
    is_saved: bool = False
    names_key: bool = False
    where: str = "x-portkey-provider"
    default_guards: Mapping[str, Any] = {}
    """What the headers for default guards hold, by the name of the header."""


class GuardReader(Protocol):
    """Compiles the guards of a target (guards/read.py)."""

    def guards(self, fields: Fields, headers: HeaderSettings) -> TargetGuards | None:
        """The guards that a target's members and the headers ask for, None for a target without any. What is wrong
        with them is added to the problems of the config."""
        ...


class Rules(msgspec.Struct, frozen=True):
    """The rules for a plan: the providers' slugs, the hosts that the caller may name, the virtual keys.

    ``aliases`` are the slugs of the providers' other names.

    ``settings`` are the names of the providers' own settings, which no misspelling of a routing key must be seen in;
    ``secrets`` are those of them that hold a credential, ``host_settings`` those that name a host. ``undemanding`` are
    the providers that can be called without a credential. ``permissions`` are the caller's. ``saved_policy`` judges
    the hosts that the operator's saved configs name (None: ``policy`` does). ``is_gateway_key`` tells whether a text
    is or holds a key of this gateway. ``guards`` compiles guards; None where a config is read without them.
    """

    providers: Collection[str]
    policy: AddressPolicy
    virtual_keys: Mapping[str, VirtualKey] = {}
    settings: frozenset[str] = frozenset()
    undemanding: frozenset[str] = frozenset()
    permissions: Permissions = EVERYTHING
    secrets: frozenset[str] = frozenset()
    host_settings: frozenset[str] = frozenset()
    saved_policy: AddressPolicy | None = None
    is_gateway_key: Callable[[str], bool] | None = None
    aliases: Mapping[str, str] = {}
    guards: GuardReader | None = None

    def slug(self, name: str) -> str:
        """The slug that an alias stands for; any other name as it is."""
        return self.aliases.get(name, name)
