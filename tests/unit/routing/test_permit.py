"""What a caller may name: refused with a word on what to do, and never with another name."""

import pytest

from penstock.core.failure import Kind
from penstock.core.permissions import EVERYTHING, Permissions
from penstock.core.virtual_key import VirtualKey
from penstock.routing.permit import check_custom_host, check_provider, check_virtual_key, refuse_gateway_key
from penstock.routing.problems import Refused

KEY = VirtualKey("prod", "openai")


def test_without_limits_everything_may_be_named() -> None:
    check_provider(EVERYTHING, "openai", "config.provider")
    check_virtual_key(EVERYTHING, KEY, "config.virtual_key")
    check_custom_host(EVERYTHING, "config.custom_host")


@pytest.mark.parametrize(
    ("permissions", "may"),
    [
        (Permissions(virtual_keys=frozenset({"prod"})), True),
        (Permissions(virtual_keys=frozenset({"other"})), False),
        (Permissions(virtual_keys=frozenset()), False),
        # Without a list of virtual keys, their providers decide; a list stands for itself.
        (Permissions(providers=frozenset({"openai"})), True),
        (Permissions(providers=frozenset({"echo"})), False),
        (Permissions(virtual_keys=frozenset({"prod"}), providers=frozenset({"echo"})), True),
    ],
)
def test_who_may_name_a_virtual_key(permissions: Permissions, may: bool) -> None:
    if may:
        check_virtual_key(permissions, KEY, "config.virtual_key")
        return
    with pytest.raises(Refused) as refused:
        check_virtual_key(permissions, KEY, "config.virtual_key")
    failure = refused.value.failure
    assert (failure.kind, failure.param) == (Kind.NOT_ALLOWED, "config.virtual_key")
    assert failure.message == "Your gateway key may not use the virtual key 'prod': ask the operator of the gateway."


def test_providers_and_hosts() -> None:
    fenced = Permissions(providers=frozenset({"openai"}), custom_hosts=False)
    check_provider(fenced, "openai", "x-portkey-provider")
    with pytest.raises(Refused) as provider:
        check_provider(fenced, "anthropic", "x-portkey-provider")
    assert "may not use the provider 'anthropic'" in provider.value.failure.message
    with pytest.raises(Refused) as host:
        check_custom_host(fenced, "x-portkey-custom-host")
    assert "may not name a host" in host.value.failure.message


def test_a_gateway_key_is_not_quoted() -> None:
    failure = refuse_gateway_key("config.api_key").failure
    assert failure.kind is Kind.INVALID_CONFIG
    assert failure.message == (
        "The value of config.api_key is a key of this gateway, which is never sent to a provider: send the provider's."
    )
