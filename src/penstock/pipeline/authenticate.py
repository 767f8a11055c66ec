"""Stage: headers -> the caller, before the body is read. Nothing is remembered between requests.

Without gateway keys every request is accepted; with gateway keys a request needs a valid key. A look-up computes one
digest and reads one dictionary, so an expired or withdrawn key is refused at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import unquote_plus

import msgspec

from penstock.control.keys.text import prefix_of
from penstock.core.failure import Failure, Kind
from penstock.stores.catalogue import Catalogue, GatewayKey

QUERY_KEY: Final = b"?key"
"""Where a key of the query stands among the header fields (server/query_key.py). No client can send such a field."""
KEY_HEADERS: Final = (
    b"x-portkey-api-key",
    b"authorization",
    b"x-api-key",
    b"x-goog-api-key",
    b"api-key",
    b"x-bf-vk",
    QUERY_KEY,
)
"""The headers that may carry a gateway key: each SDK sends its key in one of them, clients of Bifrost in the last."""
UNKNOWN_KEY: Final = "Portkey Error: Invalid API Key. Error Code: 03"
UNKNOWN_CODE: Final = "03"
_STALE: Final = (
    "The gateway can't read its keys: its database can't be used, or not for longer than the setting "
    "store.catalogue_max_age allows. The reason stands in the gateway's log. Try again later."
)
_REMEDY: Final = (
    "send a gateway key in x-portkey-api-key or as Authorization: Bearer. The gateway's operator makes one with "
    "`penstock key create NAME`."
)
_ADMIN: Final = prefix_of("organisation-service")
_ONE_TOKEN: Final = re.compile(rb"(?:[Bb]earer )?[A-Za-z0-9._~+-]+")
_OTHERS: Final = {name: tuple(other for other in KEY_HEADERS if other != name) for name in KEY_HEADERS}


class Caller(msgspec.Struct, frozen=True):
    """The caller of a request. ``header`` is the name of the header that carried the gateway key. ``others`` are
    further headers that hold a gateway key, the caller's or another's, and ``held_back`` those among the headers that a
    plan reads or forwards (compile.py). None of them must ever reach a provider. ``catalogue`` is what the caller knows
    of the catalogue with which the request began; None: of the current one."""

    key: GatewayKey | None = None
    header: bytes = b""
    others: tuple[bytes, ...] = ()
    catalogue: Catalogue | None = None
    held_back: tuple[bytes, ...] = ()

    @property
    def withheld(self) -> tuple[bytes, ...]:
        """The names of all headers that must not reach a provider."""
        if self.others or self.held_back:
            return (self.header, *self.others, *self.held_back)
        return (self.header,)

    @property
    def tenant(self) -> str:
        return self.key.tenant if self.key else ""


ANYBODY: Final = Caller()


def authenticate(fields: Mapping[bytes, bytes], catalogue: Catalogue) -> Caller | Failure:
    """The caller, or a 401 failure if gateway keys are set and the request carries no valid key. 503 where the keys of
    the database are not in force because it can't be reached."""
    if not catalogue.is_guarded:
        return Caller(catalogue=catalogue.seen_by(None))
    for name in KEY_HEADERS:
        value = fields.get(name)
        if not value:
            continue
        presented = credential(value) or access_key_id(value)
        key = catalogue.key_for(presented) if presented else None
        if key is not None:
            return Caller(key, name, holding_keys(fields, _OTHERS[name], catalogue), catalogue.seen_by(key))
    if catalogue.is_stale:
        return Failure(Kind.STORE_UNAVAILABLE, _STALE)
    shown = next((name.decode() for name in KEY_HEADERS if fields.get(name)), None)
    text = f"{_problem(fields[shown.encode()] if shown else b'')}: {_REMEDY}"
    code = None if shown is None else UNKNOWN_CODE
    return Failure(Kind.INVALID_GATEWAY_KEY, text, shown or "x-portkey-api-key", UNKNOWN_KEY, code=code)


def _problem(value: bytes) -> str:
    """Why the value of a key's header lets nobody in. An admin key is told by its form, in force or not."""
    if not value:
        return "The request has no key"
    if credential(value).startswith(_ADMIN):
        return "An admin key calls no models"
    return "The gateway does not know the key that came with the request"


def holding_keys(fields: Mapping[bytes, bytes], names: Iterable[bytes], catalogue: Catalogue) -> tuple[bytes, ...]:
    """Those of the headers with these names whose value is or contains any gateway key."""
    return tuple([name for name in names if name in fields and _holds_key(fields[name], catalogue)])


def query_without_keys(query: str, caller: Caller) -> str:
    """A query without the pairs that hold a gateway key, the caller's or another's."""
    catalogue = caller.catalogue
    if not query or catalogue is None or not catalogue.is_guarded:
        return query
    return "&".join([pair for pair in query.split("&") if not catalogue.holds_key(unquote_plus(pair))])


def _holds_key(value: bytes, catalogue: Catalogue) -> bool:
    shown = access_key_id(value)
    if shown:
        return catalogue.key_for(shown) is not None
    # A provider's key beside the gateway key comes with every request: one digest will do for a single token.
    if _ONE_TOKEN.fullmatch(value):
        return catalogue.key_for(credential(value)) is not None
    return catalogue.holds_key(value.decode("utf-8", "replace"))


def credential(value: bytes) -> str:
    """The key in a header value: what follows the scheme ``Bearer``, or a value without a scheme.

    Empty for ``Bearer`` with nothing behind it, and for a credential of another scheme (RFC 9110, 11.1): it is no API
    key, and must not go out as one.
    """
    text = value.decode("utf-8", "replace").strip()
    scheme, _, rest = text.partition(" ")
    scheme = scheme.lower()
    if scheme == "bearer":
        return rest.strip()
    return "" if scheme in _OTHER_SCHEMES else text


def access_key_id(value: bytes) -> str:
    """The access key id of a request that AWS's clients have signed; empty for any other credential.

    The signature covers host, path and body as the caller saw them: it can't be checked without the secret, and is
    never forwarded. So the id alone admits a caller, exactly as a bearer token does.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-signing-elements.html
    """
    scheme = _SIGNED.match(value)
    parts = [] if scheme is None else value[scheme.end() :].split(b",")
    found = next(filter(None, (_CREDENTIAL.match(part.lstrip()) for part in parts)), None)
    return found[1].decode("utf-8", "replace") if found is not None else ""


_SIGNED: Final = re.compile(rb"\s*+AWS4-HMAC-SHA256\s++", re.IGNORECASE)
_CREDENTIAL: Final = re.compile(rb"Credential=([^/,\s]++)/", re.IGNORECASE)
_OTHER_SCHEMES: Final = frozenset(
    "basic concealed digest dpop gnap hoba mutual negotiate oauth privatetoken scram-sha-1 scram-sha-256 vapid ntlm "
    "aws4-hmac-sha256".split()
)
"""The schemes of IANA's registry of HTTP authentication schemes but ``Bearer``, and two that are not in it."""
