"""A plan's target, bound to an operation: its endpoint, the changes to its requests, its time limits."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Final

import msgspec

from penstock.core.address import AddressPolicy
from penstock.core.failure import Failure, Kind
from penstock.core.http import Limits, Url
from penstock.core.operation import Operation
from penstock.core.parameter_changes import NO_CHANGES, ParameterChanges
from penstock.core.permissions import EVERYTHING, Permissions
from penstock.core.placeholder import is_placeholder
from penstock.core.secret import Secret
from penstock.core.virtual_key import End
from penstock.dialects.caller import FitRule, Normalize
from penstock.pipeline.models.model_lists import ModelLists, model_lists, names_model
from penstock.pipeline.rewrite import RewriteSpec
from penstock.pipeline.text_slots import KnownForms
from penstock.providers.endpoint import Endpoint, ModelRoute, bind
from penstock.providers.row import Option, Provider
from penstock.routing.permit import ACCOUNT_HEADERS
from penstock.routing.plan import Target


class RequestTemplate(msgspec.Struct, frozen=True):
    """The part of a request that depends only on the target, the model, the caller's wire and its form (streamed or
    not).

    ``asked_model`` is the model that the caller names. ``spec`` is what is done to the body. ``target`` is the request
    target, without the caller's query and path parameters, ``plain_target`` that of a plain answer. ``headers`` is the
    header block of a request that passed no other gateway; None where it depends on the caller's own header.
    ``unchanged`` tells of a body that it is sent as it is, with nothing but this template; None where none is.
    ``normalize`` is done to whole replies on lane 1. ``blocks`` are recent header blocks with header fields of single
    requests, by these fields. ``forms`` are recent forms of translated requests; None where a request is translated by
    itself alone.
    """

    model_route: ModelRoute
    asked_model: str | None
    spec: RewriteSpec
    target: bytes
    plain_target: bytes
    headers: bytes | None
    unchanged: FitRule | None = None
    normalize: Normalize | None = None
    blocks: dict[tuple[tuple[str, str], ...], bytes] = msgspec.field(default_factory=dict)
    forms: KnownForms | None = None


TemplateKey = tuple[str | None, str, str, bool]
"""The model, the model that it is an alias of, the caller's wire and whether the answer is streamed."""


class TargetRoute(msgspec.Struct, frozen=True):
    """A target and the endpoint that serves one operation for it.

    ``serial`` is unique in the process. ``aliased_model`` is the model that an alias stands for (for example
    ``anthropic.claude-sonnet-4-5`` for an inference profile's ARN); empty when the model is unknown. ``model_lists``
    limit the models that a request may name; None without a limit.

    ``templates`` are the templates of recent requests, or the refusal of a model. Copies of a route share them.
    """

    target: Target
    provider: Provider
    endpoint: Endpoint
    operation: Operation
    changes: ParameterChanges
    limits: Limits
    serial: int = msgspec.field(default_factory=itertools.count().__next__)
    aliased_model: str = ""
    model_lists: ModelLists | None = None
    templates: dict[TemplateKey, RequestTemplate | Failure] = msgspec.field(default_factory=dict)


class Grants(msgspec.Struct, frozen=True):
    """What the gateway grants a caller: permissions, and the private hosts that the caller may name (None: all)."""

    permissions: Permissions = EVERYTHING
    policy: AddressPolicy | None = None


_ALL: Final = Grants()


