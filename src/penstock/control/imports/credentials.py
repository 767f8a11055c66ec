"""Credentials of an import as the database keeps them: a secret itself encrypted, a reference as a reference."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from penstock.control.integrations.configurations import ProviderRules, names, option_name
from penstock.control.refusal import Problem, invalid
from penstock.core.secret import Secret
from penstock.stores.sql.catalogue.load import CREDENTIAL

_REFERENCE: Final = re.compile(r"env:([A-Za-z_][A-Za-z0-9_]*)(/.*)?", re.DOTALL)
"""A variable, and the path that is appended to a base URL that the variable holds."""
_SETTINGS: Final = "configurations"


def stored(
    rules: ProviderRules,
    body: Mapping[str, Any],
    secrets: Mapping[str, Secret],
    value_of: Callable[[str], str | None],
) -> dict[str, Any]:
    """The body of an integration whose values are references (``env:NAME``), as ``integrations.create`` takes it.

    ``secrets`` are values by the variable that stands for them: they are stored themselves. A reference to a secret
    stays one; of another setting the variable's value is stored. Raises Refusal where it has none.
    """
    row = rules.find(body["ai_provider_id"])
    meant = {} if row is None else names(row)
    secret = {CREDENTIAL} | ({option_name(each) for each in row.options if each.secret} if row is not None else set())
    values = {**body.get(_SETTINGS, {}), **({CREDENTIAL: body[CREDENTIAL]} if CREDENTIAL in body else {})}
    kept: dict[str, Any] = {}
    mappings = []
    for name, value in values.items():
        if isinstance(value, dict):
            kept[name] = {key: _header(f"{name}/{key}", text, secrets, value_of) for key, text in value.items()}
            continue
        reference = _REFERENCE.fullmatch(str(value))
        variable, path = ("", "") if reference is None else (reference[1], reference[2] or "")
        is_secret = meant.get(name, name) in secret
        if variable in secrets:
            kept[name] = secrets[variable].reveal()
        elif is_secret and (variable or str(value).startswith("file:")):
            mappings.append({"target_field": meant.get(name, name), "secret_reference_id": value})
        elif variable:
            text = _value(name, variable, value_of)
            kept[name] = text.rstrip("/") + path if path else text
        else:
            kept[name] = value
    fitted = {name: value for name, value in body.items() if name not in {CREDENTIAL, _SETTINGS}}
    if CREDENTIAL in kept:
        fitted[CREDENTIAL] = kept.pop(CREDENTIAL)
    if kept:
        fitted[_SETTINGS] = kept
    if mappings:
        fitted["secret_mappings"] = mappings
    return fitted


def _header(name: str, text: str, secrets: Mapping[str, Secret], value_of: Callable[[str], str | None]) -> str:
    """The value of a header field: headers of a credential are one secret, so each of them is stored itself."""
    reference = _REFERENCE.fullmatch(text)
    if reference is None:
        return text
    variable = reference[1]
    return secrets[variable].reveal() if variable in secrets else _value(name, variable, value_of)


def _value(name: str, variable: str, value_of: Callable[[str], str | None]) -> str:
    value = value_of(variable)
    if not value:
        text = f"its value is stored: set {variable} when you import"
        raise invalid([Problem(f"/{_SETTINGS}/{name}", text)])
    return value
