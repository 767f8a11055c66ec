"""Header fields that an operator adds to all requests of one virtual key: a tenant's name, a proxy's token.

Source: docs/control-plane.md#configurations.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from penstock.core.http import header_line
from penstock.core.secret import Secret

CustomHeaders = Mapping[str, Secret]
"""Values by the field's name in lower case. Any of them may be a credential."""

MOST: Final = 32
LONGEST_NAME: Final = 128
LONGEST_VALUE: Final = 8 << 10
_OWN: Final = frozenset(
    "host connection keep-alive proxy-connection proxy-authorization te trailer transfer-encoding upgrade "
    "content-length content-type content-encoding accept-encoding expect".split()
)
"""Fields about the connection and the body's form."""
_OWN_PREFIXES: Final = ("x-penstock-", "x-portkey-")


def problem(name: str, value: str) -> str | None:
    """Why a field can't be added to requests, as a sentence without the value; None if it can."""
    if name.lower() in _OWN or name.lower().startswith(_OWN_PREFIXES):
        return "this header belongs to the gateway"
    if len(name) > LONGEST_NAME or len(value) > LONGEST_VALUE:
        return f"a name has at most {LONGEST_NAME} characters, a value {LONGEST_VALUE}"
    try:
        header_line(name, value)
    except ValueError as error:
        return str(error)
    return None


def block(headers: CustomHeaders) -> bytes:
    """The fields as header lines. Their names and values have been judged by ``problem``."""
    return b"".join(header_line(name, value.reveal()) for name, value in headers.items())
