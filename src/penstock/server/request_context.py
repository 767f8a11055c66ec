"""The context of one request: the caller's dialect, headers and connection, the account and the answer."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping

from penstock.core.failure import Failure, Kind
from penstock.core.http import NO_SNIFF, Headers
from penstock.core.trace_context import TRACEPARENT, joined, read_traceparent
from penstock.dialects.caller import CallerDialect
from penstock.pipeline.account import Account
from penstock.pipeline.authenticate import ANYBODY
from penstock.pipeline.call import Answer
from penstock.pipeline.metadata import METADATA
from penstock.pipeline.replies.response_headers import REQUEST_ID
from penstock.server.client import Client, send_whole
from penstock.server.limits import advice


class RequestContext:
    """``begun``: the head of the response was sent; ``is_streaming``: it was that of a stream, whose end was not sent.
    ``caller`` is set when it is authenticated, ``answer`` when the pipeline returns an answer."""

    __slots__ = (
        "account",
        "answer",
        "begun",
        "caller",
        "client",
        "dialect",
        "fields",
        "headers",
        "is_streaming",
        "trace_id",
    )

    def __init__(
        self,
        account: Account,
        dialect: CallerDialect,
        headers: Headers,
        client: Client,
        fields: Mapping[bytes, bytes] | None = None,
    ) -> None:
        self.account = account
        self.dialect = dialect
        self.headers = headers
        self.fields = fields = fields or dict(headers)
        self.client = client
        self.trace_id = fields.get(b"x-portkey-trace-id") or _new_trace_id(
            joined(headers, TRACEPARENT) if TRACEPARENT in fields else None
        )
        self.caller = ANYBODY
        self.answer: Answer | None = None
        self.begun = self.is_streaming = False
        account.trace_id = self.trace_id
        account.fields = fields
        account.address = client.address
        account.dialect = dialect.name
        account.metadata = fields.get(METADATA)

    @property
    def trace(self) -> str:
        """The trace id as text."""
        return self.trace_id.decode("utf-8", "replace")

    def ids(self) -> Headers:
        """The response headers that name the request."""
        return [(b"x-portkey-trace-id", self.trace_id), (REQUEST_ID, self.account.id.encode())]

    def set_metadata(self, metadata: bytes) -> None:
        """Put metadata in the place of those that came with the request."""
        self.account.metadata = metadata
        self.headers = [*(field for field in self.headers if field[0] != METADATA), (METADATA, metadata)]
        self.fields = {**self.fields, METADATA: metadata}

    async def refuse(self, failure: Failure, headers: Headers | None = None) -> None:
        """Send a failure that didn't come from the pipeline. Only before the head of a response was sent."""
        reply = self.dialect.errors.failure(failure, self.trace)
        self.account.failure, self.account.status = failure, reply.status
        self.begun = True
        advised = headers or advice(failure)
        fields = [*reply.headers, *advised, *self.ids(), NO_SNIFF]
        await send_whole(self.client, reply.status, fields, reply.body)

    async def refuse_body(self, failure: Failure) -> None:
        """As ``refuse``, unless the caller has left while it was sending its request."""
        if failure.kind is Kind.CLIENT_DISCONNECTED:
            self.account.failure = failure
        else:
            await self.refuse(failure)


def _new_trace_id(traceparent: bytes | None) -> bytes:
    """The trace id of the caller's own trace, or a new one. A new one begins with the time in milliseconds: indexes of
    databases, which sort ids, then grow at their end. The rest is random: samplers look at the last 7 or 8 bytes."""
    parent = None if traceparent is None else read_traceparent(traceparent)
    if parent is not None:
        return parent.trace_id.encode()
    number = time.time_ns() // 1_000_000 << 80 | random.getrandbits(80)
    return number.to_bytes(16, "big").hex().encode()
