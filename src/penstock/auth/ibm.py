"""IBM Cloud access tokens for an API key. Source: https://cloud.ibm.com/apidocs/iam-identity-token-api."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

import msgspec

from penstock.auth import oauth
from penstock.auth.signer import Outgoing, Token, TokenRequest
from penstock.core.failure import Failure
from penstock.core.http import Url, header_line
from penstock.core.secret import Secret

_URL: Final = "https://iam.cloud.ibm.com/identity/token"
_GRANT: Final = "urn:ibm:params:oauth:grant-type:apikey"
_A_TOKEN: Final = "eyJ"  # noqa: S105 (how a JWT begins)


class IamKey(msgspec.Struct, frozen=True):
    """An IBM Cloud API key."""

    key: Secret

    is_own = False
    is_costly = False
    fetch = None

    @property
    def identity(self) -> str:
        return "ibm " + hashlib.sha256(self.key.reveal().encode()).hexdigest()

    def token_request(self, now: float) -> TokenRequest | Failure | None:  # noqa: ARG002
        body = urlencode({"grant_type": _GRANT, "apikey": self.key.reveal()}).encode()
        return TokenRequest(Url.parse(_URL, trusted=True), oauth.FORM + header_line("accept", "application/json"), body)

    def read_token(self, status: int, body: bytes, now: float) -> Token | Failure:
        return oauth.read_token("IBM Cloud", status, body, now)

    def lines(self, request: Outgoing, token: Token | None) -> bytes:  # noqa: ARG002
        return oauth.bearer(token)


def signer(
    options: Mapping[str, str], key: Secret | None, environment: Mapping[str, str] | None
) -> IamKey | Failure | None:
    """Who fetches tokens for a key; None for a key that is a token already, and without one."""
    del options, environment
    return None if key is None or key.reveal().startswith(_A_TOKEN) else IamKey(key)
