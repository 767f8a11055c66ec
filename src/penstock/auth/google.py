"""Google Cloud access tokens: of a service account that the caller gives, or the gateway's own default credentials.

The JWT is signed by google-auth (extra ``google``), the token fetched by the gateway itself; default credentials fetch
for themselves. Sources: https://developers.google.com/identity/protocols/oauth2/service-account, RFC 7523;
docs/portkey.md#vertex-ai.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC as _UTC
from importlib.util import find_spec
from typing import Final
from urllib.parse import urlencode

import msgspec

from penstock.auth import oauth
from penstock.auth.private_key import UnusableKeyError, load_rsa_key
from penstock.auth.signer import Outgoing, Token, TokenRequest
from penstock.core.failure import Failure, Kind
from penstock.core.http import Url
from penstock.core.json_text import read_json
from penstock.core.secret import Secret

SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LIFE: Final = 3600
_ACCOUNTS: Final = "accounts.google.com"
"""Where the token_uri of older service accounts leads: ``/o/oauth2/token``."""
_PARAM: Final = "vertex_service_account_json"


class ServiceAccount(msgspec.Struct, frozen=True):
    """A service account's own key."""

    email: str
    key: Secret
    token_url: str
    key_id: str = ""

    is_own = False
    is_costly = True
    fetch = None

    @property
    def identity(self) -> str:
        return "google " + hashlib.sha256(f"{self.email}\x00{self.key.reveal()}".encode()).hexdigest()

    def token_request(self, now: float) -> TokenRequest | Failure | None:
        from google.auth import crypt, jwt

        claims = {"iss": self.email, "scope": SCOPE, "aud": self.token_url, "iat": int(now), "exp": int(now) + _LIFE}
        try:
            key = load_rsa_key(self.key.reveal())
        except UnusableKeyError as error:
            return _unusable(f"of its private_key, {error}")
        signer = crypt.RSASigner(key, self.key_id or None)  # type: ignore[no-untyped-call]
        assertion = jwt.encode(signer, claims)  # type: ignore[no-untyped-call]
        body = urlencode({"grant_type": _GRANT, "assertion": assertion.decode()}).encode()
        return TokenRequest(Url.parse(self.token_url, trusted=True), oauth.FORM, body)

    def read_token(self, status: int, body: bytes, now: float) -> Token | Failure:
        return oauth.read_token("Google", status, body, now)

    def lines(self, request: Outgoing, token: Token | None) -> bytes:  # noqa: ARG002
        return oauth.bearer(token)


class DefaultCredentials(msgspec.Struct, frozen=True):
    """The gateway's own identity, wherever Google's library finds it (application default credentials)."""

    identity = "google default"
    is_own = True
    is_costly = False

    @property
    def fetch(self) -> Callable[[], Token | Failure] | None:
        return _default_token

    def token_request(self, now: float) -> TokenRequest | Failure | None:  # noqa: ARG002
        return None

    def read_token(self, status: int, body: bytes, now: float) -> Token | Failure:
        return oauth.read_token("Google", status, body, now)

    def lines(self, request: Outgoing, token: Token | None) -> bytes:  # noqa: ARG002
        return oauth.bearer(token)


def _default_token() -> Token | Failure:
    """Reads files, or asks the metadata server: for a thread."""
    import google.auth
    import urllib3
    from google.auth.exceptions import GoogleAuthError
    from google.auth.transport.urllib3 import Request

    try:
        credentials, _ = google.auth.default(scopes=[SCOPE])
        credentials.refresh(Request(urllib3.PoolManager()))  # type: ignore[no-untyped-call]
    except GoogleAuthError as error:
        return Failure(
            Kind.CREDENTIAL_REFUSED,
            f"The gateway's own Google credentials can't be had ({type(error).__name__}).",
            "vertex_auth_type",
        )
    expires = credentials.expiry
    moment = 0.0 if expires is None else expires.replace(tzinfo=_UTC).timestamp()
    return Token(Secret(str(credentials.token)), moment)


def signer(
    options: Mapping[str, str], key: Secret | None, environment: Mapping[str, str] | None
) -> ServiceAccount | DefaultCredentials | Failure | None:
    """The signer that Vertex's options describe; None when the key is shown as it is."""
    service_account = options.get("vertex_service_account_json", "")
    if not service_account:
        if key is not None or (environment is None and options.get("vertex_auth_type") != "adc"):
            return None
        return _installed() or DefaultCredentials()
    try:
        account = read_json(service_account.encode())
    except ValueError:
        return _unusable("it is no JSON")
    if not isinstance(account, dict):
        return _unusable("it is no JSON object")
    names = ("client_email", "private_key", "private_key_id")
    email, private, key_id = (str(account.get(name) or "") for name in names)
    url = str(account.get("token_uri") or "https://oauth2.googleapis.com/token")
    if not email or not private:
        return _unusable("it has no client_email or private_key")
    if not (email + private + key_id).isascii():
        return _unusable("its client_email, private_key or private_key_id is no plain text")
    if not _is_googles(url):
        return _unusable("its token_uri is not Google's")
    return _installed() or ServiceAccount(email, Secret(private), url, key_id)


def _is_googles(url: str) -> bool:
    """Whether a token is asked for at Google: a caller's JSON must not lead the gateway anywhere else."""
    try:
        origin = Url.parse(url).origin
    except ValueError:
        return False
    is_own = origin.host.endswith(".googleapis.com") or origin.host == _ACCOUNTS
    return is_own and origin.scheme == "https" and origin.port == 443


def _unusable(why: str) -> Failure:
    return Failure(Kind.INVALID_CONFIG, f"The service account JSON can't be used: {why}.", _PARAM)


def _installed() -> Failure | None:
    if find_spec("google") is not None and find_spec("google.auth") is not None:
        return None
    text = "Signing in to Google Cloud needs the library google-auth: the operator can install penstock[google]."
    return Failure(Kind.NOT_INSTALLED, text, _PARAM)
