"""Microsoft Entra access tokens for Azure: of an application that the caller names, or the gateway's own identity.

Sources: https://learn.microsoft.com/en-us/entra/identity-platform/v2-oauth2-client-creds-grant-flow,
https://learn.microsoft.com/en-us/entra/identity/managed-identities-azure-resources/how-to-use-vm-token,
https://learn.microsoft.com/en-us/azure/app-service/overview-managed-identity;
docs/portkey.md#azure-openai.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

import msgspec

from penstock.auth import oauth
from penstock.auth.signer import Outgoing, Token, TokenRequest
from penstock.core.failure import Failure, Kind
from penstock.core.http import Url
from penstock.core.secret import Secret

_AUTHORITY: Final = "https://login.microsoftonline.com"
_SCOPE: Final = "https://cognitiveservices.azure.com/.default"
_RESOURCE: Final = "https://cognitiveservices.azure.com/"
_ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_IMDS: Final = "http://169.254.169.254/metadata/identity/oauth2/token"
_IDENTITY_PATIENCE: Final = 5.0
_TENANT: Final = re.compile(r"[A-Za-z0-9.-]{1,128}")


class Entra(msgspec.Struct, frozen=True):
    """An application: its secret, or a token file of the gateway's own (workload identity)."""

    tenant: str
    client_id: str
    secret: Secret = Secret("")
    scope: str = _SCOPE
    authority: str = _AUTHORITY
    token_file: str = ""

    fetch = None
    is_costly = False

    @property
    def is_own(self) -> bool:
        return bool(self.token_file)

    @property
    def identity(self) -> str:
        parts = (self.tenant, self.client_id, self.secret.reveal(), self.scope, self.authority, self.token_file)
        return "entra " + hashlib.sha256("\x00".join(parts).encode()).hexdigest()

    def token_request(self, now: float) -> TokenRequest | Failure | None:  # noqa: ARG002
        form = {"grant_type": "client_credentials", "client_id": self.client_id, "scope": self.scope}
        if self.token_file:
            try:
                assertion = Path(self.token_file).read_text(encoding="ascii").strip()
            except (OSError, ValueError):
                text = "The gateway's federated token file can't be read."
                return Failure(Kind.CREDENTIAL_REFUSED, text, "azure_auth_mode")
            form |= {"client_assertion_type": _ASSERTION, "client_assertion": assertion}
        else:
            form["client_secret"] = self.secret.reveal()
        url = Url.parse(f"{self.authority.rstrip('/')}/{self.tenant}/oauth2/v2.0/token", trusted=True)
        return TokenRequest(url, oauth.FORM, urlencode(form).encode())

    def read_token(self, status: int, body: bytes, now: float) -> Token | Failure:
        return oauth.read_token("Microsoft Entra", status, body, now)

    def lines(self, request: Outgoing, token: Token | None) -> bytes:  # noqa: ARG002
        return oauth.bearer(token)


class ManagedIdentity(msgspec.Struct, frozen=True):
    """The identity of the machine or the app that the gateway runs on.

    A machine's tokens come from a link-local address, which no request of a caller may ever lead to: it is asked here
    and in no other way. In App Service, Container Apps and Functions the environment names another ``endpoint``, and
    the ``password`` that proves to it who asks.
    """

    client_id: str = ""
    endpoint: str = ""
    password: Secret = Secret("")

    is_own = True
    is_costly = False

    @property
    def identity(self) -> str:
        return f"managed {self.endpoint} {self.client_id}"

    @property
    def fetch(self) -> Callable[[], Token | Failure] | None:
        return self._ask

    def token_request(self, now: float) -> TokenRequest | Failure | None:  # noqa: ARG002
        return None

    def read_token(self, status: int, body: bytes, now: float) -> Token | Failure:
        return oauth.read_token("Azure's managed identity", status, body, now)

    def lines(self, request: Outgoing, token: Token | None) -> bytes:  # noqa: ARG002
        return oauth.bearer(token)

    def asked(self) -> tuple[Url, dict[str, str]]:
        """The address of the identity service, and the header that it insists on."""
        version = "2019-08-01" if self.endpoint else "2018-02-01"
        query = {"api-version": version, "resource": _RESOURCE}
        query |= {"client_id": self.client_id} if self.client_id else {}
        url = Url.parse(f"{self.endpoint or _IMDS}?{urlencode(query)}", trusted=True)
        return url, {"X-IDENTITY-HEADER": self.password.reveal()} if self.endpoint else {"Metadata": "true"}

    def _ask(self) -> Token | Failure:
        import http.client  # only a managed identity is asked with it, and every start would pay for it

        try:
            url, headers = self.asked()
            connection = http.client.HTTPConnection(url.origin.host, url.origin.port, timeout=_IDENTITY_PATIENCE)
            with contextlib.closing(connection):
                connection.request("GET", f"{url.path}?{url.query}", headers=headers)
                reply = connection.getresponse()
                return self.read_token(reply.status, reply.read(), datetime.datetime.now(datetime.UTC).timestamp())
        except (OSError, ValueError, http.client.HTTPException) as error:
            text = f"The identity service of the machine can't be reached ({type(error).__name__})."
            return Failure(Kind.CREDENTIAL_REFUSED, text, "azure_auth_mode")


def signer(
    options: Mapping[str, str], key: Secret | None, environment: Mapping[str, str] | None
) -> Entra | ManagedIdentity | Failure | None:
    """The signer that Azure's options describe; None when a key or a token is shown as it is
    (docs/portkey.md#azure-openai)."""
    del key
    lent = environment or {}
    match options.get("azure_auth_mode", ""):
        case "entra":
            names = ("tenant_id", "client_id", "client_secret")
            tenant, client, secret = (options.get(f"azure_entra_{name}", "") for name in names)
            if not (tenant and client and secret):
                return _incomplete("azure_entra_tenant_id, azure_entra_client_id and azure_entra_client_secret")
            if not _TENANT.fullmatch(tenant):
                return Failure(Kind.INVALID_CONFIG, "azure_entra_tenant_id is no tenant's id.", "azure_entra_tenant_id")
            scope = options.get("azure_entra_scope") or _SCOPE
            return Entra(tenant, client, Secret(secret), scope, _authority(lent))
        case "managed":
            endpoint, word = lent.get("IDENTITY_ENDPOINT", ""), lent.get("IDENTITY_HEADER", "")
            client = options.get("azure_managed_client_id", "")
            return ManagedIdentity(client, endpoint, Secret(word)) if endpoint and word else ManagedIdentity(client)
        case "workload":
            file, tenant = lent.get("AZURE_FEDERATED_TOKEN_FILE", ""), lent.get("AZURE_TENANT_ID", "")
            client = options.get("azure_workload_client_id") or lent.get("AZURE_CLIENT_ID", "")
            # Without the operator's leave there is no file: the same value says that it would be the gateway's own.
            return Entra(tenant, client, authority=_authority(lent), token_file=file or "not lent")
        case _:
            return None


def _authority(environment: Mapping[str, str]) -> str:
    """Where tokens come from, which the operator may name without a scheme, as Azure's own SDKs allow."""
    host = environment.get("AZURE_AUTHORITY_HOST") or _AUTHORITY
    return host if "://" in host else f"https://{host}"


def _incomplete(names: str) -> Failure:
    return Failure(Kind.MISSING_API_KEY, f"azure_auth_mode entra needs {names}.", "azure_auth_mode")
