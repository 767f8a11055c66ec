"""Sets of public keys that tokens are verified with (JWK Sets). Sources: RFC 7517, RFC 7518, RFC 8037."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from joserfc.jwk import KeySet


_LONGEST_MODULUS: Final = 1366
"""Characters of an RSA key's modulus in base64: 8192 bits."""
_PRIVATE: Final = frozenset("d p q dp dq qi oth".split())
"""The members of a private key (RFC 7518, 6.2.2 and 6.3.2; RFC 8037, 2)."""


def has_key(keys: KeySet, head: Mapping[str, Any]) -> bool:
    """Whether a set has the key that a token's header names."""
    return any(fits(each, head) for each in keys.keys)


def fits(key: Any, head: Mapping[str, Any]) -> bool:
    """Whether a key is the one that a token's header names; a set with one key needs no name."""
    values = key.as_dict(private=False) if key.key_type != "oct" else {"kty": "oct", "kid": key.kid}
    kind = {"R": "RSA", "P": "RSA", "H": "oct", "E": "EC" if str(head.get("alg"))[:2] == "ES" else "OKP"}
    if values.get("kty") != kind.get(str(head.get("alg"))[:1]) or values.get("alg", head["alg"]) != head["alg"]:
        return False
    return "kid" not in head or head["kid"] == values.get("kid")


def read_key_set(value: Any) -> KeySet | None:
    """The keys of a set that can be read; a set may hold kinds of keys that nobody here knows.

    Of a private key only the public members are read: to prove that its numbers fit takes seconds, and whoever names
    the set may choose them.
    """
    from joserfc.errors import JoseError
    from joserfc.jwk import KeySet, import_key

    listed = value.get("keys") if isinstance(value, dict) else None
    if not isinstance(listed, list):
        return None
    keys = []
    for each in listed[:100]:
        if not isinstance(each, dict) or each.get("use", "sig") != "sig":
            continue
        if len(str(each.get("n", ""))) > _LONGEST_MODULUS:
            continue
        try:
            keys.append(import_key({name: value for name, value in each.items() if name not in _PRIVATE}))
        except (JoseError, ValueError, TypeError, KeyError):
            continue
    return KeySet(keys)
