"""The text of a gateway key: a prefix that secret scanners can find, random characters, and check characters.

A key has 190 random bits; the database holds its SHA-256 alone.
"""

from __future__ import annotations

import secrets
import zlib
from typing import Final

_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_RANDOM: Final = 32
_CHECK: Final = 6
_PREFIXES: Final = {"organisation-service": "penstock_admin_"}
_PREFIX: Final = "penstock_"
_SHOWN: Final = 2
"""Random characters that a masked key shows after its prefix."""


def new_key_text(kind: str) -> str:
    """A new key. ``kind`` decides its prefix: an administrator's is told from others at sight."""
    body = "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM))
    return prefix_of(kind) + body + _check(body)


def prefix_of(kind: str) -> str:
    return _PREFIXES.get(kind, _PREFIX)


def is_key_text(text: str) -> bool:
    """Whether a text is a key by its form and by its check characters: a cut or mistyped key is none."""
    body = text.removeprefix("penstock_admin_").removeprefix(_PREFIX)
    if body == text or len(body) != _RANDOM + _CHECK:
        return False
    return _check(body[:_RANDOM]) == body[_RANDOM:]


def masked(text: str) -> str:
    """A key that can be told from others, and not used: ``penstock_3f*****9aB``."""
    start = next((each for each in (*_PREFIXES.values(), _PREFIX) if text.startswith(each)), "")
    return f"{text[: len(start) + _SHOWN]}*****{text[-3:]}"


def _check(body: str) -> str:
    """The CRC-32 of a text in base 62."""
    number = zlib.crc32(body.encode())
    digits = ""
    for _ in range(_CHECK):
        number, digit = divmod(number, len(_ALPHABET))
        digits = _ALPHABET[digit] + digits
    return digits
