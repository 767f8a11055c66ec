"""Which requests may ask for a plan that takes long to compile: their configs and guards are long, or those that they
name are.

Nothing is compiled to know it: a few kilobytes may hold patterns that take their compiler half a second.
"""

from __future__ import annotations

from typing import Final

from penstock.core.permissions import Permissions
from penstock.guards.base import Phase
from penstock.guards.read import HEADERS, GuardPolicy
from penstock.pipeline.call import Call
from penstock.pipeline.choice import ONLY_CONFIG
from penstock.pipeline.header_settings import CONFIG_HEADER
from penstock.stores.catalogue import Catalogue

_LONG: Final = 512
"""Bytes of a config and of guards that are compiled in a thread: as many may hold patterns that take their compiler 50
ms."""
_INPUT_GUARDS, _OUTPUT_GUARDS = (HEADERS[phase].encode() for phase in Phase)
_GUARDS: Final = b"uard", b"ook", b"utator"
"""What the names of the members that hold guards have in common, in each spelling (``guards.read.KEYS``)."""
_NOTHING: Final[frozenset[str]] = frozenset()


class LongPlans:
    """Tells such requests. ``default_config`` is the name of the config for requests that name no target, ``guards``
    hold for all of them, and ``permissions`` are those of callers without a gateway key."""

    def __init__(self, default_config: str, guards: GuardPolicy, permissions: Permissions) -> None:
        self._default_config = default_config
        self._general = (*guards.default_input, *guards.default_output)
        self._open = (*permissions.input_guardrails, *permissions.output_guardrails)
        self._configs = self._guardrails = _NOTHING
        self._has_aliases = False

    def note(self, catalogue: Catalogue) -> None:
        """Find the saved configs and guardrails that are long, by name and id."""
        self._has_aliases = catalogue.aliases is not None
        self._guardrails = frozenset(
            [name for name, each in catalogue.saved_guardrails.items() if len(each.body) > _LONG]
        )
        self._configs = frozenset([name for name, each in catalogue.configs.items() if self._is_long(each.body)])

    def _is_long(self, config: bytes) -> bool:
        return len(config) > _LONG or (bool(self._guardrails) and _has_guards(config))

    def concerns(self, call: Call) -> bool:
        """Whether a call may ask for a plan that takes long. The body is not read for it: where its model may be an
        alias, any long config may be meant."""
        get = call.fields.get
        config, before, after = get(CONFIG_HEADER, b""), get(_INPUT_GUARDS, b""), get(_OUTPUT_GUARDS, b"")
        if len(config) + len(before) + len(after) > _LONG:
            return True
        if self._guardrails and (before or after or _has_guards(config) or self._has_general(call)):
            return True
        return bool(self._configs) and self._names_config(call, config.decode("latin-1").strip())

    def _has_general(self, call: Call) -> bool:
        """Whether a long guardrail holds for all requests of the caller."""
        key = call.caller.key
        own = self._open if key is None else (*key.input_guardrails, *key.output_guardrails)
        return not self._guardrails.isdisjoint((*self._general, *own))

    def _names_config(self, call: Call, header: str) -> bool:
        key = call.caller.key
        if header:
            return header in self._configs
        if call.path_name is not None:
            return call.path_name.removeprefix(ONLY_CONFIG) in self._configs
        default = (key.config if key is not None else None) or self._default_config
        has_aliases = self._has_aliases or (key is not None and key.aliases is not None)
        return has_aliases or default in self._configs


def _has_guards(config: bytes) -> bool:
    return any(mark in config for mark in _GUARDS)
