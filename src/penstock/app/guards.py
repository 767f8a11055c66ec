"""The composition root's part for guards: what their stage and their compiler get of the settings."""

from __future__ import annotations

import os
from collections.abc import Mapping

from penstock.core.address import AddressPolicy
from penstock.dialects.registry import CALLERS
from penstock.guards.packages import GROUP
from penstock.guards.plan import StreamMode
from penstock.guards.read import GuardPolicy
from penstock.guards.registry import all_checks
from penstock.installed import has_entry_points
from penstock.pipeline.authorize import Authorizer
from penstock.pipeline.guarding.guard import Guarding
from penstock.pipeline.guarding.model import GuardModels
from penstock.pipeline.guarding.outbound import Knows
from penstock.pipeline.guarding.results import GuardResults
from penstock.pipeline.models.model_alias import ModelAliases
from penstock.pipeline.upstream import Upstream
from penstock.settings.model import Settings
from penstock.transport.base import Transport


def guard_policy(settings: Settings) -> GuardPolicy:
    """What the operator says of all guards. Raises UnusablePackage."""
    if has_entry_points(GROUP):
        # A package that can't be used ends the start, and not a request.
        all_checks()
    guards = settings.guards
    return GuardPolicy(
        guards.default_input,
        guards.default_output,
        guards.on_error == "fail",
        StreamMode(guards.stream or StreamMode.AFTER.value),
        bool(guards.stream),
        guards.allow_from_requests,
    )


def guarding_of(
    settings: Settings, transports: Mapping[str, Transport], policy: AddressPolicy, knows: Knows
) -> Guarding:
    """The stage that runs guards. ``knows`` looks a host's name up."""
    guards, authorizer = settings.guards, Authorizer(transports)
    return Guarding(
        Upstream(transports, authorizer, ModelAliases(transports, authorizer)),
        policy,
        GuardResults(guards.excerpts == "always", guards.excerpts == "never", guards.reason_in_message),
        refuses_unguarded=guards.unguarded == "refuse",
        environment=os.environ if settings.providers.gateway_identity else None,
        answers_checks=guards.check_endpoint,
        models=GuardModels(CALLERS["openai_chat"]),
        knows=knows,
    )
