"""Private keys that callers send cost little, whatever they hold, and nothing the second time."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from credentials import PEM, PRIVATE, pem
from penstock.auth import private_key
from penstock.auth.private_key import MOST_BITS, UnusableKeyError, load_rsa_key


def refused(text: str, passphrase: str = "") -> str:
    with pytest.raises(UnusableKeyError) as caught:
        load_rsa_key(text, passphrase)
    return str(caught.value)


def traditional(passphrase: bytes = b"") -> str:
    sealed = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    form = serialization.PrivateFormat.TraditionalOpenSSL
    return PRIVATE.private_bytes(serialization.Encoding.PEM, form, sealed).decode()


def der(tag: int, *values: bytes) -> bytes:
    value = b"".join(values)
    return bytes([tag, 0x82]) + len(value).to_bytes(2) + value


def sealed(iterations: int, derivation: str = "2a864886f70d01050c") -> str:
    """A key that says how much work its passphrase makes, and holds nothing."""
    salt = der(0x04, b"saltsalt")
    parameters = der(0x30, salt, der(0x02, iterations.to_bytes(8)))
    kdf = der(0x30, der(0x06, bytes.fromhex(derivation)), parameters)
    cipher = der(0x30, der(0x06, bytes.fromhex("60864801650304012a")), der(0x04, b"v" * 16))
    algorithm = der(0x30, der(0x06, bytes.fromhex("2a864886f70d01050d")), der(0x30, kdf, cipher))
    text = base64.encodebytes(der(0x30, algorithm, der(0x04, b"x" * 1024))).decode()
    return f"-----BEGIN ENCRYPTED PRIVATE KEY-----\n{text}-----END ENCRYPTED PRIVATE KEY-----\n"


def test_keys_in_all_usual_forms_are_loaded() -> None:
    numbers = PRIVATE.private_numbers()
    forms = [(PEM, ""), (pem(PRIVATE, b"word"), "word"), (traditional(), ""), (traditional(b"word"), "word")]
    for text, passphrase in forms:
        assert load_rsa_key(text, passphrase).private_numbers() == numbers
        assert load_rsa_key(f"said before\n{text}", passphrase).private_numbers() == numbers


@pytest.mark.parametrize("iterations", [100_001, 2_000_000, 1 << 62])
def test_the_rounds_of_a_passphrase_are_bounded(iterations: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serialization, "load_pem_private_key", None)
    assert "rounds of derivation" in refused(sealed(iterations), "word")
    assert "scrypt" in refused(sealed(1024, "2b06010401da47040b"), "word")


def test_large_small_and_other_keys_are_refused() -> None:
    large = rsa.RSAPrivateNumbers  # made of numbers: a real one takes seconds
    p, q = (1 << 2600) + 1, (1 << 2600) + 3
    public = rsa.RSAPublicNumbers(65537, p * q)
    key = large(p, q, 3, 5, 7, 9, public).private_key(unsafe_skip_rsa_key_validation=True)
    assert str(MOST_BITS) in refused(pem(key))
    assert "no RSA key" in refused(pem(ec.generate_private_key(ec.SECP256R1())))
    for text in ("", "-----BEGIN nothing", f"{PEM[:300]}-----END PRIVATE KEY-----", "x" * (1 << 20), traditional(b"w")):
        assert refused(text)


def test_numbers_that_do_not_fit_together_are_refused() -> None:
    numbers = PRIVATE.private_numbers()
    changed = rsa.RSAPrivateNumbers(
        numbers.p, numbers.q, numbers.d, numbers.dmp1 ^ 2, numbers.dmq1, numbers.iqmp, numbers.public_numbers
    )
    other = rsa.RSAPrivateNumbers(
        numbers.p, numbers.q + 2, numbers.d, numbers.dmp1, numbers.dmq1, numbers.iqmp, numbers.public_numbers
    )
    for bad in (changed, other):
        try:
            text = pem(bad.private_key(unsafe_skip_rsa_key_validation=True))
        except ValueError:  # the library refuses them by itself
            continue
        try:
            key = load_rsa_key(text)
        except UnusableKeyError:
            continue
        assert key.public_key().public_numbers() == numbers.public_numbers  # it signs all the same


def test_what_a_key_came_to_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    locked = pem(PRIVATE, b"right")
    load_rsa_key(locked, "right")
    message = refused(locked, "wrong")
    monkeypatch.setattr(private_key, "_loaded", None)
    assert load_rsa_key(locked, "right").key_size == 2048
    assert refused(locked, "wrong") == message
    assert "wrong" not in message
