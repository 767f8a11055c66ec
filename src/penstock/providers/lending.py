"""What the operator's environment holds for callers to borrow: keys of providers, and the accounts they are for.

Pure: the environment is a mapping that the caller of these functions hands in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from penstock.core.secret import Secret
from penstock.providers.row import Option, Provider


def environment_keys(rows: Iterable[Provider], environment: Mapping[str, str]) -> dict[str, Secret]:
    """The operator's keys by slug; of a row's variables the first that is set."""
    return {row.slug: Secret(environment[name]) for row in rows for name in reversed(row.env) if environment.get(name)}


def environment_accounts(rows: Iterable[Provider], environment: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """The operator's accounts: values of options that name an account in the provider's host, by slug and option."""
    accounts: dict[str, dict[str, str]] = {}
    for row in rows:
        for option in row.options:
            value = _account(row, option, environment) if option.names_account else None
            if value is not None:
                accounts.setdefault(row.slug, {})[option.name] = value
    return accounts


def _account(row: Provider, option: Option, environment: Mapping[str, str]) -> str | None:
    """The account in the first variable that holds one, as a name (``my-resource``) or as a URL or host name
    (``https://my-resource.openai.azure.com/``)."""
    pattern = option.pattern or ".+"
    host = urlsplit(row.base_url).netloc
    in_host = re.escape(host).replace(re.escape(f"{{{option.name}}}"), f"(?P<account>{pattern})")
    for name in option.env:
        text = environment.get(name, "").strip()
        text = text.partition("://")[2].partition("/")[0] if "://" in text else text.rstrip("/")
        found = re.fullmatch(in_host, text)
        if found is not None:
            return found["account"]
        if re.fullmatch(pattern, text):
            return text
    return None
