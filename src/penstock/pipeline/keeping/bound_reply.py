"""Stage, inside an attempt: a reply with the ids of what is kept bound to the target that keeps it."""

from __future__ import annotations

from penstock.core.bound_id import ChangeId
from penstock.core.failure import Failure
from penstock.dialects.caller import KeptIds
from penstock.dialects.framing.frame import MAX_FRAME
from penstock.pipeline.keeping.provider_state import bound_json
from penstock.pipeline.replies.wrapped_reply import (
    JudgedReply,
    TransformedReply,
    TransformedStream,
    begins_json,
    unusable,
)
from penstock.transport.base import Reply


def with_bound_ids(reply: Reply, ids: KeptIds, change: ChangeId, provider: str) -> Reply:
    """The reply in a wire that knows its ``ids``; its first bytes tell whether it is a stream."""

    def read_as(first: bytes, inner: Reply) -> Reply:
        if begins_json(first):
            return TransformedReply(
                inner, lambda body: ids.plain(body, change), MAX_FRAME, None, lambda: _too_large(provider)
            )
        return TransformedStream(inner, ids.stream(change, provider))

    headers = [field for field in reply.headers if field[0] != b"content-length"]
    return JudgedReply(reply, headers, read_as)


def with_bound_names(reply: Reply, collections: frozenset[str], change: ChangeId, provider: str) -> Reply:
    """The reply to the making of a thing that is kept, whose name is of one of these collections."""
    headers = [field for field in reply.headers if field[0] != b"content-length"]
    return TransformedReply(
        reply, lambda body: bound_json(body, change, collections), MAX_FRAME, headers, lambda: _too_large(provider)
    )


def _too_large(provider: str) -> Failure:
    return unusable(provider, f"sent a reply of more than {MAX_FRAME >> 20} MiB")
