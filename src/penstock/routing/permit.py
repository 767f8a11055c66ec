"""Whether a caller may use what a request or a config of the caller's names. Source: docs/configs.md#gateway-keys.

What the operator wrote (a saved config's targets, a virtual key's settings) is not judged here: the operator's lists of
configs and of virtual keys say who may use it.
"""

from __future__ import annotations

from typing import Final

from penstock.core.failure import Failure, Kind
from penstock.core.permissions import Permissions, includes
from penstock.core.virtual_key import VirtualKey
from penstock.routing.problems import Refused

ACCOUNT_HEADERS: Final = frozenset(
    "openai-organization openai-project x-goog-user-project x-amz-security-token azureml-model-deployment".split()
)
"""Request headers that choose an account, a project or a deployment behind a credential: with a credential of the
operator's they are the operator's to choose."""
_ASK: Final = "ask the operator of the gateway."


def check_provider(permissions: Permissions, provider: str, where: str) -> None:
    """Raise Refused if the caller may not name a provider."""
    if not includes(permissions.providers, provider):
        raise _refused(f"use the provider '{provider[:64]}'", where)


def check_virtual_key(permissions: Permissions, key: VirtualKey, where: str) -> None:
    """Raise Refused if the caller may not name a virtual key: it is not listed or, where no virtual key is listed, its
    provider is not."""
    allowed = permissions.virtual_keys
    if not (includes(allowed, key.name) and (allowed is not None or includes(permissions.providers, key.provider))):
        raise _refused(f"use the virtual key '{key.name}'", where)


def check_custom_host(permissions: Permissions, where: str) -> None:
    """Raise Refused if the caller may not name a host."""
    if not permissions.custom_hosts:
        raise _refused("name a host", where)


def refuse_gateway_key(where: str) -> Refused:
    """The exception for a key of this gateway in a place whose value would be sent to a provider."""
    text = f"The value of {where} is a key of this gateway, which is never sent to a provider: send the provider's."
    return Refused(Failure(Kind.INVALID_CONFIG, text, where))


def _refused(what: str, where: str) -> Refused:
    return Refused(Failure(Kind.NOT_ALLOWED, f"Your gateway key may not {what}: {_ASK}", where))
