"""Oracle Cloud's request signatures, with an API signing key.

Source: https://docs.oracle.com/en-us/iaas/Content/API/Concepts/signingrequests.htm (version 1, rsa-sha256).
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import msgspec

from penstock.auth.private_key import UnusableKeyError, load_rsa_key
from penstock.auth.signer import Outgoing, Token, TokenRequest
from penstock.core.failure import Failure, Kind
from penstock.core.http import header_line
from penstock.core.secret import Secret

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

_SIGNED: Final = "date (request-target) host content-length content-type x-content-sha256"
_NAMES: Final = ("oracle_tenancy", "oracle_user", "oracle_fingerprint", "oracle_private_key")


class OciKey(msgspec.Struct, frozen=True):
    """A user's signing key. ``key_id`` is TENANCY/USER/FINGERPRINT, which is no secret; ``digest`` is of the key."""

    key_id: str
    key: RSAPrivateKey
    digest: str

    is_own = False
    is_costly = True
    fetch = None

    @property
    def identity(self) -> str:
        return "oci " + hashlib.sha256(f"{self.key_id}\x00{self.digest}".encode()).hexdigest()

    def token_request(self, now: float) -> TokenRequest | Failure | None:  # noqa: ARG002
        return None

    def read_token(self, status: int, body: bytes, now: float) -> Token | Failure:  # noqa: ARG002
        return Failure(Kind.CREDENTIAL_REFUSED, "Oracle Cloud gives no tokens for signing keys.", "oracle_private_key")

    def lines(self, request: Outgoing, token: Token | None) -> bytes:  # noqa: ARG002
        from email.utils import format_datetime  # every start would pay for its parser of addresses

        date = format_datetime(datetime.now(UTC), usegmt=True)
        digest = base64.b64encode(hashlib.sha256(request.body).digest()).decode()
        target = f"{request.method.decode().lower()} {request.address.decode('latin-1')}"
        values = {
            "date": date,
            "(request-target)": target,
            "host": request.origin.authority,
            "content-length": str(len(request.body)),
            "content-type": "application/json",
            "x-content-sha256": digest,
        }
        text = "\n".join(f"{name}: {values[name]}" for name in _SIGNED.split())
        authorization = (
            f'Signature version="1",headers="{_SIGNED}",keyId="{self.key_id}",algorithm="rsa-sha256",'
            f'signature="{self._signature(text.encode())}"'
        )
        lines = {"date": date, "x-content-sha256": digest, "authorization": authorization}
        return b"".join(header_line(name, value) for name, value in lines.items())

    def _signature(self, text: bytes) -> str:
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import padding

        return base64.b64encode(self.key.sign(text, padding.PKCS1v15(), hashes.SHA256())).decode()


def signer(
    options: Mapping[str, str], key: Secret | None, environment: Mapping[str, str] | None
) -> OciKey | Failure | None:
    """The signer that Oracle's options describe; None when a bearer key is shown instead. Loads the key: work for a
    thread."""
    del key, environment
    if not options.get("oracle_private_key"):
        return None
    missing = [name for name in _NAMES if not options.get(name)]
    if missing:
        return Failure(Kind.MISSING_API_KEY, f"Signing for Oracle Cloud needs {', '.join(missing)}.", missing[0])
    tenancy, user, fingerprint, pem = (options[name] for name in _NAMES)
    pem = pem.replace("\\n", "\n")
    try:
        loaded = load_rsa_key(pem, options.get("oracle_key_passphrase", ""))
    except UnusableKeyError as error:
        return Failure(Kind.INVALID_CONFIG, f"The private key can't be used: {error}.", "oracle_private_key")
    digest = hashlib.sha256(pem.encode()).hexdigest()
    return OciKey(f"{tenancy}/{user}/{fingerprint}", loaded, digest)
