"""Credentials that travel as they are in one header: ``Authorization: Bearer KEY``, ``api-key: KEY`` and their like."""

from __future__ import annotations

from typing import Final

import msgspec

from penstock.core.http import header_line
from penstock.core.secret import Secret


class HeaderAuth(msgspec.Struct, frozen=True):
    """Put the key in a header, after a fixed prefix."""

    header: str
    prefix: str = ""

    def line(self, key: Secret) -> bytes:
        """The header line. Raises ValueError when the key holds a control character."""
        return header_line(self.header, self.prefix + key.reveal())


BEARER: Final = HeaderAuth("authorization", "Bearer ")
"""RFC 6750 2.1, what nearly every OpenAI-compatible provider takes."""

API_KEY: Final = HeaderAuth("api-key")
"""Azure OpenAI's own header."""
