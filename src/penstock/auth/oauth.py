"""OAuth 2, as far as every issuer of tokens agrees: the form that asks, the response, the header that shows the token.

Source: RFC 6749, 5.1 and 5.2; RFC 6750, 2.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any, Final

from penstock.auth.signer import Token
from penstock.core.failure import Failure, Kind
from penstock.core.http import header_line
from penstock.core.json_text import read_json
from penstock.core.secret import Secret

FORM_TYPE: Final = "application/x-www-form-urlencoded"
FORM: Final = header_line("content-type", FORM_TYPE)


def bearer(token: Token | None) -> bytes:
    return b"" if token is None else header_line("authorization", f"Bearer {token.secret.reveal()}")


def read_token(who: str, status: int, body: bytes, now: float) -> Token | Failure:
    """An OAuth 2 token response (RFC 6749, 5.1 and 5.2)."""
    try:
        value = read_json(body)
    except ValueError:
        value = None
    value = value if isinstance(value, dict) else {}
    token = value.get("access_token")
    if status == 200 and isinstance(token, str) and token:
        return Token(Secret(token), _end(value, now))
    reason = value.get("error_description") or value.get("error")
    why = reason.splitlines()[0][:300] if isinstance(reason, str) and reason else "no reason given"
    return Failure(
        Kind.CREDENTIAL_REFUSED, f"{who} gave no access token for these credentials ({status}): {why}.", "api_key"
    )


def _end(response: Mapping[str, Any], now: float) -> float:
    """When the token ends, told as a span, or as a moment by Azure's App Service; soon where neither is."""
    for name, since in (("expires_in", now), ("expires_on", 0.0)):
        try:
            end = since + float(response[name])
        except (KeyError, TypeError, ValueError, OverflowError):
            continue
        if isfinite(end):
            return end
    return now + 300.0
