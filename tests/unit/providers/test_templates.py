"""Templates of addresses and paths: what fills them, what stays, and what is asked for."""

from __future__ import annotations

import pytest

from penstock.core.failure import Failure, Kind
from penstock.core.http import Url
from penstock.providers.row import Option, Provider, chat_only
from penstock.providers.templates import filled, refuse_option, target_template, with_defaults

ROW = Provider(
    "unit",
    "Unit",
    "https://{region}.example",
    "https://example.com",
    chat_only(),
    options=(
        Option("region", "unit-region", required=True, pattern="[a-z]+"),
        Option("version", "unit-version", default="v1"),
        Option("tenant", "unit-tenant"),
    ),
    derived={"tenant": lambda values: values["region"] if values.get("region") == "eu" else None},
)
BASE = Url.parse("https://eu.example/base?key=1")


def test_values_are_given_or_defaults_or_follow_from_others() -> None:
    assert with_defaults(ROW, {"region": "eu"}) == {"version": "v1", "region": "eu", "tenant": "eu"}
    assert with_defaults(ROW, {"region": "us", "version": "v2"}) == {"version": "v2", "region": "us"}


def test_a_value_must_match_its_pattern() -> None:
    assert refuse_option(ROW, {"region": "eu", "tenant": "any/thing"}) is None
    refused = refuse_option(ROW, {"region": "eu.evil"})
    assert refused is not None
    assert (refused.kind, refused.param) == (Kind.INVALID_CONFIG, "x-portkey-unit-region")


@pytest.mark.parametrize(
    ("value", "segment"),
    [
        ("a", "a"),
        ("a/b", "a%2Fb"),
        ("..", "%252E%252E"),
        ("é?#", "%C3%A9%3F%23"),
        ("a/../b", "a%2F%252E%252E%2Fb"),
        ("..\\x", "%252E%252E%5Cx"),
        ("..;", "%252E%252E%3B"),
        ("a/..b/c.", "a%2F..b%2Fc."),
    ],
)
def test_a_value_is_one_segment(value: str, segment: str) -> None:
    assert filled(ROW, "/{tenant}/{model}", {"tenant": value}) == f"/{segment}/{{model}}"


def test_a_missing_value_is_asked_for() -> None:
    failure = filled(ROW, "/{tenant}", {})
    assert isinstance(failure, Failure)
    assert (failure.param, "unit needs tenant" in failure.message) == ("x-portkey-unit-tenant", True)


def test_a_target_joins_the_base_its_query_and_the_pairs_that_have_values() -> None:
    path = "/{model}?api-version={version}&tenant={tenant}"
    assert target_template(ROW, BASE, path, {"version": "v 1"}) == "/base/{model}?key=1&api-version=v%201"
    assert target_template(ROW, BASE, "/{tenant}", {"tenant": "t"}) == "/base/t?key=1"