class TargetBinder(msgspec.Struct, frozen=True):
    """Binds targets to endpoints. ``environment_keys`` are the operator's provider keys by slug, ``environment`` is the
    gateway's own identity; both are empty unless the operator allows callers to use them. ``policy`` judges the hosts
    that callers name, where their grants have none.

    ``accounts`` are the options of a provider, by slug, that the operator's environment fixes, such as the resource's
    name at Azure: a host that holds a caller's account gets neither key nor identity of the operator's.
    """

    providers: Mapping[str, Provider]
    limits: Limits
    environment_keys: Mapping[str, Secret]
    environment: Mapping[str, str] | None = None
    accounts: Mapping[str, Mapping[str, str]] = {}
    policy: AddressPolicy = AddressPolicy()

    def bind(self, target: Target, operation: Operation, grants: Grants = _ALL) -> TargetRoute | Failure:
        """The route of a target for a caller with these grants."""
        if target.end is not None:
            return _ended(target.virtual_key or "", target.end)
        row = self.providers[target.provider]
        refused = _refused_address(row, target, grants)
        if refused is not None:
            return refused
        options = {option.name: value for option in row.options if (value := _option(option, target.options))}
        target, key, environment = self._lent(target, grants.permissions)
        if (key is not None or environment is not None) and target.custom_host is None:
            options, is_fixed = self._on_account(row, target, options)
            if not is_fixed:
                key = environment = None
        endpoint = bind(
            row,
            operation,
            key=target.api_key,
            lent_key=key,
            environment=environment,
            options=options,
            custom_host=target.custom_host,
            policy=grants.policy or self.policy,
            is_named=target.virtual_key is None,
            custom_headers=target.custom_headers,
        )
        if isinstance(endpoint, Failure):
            return endpoint
        lists, is_lent = model_lists(target, row, options), key is not None or environment is not None
        target = _with_headers(target, lists, is_lent=is_lent and not target.is_operators)
        changes = ParameterChanges(
            target.default_params, target.override_params, target.drop_params, target.model_prefix
        )
        changes = NO_CHANGES if changes == NO_CHANGES else changes
        return TargetRoute(target, row, endpoint, operation, changes, self._limits_for(target), model_lists=lists)

    def _lent(self, target: Target, permissions: Permissions) -> tuple[Target, Secret | None, Mapping[str, str] | None]:
        """The target, and the operator's key and identity that are lent to it. A placeholder of the caller's then
        counts as no key; to a host that the caller names it goes as it is, for nothing is lent there."""
        slug, own = target.provider, target.api_key
        is_kept = target.custom_host is not None or target.virtual_key is not None
        if own is not None and (is_kept or not is_placeholder(own.reveal())):
            return target, None, None
        key = self.environment_keys.get(slug) if permissions.lends_key(slug) else None
        environment = self.environment if permissions.lends_identity(slug) else None
        if own is None:
            return target, key, environment
        if key is None and (environment is None or self.providers[slug].sign is None):
            return target, None, None
        return msgspec.structs.replace(target, api_key=None), key, environment

    def _on_account(self, row: Provider, target: Target, options: dict[str, str]) -> tuple[dict[str, str], bool]:
        """The options of a request with a credential of the operator's, and whether the operator fixes its host."""
        if target.is_operators:
            return options, True
        fixed = self.accounts.get(row.slug, {})
        named = {option.name for option in row.options if option.names_account}
        is_fixed = all(options[name] == fixed.get(name) for name in named & options.keys())
        upstream = {option.name: (option.upstream_header or "").lower() for option in row.options}
        kept = {name: value for name, value in options.items() if upstream[name] not in ACCOUNT_HEADERS}
        return {**fixed, **(kept if is_fixed else options)}, is_fixed

    def _limits_for(self, target: Target) -> Limits:
        defaults, timeouts = self.limits, target.timeouts
        timeout = target.request_timeout
        return Limits(
            defaults.connect if timeouts.connect is None else timeouts.connect,
            defaults.first_byte if timeout is None else timeout / 1000,
            defaults.idle if timeouts.idle is None else timeouts.idle,
            defaults.total,
        )


def _with_headers(target: Target, lists: ModelLists | None, *, is_lent: bool) -> Target:
    """The target without the headers that must not be forwarded: those that choose the account behind a lent
    credential, those that may choose a model beside a list of models, and those that its virtual key sets."""
    names = target.forward_headers
    kept = tuple(
        name
        for name in names
        if not (is_lent and name in ACCOUNT_HEADERS)
        and not (lists is not None and names_model(name))
        and name not in target.custom_headers
    )
    return target if len(kept) == len(names) else msgspec.structs.replace(target, forward_headers=kept)


def _ended(name: str, end: End) -> Failure:
    """The failure of an attempt at a virtual key that is not in force: it counts as the target's, not as the
    request's."""
    if end == "expired":
        text = f"The virtual key '{name}' has expired: ask the operator of the gateway for another one."
        return Failure(Kind.VIRTUAL_KEY_EXPIRED, text, code="01")
    text = f"The virtual key '{name}' is switched off: ask the operator of the gateway."
    return Failure(Kind.VIRTUAL_KEY_DISABLED, text)


def _refused_address(row: Provider, target: Target, grants: Grants) -> Failure | None:
    """The failure if the provider's own address is on this machine, and the caller may not name this machine."""
    if target.custom_host is not None or target.is_operators or not row.is_local or grants.policy is None:
        return None
    reason = grants.policy.refuse_host(Url.parse(row.base_url).origin.host)
    if reason is None:
        return None
    text = (
        f"{row.slug} has its own address on the gateway's machine, which callers may not reach ({reason}): name yours "
        "in x-portkey-custom-host, or ask the operator of the gateway to trust localhost."
    )
    return Failure(Kind.INVALID_CUSTOM_HOST, text, "x-portkey-provider", "Invalid custom host")


def _option(option: Option, settings: Mapping[str, str]) -> str | None:
    for name in (option.name, option.header.replace("-", "_"), *option.config_keys):
        if settings.get(name):
            return settings[name]
    return None
