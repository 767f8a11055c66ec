"""Encrypts what the database keeps secret: AES-256-GCM (NIST SP 800-38D), with keys that are never in the database.

Each ciphertext is bound to its place: moved to another table, row or field, it can't be read. Source:
docs/control-plane.md#secrets.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import msgspec

from penstock.core.secret import Secret

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
_MOST_KEYS: Final = 16


class KeyringError(ValueError):
    """The keys can't be used, or what they should open can't be opened. The message quotes no key."""


class SecretPlace(msgspec.Struct, frozen=True):
    """Where a secret stands: a field of a row of a table."""

    table: str
    row: str
    field: str

    def bound(self) -> bytes:
        """The bytes that a ciphertext is bound to."""
        return msgspec.json.encode(("penstock", 1, self.table, self.row, self.field))


class Sealed(msgspec.Struct, frozen=True):
    """A ciphertext, and the name of the key that opens it."""

    key_id: str
    nonce: bytes
    ciphertext: bytes


class Keyring:
    """Keys by name. The first seals, all open."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        self._ciphers = {name: _cipher(key) for name, key in keys.items()}
        self.first = next(iter(keys), "")
        self.derived = tuple(hmac.new(key, b"penstock ids", hashlib.sha256).digest() for key in keys.values())
        """A secret from each key, for what has to be the same in each replica and is not in the database."""
        first = keys.get(self.first, b"")
        self._of_fingerprints = hmac.new(first, b"penstock fingerprint", hashlib.sha256).digest() if first else b""

    def __repr__(self) -> str:
        return f"Keyring({', '.join(self._ciphers)})"

    @property
    def is_empty(self) -> bool:
        return not self._ciphers

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._ciphers)

    def fingerprint(self, secret: str) -> str:
        """A short hash of a secret under the first key: equal secrets have equal ones, and nobody without the key can
        try guesses on it."""
        return hmac.new(self._of_fingerprints, secret.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:12]

    def seal(self, secret: Secret, place: SecretPlace, nonce: bytes) -> Sealed:
        """Encrypt a secret for its place. ``nonce``: 12 random bytes, new for each call. Raises KeyringError."""
        return self.encrypt(secret.reveal().encode("utf-8", "surrogatepass"), place, nonce)

    def open(self, sealed: Sealed, place: SecretPlace) -> Secret:
        """The secret that was sealed for a place. Raises KeyringError."""
        return Secret(self.decrypt(sealed, place).decode("utf-8", "surrogatepass"))

    def encrypt(self, data: bytes, place: SecretPlace, nonce: bytes) -> Sealed:
        """Encrypt bytes, as ``seal`` does."""
        cipher = self._ciphers.get(self.first)
        if cipher is None:
            raise KeyringError(
                "there is no key that secrets could be encrypted with: run `penstock secrets new-key`, put its line "
                "into PENSTOCK_SECRET_KEYS and start the gateway again"
            )
        return Sealed(self.first, nonce, cipher.encrypt(nonce, data, place.bound()))

    def decrypt(self, sealed: Sealed, place: SecretPlace) -> bytes:
        """The bytes that were encrypted for a place. Raises KeyringError."""
        from cryptography.exceptions import InvalidTag

        cipher = self._ciphers.get(sealed.key_id)
        if cipher is None:
            raise KeyringError(
                f"it is encrypted with the key {sealed.key_id}, which PENSTOCK_SECRET_KEYS doesn't hold: "
                "add it there and start the gateway again"
            )
        try:
            return cipher.decrypt(sealed.nonce, sealed.ciphertext, place.bound())
        except (InvalidTag, ValueError):
            raise KeyringError(
                f"the key {sealed.key_id} doesn't open it: the key is another one than it was, or the row was altered"
            ) from None


def _cipher(key: bytes) -> AESGCM:
    # Imported for the first key: most gateways have none, and start the sooner.
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key)


def parse_keyring(text: str) -> Keyring:
    """Keys as PENSTOCK_SECRET_KEYS holds them: ``NAME:BASE64,NAME:BASE64``, the newest first; empty: no key.

    Raises KeyringError.
    """
    keys: dict[str, bytes] = {}
    for index, part in enumerate(text.replace("\n", ",").split(",")):
        name, colon, encoded = part.strip().partition(":")
        if not name and not colon:
            continue
        where = f"PENSTOCK_SECRET_KEYS, entry {index + 1}"
        if not colon or not _NAME.fullmatch(name):
            raise KeyringError(
                f"{where}: expected NAME:KEY, the key being 32 bytes in base64; `penstock secrets new-key` makes one"
            )
        try:
            key = base64.b64decode(encoded.strip(), validate=True)
        except ValueError:
            raise KeyringError(f"{where}: the key of {name} is not base64") from None
        if len(key) != _KEY_BYTES:
            raise KeyringError(f"{where}: the key of {name} has {len(key)} bytes, and needs {_KEY_BYTES}")
        if name in keys:
            raise KeyringError(f"{where}: there are two keys named {name}")
        keys[name] = key
        if len(keys) > _MOST_KEYS:
            raise KeyringError(f"PENSTOCK_SECRET_KEYS: there are more than {_MOST_KEYS} keys")
    return Keyring(keys)


def new_key(name: str, entropy: bytes) -> str:
    """An entry for PENSTOCK_SECRET_KEYS from 32 random bytes."""
    return f"{name}:{base64.b64encode(entropy[:_KEY_BYTES]).decode()}"
