"""Google's assertions, verified by google-auth; accounts that can't be used."""

from __future__ import annotations

import datetime
import urllib.parse

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from google.auth import jwt

from credentials import ACCOUNT, PRIVATE, account, outgoing, pem
from penstock.auth import google
from penstock.auth.google import DefaultCredentials, ServiceAccount
from penstock.auth.signer import Token, TokenRequest
from penstock.core.failure import Failure
from penstock.core.secret import Secret


def certificate() -> str:
    """google-auth verifies with a certificate."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "unit")])
    start = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    made = x509.CertificateBuilder(name, name, PRIVATE.public_key(), 1, start, start.replace(year=2090))
    return made.sign(PRIVATE, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def test_google_auth_verifies_the_assertion() -> None:
    signer = account()
    assert isinstance(signer, ServiceAccount)
    now = datetime.datetime.now(datetime.UTC).timestamp()
    wanted = signer.token_request(now)
    assert isinstance(wanted, TokenRequest)
    assert wanted.url.origin.host == "oauth2.googleapis.com"
    form = dict(urllib.parse.parse_qsl(wanted.body.decode()))
    assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    claims = jwt.decode(form["assertion"], certs=certificate(), audience="https://oauth2.googleapis.com/token")  # type: ignore[no-untyped-call]
    assert claims["iss"] == ACCOUNT["client_email"]
    assert claims["scope"] == google.SCOPE
    assert claims["exp"] - claims["iat"] == 3600
    token = signer.read_token(200, b'{"access_token":"ya29","expires_in":3599}', 100.0)
    assert token == Token(Secret("ya29"), 3699.0)
    assert signer.lines(outgoing(), token) == b"authorization: Bearer ya29\r\n"
    refused = signer.read_token(400, b'{"error":"invalid_grant","error_description":"Bad account"}', 0.0)
    assert isinstance(refused, Failure)
    assert (refused.status, "Bad account" in refused.message) == (401, True)


@pytest.mark.parametrize(
    "uri",
    [
        "http://oauth2.googleapis.com/token",
        "https://evil.example/token",
        "https://evilgoogleapis.com/t",
        "https://169.254.169.254/",
        "x",
    ],
)
def test_no_account_leads_the_gateway_elsewhere(uri: str) -> None:
    found = account(token_uri=uri)
    assert isinstance(found, Failure)
    assert "token_uri" in found.message


def test_older_accounts_get_their_tokens_at_googles_older_address() -> None:
    wanted = account(token_uri="https://accounts.google.com/o/oauth2/token").token_request(0.0)
    assert isinstance(wanted, TokenRequest)
    assert str(wanted.url.origin.host) == "accounts.google.com"


@pytest.mark.parametrize(
    "given", ["{", "[]", "{}", '{"client_email": "a"}', '{"client_email": "a", "private_key": "\\ud800"}']
)
def test_an_unusable_account_is_told(given: str) -> None:
    found = google.signer({"vertex_service_account_json": given}, None, None)
    assert isinstance(found, Failure)
    assert (found.status, found.param) == (400, "vertex_service_account_json")


@pytest.mark.parametrize(
    "key",
    ["-----BEGIN nothing", pem(PRIVATE, b"unit"), pem(ec.generate_private_key(ec.SECP256R1()))],
    ids=["no key", "behind a passphrase", "of another kind"],
)
def test_an_unusable_private_key_is_told(key: str) -> None:
    found = account(private_key=key).token_request(0.0)
    assert isinstance(found, Failure)
    assert "RSA" in found.message
    assert "BEGIN" not in found.message


def test_googles_default_credentials_are_the_gateways_own() -> None:
    assert google.signer({}, Secret("token"), {}) is None
    assert google.signer({}, None, None) is None
    found = google.signer({}, None, {})
    assert isinstance(found, DefaultCredentials)
    assert found.is_own
