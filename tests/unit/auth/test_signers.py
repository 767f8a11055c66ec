"""Signers: AWS signatures checked by botocore, Google's assertions by google-auth, Entra's requests by their form."""

from __future__ import annotations

import base64
import datetime
import hashlib
import http.server
import json
import re
import threading
import urllib.parse
from typing import Any, ClassVar
from unittest import mock

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from google.auth import jwt

from penstock.auth import entra, google, ibm, oci, sigv4
from penstock.auth.google import DefaultCredentials, ServiceAccount
from penstock.auth.signer import Outgoing, Token, TokenRequest
from penstock.auth.sigv4 import SigV4
from penstock.core.failure import Failure
from penstock.core.http import Url
from penstock.core.secret import Secret

KEYS = {"aws_access_key_id": "AKIDUNIT", "aws_secret_access_key": "unit-secret", "aws_region": "eu-west-1"}
BODY = b'{"messages":[]}'
ADDRESSES = [
    "/model/amazon.nova-lite-v1%3A0/converse",
    "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123%3Ainference-profile%2Fus.anthropic.claude/converse-stream",
    "/model/plain/invoke",
]


def outgoing(address: str = ADDRESSES[0], body: bytes = BODY) -> Outgoing:
    origin = Url.parse("https://bedrock-runtime.eu-west-1.amazonaws.com").origin
    return Outgoing(b"POST", origin, address.encode(), b"content-type: application/json\r\n", body)


def fields(lines: bytes) -> dict[str, str]:
    return {
        name.decode(): value.decode().strip()
        for name, _, value in (line.partition(b":") for line in lines.split(b"\r\n") if line)
    }


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


def test_without_botocore_the_extra_is_named() -> None:
    with mock.patch("penstock.auth.sigv4.find_spec", return_value=None):
        found = sigv4.signer("bedrock", KEYS, None, None)
    assert isinstance(found, Failure)
    assert "penstock[aws]" in found.message


# Google.

PRIVATE = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = PRIVATE.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()
ACCOUNT = {
    "client_email": "unit@p.iam.gserviceaccount.com",
    "private_key": PEM,
    "private_key_id": "k1",
    "project_id": "p",
}


