"""RSA keys that callers send, loaded at a bounded price: their size and the work of their passphrase are the caller's.

The library's own check of a key looks for primes, which takes seconds for a large one, under the lock of the
interpreter. Here a key is small enough, its numbers fit together, and it signs something that its public half verifies.
What a key came to is remembered, also that it can't be used: the same wrong passphrase costs nothing again.
Sources: RFC 7468 (PEM), RFC 8018 (PBES1, PBES2), RFC 8017 A.1.2 (the numbers of a key).
"""

from __future__ import annotations

import base64
import hashlib
import re
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from penstock.core.lru import Lru

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

MOST_BITS: Final = 4096
_LEAST_BITS: Final = 1024
MOST_ITERATIONS: Final = 100_000
"""Rounds of a passphrase's derivation at most: 30 ms or so. OpenSSL makes 2,048, the library itself 20,000."""
_LONGEST: Final = 16 << 10
"""Characters of PEM at most."""
_REMEMBERED: Final = 256

_BLOCK: Final = re.compile(r"-----BEGIN ((?:RSA |ENCRYPTED )?PRIVATE KEY)-----\s*(.*?)\s*-----END \1-----", re.DOTALL)
_OBJECT_ID, _INTEGER, _CONSTRUCTED = 0x06, 0x02, 0x20
_SCRYPT: Final = bytes.fromhex("2b06010401da47040b")
"""1.3.6.1.4.1.11591.4.11: takes as much memory as the key says."""


class UnusableKeyError(ValueError):
    """The key can't be used. The message says why, and quotes nothing of it."""


_known: Final[Lru[bytes, RSAPrivateKey | UnusableKeyError]] = Lru(_REMEMBERED)
"""By a digest of key and passphrase."""
_loading: Final = threading.Lock()


def load_rsa_key(pem: str, passphrase: str = "") -> RSAPrivateKey:
    """The RSA key in a text of PEM. Raises UnusableKeyError. Work for a thread: up to 50 ms the first time."""
    text, word = (each.encode("utf-8", "surrogatepass") for each in (pem, passphrase))
    digest = hashlib.sha256(b"%d:%b%b" % (len(text), text, word)).digest()
    with _loading:
        known = _known.get(digest)
        if known is None:
            try:
                known = _loaded(pem, word)
            except UnusableKeyError as error:
                known = UnusableKeyError(str(error))
            _known.put(digest, known)
    if isinstance(known, UnusableKeyError):
        raise UnusableKeyError(str(known))
    return known


def _loaded(pem: str, passphrase: bytes) -> RSAPrivateKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    block = _BLOCK.search(pem) if len(pem) <= _LONGEST else None
    if block is None:
        raise UnusableKeyError(f"it must be an RSA key in PEM form of at most {_LONGEST >> 10} KiB")
    if block[1].startswith("ENCRYPTED"):
        _check_derivation(_decoded(block[2]))
    try:
        key = serialization.load_pem_private_key(
            block[0].encode(), passphrase or None, unsafe_skip_rsa_key_validation=True
        )
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise UnusableKeyError("it must be an RSA key in PEM form, its passphrase beside it") from None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise UnusableKeyError("it is no RSA key")
    _check(key)
    return key


def _check(key: RSAPrivateKey) -> None:
    """Check the size of a key, and that it signs. Raises UnusableKeyError."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    if not _LEAST_BITS <= key.key_size <= MOST_BITS:
        raise UnusableKeyError(f"it has {key.key_size} bits: keys of {_LEAST_BITS} to {MOST_BITS} bits are taken")
    numbers = key.private_numbers()
    modulus = numbers.public_numbers.n
    others = (numbers.d, numbers.dmp1, numbers.dmq1, numbers.iqmp, numbers.public_numbers.e)
    if numbers.p * numbers.q != modulus or any(number.bit_length() > MOST_BITS for number in others):
        raise UnusableKeyError("its numbers don't fit together")
    try:
        signature = key.sign(_SIGNED, padding.PKCS1v15(), hashes.SHA256())
        key.public_key().verify(signature, _SIGNED, padding.PKCS1v15(), hashes.SHA256())
    except (ValueError, InvalidSignature):
        raise UnusableKeyError("its numbers don't fit together") from None


_SIGNED: Final = b"penstock"


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except ValueError:
        raise UnusableKeyError("it is no PEM") from None


def _check_derivation(der: bytes) -> None:
    """Check the work that a passphrase makes, as the encrypted key says it. Raises UnusableKeyError.

    No number of the encryption's parameters may be large, whatever it counts, and scrypt is not taken.
    """
    try:
        _, start, _ = _element(der, 0)
        _, start, end = _element(der, start)
        for tag, value in _primitives(der[start:end]):
            if tag == _OBJECT_ID and value == _SCRYPT:
                raise UnusableKeyError(f"its passphrase is derived by scrypt: {_WAY_OUT}")
            if tag == _INTEGER and int.from_bytes(value) > MOST_ITERATIONS:
                raise UnusableKeyError(
                    f"its passphrase takes more than {MOST_ITERATIONS} rounds of derivation: {_WAY_OUT}"
                )
    except IndexError:
        raise UnusableKeyError("it is no PEM") from None


_WAY_OUT: Final = "encrypt it anew with 'openssl pkcs8 -topk8 -iter 2048'"


def _primitives(der: bytes) -> Iterator[tuple[int, bytes]]:
    """The tag and the value of every element that holds no others (ITU-T X.690)."""
    pending = [der]
    while pending:
        data, at = pending.pop(), 0
        while at < len(data):
            tag, start, at = _element(data, at)
            if tag & _CONSTRUCTED:
                pending.append(data[start:at])
            else:
                yield tag, data[start:at]


def _element(der: bytes, at: int) -> tuple[int, int, int]:
    """The tag of an element, and where its value begins and ends. Raises IndexError."""
    tag, length, start = der[at], der[at + 1], at + 2
    if length & 0x80:
        size = length & 0x7F
        length = int.from_bytes(der[start : start + size])
        start += size
    if start + length > len(der):
        raise IndexError
    return tag, start, start + length
