"""AWS signatures, checked by botocore; roles, keys and whose they are."""

from __future__ import annotations

import datetime
import json
import time
import urllib.parse
from unittest import mock

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from credentials import ADDRESSES, BODY, KEYS, fields, outgoing
from penstock.auth import sigv4
from penstock.auth.signer import Outgoing, Token, TokenRequest
from penstock.auth.sigv4 import SigV4
from penstock.core.failure import Failure
from penstock.core.secret import Secret


def resigned(request: Outgoing, moment: str, session: str | None) -> str:
    """The Authorization header that botocore makes of the same request at the same moment."""
    asked = AWSRequest("POST", request.url, {"Content-Type": "application/json"}, request.body)
    at = datetime.datetime.strptime(moment, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.UTC)
    signer = SigV4Auth(Credentials("AKIDUNIT", "unit-secret", session), "bedrock", "eu-west-1")
    with mock.patch("botocore.auth.get_current_datetime", return_value=at.replace(tzinfo=None)):
        signer.add_auth(asked)
    return str(asked.headers["Authorization"])


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("session", ["", "unit-session"])
def test_botocore_signs_alike(address: str, session: str) -> None:
    signer = sigv4.signer("bedrock", {**KEYS, "aws_session_token": session}, None, None)
    assert isinstance(signer, SigV4)
    sent = fields(signer.lines(outgoing(address), None))
    assert sent["authorization"] == resigned(outgoing(address), sent["x-amz-date"], session or None)
    assert sent.get("x-amz-security-token", "") == session
    assert sent["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIDUNIT/")
    assert "host" in sent["authorization"]


def test_the_path_is_signed_encoded_once_more() -> None:
    """An id with %3A on the wire stands as %253A in what is signed, as AWS has it for every service but S3."""
    asked = AWSRequest("POST", outgoing().url, {}, BODY)
    canonical = SigV4Auth(Credentials("a", "b"), "bedrock", "eu-west-1").canonical_request
    asked.context["timestamp"] = "20250101T000000Z"
    asked.headers["X-Amz-Date"] = "20250101T000000Z"
    assert "/model/amazon.nova-lite-v1%253A0/converse" in canonical(asked)


def test_a_changed_body_has_another_signature() -> None:
    signer = sigv4.signer("bedrock", KEYS, None, None)
    assert isinstance(signer, SigV4)
    first, second = (fields(signer.lines(outgoing(body=body), None)) for body in (b"a", b"b"))
    assert first["authorization"] != second["authorization"]


def test_a_role_is_assumed_with_the_keys() -> None:
    role = {"aws_auth_type": "assumedRole", "aws_role_arn": "arn:aws:iam::123:role/unit", "aws_external_id": "ext"}
    signer = sigv4.signer("bedrock", {**KEYS, **role}, None, None)
    assert isinstance(signer, SigV4)
    wanted = signer.token_request(0.0)
    assert isinstance(wanted, TokenRequest)
    assert wanted.url.origin.host == "sts.eu-west-1.amazonaws.com"
    form = dict(urllib.parse.parse_qsl(wanted.body.decode()))
    assert (form["Action"], form["RoleArn"], form["ExternalId"]) == ("AssumeRole", role["aws_role_arn"], "ext")
    assert "/eu-west-1/sts/aws4_request" in fields(wanted.headers)["authorization"]
    credentials = {"AccessKeyId": "ASIA", "SecretAccessKey": "s", "SessionToken": "t", "Expiration": 5000.0}
    told = {"AssumeRoleResponse": {"AssumeRoleResult": {"Credentials": credentials}}}
    token = signer.read_token(200, json.dumps(told).encode(), 1000.0)
    assert token == Token(Secret("s"), 5000.0, "ASIA", Secret("t"))
    assert "Credential=ASIA/" in fields(signer.lines(outgoing(), token))["authorization"]
    refused = signer.read_token(403, b'{"Error":{"Code":"AccessDenied","Message":"no"}}', 0.0)
    assert isinstance(refused, Failure)
    assert refused.status == 401
    assert isinstance(signer.read_token(200, b"[]", 0.0), Failure)


