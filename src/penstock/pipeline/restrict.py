"""Stage, after authenticate: what the gateway key demands of a request beside its permissions.

A key without demands has no ``Restrictions``: for its requests nothing here is called. Source:
docs/control-plane.md#what-a-key-demands.
"""

from __future__ import annotations

from typing import Final

from penstock.core.failure import Failure, Kind
from penstock.core.forwarded import parse_address
from penstock.core.json_text import write_json
from penstock.core.operation import Operation
from penstock.core.restrictions import USER, Restrictions
from penstock.pipeline.metadata import METADATA, read_metadata

_LISTING: Final = "virtual_keys.list"
"""The scope that lists models, beside the one that calls them."""
_LISTS: Final = (Operation.MODELS, Operation.MODEL, Operation.SHOW)


def refused(restrictions: Restrictions, operation: Operation | None, address: str | None, now: int) -> Failure | None:
    """The failure of a request that a key doesn't permit: the key is over (401), it has no scope for the operation, or
    it may not be used from the caller's address (403). ``now`` is in microseconds since 1970."""
    end = restrictions.expires_at
    if end is not None and end <= now:
        plain = "Portkey Error: API Key has expired. Error Code: 01"
        text = "The gateway key has expired: ask the operator of the gateway for another one."
        return Failure(Kind.INVALID_GATEWAY_KEY, text, None, plain, code="01")
    scopes = restrictions.scopes
    if scopes is not None and not (operation in _LISTS and _LISTING in scopes):
        plain = "Portkey Error: You do not have enough permissions to execute this request. Error Code: 033"
        text = "Your gateway key has no scope for this request, completions.write: ask the operator of the gateway."
        return Failure(Kind.NOT_ALLOWED, text, None, plain, code="033")
    if restrictions.networks is not None and not restrictions.admits(parse_address(address or "")):
        return Failure(
            Kind.NOT_ALLOWED,
            f"Your gateway key may not be used from the address {address}: ask the operator of the gateway.",
        )
    return None


def metadata_of(restrictions: Restrictions, raw: bytes | None) -> bytes | Failure | None:
    """The request's metadata with those of the key, as JSON; None where the request has none and the key sets none. The
    failure of a request whose metadata lack a name that the key requires."""
    own = read_metadata(raw)
    missing = [name for name in restrictions.required_metadata if own.get(name) in (None, "")]
    if missing:
        names = ", ".join(missing)
        text = f"The request's metadata lack {names}: send x-portkey-metadata, a JSON object with these names."
        return Failure(Kind.INVALID_REQUEST, text, METADATA.decode())
    named = {} if restrictions.user is None or own.get(USER) else {USER: restrictions.user}
    if not restrictions.metadata and not named:
        return raw
    return write_json({**own, **named, **restrictions.metadata})
