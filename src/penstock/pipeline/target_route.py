"""A plan's target, bound to an operation: its endpoint, the changes to its requests, its time limits."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import msgspec

from penstock.core.address import AddressPolicy
from penstock.core.failure import Failure
from penstock.core.http import Limits
from penstock.core.parameter_changes import ParameterChanges
from penstock.core.secret import Secret
from penstock.dialects.dialect import WriteContext
from penstock.providers.endpoint import Endpoint, ModelRoute, bind
from penstock.providers.row import Operation, Option, Provider
from penstock.routing.plan import Target


class RequestTemplate(msgspec.Struct, frozen=True):
    """The part of a request that depends only on the target, the model, the caller's wire and its form (streamed or
    not).

    ``is_same_wire``: the provider's host speaks the caller's wire (lane 1). ``target`` is the request target, without
    the caller's query and path parameters. ``model`` is the JSON that replaces the body's ``model``, None for no
    change. ``can_ask_usage``: the host accepts a request for a stream's usage.
    """

    model_route: ModelRoute
    context: WriteContext
    is_same_wire: bool
    target: bytes
    model: bytes | None
    can_ask_usage: bool


TemplateKey = tuple[str | None, str, str, bool]
"""The model, the model that it is an alias of, the caller's wire and whether the answer is streamed."""


class TargetRoute(msgspec.Struct, frozen=True):
    """A target and the endpoint that serves one operation for it.

    ``serial`` is unique in the process. ``aliased_model`` is the model that an alias stands for (for example
    ``anthropic.claude-sonnet-4-5`` for an inference profile's ARN); empty when the model is unknown.

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
    templates: dict[TemplateKey, RequestTemplate | Failure] = msgspec.field(default_factory=dict)


class TargetBinder(msgspec.Struct, frozen=True):
    """Binds targets to endpoints. ``environment_keys`` are the operator's provider keys by slug, ``environment`` is the
    gateway's own identity; both are empty unless the operator allows callers to use them. ``policy`` judges the hosts
    that callers name."""

    providers: Mapping[str, Provider]
    limits: Limits
    environment_keys: Mapping[str, Secret]
    environment: Mapping[str, str] | None = None
    policy: AddressPolicy = AddressPolicy()

    def bind(self, target: Target, operation: Operation) -> TargetRoute | Failure:
        """The route of a target."""
        row = self.providers[target.provider]
        endpoint = bind(
            row,
            operation,
            key=target.api_key,
            lent_key=self.environment_keys.get(target.provider),
            environment=self.environment,
            options={option.name: value for option in row.options if (value := _option(option, target.options))},
            custom_host=target.custom_host,
            policy=self.policy,
            is_named=target.virtual_key is None,
        )
        if isinstance(endpoint, Failure):
            return endpoint
        changes = ParameterChanges(target.default_params, target.override_params, target.drop_params)
        return TargetRoute(target, row, endpoint, operation, changes, self._limits_for(target))

    def _limits_for(self, target: Target) -> Limits:
        defaults, timeouts = self.limits, target.timeouts
        timeout = target.request_timeout
        return Limits(
            defaults.connect if timeouts.connect is None else timeouts.connect,
            defaults.first_byte if timeout is None else timeout / 1000,
            defaults.idle if timeouts.idle is None else timeouts.idle,
            defaults.total,
        )


def _option(option: Option, settings: Mapping[str, str]) -> str | None:
    for name in (option.name, option.header.replace("-", "_"), *option.config_keys):
        if settings.get(name):
            return settings[name]
    return None
