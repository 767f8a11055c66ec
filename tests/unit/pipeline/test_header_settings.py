"""The settings in a request's headers. tests/unit/pipeline/test_compile.py has what becomes of them."""

from __future__ import annotations

import pytest

from penstock.core.failure import Failure, Kind
from penstock.pipeline.choice import NO_CHOICE, Choice
from penstock.pipeline.header_settings import header_settings
from penstock.routing.rules import HeaderSettings

BARE = {b"anthropic-version": "version"}


def read(choice: Choice = NO_CHOICE, **fields: str) -> HeaderSettings:
    named = {name.replace("_", "-").encode(): value.encode() for name, value in fields.items()}
    settings = header_settings(named, choice, BARE)
    assert isinstance(settings, HeaderSettings)
    return settings


def test_without_headers_nothing_is_set() -> None:
    assert read() == HeaderSettings()


def test_the_provider_is_named_by_a_virtual_key_a_header_or_the_model() -> None:
    by_model = Choice("@team", where="model")
    by_key = read(by_model, x_portkey_virtual_key="@mine", x_portkey_provider="openai")
    assert (by_key.provider, by_key.where, by_key.names_key) == ("@mine", "x-portkey-virtual-key", True)
    by_header = read(by_model, x_portkey_provider="openai")
    assert (by_header.provider, by_header.where, by_header.names_key) == ("openai", "x-portkey-provider", False)
    chosen = read(by_model)
    assert (chosen.provider, chosen.where) == ("@team", "model")


@pytest.mark.parametrize("header", ["authorization", "x_api_key", "x_goog_api_key", "api_key"])
def test_a_credential_in_the_header_of_any_sdk(header: str) -> None:
    key = read(NO_CHOICE, **{header: "sk-1"}).authorization
    assert key is not None
    assert key.reveal() == "sk-1"
    assert read(NO_CHOICE, **{header: "DUMMY-KEY"}).authorization is None


def test_options_come_with_the_prefix_or_bare() -> None:
    settings = read(x_portkey_aws_region="eu", anthropic_version="2", x_portkey_trace_id="t", other="o")
    assert settings.options["aws_region"] == "eu"
    assert settings.options["version"] == "2"
    assert "other" not in settings.options


@pytest.mark.parametrize(("text", "limit"), [("1500", 1500.0), ("0", None), ("soon", None), ("inf", None)])
def test_a_timeout_is_milliseconds(text: str, limit: float | None) -> None:
    assert read(x_portkey_request_timeout=text).request_timeout == limit


@pytest.mark.parametrize("names", ["x-portkey-forward-headers", ",".join(f"h{number}" for number in range(1000))])
def test_headers_that_can_not_be_forwarded(names: str) -> None:
    failure = header_settings({b"x-portkey-forward-headers": names.encode()}, NO_CHOICE, BARE)
    assert isinstance(failure, Failure)
    assert failure.kind is Kind.INVALID_CONFIG