def certificate() -> str:
    """google-auth verifies with a certificate."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "unit")])
    start = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    made = x509.CertificateBuilder(name, name, PRIVATE.public_key(), 1, start, start.replace(year=2090))
    return made.sign(PRIVATE, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def account(**more: Any) -> Any:
    options = {"vertex_service_account_json": json.dumps({**ACCOUNT, **more})}
    return google.signer(options, None, None)


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


def pem(key: Any, passphrase: bytes = b"") -> str:
    sealed = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    made = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, sealed)
    return str(made.decode())


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


# Entra.

ENTRA = {
    "azure_auth_mode": "entra", "azure_entra_tenant_id": "tenant-1", "azure_entra_client_id": "client-1",
    "azure_entra_client_secret": "very-secret",
}  # fmt: skip


def test_an_application_signs_in_with_its_secret() -> None:
    signer = entra.signer(ENTRA, None, None)
    assert isinstance(signer, entra.Entra)
    wanted = signer.token_request(0.0)
    assert isinstance(wanted, TokenRequest)
    assert wanted.url.origin.host == "login.microsoftonline.com"
    assert wanted.url.path == "/tenant-1/oauth2/v2.0/token"
    form = dict(urllib.parse.parse_qsl(wanted.body.decode()))
    assert form == {
        "grant_type": "client_credentials", "client_id": "client-1", "client_secret": "very-secret",
        "scope": "https://cognitiveservices.azure.com/.default",
    }  # fmt: skip
    assert not signer.is_own


def test_a_tenant_is_no_path() -> None:
    assert isinstance(entra.signer({**ENTRA, "azure_entra_tenant_id": "a/../b"}, None, None), Failure)
    assert isinstance(entra.signer({"azure_auth_mode": "entra"}, None, None), Failure)
    assert entra.signer({}, Secret("k"), None) is None


def test_a_machines_identity_is_the_gateways_own() -> None:
    signer = entra.signer({"azure_auth_mode": "managed", "azure_managed_client_id": "m-1"}, None, None)
    assert isinstance(signer, entra.ManagedIdentity)
    assert signer.is_own
    url, headers = signer.asked()
    assert (url.origin.host, url.path, headers) == (
        "169.254.169.254", "/metadata/identity/oauth2/token", {"Metadata": "true"},
    )  # fmt: skip
    assert url.query == "api-version=2018-02-01&resource=https%3A%2F%2Fcognitiveservices.azure.com%2F&client_id=m-1"


class IdentityService(http.server.BaseHTTPRequestHandler):
    """Answers as App Service does: the end of a token is a moment, in text."""

    seen: ClassVar[list[tuple[str, str | None]]] = []

    def do_GET(self) -> None:
        self.seen.append((self.path, self.headers["X-IDENTITY-HEADER"]))
        body = b'{"access_token": "of the app", "expires_on": "4102444800", "token_type": "Bearer"}'
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


def test_an_app_has_an_identity_service_of_its_own() -> None:
    with http.server.HTTPServer(("127.0.0.1", 0), IdentityService) as service:
        thread = threading.Thread(target=service.handle_request)
        thread.start()
        endpoint = f"http://127.0.0.1:{service.server_port}/msi/token"
        lent = {"IDENTITY_ENDPOINT": endpoint, "IDENTITY_HEADER": "proof"}
        signer = entra.signer({"azure_auth_mode": "managed", "azure_managed_client_id": "m-1"}, None, lent)
        assert isinstance(signer, entra.ManagedIdentity)
        assert signer.is_own
        assert signer.fetch is not None
        token = signer.fetch()
        thread.join(10)
    assert isinstance(token, Token)
    assert (token.secret.reveal(), token.expires) == ("of the app", 4102444800.0)
    ((path, proof),) = IdentityService.seen
    assert path.startswith("/msi/token?api-version=2019-08-01&resource=https%3A%2F%2F")
    assert path.endswith("&client_id=m-1")
    assert proof == "proof"


@pytest.mark.parametrize("endpoint", ["no address", "http://127.0.0.1:1/", "http://127.0.0.1:99999/"])
def test_an_identity_service_that_is_not_there_is_told(endpoint: str) -> None:
    lent = {"IDENTITY_ENDPOINT": endpoint, "IDENTITY_HEADER": "proof"}
    signer = entra.signer({"azure_auth_mode": "managed"}, None, lent)
    assert isinstance(signer, entra.ManagedIdentity)
    assert signer.fetch is not None
    found = signer.fetch()
    assert isinstance(found, Failure)
    assert found.status == 401
    assert "proof" not in found.message


def test_an_authority_may_be_named_without_its_scheme() -> None:
    for named in ("login.microsoftonline.us", "https://login.microsoftonline.us/"):
        signer = entra.signer(ENTRA, None, {"AZURE_AUTHORITY_HOST": named})
        assert isinstance(signer, entra.Entra)
        wanted = signer.token_request(0.0)
        assert isinstance(wanted, TokenRequest)
        assert wanted.url.origin.host == "login.microsoftonline.us"


def test_a_workload_shows_its_token_file(tmp_path: Any) -> None:
    file = tmp_path / "token"
    file.write_text("federated\n")
    lent = {"AZURE_FEDERATED_TOKEN_FILE": str(file), "AZURE_TENANT_ID": "t", "AZURE_CLIENT_ID": "c"}
    signer = entra.signer({"azure_auth_mode": "workload"}, None, lent)
    assert isinstance(signer, entra.Entra)
    assert signer.is_own
    wanted = signer.token_request(0.0)
    assert isinstance(wanted, TokenRequest)
    assert dict(urllib.parse.parse_qsl(wanted.body.decode()))["client_assertion"] == "federated"
    gone = entra.signer({"azure_auth_mode": "workload"}, None, None)
    assert isinstance(gone, entra.Entra)
    assert gone.is_own
    assert isinstance(gone.token_request(0.0), Failure)


@pytest.mark.parametrize(
    "signer",
    [
        SigV4("bedrock", "r", "AKID", Secret("hidden")),
        ServiceAccount("e", Secret("hidden"), "u"),
        entra.Entra("t", "c", Secret("hidden")),
        entra.ManagedIdentity("m", "http://127.0.0.1/", Secret("hidden")),
    ],
)
def test_nothing_shows_a_secret(signer: Any) -> None:
    assert "hidden" not in f"{signer!r} {signer.identity}"


OTHER = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def google_of(key: Any) -> Any:
    return account(private_key=pem(key))


def oracle_of(key: Any) -> Any:
    return oci.signer({**OCI, "oracle_private_key": pem(key)}, None, None)


def amazon_of(**more: str) -> Any:
    return sigv4.signer("bedrock", {**KEYS, **more}, None, None)


def entra_of(**more: str) -> Any:
    return entra.signer({**ENTRA, **more}, None, None)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (lambda: google_of(PRIVATE), lambda: google_of(OTHER)),
        (lambda: oracle_of(PRIVATE), lambda: oracle_of(OTHER)),
        (lambda: ibm.signer({}, Secret("a"), None), lambda: ibm.signer({}, Secret("b"), None)),
        (amazon_of, lambda: amazon_of(aws_secret_access_key="other")),
        (amazon_of, lambda: amazon_of(aws_session_token="other")),
        (amazon_of, lambda: amazon_of(aws_role_arn="arn:aws:iam::1:role/a")),
        (entra_of, lambda: entra_of(azure_entra_client_secret="other")),
    ],
    ids=["google", "oracle", "ibm", "secret", "session", "role", "entra"],
)
def test_who_knows_only_the_name_of_anothers_key_is_somebody_else(one: Any, other: Any) -> None:
    """Answers in the cache and tokens are kept by identity."""
    assert one().identity == one().identity
    assert one().identity != other().identity


# Oracle and IBM.

OCI = {
    "oracle_tenancy": "ocid1.tenancy", "oracle_user": "ocid1.user", "oracle_fingerprint": "aa:bb",
    "oracle_private_key": PEM,
}  # fmt: skip


def test_oracles_signature_verifies() -> None:
    signer = oci.signer(OCI, None, None)
    assert isinstance(signer, oci.OciKey)
    request = Outgoing(b"POST", Url.parse("https://unit.oraclecloud.com").origin, b"/20231130/actions/chat", b"", BODY)
    sent = fields(signer.lines(request, None))
    said = dict(re.findall(r'(\w+)="([^"]*)"', sent["authorization"]))
    assert said["keyId"] == "ocid1.tenancy/ocid1.user/aa:bb"
    values = {
        "date": sent["date"], "(request-target)": "post /20231130/actions/chat", "host": "unit.oraclecloud.com",
        "content-length": str(len(BODY)), "content-type": "application/json",
        "x-content-sha256": base64.b64encode(hashlib.sha256(BODY).digest()).decode(),
    }  # fmt: skip
    assert sent["x-content-sha256"] == values["x-content-sha256"]
    text = "\n".join(f"{name}: {values[name]}" for name in said["headers"].split())
    signature = base64.b64decode(said["signature"])
    PRIVATE.public_key().verify(signature, text.encode(), padding.PKCS1v15(), hashes.SHA256())


def test_oracles_key_is_looked_at_before_it_is_needed() -> None:
    assert oci.signer({}, Secret("bearer"), None) is None
    missing = oci.signer({"oracle_private_key": PEM}, None, None)
    assert isinstance(missing, Failure)
    assert missing.param == "oracle_tenancy"
    broken = oci.signer({**OCI, "oracle_private_key": "-----BEGIN nothing"}, None, None)
    assert isinstance(broken, Failure)
    assert "nothing" not in broken.message


def test_ibm_gives_tokens_for_keys() -> None:
    signer = ibm.signer({}, Secret("api-key"), None)
    assert isinstance(signer, ibm.IamKey)
    wanted = signer.token_request(0.0)
    assert isinstance(wanted, TokenRequest)
    assert wanted.url.origin.host == "iam.cloud.ibm.com"
    assert dict(urllib.parse.parse_qsl(wanted.body.decode()))["apikey"] == "api-key"
    assert ibm.signer({}, Secret("eyJhbGciOi"), None) is None
    assert ibm.signer({}, None, None) is None
