"""A plan's target made ready for one operation: where it is, what its requests look like, how long they may take."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import msgspec

from penstock.core.failure import Failure
from penstock.core.http import Limits
from penstock.core.parameter_changes import ParameterChanges
from penstock.core.secret import Secret
from penstock.providers.endpoint import Endpoint, bind
from penstock.providers.row import Operation, Option, Provider
from penstock.routing.plan import Target


class TargetRoute(msgspec.Struct, frozen=True):
    """A target and the endpoint that serves one operation for it.

    ``serial`` tells routes apart as long as the process lives. ``aliased_model`` is the model that an alias (an
    inference profile's ARN, say) stands for; empty when it is unknown.
    """

    target: Target
    provider: Provider
    endpoint: Endpoint
    operation: Operation
    changes: ParameterChanges
    limits: Limits
    serial: int = msgspec.field(default_factory=itertools.count().__next__)
    aliased_model: str = ""


class TargetBinder(msgspec.Struct, frozen=True):
    """Binds targets to endpoints. ``environment_keys`` are the operator's own provider keys by slug, if it lends them;
    ``environment`` is the gateway's own identity, if it lends that."""

    providers: Mapping[str, Provider]
    limits: Limits
    environment_keys: Mapping[str, Secret]
    environment: Mapping[str, str] | None = None

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
        )
        if isinstance(endpoint, Failure):
            return endpoint
        changes = ParameterChanges(target.default_params, target.override_params, target.drop_params)
        return TargetRoute(target, row, endpoint, operation, changes, self._limits_for(target))

    def _limits_for(self, target: Target) -> Limits:
        own, timeouts = self.limits, target.timeouts
        timeout = target.request_timeout
        return Limits(
            own.connect if timeouts.connect is None else timeouts.connect,
            own.first_byte if timeout is None else timeout / 1000,
            own.idle if timeouts.idle is None else timeouts.idle,
            own.total,
        )


def _option(option: Option, settings: Mapping[str, str]) -> str | None:
    for name in (option.name, option.header.replace("-", "_"), *option.config_keys):
        if settings.get(name):
            return settings[name]
    return None
