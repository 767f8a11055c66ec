"""One request while it is being served: the surface, the caller's end of the connection, the account."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Final

from penstock.core.failure import Failure
from penstock.core.http import Headers
from penstock.dialects.caller import CallerDialect
from penstock.pipeline.account import Account
from penstock.pipeline.call import Answer
from penstock.server.client import Client

_METADATA: Final = b"x-portkey-metadata"


class RequestContext:
    """``begun``: the head of the response has left. ``answer`` is set once the pipeline gave one."""

    __slots__ = ("account", "answer", "begun", "client", "dialect", "fields", "headers", "trace_id")

    def __init__(self, account: Account, dialect: CallerDialect, headers: Headers, client: Client) -> None:
        self.account = account
        self.dialect = dialect
        self.headers = headers
        self.fields: Mapping[bytes, bytes] = dict(headers)
        self.client = client
        self.trace_id = self.fields.get(b"x-portkey-trace-id") or b"%032x" % random.getrandbits(128)
        self.answer: Answer | None = None
        self.begun = False
        account.trace_id = self.trace_id
        account.address = client.address
        account.dialect = dialect.name
        account.metadata = self.fields.get(_METADATA)

    async def refuse(self, failure: Failure, headers: Headers | None = None) -> None:
        """Tell a failure that the pipeline has no part in. Nothing may have been sent yet."""
        told = self.dialect.errors.failure(failure, self.trace_id.decode("utf-8", "replace"))
        self.account.failure, self.account.status = failure, told.status
        self.begun = True
        fields = [*told.headers, *(headers or []), (b"x-portkey-trace-id", self.trace_id)]
        await self.client.send_head(told.status, fields, told.body, more=False)
