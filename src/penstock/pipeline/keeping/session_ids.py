"""Ids of kept responses in the messages of a session over WebSocket: read as in requests, bound as in replies.

A session has one target. An id that is bound to another account, or to another tenant, is refused before the host sees
it. Source: docs/responses.md#ids.
"""

from __future__ import annotations

from functools import partial

import msgspec

from penstock.core.bound_id import MARK, Binder, ChangeId, ReadIds, is_digest_of, with_ids
from penstock.core.failure import Failure
from penstock.core.json_text import read_json_or_none, write_json
from penstock.dialects.caller import KeptIds
from penstock.pipeline.call import Call
from penstock.pipeline.keeping.provider_state import account_of, gone, noted
from penstock.routing.plan import Target


class SessionIds(msgspec.Struct, frozen=True):
    """The ids of one session. ``account`` is that of its target. ``change`` binds an id for the caller, None where the
    caller's next request comes to the same target by itself."""

    binder: Binder
    account: str
    kept: KeptIds
    change: ChangeId | None = None

    def of_caller(self, message: bytes) -> bytes | Failure:
        """A message of the caller's with the host's own ids, the same bytes where none is bound; the failure where an
        id can't be used here."""
        value = read_json_or_none(message) if MARK in message else None
        if not isinstance(value, dict):
            return message
        ids, found = ReadIds(self.binder), list[str]()
        new = with_ids(value, partial(noted, ids, found))
        if ids.failure is not None:
            return ids.failure
        if ids.digest is not None and not is_digest_of(ids.digest, self.account):
            return gone()
        return write_json(new) if found else message

    def of_host(self, message: bytes) -> bytes:
        """A message of the host's as the caller gets it."""
        return message if self.change is None else self.kept.event(message, self.change)


def session_ids(call: Call, target: Target | None, secrets: tuple[bytes, ...]) -> SessionIds | None:
    """The ids of a session with a target; None where nothing is kept in its wire, or ids pass as they are."""
    kept = call.dialect.relay.kept_ids
    if kept is None or target is None or not secrets:
        return None
    change = None if call.bind is None else call.bind(target)
    return SessionIds(Binder(secrets, call.caller.tenant), account_of(target), kept, change)