@pytest.mark.parametrize(
    ("expiration", "expires"),
    [
        ("5000", 5000.0), ('"1970-01-01T01:00:00+00:00"', 3600.0), ('"1970-01-01T01:00:00"', 3600.0),
        ("1e999", 1300.0), ("null", 1300.0), ('"soon"', 1300.0),
    ],
)  # fmt: skip
def test_when_the_keys_of_a_role_end(expiration: str, expires: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    time.tzset()
    signer = sigv4.signer("bedrock", {**KEYS, "aws_role_arn": "arn:aws:iam::123:role/unit"}, None, None)
    keys = f'{{"AccessKeyId":"ASIA","SecretAccessKey":"s","SessionToken":"t","Expiration":{expiration}}}'
    reply = f'{{"AssumeRoleResponse":{{"AssumeRoleResult":{{"Credentials":{keys}}}}}}}'
    assert isinstance(signer, SigV4)
    token = signer.read_token(200, reply.encode(), 1000.0)
    monkeypatch.undo()
    time.tzset()
    assert isinstance(token, Token)
    assert token.expires == expires


@pytest.mark.parametrize(
    ("options", "param"),
    [
        ({"aws_access_key_id": "A"}, "aws_access_key_id"),
        ({**KEYS, "aws_auth_type": "assumedRole"}, "aws_access_key_id"),
    ],
)
def test_incomplete_keys_are_told(options: dict[str, str], param: str) -> None:
    found = sigv4.signer("bedrock", options, None, None)
    assert isinstance(found, Failure)
    assert (found.status, found.param) == (401, param)


def test_a_bedrock_api_key_needs_no_signature() -> None:
    assert sigv4.signer("bedrock", {}, Secret("key"), None) is None
    assert sigv4.signer("bedrock", {**KEYS, "aws_auth_type": "apiKey"}, Secret("key"), None) is None


def test_the_gateways_own_keys_are_marked_as_its_own() -> None:
    for options in ({"aws_profile": "prod"}, {"aws_auth_type": "default"}):
        found = sigv4.signer("bedrock", options, None, {})
        assert isinstance(found, SigV4)
        assert found.is_own
        assert found.fetch is not None


def test_a_role_that_the_operators_keys_assume_is_the_gateways_own() -> None:
    role = {"aws_auth_type": "assumedRole", "aws_role_arn": "arn:aws:iam::123:role/unit"}
    lent = {"AWS_ASSUME_ROLE_ACCESS_KEY_ID": "AKIDOWN", "AWS_ASSUME_ROLE_SECRET_ACCESS_KEY": "own"}
    found = sigv4.signer("bedrock", role, None, lent)
    assert isinstance(found, SigV4)
    assert (found.is_own, found.key_id, found.fetch) == (True, "AKIDOWN", None)
    assert isinstance(found.token_request(0.0), TokenRequest)
    unlent = sigv4.signer("bedrock", role, None, None)
    assert isinstance(unlent, SigV4)
    assert unlent.is_own, "so that it is refused where the gateway's identity is not lent"


def test_a_role_is_never_passed_over_for_the_keys_that_were_to_assume_it() -> None:
    role = {"aws_auth_type": "assumedRole", "aws_role_arn": "arn:aws:iam::123:role/unit"}
    found = sigv4.signer("bedrock", role, None, {})
    assert isinstance(found, Failure)
    assert "aws_role_arn" in found.message


def test_only_the_gateways_own_identity_needs_botocore() -> None:
    with mock.patch("penstock.auth.sigv4.find_spec", return_value=None):
        assert isinstance(sigv4.signer("bedrock", KEYS, None, None), SigV4)
        found = sigv4.signer("bedrock", {"aws_profile": "prod"}, None, {})
    assert isinstance(found, Failure)
    assert (found.status, found.kind.value) == (501, "not_installed")
    assert "penstock[aws]" in found.message
