"""Whose keys sign a request for AWS: the caller's keys, a session, an assumed role, or the gateway's own identity.

Only the gateway's own identity (a profile, the chain of the environment) needs botocore, the extra ``aws``.
Sources: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html; docs/portkey.md#provider-settings,
#bedrock-converse.
"""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from math import isfinite
from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from penstock.auth import oauth
from penstock.auth.aws_signature import signature_lines
from penstock.auth.signer import Outgoing, Token, TokenRequest
from penstock.core.failure import Failure, Kind
from penstock.core.http import Url, header_line
from penstock.core.json_text import read_json
from penstock.core.rfc3339 import unix_seconds
from penstock.core.secret import Secret
from penstock.core.vendor_error import read_vendor_error

_STS: Final = "2011-06-15"
_SESSION: Final = "penstock"
_UNKNOWN_LIFE: Final = 300.0
"""Seconds after which the keys of a chain are asked for again: a chain renews them itself when they need it."""


def domain(region: str) -> str:
    """Where a region's services are."""
    return "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"


class SigV4(msgspec.Struct, frozen=True):
    """Keys and what they sign for. With a ``role_arn`` they only serve to assume that role.

    ``is_own``: they are the gateway's. Without a ``key_id`` they are as botocore finds them, by ``profile`` if one is
    named: environment, files, web identity, instance.
    """

    service: str
    region: str
    key_id: str = ""
    secret: Secret = Secret("")
    session: Secret = Secret("")
    role_arn: str = ""
    external_id: str = ""
    profile: str = ""
    is_own: bool = False

    is_costly = False

    @property
    def identity(self) -> str:
        parts = (self.service, self.region, self.key_id, self.secret.reveal(), self.session.reveal(), self.role_arn,
                 self.external_id, self.profile)  # fmt: skip
        return "sigv4 " + hashlib.sha256("\x00".join(parts).encode()).hexdigest()

    @property
    def fetch(self) -> Callable[[], Token | Failure] | None:
        return None if self.key_id else self._from_chain

    def token_request(self, now: float) -> TokenRequest | Failure | None:  # noqa: ARG002 (botocore looks itself)
        if not self.role_arn or not self.key_id:
            return None
        form = {"Action": "AssumeRole", "Version": _STS, "RoleArn": self.role_arn, "RoleSessionName": _SESSION}
        body = urlencode({**form, "ExternalId": self.external_id} if self.external_id else form).encode()
        url = Url.parse(f"https://sts.{self.region}.{domain(self.region)}/", trusted=True)
        headers = oauth.FORM + header_line("accept", "application/json")
        outgoing = Outgoing(b"POST", url.origin, b"/", headers, body)
        own = Token(self.secret, 0.0, self.key_id, self.session)
        return TokenRequest(url, headers + _signature(outgoing, own, "sts", self.region), body)

    def read_token(self, status: int, body: bytes, now: float) -> Token | Failure:
        try:
            value = read_json(body)
        except ValueError:
            value = None
        if status != 200:
            return _refused(
                f"AWS answered {status} to AssumeRole: {read_vendor_error(value).message or 'no reason given'}"
            )
        found = _inside(value, "AssumeRoleResponse", "AssumeRoleResult", "Credentials")
        names = ("AccessKeyId", "SecretAccessKey", "SessionToken")
        key_id, secret, session = (found.get(name) for name in names)
        if not (isinstance(key_id, str) and isinstance(secret, str) and isinstance(session, str)):
            return _refused("AWS answered AssumeRole without credentials")
        return Token(Secret(secret), _moment(found.get("Expiration"), now), key_id, Secret(session))

    def lines(self, request: Outgoing, token: Token | None) -> bytes:
        token = token or Token(self.secret, 0.0, self.key_id, self.session)
        return _signature(request, token, self.service, self.region)

    def _from_chain(self) -> Token | Failure:
        """The gateway's own keys. Reads files, or asks the instance: for a thread."""
        from botocore.exceptions import BotoCoreError
        from botocore.session import Session

        try:
            credentials = Session(profile=self.profile or None).get_credentials()
            frozen = None if credentials is None else credentials.get_frozen_credentials()
        except BotoCoreError as error:
            return _refused(f"the gateway's own AWS credentials can't be had ({type(error).__name__})")
        if frozen is None or not frozen.access_key or not frozen.secret_key:
            return _refused("the gateway has no AWS credentials of its own")
        until = datetime.datetime.now(datetime.UTC).timestamp() + _UNKNOWN_LIFE
        return Token(Secret(frozen.secret_key), until, frozen.access_key, Secret(frozen.token or ""))


