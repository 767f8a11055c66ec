"""Credentials of another gateway's as integrations and providers: one integration for each credential at each address.

A provider with limits, or with models of its own, is one of several on its integration; all others share one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from penstock.core.secret import Secret
from penstock.importers.imported import VARIABLE, Body, Imported, Names, variable_name
from penstock.importers.report import Report


class Account(msgspec.Struct, frozen=True):
    """A provider's slug, the reference to its credential, its base URL, and its settings and headers as pairs."""

    provider: str
    credential: str | None = None
    base_url: str | None = None
    settings: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()


class Accounts:
    """Adds integrations and providers to what is imported."""

    def __init__(self, imported: Imported) -> None:
        self._imported = imported
        self._integration_names = Names()
        self._provider_names = Names()
        self._integrations: dict[tuple[Account, str], str] = {}
        self._shared: dict[str, str] = {}

    def integration(self, account: Account, name: str = "", key: str = "") -> str:
        """The slug of the account's integration. ``key`` tells integrations of one account apart."""
        known = self._integrations.get((account, key))
        if known is not None:
            return known
        slug = self._integration_names.unique(name or account.provider)
        configurations: Body = dict(account.settings)
        if account.headers:
            configurations["custom_headers"] = dict(account.headers)
        if account.base_url is not None:
            configurations["custom_host"] = account.base_url
        body: Body = {"name": slug, "slug": slug, "ai_provider_id": account.provider, "create_default_provider": False}
        if account.credential is not None:
            body["key"] = account.credential
        if configurations:
            body["configurations"] = configurations
        self._imported.integrations.append(body)
        self._integrations[account, key] = slug
        return slug

    def provider(self, integration: str, name: str = "", limits: Body | None = None) -> str:
        """The slug of a provider on an integration: the one that all without limits share, or one with these limits."""
        if not limits and integration in self._shared:
            return self._shared[integration]
        slug = self._provider_names.unique(name or integration)
        self._imported.providers.append({"name": slug, "slug": slug, "integration_id": integration, **(limits or {})})
        if not limits:
            self._shared[integration] = slug
        return slug

    def models(self, integration: str, models: list[Body], *, allow_all: bool) -> None:
        """Add what an integration says of its models."""
        body = {"models": models, "allow_all_models": allow_all}
        self._imported.models.append({"integration": integration, "body": body})


def in_clear(variable: str) -> str:
    """The remark on a credential that stands in the source itself: a variable must hold it."""
    return f"it stands in the file in clear; set {variable} to it where the gateway starts"


class References:
    """Values of a source as references. ``named`` gives the variable that a text names, None for a plain text."""

    def __init__(self, imported: Imported, report: Report, named: Callable[[str], str | None]) -> None:
        self._imported = imported
        self._report = report
        self._named = named
        self._by_value: dict[str, str] = {}

    def setting(self, value: Any, path: str) -> str | None:
        """A setting that is no secret: a reference where the source has one, else the text itself."""
        if isinstance(value, bool) or not isinstance(value, str | int | float) or value == "":
            self._report.lost(path, "expected text")
            return None
        return self._reference(str(value), path) or str(value)

    def secret(self, value: Any, path: str, variable: str) -> tuple[str, str] | None:
        """A credential, and a remark: a reference in any case. One that stands in the source is named after
        ``variable``; None with a line of the report where there is none."""
        if not isinstance(value, str) or not value.strip():
            self._report.lost(path, "expected text")
            return None
        reference = self._reference(value, path)
        if reference is not None:
            return reference, ""
        known = self._by_value.get(value)
        if known is None:
            known = self._free_variable(f"IMPORTED_{variable_name(variable)}")
            self._by_value[value] = known
            self._imported.secrets[known] = Secret(value)
        return f"env:{known}", in_clear(known)

    def _reference(self, value: str, path: str) -> str | None:
        name = self._named(value)
        if name is None:
            return None
        if not VARIABLE.fullmatch(name):
            self._report.near(path, "the name of the variable has other than letters, digits and underscores")
            name = variable_name(name)
        if name not in self._imported.variables:
            self._imported.variables.append(name)
        return f"env:{name}"

    def _free_variable(self, name: str) -> str:
        found, number = name, 1
        while found in self._imported.secrets or found in self._imported.variables:
            number += 1
            found = f"{name}_{number}"
        return found
