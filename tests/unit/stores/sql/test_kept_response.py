"""A kept response as a row's content."""

from __future__ import annotations

import msgspec
import pytest

from penstock.stores.sql.kept_response import KeptResponse, opened, sealed
from penstock.stores.sql.keyring import Keyring, Sealed

KEPT = KeptResponse("resp_kept_1", bytes(32), 1, 2, b'"Hello"' * 100, b'{"id":"resp_kept_1"}')
HEAD = msgspec.structs.replace(KEPT, input=b"", response=b"")
KEYS = Keyring({"k1": bytes(32)})


@pytest.mark.parametrize("keyring", [Keyring({}), KEYS])
def test_a_content_is_opened_again(keyring: Keyring) -> None:
    content = sealed(KEPT, keyring)
    assert content.key_id == keyring.first
    assert opened(content, HEAD, keyring) == KEPT
    assert KEPT.size == len(KEPT.input) + len(KEPT.response)


def test_a_content_of_another_row_or_key_is_not_opened() -> None:
    content = sealed(KEPT, KEYS)
    assert b"Hello" not in content.ciphertext
    assert opened(content, msgspec.structs.replace(HEAD, id="resp_kept_2"), KEYS) is None
    assert opened(content, msgspec.structs.replace(HEAD, owner=b"\1" * 32), KEYS) is None
    assert opened(content, HEAD, Keyring({"k2": bytes(32)})) is None
    assert opened(Sealed("", b"", b"no content"), HEAD, KEYS) is None


def test_a_content_before_there_was_a_key_is_opened() -> None:
    assert opened(sealed(KEPT, Keyring({})), HEAD, KEYS) == KEPT
