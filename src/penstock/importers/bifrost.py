"""Bifrost's config.json as what Penstock would create.

Source: https://docs.getbifrost.ai/deployment-guides/config-json/schema-reference.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from penstock.importers.accounts import References
from penstock.importers.bifrost_limits import LimitReader
from penstock.importers.bifrost_providers import Key, ProviderReader, plain, variable_in
from penstock.importers.bifrost_routes import Scope, config, read_allowed
from penstock.importers.bifrost_rules import Rule, read_rules
from penstock.importers.bifrost_settings import read_client, read_plugins, read_prices
from penstock.importers.imported import Body, Conversion, DigestOf, Hosts, Imported, Names, api_key
from penstock.importers.report import Report
from penstock.importers.section import Section

CONFIG: Final = "bifrost"
_TOP: Final = {
    "$schema": "the form of the file",
    "config_store": "the database is Penstock's own",
    "logs_store": "the request log is in the database of Penstock's own",
    "encryption_key": "the file's secrets are in clear or in variables: nothing is decrypted",
    "framework": "prices come with the gateway",
    "websocket": "requests and streams need no such setting",
}
_TOP_LOST: Final = {
    "mcp": "tools of MCP servers are not served",
    "vector_store": "the cache has no store of vectors",
    "guardrails_config": "guardrails are set up anew: docs/guardrails.md has the checks",
    "auth_config": "the admin API has keys of its own: penstock key create --admin",
}
_VIRTUAL_KEY: Final = {
    "description": "the key's name says it",
    "config_hash": "an identifier of Bifrost's",
    "created_at": "the import is the beginning",
    "updated_at": "the import is the beginning",
    "value_hash": "the digest of the value is what is stored",
}


def convert(document: Any, hosts: Hosts, digest_of: DigestOf) -> Conversion:
    """What a decoded config.json would create, and the report. ``digest_of`` is asked for keys in the environment."""
    imported, report = Imported(), Report()
    if not isinstance(document, dict):
        report.lost("config.json", "expected an object")
        return Conversion(imported, report)
    _Reader(Section(document, "", report), hosts, imported, digest_of).read()
    return Conversion(imported, report)


class _Reader:
    """Reads one file."""

    def __init__(self, root: Section, hosts: Hosts, imported: Imported, digest_of: DigestOf) -> None:
        self._root = root
        self._report = root.report
        self._imported = imported
        self._digest_of = digest_of
        self._empty_means_all = self._version() == 1
        references = References(imported, self._report, variable_in)
        self._providers = ProviderReader(
            hosts, imported, self._report, references, empty_means_all=self._empty_means_all
        )
        self._keys: dict[str, list[Key]] = {}
        self._rules: list[Rule] = []
        self._configs: dict[str, str] = {}
        self._names = Names()

    def read(self) -> None:
        root, imported = self._root, self._imported
        self._keys = self._providers.read(root)
        governance = root.section("governance")
        self._rules = read_rules(governance, self._report)
        open_config = self._config("", [Scope(name, tuple(keys)) for name, keys in self._keys.items() if keys], None)
        imported.default_config = open_config
        limits = LimitReader(governance, imported, self._report)
        groups = self._groups(governance, limits)
        for section in governance.sections("virtual_keys"):
            self._virtual_key(section, limits, groups)
        self._policies(governance, limits)
        read_prices(governance, imported, {name: [key.slug for key in keys] for name, keys in self._keys.items()})
        limits.finish()
        governance.lose({"auth_config": _TOP_LOST["auth_config"]})
        governance.finish()
        read_client(root.section("client"), imported)
        read_plugins(root, imported)
        root.skip(_TOP)
        root.lose(_TOP_LOST)
        root.finish()

    def _version(self) -> int:
        """The version of the file: in version 1 an empty list allows all, in version 2 nothing."""
        version = self._root.number("version")
        if version in {1, 2}:
            self._report.exact("version", "an empty list allows " + ("all" if version == 1 else "nothing"))
            return int(version)
        self._report.near("version", "not 1 or 2: an empty list allows nothing, as in version 2")
        return 2

    # Configs.

    def _config(self, name: str, scopes: Sequence[Scope], key_id: str | None) -> str | None:
        """The name of the config for these scopes, None where they allow nothing. Equal configs are one."""
        rules = [rule for rule in self._rules if rule.scope_id in {None, key_id}]
        first = [branch for rule in rules if (branch := rule.branch(scopes)) is not None]
        body = config(scopes, first)
        if body is None:
            return None
        text = json.dumps(body, sort_keys=True)
        if text not in self._configs:
            slug = self._names.unique(f"{CONFIG}-{name}" if name else CONFIG)
            self._configs[text] = slug
            self._imported.configs.append({"name": slug, "config": body, "is_default": 0 if name else 1})
        return self._configs[text]

    # Virtual keys.

    def _virtual_key(self, section: Section, limits: LimitReader, groups: Mapping[str, Body]) -> None:
        id_ = section.text("id")
        name = section.text("name") or id_
        self._report.exact(section.at("name"), "name of the key, and of its config")
        if id_ is not None:
            self._report.near(section.at("id"), "rules and limits of the file find the key by it")
        is_active = section.switch("is_active")
        digest = self._digest(section)
        scopes, providers = self._scopes(section)
        used = self._config(name or "key", scopes, id_)
        metadata = self._metadata(section, groups)
        slug = self._names.unique(name or "key")
        own = limits.limits(section, "virtual_key_id", "the key", {"level": "api_key", "owner": slug})
        expires = section.text("expires_at")
        for part in providers:
            self._provider_limits(part, slug, limits)
        section.lose({"mcp_configs": "tools of MCP servers are not served"})
        section.skip(_VIRTUAL_KEY)
        section.finish()
        if digest is None:
            return
        body = api_key(slug, digest, used)
        self._imported.blocks_callers = True
        if metadata:
            body["labels"] = metadata
            body["defaults"]["metadata"] = metadata
        body |= own
        if expires is not None:
            body["expires_at"] = expires
            self._report.exact(section.at("expires_at"), "expires_at")
        if is_active is False or used is None:
            body["status"] = "disabled"
        if is_active is not None:
            self._report.exact(section.at("is_active"), "status disabled" if is_active is False else "status active")
        if used is None:
            self._report.exact(section.path, "it may use no provider: status disabled")
        self._imported.api_keys.append(body)

    def _digest(self, section: Section) -> str | None:
        value, path = plain(section.value("value")), section.at("value")
        variable = variable_in(value) if isinstance(value, str) else None
        if not isinstance(value, str) or not value:
            self._report.lost(path, "without its value the key can't be taken over: make a new one")
            return None
        if variable is None:
            self._report.exact(path, "the digest is stored; the key goes on working")
            return hashlib.sha256(value.encode()).hexdigest()
        digest = self._digest_of(variable)
        if digest is None:
            self._report.lost(path, f"{variable} is not set here: set it and import again, or the key is not let in")
        else:
            self._report.exact(path, f"the digest of {variable} is stored; the key goes on working")
        return digest

    def _scopes(self, section: Section) -> tuple[list[Scope], list[Section]]:
        """What a virtual key may use, and the entries that say so."""
        parts = list(section.sections("provider_configs"))
        if not parts and self._empty_means_all:
            self._report.exact(section.at("provider_configs"), "none: all providers, as in version 1")
            return [Scope(name, tuple(keys)) for name, keys in self._keys.items() if keys], []
        scopes = [self._scope(part) for part in parts]
        return [scope for scope in scopes if scope is not None], parts

    def _scope(self, part: Section) -> Scope | None:
        provider, weight = part.text("provider"), part.number("weight")
        allowed, is_all = part.texts("allowed_models"), part.switch("allow_all_models")
        names, patterns = read_allowed(allowed, part.at("allowed_models"), self._report)
        everything = bool(is_all) or "*" in allowed or (not allowed and self._empty_means_all)
        text = "all models" if everything else "no model" if not allowed else "branches of the key's config"
        self._report.exact(part.at("allowed_models"), text)
        denied = part.texts("blacklisted_models")
        if denied:
            self._report.exact(part.at("blacklisted_models"), "left out of the key's config")
        if weight is not None:
            self._report.exact(part.at("weight"), "weight; then the others, the heaviest first")
        keys = self._usable_keys(part, provider)
        if provider is None or not keys:
            self._report.near(part.path, "no key of the provider is left: requests for it are refused")
            return None
        self._report.exact(part.at("provider"), "branch of the key's config")
        return Scope(
            provider,
            keys,
            1 if weight is None else weight,
            None if everything else names,
            tuple(denied),
            () if everything else patterns,
        )

    def _usable_keys(self, part: Section, provider: str | None) -> tuple[Key, ...]:
        known = self._keys.get(provider or "", [])
        wanted = part.texts("key_ids")
        is_all = part.switch("allow_all_keys")
        for each in part.sections("keys"):
            for member in ("key_id", "id", "name"):
                value = each.value(member)
                if isinstance(value, str):
                    wanted.append(value)
        if is_all or "*" in wanted or (not wanted and (self._empty_means_all or "key_ids" not in part)):
            self._report.exact(part.at("key_ids"), "all keys of the provider")
            return tuple(known)
        usable = tuple(key for key in known if set(wanted) & set(key.ids))
        self._report.exact(part.at("key_ids"), f"{len(usable)} of {len(known)} keys of the provider")
        return usable

    def _provider_limits(self, part: Section, key: str, limits: LimitReader) -> None:
        provider = part.values.get("provider")
        slugs = [each.slug for each in self._keys.get(provider, [])] if isinstance(provider, str) else []
        found = limits.limits(part, "provider_config_id", f"a policy for {key} at {provider}", {"level": "policy"})
        conditions: list[Body] = [{"key": "api_key", "value": key}, {"key": "virtual_key", "value": slugs}]
        self._add_policy(f"{key} at {provider}", conditions, found)
        part.skip({"id": "conditions have no names of their own"})
        part.finish()

    def _metadata(self, section: Section, groups: Mapping[str, Body]) -> dict[str, str]:
        found: dict[str, str] = {}
        for key, label in (("team_id", "team"), ("customer_id", "customer")):
            id_ = section.text(key)
            if id_ is not None:
                group = groups.get(f"{label} {id_}")
                found |= {label: id_} if group is None else group
                self._report.exact(section.at(key), f"label {label}, forced into the metadata")
        return found

    # Teams, customers, models and providers.

    def _groups(self, governance: Section, limits: LimitReader) -> dict[str, Body]:
        """The labels that keys get of their team or customer, whose limits are policies."""
        groups: dict[str, Body] = {}
        for member, label in (("customers", "customer"), ("teams", "team")):
            for section in governance.sections(member):
                id_ = section.text("id") or section.text("name")
                name = section.text("name") or id_
                if id_ is None or name is None:
                    self._report.lost(section.path, "expected an id", needs_consent=True)
                    continue
                self._report.exact(section.path, f"label {label} with the value {name}")
                above = self._above(section, groups) if label == "team" else {}
                groups[f"{label} {id_}"] = {**above, label: name}
                found = limits.limits(section, f"{label}_id", f"a policy for the {label}", {"level": "policy"})
                self._add_policy(f"{label} {name}", [{"key": f"metadata.{label}", "value": name}], found)
                section.skip(dict.fromkeys(("profile", "config", "claims"), "labels hold a name alone"))
                section.skip({"config_hash": "an identifier of Bifrost's"})
                section.finish()
        return groups

    def _above(self, section: Section, groups: Mapping[str, Body]) -> Body:
        """The labels of a team's customer."""
        id_ = section.text("customer_id")
        if id_ is None:
            return {}
        self._report.exact(section.at("customer_id"), "label customer of the team's keys")
        return groups.get(f"customer {id_}", {"customer": id_})

    def _policies(self, governance: Section, limits: LimitReader) -> None:
        """Limits of models and of providers."""
        for section in governance.sections("model_configs"):
            model, provider = section.text("model_name"), section.text("provider")
            text = f"model {provider + '/' if provider else ''}{model}"
            found = limits.limits(section, "model_config_id", f"a policy for the {text}", {"level": "policy"})
            names = self._asked(model or "", provider)
            self._add_policy(text, [{"key": "model", "value": names}], found)
            self._report.near(section.path, "a policy on the model's name, as callers say it")
            section.skip({"id": "policies have names", "config_hash": "an identifier of Bifrost's"})
            section.finish()
        for section in governance.sections("providers"):
            name = section.text("name") or ""
            found = limits.limits(section, "provider_name", f"a policy for {name}", {"level": "policy"})
            slugs = [key.slug for key in self._keys.get(name, [])]
            self._report.exact(section.at("name"), "policy on the provider's keys")
            self._add_policy(f"provider {name}", [{"key": "virtual_key", "value": slugs}], found)
            section.skip({"id": "policies have names", "config_hash": "an identifier of Bifrost's"})
            section.finish()

    def _asked(self, model: str, provider: str | None) -> list[str]:
        """The names under which callers ask for a model."""
        providers = [provider] if provider else list(self._keys)
        slugs = [key.slug for each in providers for key in self._keys.get(each, [])]
        return [model, *(f"{each}/{model}" for each in providers), *(f"@{slug}/{model}" for slug in slugs)]

    def _add_policy(self, name: str, conditions: list[Body], limits: Body) -> None:
        usage = limits.get("usage_limits")
        policy: Body = {"name": name, "conditions": conditions, "group_by": []}
        for each in usage if isinstance(usage, list) else [usage] if usage else []:
            self._imported.usage_policies.append({**policy, **each})
        for each in limits.get("rate_limits", ()):
            self._imported.rate_policies.append({**policy, **each})
