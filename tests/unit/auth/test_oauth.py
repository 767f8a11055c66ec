"""What every issuer of tokens agrees on: the token, when it ends, and why there is none."""

import json
import math
from typing import Any

import pytest

from penstock.auth.oauth import bearer, read_token
from penstock.auth.signer import Token
from penstock.core.failure import Failure, Kind
from penstock.core.secret import Secret


def read(status: int = 200, **members: Any) -> Token | Failure:
    return read_token("The issuer", status, json.dumps(members).replace("Infinity", "1e999").encode(), 1000.0)


@pytest.mark.parametrize(
    ("members", "end"),
    [
        ({"expires_in": 60}, 1060.0),
        ({"expires_in": "60"}, 1060.0),
        ({"expires_on": "5000"}, 5000.0),
        ({"expires_in": "soon"}, 1300.0),
        ({"expires_in": 10**400}, 1300.0),
        ({"expires_in": math.inf}, 1300.0),
        ({"expires_in": "nan", "expires_on": 5000}, 5000.0),
        ({}, 1300.0),
    ],
)
def test_when_a_token_ends(members: dict[str, Any], end: float) -> None:
    assert read(access_token="t", **members) == Token(Secret("t"), end)


@pytest.mark.parametrize(
    ("status", "members", "why"),
    [
        (400, {"error": "invalid_grant", "error_description": "Wrong key.\nSee a page"}, "(400): Wrong key."),
        (401, {"error": "invalid_client"}, "(401): invalid_client."),
        (200, {"access_token": ""}, "(200): no reason given."),
    ],
)
def test_why_there_is_none(status: int, members: dict[str, Any], why: str) -> None:
    failure = read(status, **members)
    assert isinstance(failure, Failure)
    assert failure.kind is Kind.CREDENTIAL_REFUSED
    assert why in failure.message


def test_what_is_no_json_is_no_token() -> None:
    assert isinstance(read_token("The issuer", 200, b"<html>", 0.0), Failure)


def test_a_token_is_shown_as_a_bearer() -> None:
    assert bearer(Token(Secret("t"), 0.0)) == b"authorization: Bearer t\r\n"
    assert bearer(None) == b""
