"""Who a request comes from, as the edge tells it in the request's account, and what the caller's key demands of it."""

from __future__ import annotations

import time

from penstock.core.failure import Failure
from penstock.core.restrictions import Restrictions
from penstock.pipeline.authenticate import Caller, authenticate
from penstock.pipeline.head_memo import HeadMemo
from penstock.pipeline.restrict import metadata_of, refused
from penstock.server.http.head import repeated_field
from penstock.server.request_context import RequestContext
from penstock.stores.catalogue import Catalogue


def authenticate_caller(
    context: RequestContext, catalogue: Catalogue, used_keys: dict[str, float], memo: HeadMemo | None = None
) -> Caller | Failure:
    """The caller, who is then told in the account; the failure of a request without a valid key, of one that its key
    does not permit, or of a head that can be read in two ways.

    ``used_keys`` gets the key's id with the time of the request, in seconds since 1970. ``memo`` is what earlier
    requests with the same head have left.
    """
    if memo is not None and memo.catalogue is catalogue and memo.caller is not None:
        caller: Caller | Failure = memo.caller
    else:
        caller = _caller_of(context, catalogue)
        if memo is not None and isinstance(caller, Caller):
            memo.keep_caller(caller, catalogue)
    if not isinstance(caller, Caller) or (key := caller.key) is None:
        return caller
    account = context.account
    account.key, account.labels = key.name, key.labels
    account.key_id, account.workspace = key.id, key.workspace
    if key.id is not None:
        used_keys[key.id] = account.at
    return (key.restrictions is not None and _refused(key.restrictions, context)) or caller


def _caller_of(context: RequestContext, catalogue: Catalogue) -> Caller | Failure:
    """The caller that the head of a request shows."""
    if len(context.fields) != len(context.headers):
        failure = repeated_field(context.headers)
        if failure is not None:
            return failure
    return authenticate(context.fields, catalogue)


def _refused(restrictions: Restrictions, context: RequestContext) -> Failure | None:
    """The failure of a request that its key does not permit. Any other request gets the key's metadata."""
    account = context.account
    failure = refused(restrictions, account.operation, account.address, time.time_ns() // 1000)
    if failure is not None:
        return failure
    metadata = metadata_of(restrictions, account.metadata)
    if isinstance(metadata, Failure):
        return metadata
    if metadata is not account.metadata and metadata is not None:
        context.set_metadata(metadata)
    return None
