"""Secrets at rest: opened in their own place with their own key only."""

import base64

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.secret import Secret
from penstock.stores.sql.keyring import Keyring, KeyringError, SecretPlace, new_key, parse_keyring

PLACE = SecretPlace("integration", "1", "key")
NONCE = bytes(range(12))
RING = Keyring({"a": b"a" * 32, "b": b"b" * 32})
KEY = base64.b64encode(b"a" * 32).decode()


@given(st.text(st.characters()))
def test_what_is_sealed_is_opened(text: str) -> None:
    sealed = RING.seal(Secret(text), PLACE, NONCE)
    assert (sealed.key_id, RING.open(sealed, PLACE).reveal()) == ("a", text)


@pytest.mark.parametrize(
    "other",
    [SecretPlace("config", "1", "key"), SecretPlace("integration", "2", "key"), SecretPlace("integration", "1", "x")],
)
def test_a_value_in_another_place_is_not_opened(other: SecretPlace) -> None:
    with pytest.raises(KeyringError, match="altered"):
        RING.open(RING.seal(Secret("sk"), PLACE, NONCE), other)


@pytest.mark.parametrize(
    "change", [{"nonce": bytes(12)}, {"ciphertext": bytes(18)}, {"ciphertext": b""}, {"key_id": "b"}]
)
def test_an_altered_value_is_not_opened(change: dict[str, object]) -> None:
    sealed = msgspec.structs.replace(RING.seal(Secret("sk"), PLACE, NONCE), **change)
    with pytest.raises(KeyringError, match="altered"):
        RING.open(sealed, PLACE)


def test_a_key_that_is_gone_is_named() -> None:
    sealed = RING.seal(Secret("sk"), PLACE, NONCE)
    with pytest.raises(KeyringError, match="the key a, which PENSTOCK_SECRET_KEYS doesn't hold: add it there"):
        Keyring({"c": bytes(32)}).open(sealed, PLACE)


def test_without_a_key_nothing_is_kept() -> None:
    empty = parse_keyring(" ")
    assert empty.is_empty
    with pytest.raises(KeyringError, match="run `penstock secrets new-key`"):
        empty.seal(Secret("sk"), PLACE, NONCE)


def test_keys_are_read_in_their_order() -> None:
    ring = parse_keyring(f"{new_key('2026b', bytes(32))},\n2026a:{KEY}")
    assert (ring.first, ring.names) == ("2026b", ("2026b", "2026a"))
    assert KEY not in repr(ring)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (KEY, "entry 1: expected NAME:KEY, the key being 32 bytes in base64; `penstock secrets new-key` makes one"),
        (f"a:{KEY},b b:{KEY}", "entry 2: expected NAME:KEY"),
        ("a:!!!", "not base64"),
        ("a:c2hvcnQ=", "has 5 bytes, and needs 32"),
        (f"a:{KEY},a:{KEY}", "two keys named a"),
        (",".join(f"k{number}:{KEY}" for number in range(17)), "more than 16 keys"),
    ],
)
def test_keys_that_cant_be_used(text: str, problem: str) -> None:
    with pytest.raises(KeyringError, match=problem) as caught:
        parse_keyring(text)
    assert KEY not in str(caught.value)
