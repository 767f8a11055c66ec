"""All checks by id. Ids are compared without regard to case: ``alluppercase`` and ``allUppercase`` are one check.

They are loaded when the first guardrail is read (some 20 ms): most gateways guard nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Final

from penstock.core.lazy_registry import load
from penstock.guards.base import Check
from penstock.guards.packages import checks_of_packages

_FAMILIES: Final = """
    checks.text checks.matching checks.formats checks.access checks.prefix checks.web checks.personal checks.secrets
    checks.words checks.hidden checks.size checks.injection checks.jwt checks.judge checks.language
    checks.request_parameters partners.bedrock partners.azure partners.openai_moderation partners.presidio
    partners.lakera partners.prisma_airs partners.mistral partners.crowdstrike partners.guardrail_server
""".split()
"""The modules below ``penstock.guards`` with ``CHECKS``, in the order in which checks are listed."""


@cache
def all_checks() -> Mapping[str, Check]:
    """The checks by id in lower case, those of other packages, too. Raises UnusablePackage."""
    families: list[tuple[Check, ...]] = [load(f"penstock.guards.{family}:CHECKS") for family in _FAMILIES]
    built_in = {name.lower(): check for family in families for check in family for name in (check.id, *check.aliases)}
    others = checks_of_packages(built_in)
    return MappingProxyType(
        {**built_in, **{name.lower(): check for check in others for name in (check.id, *check.aliases)}}
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
    return all_checks().get(full_id(name).lower())


def is_known(name: str) -> bool:
    """Whether an id without a check here belongs to a plugin of Portkey's."""
    return full_id(name).partition(".")[0].lower() in _KNOWN