def _inside(value: Any, *names: str) -> dict[str, Any]:
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def _moment(value: Any, now: float) -> float:
    """When credentials expire: seconds since 1970, or a date."""
    if isinstance(value, float) and not isfinite(value):
        value = None
    moment = value if isinstance(value, int | float) else unix_seconds(value)
    return moment or now + _UNKNOWN_LIFE


def _refused(why: str) -> Failure:
    return Failure(Kind.CREDENTIAL_REFUSED, f"The request can't be signed: {why}.", "aws_auth_type")


def _signature(request: Outgoing, token: Token, service: str, region: str) -> bytes:
    kind = oauth.FORM_TYPE if service == "sts" else "application/json"
    return signature_lines(request, token, service, region, kind, datetime.datetime.now(datetime.UTC))


def signer(
    service: str, options: Mapping[str, str], key: Secret | None, environment: Mapping[str, str] | None
) -> SigV4 | Failure | None:
    """The signer that the options of a row describe; None when a bearer key is to be shown instead.

    ``environment`` is the operator's, None when the gateway's own identity is not lent to callers.
    """
    mode = options.get("aws_auth_type", "")
    key_id = options.get("aws_access_key_id", "")
    bare = not (mode or key_id or options.get("aws_profile"))
    if mode.lower() == "apikey" or (bare and (key is not None or environment is None)):
        return None
    found = SigV4(
        service,
        options.get("aws_region", "us-east-1"),
        key_id,
        Secret(options.get("aws_secret_access_key", "")),
        Secret(options.get("aws_session_token", "")),
        options.get("aws_role_arn", ""),
        options.get("aws_external_id", ""),
        options.get("aws_profile", ""),
    )
    if key_id and not found.secret.reveal():
        return _incomplete("aws_secret_access_key is missing beside aws_access_key_id")
    if mode == "assumedRole" and not found.role_arn:
        return _incomplete("aws_auth_type assumedRole needs aws_role_arn")
    if key_id:
        return found
    own = msgspec.structs.replace(found, is_own=True)
    if not found.role_arn:
        return _botocore_missing() or own
    lent = environment or {}
    if environment is not None and "AWS_ASSUME_ROLE_ACCESS_KEY_ID" not in lent:
        return _incomplete("aws_role_arn needs keys of yours, or AWS_ASSUME_ROLE_ACCESS_KEY_ID of the operator's")
    secret = Secret(lent.get("AWS_ASSUME_ROLE_SECRET_ACCESS_KEY", ""))
    return msgspec.structs.replace(own, key_id=lent.get("AWS_ASSUME_ROLE_ACCESS_KEY_ID", ""), secret=secret)


def _incomplete(what: str) -> Failure:
    return Failure(Kind.MISSING_API_KEY, f"The request to AWS can't be signed: {what}.", "aws_access_key_id")


def _botocore_missing() -> Failure | None:
    if find_spec("botocore") is not None:
        return None
    text = (
        "The gateway's own AWS identity (a profile, a role of the machine) is read by the library botocore, which this "
        "gateway lacks: its operator can install penstock[aws]. Keys of your own need no library."
    )
    return Failure(Kind.NOT_INSTALLED, text, "aws_auth_type")
