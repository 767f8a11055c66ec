"""Sets of public keys: which are read, and which one a token's header names."""

from __future__ import annotations

from typing import Any

import pytest
from joserfc.jwk import ECKey, OctKey, RSAKey

from penstock.guards.key_set import has_key, read_key_set

EC = ECKey.generate_key("P-256", {"kid": "ec", "use": "sig"})
RSA = RSAKey.generate_key(2048, {"kid": "rsa", "alg": "RS256"})
SECRET = OctKey.import_key(b"s" * 32, {"kid": "oct"})


def as_set(*keys: Any, private: bool = False, **more: Any) -> dict[str, Any]:
    return {"keys": [{**key.as_dict(private=private), **more} for key in keys]}


@pytest.mark.parametrize("value", [None, [], {}, {"keys": {}}, "keys"])
def test_what_is_no_set(value: Any) -> None:
    assert read_key_set(value) is None


def test_of_a_private_key_only_the_public_members_are_read() -> None:
    keys = read_key_set(as_set(EC, RSA, private=True))
    assert keys is not None
    assert [key.is_private for key in keys.keys] == [False, False]


def test_keys_that_are_of_no_use_are_left_out() -> None:
    keys = read_key_set({"keys": [*as_set(EC, use="enc")["keys"], {"kty": "new"}, 5, {"kty": "RSA", "n": "x" * 2000}]})
    assert keys is not None
    assert keys.keys == []


@pytest.mark.parametrize(
    ("head", "is_known"),
    [
        ({"alg": "ES256", "kid": "ec"}, True),
        ({"alg": "ES256"}, True),
        ({"alg": "ES256", "kid": "rsa"}, False),
        ({"alg": "RS256", "kid": "rsa"}, True),
        ({"alg": "RS512", "kid": "rsa"}, False),
        ({"alg": "HS256", "kid": "oct"}, True),
        ({"alg": "HS256", "kid": "ec"}, False),
        ({"alg": "EdDSA"}, False),
    ],
)
def test_the_key_that_a_header_names_fits_its_algorithm(head: dict[str, Any], is_known: bool) -> None:
    keys = read_key_set({"keys": [*as_set(EC, RSA)["keys"], SECRET.as_dict(private=True)]})
    assert keys is not None
    assert has_key(keys, head) is is_known
