"""Checks of other packages, found by their entry points: group ``penstock.checks``, each a tuple of ``Check``.

A package that can't be used ends the start of the gateway: a guard that silently isn't there guards nothing.
Source: docs/guardrails.md#checks-of-packages.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Final

from penstock.guards.base import Check

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP: Final = "penstock.checks"
_OWN: Final = frozenset({"default", "penstock", "portkey"})
"""Namespaces that no package adds to."""


class UnusablePackage(ImportError):
    """A package's checks can't be used. The message names the entry point and says why."""


def checks_of_packages(taken: Collection[str]) -> tuple[Check, ...]:
    """The checks of all installed packages. ``taken`` are the ids of other checks, in lower case. Raises
    UnusablePackage."""
    from importlib.metadata import entry_points  # with its readers of mail and archives: see penstock/installed.py

    from penstock.guards.foreign_check import bounded  # no gateway needs it before its first guard

    found: dict[str, Check] = {}
    for entry in sorted(entry_points(group=GROUP), key=lambda each: (each.name, each.value)):
        for check in _checks_of(entry):
            for name in (check.id, *check.aliases):
                _judge(name, entry, taken, found)
                found[name.lower()] = check
    return tuple([bounded(check) for check in {id(check): check for check in found.values()}.values()])


def _checks_of(entry: EntryPoint) -> tuple[Check, ...]:
    try:
        checks = entry.load()
    except Exception as error:
        raise UnusablePackage(f"{_named(entry)} can't be loaded: {type(error).__name__}: {error}") from error
    if not isinstance(checks, tuple) or not all(isinstance(check, Check) for check in checks):
        raise UnusablePackage(f"{_named(entry)} is no tuple of penstock.guards.base.Check")
    return checks


def _judge(name: str, entry: EntryPoint, taken: Collection[str], found: Collection[str]) -> None:
    namespace, dot, rest = name.lower().partition(".")
    if not (namespace and dot and rest) or namespace in _OWN:
        raise UnusablePackage(f"{_named(entry)} holds '{name}': an id is NAMESPACE.NAME, in a namespace of your own")
    if name.lower() in taken or name.lower() in found:
        raise UnusablePackage(f"{_named(entry)} holds '{name}', and there is such a check already")


def _named(entry: EntryPoint) -> str:
    return f"the entry point {entry.name} = {entry.value} of {GROUP}"
