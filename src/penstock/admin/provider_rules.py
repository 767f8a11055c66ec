"""What credentials are judged by: the providers of this release, and the operator's address policy."""

from __future__ import annotations

from penstock.control.integrations.configurations import ProviderRules
from penstock.core.address import AddressPolicy
from penstock.core.http import Url
from penstock.providers.registry import ALIASES, PROVIDERS
from penstock.routing import custom_host


def provider_rules(policy: AddressPolicy) -> ProviderRules:
    """The rules for a control plane. ``policy`` judges hosts that are named through the admin API."""

    def judge(text: str) -> str | None:
        verdict = custom_host.judge(text, policy)
        return None if isinstance(verdict, Url) else verdict

    return ProviderRules(PROVIDERS, ALIASES, judge)
