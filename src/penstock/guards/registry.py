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
    jwt,
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
    request_parameters.CHECKS,
)

CHECKS: Final[Mapping[str, Check]] = MappingProxyType(
    {name.lower(): check for family in _FAMILIES for check in family for name in (check.id, *check.aliases)}
)

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
