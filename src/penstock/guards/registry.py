"""All checks by id. Ids are compared without regard to case: ``alluppercase`` and ``allUppercase`` are one check."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from penstock.guards.base import Check
from penstock.guards.checks import (
    access,
    hidden,
    injection,
    judge,
    jwt,
    language,
    matching,
    personal,
    prefix,
    request_parameters,
    secrets,
    shape,
    size,
    text,
    web,
    words,
)
from penstock.guards.packages import checks_of_packages
from penstock.guards.partners import (
    azure,
    bedrock,
    crowdstrike,
    guardrail_server,
    lakera,
    mistral,
    openai_moderation,
    presidio,
    prisma_airs,
)

_FAMILIES: Final[tuple[tuple[Check, ...], ...]] = (
    text.CHECKS,
    matching.CHECKS,
    shape.CHECKS,
    access.CHECKS,
    prefix.CHECKS,
    web.CHECKS,
    personal.CHECKS,
    secrets.CHECKS,
    words.CHECKS,
    hidden.CHECKS,
    size.CHECKS,
    injection.CHECKS,
    jwt.CHECKS,
    judge.CHECKS,
    language.CHECKS,
    request_parameters.CHECKS,
    bedrock.CHECKS,
    azure.CHECKS,
    openai_moderation.CHECKS,
    presidio.CHECKS,
    lakera.CHECKS,
    prisma_airs.CHECKS,
    mistral.CHECKS,
    crowdstrike.CHECKS,
    guardrail_server.CHECKS,
)

_BUILT_IN: Final = {
    name.lower(): check for family in _FAMILIES for check in family for name in (check.id, *check.aliases)
}

CHECKS: Final[Mapping[str, Check]] = MappingProxyType(
    {
        **_BUILT_IN,
        **{name.lower(): check for check in checks_of_packages(_BUILT_IN) for name in (check.id, *check.aliases)},
    }
)
"""Those of other packages, too."""

_KNOWN: Final = frozenset(
    """
    acuvity akto aporia azure bedrock cato crowdstrike-aidr exa f5-guardrails javelin lakera lasso levo litellm mistral
    openai pangea panw-prisma-airs patronus pillar portkey presidio promptfoo promptsecurity qualifire sydelabs tavily
    walledai zscaler
    """.split()
)
"""The namespaces of Portkey's plugins."""


def full_id(name: str) -> str:
    """The id of a check as results tell it: a name without a namespace belongs to ``default``."""
    return name if "." in name else f"default.{name}"


def check_of(name: str) -> Check | None:
    """The check with this id; None if there is none."""
    return CHECKS.get(full_id(name).lower())


def is_known(name: str) -> bool:
    """Whether an id without a check here belongs to a plugin of Portkey's."""
    return full_id(name).partition(".")[0].lower() in _KNOWN
