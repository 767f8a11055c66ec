"""Stage, inside an attempt: a reply of Responses with its ids bound to the target that keeps them."""

from __future__ import annotations

from functools import partial

from penstock.core.bound_id import ChangeId
from penstock.core.failure import Failure
from penstock.dialects.framing.frame import MAX_FRAME
from penstock.dialects.responses.relay.bound import ChangedIds, with_ids
from penstock.pipeline.wrapped_reply import JudgedReply, TransformedReply, TransformedStream, begins_json, unusable
from penstock.transport.base import Reply


def with_bound_ids(reply: Reply, change: ChangeId, provider: str) -> Reply:
    """The reply, of which the first bytes tell whether it is a stream."""

    def too_large() -> Failure:
        return unusable(provider, f"sent a reply of more than {MAX_FRAME >> 20} MiB")

    def read_as(first: bytes, inner: Reply) -> Reply:
        if begins_json(first):
            return TransformedReply(inner, partial(with_ids, change=change), MAX_FRAME, None, too_large)
        return TransformedStream(inner, ChangedIds(change, provider))

    headers = [field for field in reply.headers if field[0] != b"content-length"]
    return JudgedReply(reply, headers, read_as)
