"""A response that the gateway keeps, as a value, and what of it is encrypted."""

from __future__ import annotations

import os
import zlib
from typing import Final

import msgspec

from penstock.stores.sql.keyring import NONCE_BYTES, Keyring, KeyringError, Sealed, SecretPlace

_LEVEL: Final = 6
_LARGEST: Final = 256 << 20
"""Bytes of a content that is unpacked: what was written by us is never as large."""


class KeptResponse(msgspec.Struct, frozen=True):
    """A response as its caller got it, and the items of its input, both as JSON. ``owner`` is a SHA-256 of whose it is;
    moments are in microseconds since 1970."""

    id: str
    owner: bytes
    created_at: int
    expires_at: int
    input: bytes
    response: bytes

    @property
    def size(self) -> int:
        return len(self.input) + len(self.response)


class _Content(msgspec.Struct, frozen=True, array_like=True):
    input: bytes
    response: bytes


_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(_Content)


def sealed(kept: KeptResponse, keyring: Keyring) -> Sealed:
    """The content, compressed, and encrypted if there is a key."""
    plain = zlib.compress(_ENCODER.encode(_Content(kept.input, kept.response)), _LEVEL)
    if keyring.is_empty:
        return Sealed("", b"", plain)
    return keyring.encrypt(plain, _place(kept), os.urandom(NONCE_BYTES))


def opened(content: Sealed, row: KeptResponse, keyring: Keyring) -> KeptResponse | None:
    """The row with its content; None if it can't be read: its key is gone, or it was altered, its owner among that."""
    try:
        plain = keyring.decrypt(content, _place(row)) if content.key_id else content.ciphertext
        unpacker = zlib.decompressobj()
        found = _DECODER.decode(unpacker.decompress(plain, _LARGEST))
    except (KeyringError, zlib.error, msgspec.DecodeError):
        return None
    return msgspec.structs.replace(row, input=found.input, response=found.response)


def _place(row: KeptResponse) -> SecretPlace:
    """The ciphertext belongs to this id and this owner: in another's row it can't be read."""
    return SecretPlace("kept_response", row.id, f"content of {row.owner.hex()}")
