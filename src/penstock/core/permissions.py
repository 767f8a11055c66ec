"""What one caller may use of the gateway, and what the operator lends to the caller: docs/configs.md#gateway-keys."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

import msgspec

EVERY: Final = "*"
"""In a list of providers: all of them."""


class Permissions(msgspec.Struct, frozen=True, cache_hash=True):
    """The limits of one caller. None stands for no limit.

    ``virtual_keys``, ``configs`` and ``providers`` are the names that the caller may use. ``models`` are shell patterns
    of models (``gpt-4o*``) or of a virtual key's models (``@prod/*``). ``hosts`` are private hosts that the caller may
    name, as in ``core.address.AddressPolicy``. ``lent_keys`` are the providers at which the caller may use the
    operator's keys from the environment, ``lent_identity`` those at which the gateway's own identity. ``workspace`` is
    the workspace whose names the caller knows. ``pins_config``: the caller's default config serves every request, and a
    request that names anything else is refused. ``input_guardrails`` and ``output_guardrails`` are the saved guardrails
    that judge each of the caller's requests and answers, whatever the config says.
    """

    virtual_keys: frozenset[str] | None = None
    configs: frozenset[str] | None = None
    providers: frozenset[str] | None = None
    models: tuple[str, ...] | None = None
    inline_configs: bool = True
    custom_hosts: bool = True
    hosts: tuple[str, ...] = ()
    lent_keys: frozenset[str] | None = frozenset()
    lent_identity: frozenset[str] | None = frozenset()
    workspace: str | None = None
    pins_config: bool = False
    input_guardrails: tuple[str, ...] = ()
    output_guardrails: tuple[str, ...] = ()

    @property
    def shared(self) -> Permissions:
        """The permissions without those that only refuse requests: callers whose shared permissions are equal, and who
        are not refused, get the same plan."""
        return Permissions(
            models=self.models,
            hosts=self.hosts,
            lent_keys=self.lent_keys,
            lent_identity=self.lent_identity,
            workspace=self.workspace,
            input_guardrails=self.input_guardrails,
            output_guardrails=self.output_guardrails,
        )

    def lends_key(self, provider: str) -> bool:
        """Whether the caller may use the operator's key for this provider."""
        return includes(self.lent_keys, provider)

    def lends_identity(self, provider: str) -> bool:
        """Whether the caller may use the gateway's own identity at this provider."""
        return includes(self.lent_identity, provider)


def includes(names: Collection[str] | None, name: str) -> bool:
    """Whether a list of permissions has a name; None and ``*`` stand for every name."""
    return names is None or name in names or EVERY in names


def among(names: Iterable[str], permitted: Collection[str] | None) -> list[str]:
    """The names that are permitted: only these may be suggested to the caller."""
    return [name for name in names if includes(permitted, name)]


EVERYTHING: Final = Permissions(lent_keys=None, lent_identity=None)
"""The permissions of callers where no gateway key is set."""
