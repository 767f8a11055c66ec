"""``GET /penstock/me``: what the holder of a gateway key may know of it (docs/control-plane.md#me)."""

from __future__ import annotations

from typing import Final

import msgspec

from penstock.core.failure import Failure, Kind
from penstock.core.http import NO_SNIFF, Headers
from penstock.core.operation import Operation
from penstock.dialects.caller import JSON, NO_STORE
from penstock.pipeline.authenticate import authenticate
from penstock.pipeline.call import Call
from penstock.pipeline.key_holder import KeyHolder
from penstock.pipeline.restrict import refused
from penstock.server.request_context import RequestContext
from penstock.server.surfaces import DEFAULT_DIALECT
from penstock.stores.catalogue import Catalogue

PATH: Final = "/penstock/me"
_MODELS: Final = "/v1/models"
_NO_KEYS: Final = Failure(
    Kind.NOT_FOUND, "This gateway has no gateway keys: everybody who reaches it may use it, and nothing is limited."
)


async def answer(
    holder: KeyHolder, catalogue: Catalogue, context: RequestContext, now: int
) -> tuple[int, Headers, bytes] | Failure:
    """Status, headers and body, or the failure to answer with. Any gateway key may ask, whatever its scopes are, as
    long as it lasts and where it may be used from. ``now`` is in microseconds since 1970."""
    caller = authenticate(context.fields, catalogue)
    if isinstance(caller, Failure):
        return caller
    key = caller.key
    if key is None:
        return _NO_KEYS
    account = context.account
    account.key, account.labels, account.key_id, account.workspace = key.name, key.labels, key.id, key.workspace
    if key.restrictions is not None:
        failure = refused(msgspec.structs.replace(key.restrictions, scopes=None), None, account.address, now)
        if failure is not None:
            return failure
    # The models are those of a request that says nothing but its key.
    call = Call(
        Operation.MODELS, DEFAULT_DIALECT, [], {}, b"", context.trace_id, account, _MODELS, caller=caller
    )  # fmt: skip
    members = await holder.told(call, key)
    return 200, [(b"content-type", JSON), NO_STORE, NO_SNIFF, (b"vary", b"Accept")], msgspec.json.encode(members)
