"""AWS Signature Version 4 of one request, from two keys: a pure function.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html. The path is signed
as it is sent, encoded once more, as every service but S3 wants it. Tests compare each signature with botocore's.
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
from typing import Final
from urllib.parse import quote

from penstock.auth.signer import Outgoing, Token
from penstock.core.http import header_line

_ALGORITHM: Final = "AWS4-HMAC-SHA256"


def signature_lines(
    request: Outgoing, token: Token, service: str, region: str, content_type: str, at: datetime.datetime
) -> bytes:
    """The header lines that sign a request at the moment ``at`` (UTC).

    ``content_type`` is the value of the request's ``content-type``, which is signed too. Raises ValueError when a key
    can't stand in a header.
    """
    moment = at.strftime("%Y%m%dT%H%M%SZ")
    session = token.session.reveal()
    signed = {"content-type": content_type, "host": request.origin.authority, "x-amz-date": moment}
    if session:
        signed["x-amz-security-token"] = session
    names = ";".join(signed)
    scope = f"{moment[:8]}/{region}/{service}/aws4_request"
    to_sign = "\n".join((_ALGORITHM, moment, scope, _sha256(_canonical(request, signed, names).encode())))
    key = f"AWS4{token.secret.reveal()}".encode()
    for part in scope.split("/"):
        key = _hmac(key, part)
    proof = (
        f"{_ALGORITHM} Credential={token.key_id}/{scope}, SignedHeaders={names}, Signature={_hmac(key, to_sign).hex()}"
    )
    lines = header_line("authorization", proof) + header_line("x-amz-date", moment)
    return lines + header_line("x-amz-security-token", session) if session else lines


def _canonical(request: Outgoing, signed: dict[str, str], names: str) -> str:
    """The canonical request: all that the signature covers, in one form. ``signed`` is sorted by name."""
    path, _, query = request.address.decode("latin-1").partition("?")
    headers = "".join([f"{name}:{' '.join(value.split())}\n" for name, value in signed.items()])
    pairs = sorted(pair.partition("=")[::2] for pair in query.split("&")) if query else []
    return "\n".join(
        (
            request.method.decode("latin-1"),
            quote(_without_dots(path), safe="/~"),
            "&".join([f"{name}={value}" for name, value in pairs]),
            headers,
            names,
            _sha256(request.body),
        )
    )


def _without_dots(path: str) -> str:
    """The path without empty and relative segments (RFC 3986, 5.2.4)."""
    segments: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del segments[-1:]
        elif segment not in {"", "."}:
            segments.append(segment)
    end = "/" if segments and path.endswith("/") else ""
    return "/" + "/".join(segments) + end


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()
