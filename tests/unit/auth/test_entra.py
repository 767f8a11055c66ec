"""Entra's token requests by their form; managed and workload identity."""

from __future__ import annotations

import http.server
import threading
import urllib.parse
from typing import Any, ClassVar

import pytest

from credentials import ENTRA
from penstock.auth import entra
from penstock.auth.signer import Token, TokenRequest
from penstock.core.failure import Failure
from penstock.core.secret import Secret


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
        thread.join(300)
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
